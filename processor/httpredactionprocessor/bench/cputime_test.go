// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package bench

import "syscall"

// cpuTime is the CPU time in nanoseconds that this process has used.
func cpuTime() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
