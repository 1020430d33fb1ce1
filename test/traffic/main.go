// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Command traffic calls the example shop the way its customers do: it browses,
// searches, logs in, orders, pays, uploads, follows parcels, and makes the
// mistakes that real clients make (wrong passwords, broken JSON, missing orders,
// bodies that end early, streams that are left open).
//
// The order of calls depends only on -seed. It stops by itself after -duration or
// -requests, whichever comes first, prints a summary and exits with 0; with 1 if
// the shop could not be reached; with 2 for a wrong flag. It refuses to call
// anything but loopback unless -allow-remote says otherwise.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case err == nil:
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "traffic:", err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "traffic:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage")

func command(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var cfg config
	fs := flag.NewFlagSet("traffic", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&cfg.target, "target", "http://127.0.0.1:8080", "base URL of the shop")
	fs.DurationVar(&cfg.duration, "duration", 10*time.Second, "stop after this time (at most 1h)")
	fs.IntVar(&cfg.requests, "requests", 0, "stop after this many requests; 0 means no limit")
	fs.Float64Var(&cfg.rate, "rate", 20, "requests a second; 0 means as fast as the workers can")
	fs.IntVar(&cfg.workers, "workers", 8, "requests at the same time (1 to 256)")
	fs.Uint64Var(&cfg.seed, "seed", 1, "the same seed gives the same calls in the same order")
	fs.DurationVar(&cfg.wait, "wait", 10*time.Second, "how long to wait until the shop answers")
	fs.BoolVar(&cfg.allowRemote, "allow-remote", false, "allow a target that is not on this machine")
	asJSON := fs.Bool("json", false, "print the summary as one line of JSON")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("%w: unexpected argument; see traffic -help", errUsage)
	}
	if err := cfg.validate(); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	g := newGenerator(cfg)
	if err := g.waitUntilUp(ctx); err != nil {
		return err
	}
	s := g.run(ctx)
	if *asJSON {
		return s.writeJSON(stdout)
	}
	return s.writeText(stdout)
}
