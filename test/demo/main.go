// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// The demo runs the whole path on one machine, without an account: the example
// shop under traffic, the collector that OCB builds, and fake Moesif and ReadMe
// endpoints that check every event against the vendors' rules. It prints the address
// of the page that shows all of it, and ends with a summary.
//
// It exits with 0 only if the page was there, both backends received events and no
// event broke a rule. DEMO_SECONDS ends it by itself; Ctrl-C ends it cleanly. DEMO_GUARD=1
// also shows a vendor's blocking rules.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/apispan/apispan/test/harness"
)

func main() {
	buildOnly := flag.Bool("build-only", false, "build otelcol-apispan and exit")
	manifest := flag.String("manifest", "manifest-demo.yaml", "OCB manifest below collectorbuild/")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *manifest, *buildOnly); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, manifest string, buildOnly bool) error {
	seconds, err := demoSeconds(os.Getenv("DEMO_SECONDS"))
	if err != nil {
		return err
	}
	root, err := harness.FindRoot()
	if err != nil {
		return err
	}
	start := time.Now()
	progress := func(format string, args ...any) {
		fmt.Printf("[%4.0fs] %s\n", time.Since(start).Seconds(), fmt.Sprintf(format, args...))
	}
	b := &harness.Builder{Root: root, Progress: progress}
	if buildOnly {
		path, err := b.Collector(ctx, manifest)
		if err == nil {
			progress("built %s", path)
		}
		return err
	}
	d := &demo{start: start, progress: progress, guard: os.Getenv("DEMO_GUARD") == "1"}
	err = d.run(ctx, b, manifest, seconds)
	if errors.Is(err, context.Canceled) {
		return errors.New("stopped before the first event was delivered")
	}
	return err
}

// demoSeconds reads DEMO_SECONDS; empty means until Ctrl-C.
func demoSeconds(v string) (time.Duration, error) {
	if v == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 3600 {
		return 0, errors.New("DEMO_SECONDS must be a whole number of seconds from 1 to 3600")
	}
	return time.Duration(n) * time.Second, nil
}
