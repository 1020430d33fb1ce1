// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin || freebsd

package check

import "syscall"

// freeSpace is how many bytes a user may still write to the volume of dir.
func freeSpace(dir string) (int64, bool) {
	var s syscall.Statfs_t
	if syscall.Statfs(dir, &s) != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true //nolint:gosec,unconvert // the types differ between systems
}
