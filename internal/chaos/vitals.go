// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
)

// vitals is what must not grow in a process.
type vitals struct {
	rss            float64 // MiB
	threads, files float64
}

func (v vitals) String() string {
	return fmt.Sprintf("%.0f MiB, %.0f threads, %.0f files", v.rss, v.threads, v.files)
}

func (n *node) vitals(ctx context.Context) (vitals, error) {
	m, err := n.scrape(ctx)
	if err != nil {
		return vitals{}, err
	}
	v := vitals{rss: sum(m, "otelcol_process_memory_rss") / (1 << 20)}
	dir := fmt.Sprintf("/proc/%d/", n.proc.Pid())
	if files, err := os.ReadDir(dir + "fd"); err == nil {
		v.files = float64(len(files))
	}
	if threads, err := os.ReadDir(dir + "task"); err == nil {
		v.threads = float64(len(threads))
	}
	return v, nil
}
