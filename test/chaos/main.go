// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/apispan/apispan/test/harness"
)

// options are the flags.
type options struct {
	run     string
	seed    uint64
	rate    int
	kills   int
	outage  int
	soak    time.Duration
	drain   time.Duration
	limit   time.Duration
	verbose bool
}

// skipError is why a case cannot run on this machine.
type skipError struct{ why string }

func (e skipError) Error() string { return e.why }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var opt options
	fs := flag.NewFlagSet("chaos", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&opt.run, "run", "", "only cases whose name matches this `regexp`")
	fs.Uint64Var(&opt.seed, "seed", 0, "seed of the faults; 0 draws one")
	fs.IntVar(&opt.rate, "rate", 2000, "exchanges a second")
	fs.IntVar(&opt.kills, "kills", 20, "how often the Collector is killed in the case kill")
	fs.IntVar(&opt.outage, "outage", 200_000, "exchanges during the outage of the case outage (an hour at 500/s is 1 800 000)")
	fs.DurationVar(&opt.soak, "soak", 0, "length of the case soak; 0 leaves it out")
	fs.DurationVar(&opt.drain, "drain", 3*time.Minute, "how long a queue may take to empty after the fault")
	fs.DurationVar(&opt.limit, "limit", time.Hour, "end of the whole run")
	fs.BoolVar(&opt.verbose, "v", false, "print the logs of the programs of cases that fail")
	list := fs.Bool("list", false, "list the cases")
	if err := fs.Parse(args); err != nil {
		return 2
	}
	match, err := regexp.Compile(opt.run)
	if err != nil || fs.NArg() > 0 {
		fmt.Fprintln(stderr, "chaos: -run is no regular expression, or there are arguments without a flag")
		return 2
	}
	if opt.seed == 0 {
		opt.seed = rand.Uint64()>>32 | 1
	}
	var chosen []testCase
	for _, c := range cases {
		if match.MatchString(c.name) && (c.name != "soak" || opt.soak > 0) {
			chosen = append(chosen, c)
		}
	}
	if *list {
		for _, c := range chosen {
			fmt.Fprintf(stdout, "%-14s %s\n", c.name, c.what)
		}
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, opt.limit)
	defer cancel()
	root, bin, err := build(ctx, chosen, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "chaos:", err)
		return 1
	}
	fmt.Fprintf(stdout, "seed %d\n", opt.seed)
	failed, skipped := 0, 0
	for _, c := range chosen {
		begin := time.Now()
		notes, err := runCase(ctx, c, opt, root, bin, stderr)
		took := time.Since(begin).Round(100 * time.Millisecond)
		var skip skipError
		switch {
		case errors.As(err, &skip):
			skipped++
			fmt.Fprintf(stdout, "SKIP %-14s %s\n", c.name, skip.why)
		case err != nil:
			failed++
			fmt.Fprintf(stdout, "FAIL %-14s %s\n     %s\n", c.name, took, strings.ReplaceAll(err.Error(), "\n", "\n     "))
		default:
			fmt.Fprintf(stdout, "ok   %-14s %s\n", c.name, took)
		}
		for _, n := range notes {
			fmt.Fprintln(stdout, "     "+n)
		}
	}
	if failed > 0 {
		fmt.Fprintf(stdout, "%d of %d cases failed; again with: -seed %d\n", failed, len(chosen), opt.seed)
		return 1
	}
	fmt.Fprintf(stdout, "%d cases passed, %d skipped\n", len(chosen)-skipped, skipped)
	return 0
}

// runCase runs one case in a world of its own. Each case has a seed of its own, so
// that -run changes nothing for it.
func runCase(ctx context.Context, c testCase, opt options, root string, bin binaries, stderr io.Writer) ([]string, error) {
	seed := opt.seed
	for _, b := range []byte(c.name) {
		seed = seed*31 + uint64(b)
	}
	programs, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	w, err := newWorld(programs, opt, root, bin, seed)
	if err == nil {
		err = c.run(ctx, programs, w)
	}
	if w == nil {
		return nil, err
	}
	logs := w.logs()
	var skip skipError
	if finish := w.finish(); !errors.As(err, &skip) {
		err = errors.Join(append([]error{err}, finish...)...)
	}
	if err != nil && opt.verbose {
		fmt.Fprintln(stderr, logs)
	}
	return w.notes, err
}

func build(ctx context.Context, chosen []testCase, stderr io.Writer) (root string, bin binaries, err error) {
	if root, err = harness.FindRoot(); err != nil {
		return "", bin, err
	}
	b := &harness.Builder{Root: root, Progress: func(format string, args ...any) {
		fmt.Fprintf(stderr, format+"\n", args...)
	}}
	programs := map[string]*string{
		harness.FakeVendor: &bin.fakes, harness.Shop: &bin.shop, harness.Traffic: &bin.traffic,
	}
	for pkg, path := range programs {
		if *path, err = b.Program(ctx, pkg); err != nil {
			return "", bin, err
		}
	}
	for _, c := range chosen {
		if !c.kafka {
			continue
		}
		// The broker needs a newer Go than the rest: without it the case is skipped.
		if bin.broker, err = b.Broker(ctx); err != nil && !strings.Contains(err.Error(), "requires go >=") {
			return "", bin, err
		} else if err != nil {
			bin.broker = ""
		}
	}
	bin.collector, err = b.Collector(ctx, "manifest.yaml")
	return root, bin, err
}
