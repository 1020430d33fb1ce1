// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/apispan/apispan/test/harness"
	"github.com/apispan/apispan/test/load"
)

type binaries struct{ collector, fakes, shop, traffic, broker string }

// world is what one case runs in: backends behind proxies, books, a directory.
type world struct {
	opt   options
	root  string
	dir   string
	bin   binaries
	rng   *rand.Rand
	run   uint32
	books *load.Books

	fakes          *harness.Process
	moesif, readme *proxy

	mu         sync.Mutex
	violations []string
	ids        map[string]map[string]int // backend → event id → arrivals, for cases without numbers
	nodes      []*node
	notes      []string
	settled    bool           // nothing is on its way any more: what is missing is lost
	checks     []func() error // made when nothing is on its way any more
}

// expect has a check made at the end.
func (w *world) expect(check func() error) { w.checks = append(w.checks, check) }

// expectAll demands that a backend has all that was acknowledged.
func (w *world) expectAll(backend string) { w.expect(func() error { return w.verdict(backend) }) }

// newWorld starts the backends. ctx bounds the programs' lives.
func newWorld(ctx context.Context, opt options, root string, bin binaries, seed uint64) (*world, error) {
	w := &world{
		opt: opt, root: root, bin: bin,
		rng: rand.New(rand.NewPCG(seed, 0)), run: uint32(seed), //nolint:gosec // reproducible faults
		books: load.NewBooks(), ids: map[string]map[string]int{},
	}
	var err error
	if w.dir, err = os.MkdirTemp("", "apispan-chaos-"); err != nil {
		return nil, err
	}
	urls := make(chan harness.Record, 2)
	w.fakes, err = harness.Start(ctx, bin.fakes, harness.StartOptions{
		Args: []string{"-moesif", "127.0.0.1:0", "-readme", "127.0.0.1:0"},
		Line: func(line string) { w.record(line, urls) },
	})
	if err != nil {
		return w, err
	}
	for range 2 {
		select {
		case r := <-urls:
			p, err := newProxy(r.URL)
			if err != nil {
				return w, err
			}
			if r.Backend == "moesif" {
				w.moesif = p
			} else {
				w.readme = p
			}
		case <-w.fakes.Done():
			return w, fmt.Errorf("the backends did not start:\n%s", w.fakes.Log())
		}
	}
	return w, nil
}

// record keeps the books on one line of the backends.
func (w *world) record(line string, urls chan<- harness.Record) {
	var r harness.Record
	if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &r) != nil {
		return
	}
	switch r.Type {
	case "listening":
		urls <- r
	case "violation":
		if strings.HasSuffix(r.Message, "body cannot be read") {
			return // cut off by a kill
		}
		w.mu.Lock()
		w.violations = append(w.violations, r.Backend+": "+r.Message)
		w.mu.Unlock()
	case "event":
		var ev struct {
			TraceID string `json:"trace_id"`
		}
		_ = json.Unmarshal(r.Event, &ev)
		if run, n, ok := load.Number(ev.TraceID); ok && run == w.run {
			w.books.Arrive(r.Backend, n, r.ID)
		} else if n, ok := load.EventNumber(r.ID); ok && r.Backend == "readme" {
			w.books.Arrive(r.Backend, n, r.ID)
		}
		w.mu.Lock()
		if w.ids[r.Backend] == nil {
			w.ids[r.Backend] = map[string]int{}
		}
		w.ids[r.Backend][r.ID]++
		w.mu.Unlock()
	}
}

// distinct is how many different events a backend has.
func (w *world) distinct(backend string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.ids[backend])
}

// collector starts a Collector and waits until it listens.
func (w *world) collector(ctx context.Context, name, config string, changes ...set) (*node, error) {
	n, err := w.newNode(name, config, changes...)
	if err != nil {
		return nil, err
	}
	w.nodes = append(w.nodes, n)
	if err := n.start(ctx); err != nil {
		return nil, err
	}
	return n, n.ready(ctx)
}

// toMoesif are the changes that point a configuration at the proxies.
func (w *world) toMoesif(more ...set) []set {
	return append([]set{
		{"exporters.api_analytics/moesif.endpoint", w.moesif.url()},
		{"exporters.api_analytics/moesif.timeout", "2s"},
		// Backoff in proportion to the length of the faults.
		{"exporters.api_analytics/moesif.retry_on_failure.initial_interval", "200ms"},
		{"exporters.api_analytics/moesif.retry_on_failure.max_interval", "2s"},
	}, more...)
}

// load sends in the background until the returned function is called, which waits.
func (w *world) load(ctx context.Context, target string, o load.Options) (stop func() (load.Report, error)) {
	ctx, cancel := context.WithCancel(ctx)
	o.Target, o.Run, o.Books = target, w.run, w.books
	if o.Rate == 0 && o.Count == 0 {
		o.Rate = w.opt.rate
	}
	if o.Shape == (load.Shape{}) {
		o.Shape = load.Shape{RequestBody: 1000, ResponseBody: 1000, EventID: true}
	}
	type result struct {
		report load.Report
		err    error
	}
	done := make(chan result, 1)
	go func() {
		r, err := load.Send(ctx, o)
		done <- result{r, err}
	}()
	return func() (load.Report, error) {
		if o.Count == 0 {
			cancel()
		}
		defer cancel()
		r := <-done
		return r.report, r.err
	}
}

func (w *world) notef(format string, args ...any) {
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
}

// settle waits until the queues of n are empty and stops it, so that nothing is on
// its way any more.
func (w *world) settle(ctx context.Context, nodes ...*node) error {
	for _, n := range nodes {
		if err := n.drained(ctx, w.opt.drain); err != nil {
			return notInTime(err)
		}
		if err := n.stop(time.Minute); err != nil {
			return fmt.Errorf("%s: %w", n.name, err)
		}
	}
	w.settled = true
	return nil
}

func notInTime(err error) error {
	return fmt.Errorf("not delivered in time, which a faster machine or a longer -drain may change: %w", err)
}

// verdict compares acknowledged with arrived at a backend.
func (w *world) verdict(backend string) error {
	// What the backend has answered it has printed before.
	sums := w.books.Sums(backend)
	w.notef("%s: %s", backend, sums)
	switch {
	case sums.Acked == 0:
		return fmt.Errorf("%w: nothing was acknowledged, so the case says nothing", errLost)
	case sums.Lost > 0 && !w.settled:
		return fmt.Errorf("%s had not all yet when the case ended, which says nothing about a loss", backend)
	case sums.Lost > 0:
		return fmt.Errorf("%w: %s lost %d acknowledged exchanges: %s", errLost, backend, sums.Lost, sums.Ranges)
	case sums.Changed > 0:
		return fmt.Errorf("%w: %s got %d exchanges again with another id", errLost, backend, sums.Changed)
	}
	return nil
}

// finish stops everything, and then checks.
func (w *world) finish() (errs []error) {
	for _, n := range w.nodes {
		if n.proc != nil {
			_ = n.proc.Stop(10 * time.Second)
			w.notef("%s: at most %d MiB resident", n.name, n.peak.Load())
		}
	}
	for _, p := range []*proxy{w.moesif, w.readme} {
		if p != nil {
			p.close()
		}
	}
	if w.fakes != nil {
		_ = w.fakes.Stop(10 * time.Second)
	}
	_ = os.RemoveAll(w.dir)
	if len(w.violations) > 0 {
		errs = append(errs, fmt.Errorf("%w: a backend refused %d requests, the first: %s", errLost, len(w.violations), w.violations[0]))
	}
	for _, check := range w.checks {
		errs = append(errs, check())
	}
	return errs
}

// logs are what the programs have printed.
func (w *world) logs() string {
	var b strings.Builder
	for _, n := range w.nodes {
		if n.proc != nil {
			fmt.Fprintf(&b, "--- %s (its last life)\n%s", n.name, n.proc.Log())
		}
	}
	return b.String()
}

// whileFlapping does something while the backend changes faults, and heals it.
func (w *world) whileFlapping(ctx context.Context, p *proxy, do func() error) error {
	flapping, stop := context.WithCancel(ctx)
	defer stop()
	// Its own faults must not depend on how often do draws.
	rng := rand.New(rand.NewPCG(w.rng.Uint64(), 1)) //nolint:gosec // reproducible faults
	done := make(chan error, 1)
	go func() { done <- p.flap(flapping, rng) }()
	err := do()
	stop()
	return errors.Join(err, <-done)
}

// then carries on unless there is an error.
func then(err error, next func() error) error {
	if err != nil {
		return err
	}
	return next()
}
