// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package harness

import (
	"errors"
	"os/exec"
	"syscall"
)

func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// Signaled reports whether the program has ended by the signal.
func (p *Process) Signaled(sig syscall.Signal) bool {
	<-p.done
	var exit *exec.ExitError
	if !errors.As(p.err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == sig
}
