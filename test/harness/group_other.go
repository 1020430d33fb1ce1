// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package harness

import "syscall"

func ownGroup() *syscall.SysProcAttr { return nil }

// Signaled is false: there are no such signals.
func (p *Process) Signaled(syscall.Signal) bool { return false }
