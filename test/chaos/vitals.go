// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
)

// vitals is what must not grow in a process.
type vitals struct{ rss, threads, files int }

func (v vitals) String() string {
	return fmt.Sprintf("%d MiB resident, %d threads, %d files", v.rss, v.threads, v.files)
}

func (n *node) vitals() (vitals, error) {
	dir := fmt.Sprintf("/proc/%d/", n.proc.Pid())
	files, err := os.ReadDir(dir + "fd")
	if err != nil {
		return vitals{}, skipError{"the vitals of a process cannot be read on this system"}
	}
	threads, err := os.ReadDir(dir + "task")
	if err != nil {
		return vitals{}, err
	}
	rss, _ := n.proc.Memory()
	return vitals{rss, len(threads), len(files)}, nil
}
