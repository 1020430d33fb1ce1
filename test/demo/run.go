// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/apispan/apispan/test/harness"
)

// ratePerSecond is the demo's traffic: slow enough to read along.
const ratePerSecond = "6"

type demo struct {
	start    time.Time
	guard    bool // blocking rules, too
	progress func(format string, args ...any)

	mu         sync.Mutex
	events     map[string]int // by backend
	violations int
	first      time.Duration // since start; 0 means none yet
}

// run builds, starts everything, and waits for the end. It returns nil only if
// every backend received events and no event broke a rule.
func (d *demo) run(ctx context.Context, b *harness.Builder, manifest string, limit time.Duration) error {
	bin, err := build(ctx, b, manifest)
	if err != nil {
		return err
	}
	// Programs outlive the signal, so that they can be stopped in order.
	programs, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	dir, err := os.MkdirTemp("", "apispan-demo-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()

	s, err := d.startAll(ctx, programs, b.Root, dir, bin)
	if err != nil {
		return err
	}
	stopAfter := "Ctrl-C ends it"
	var deadline <-chan time.Time
	if limit > 0 {
		stopAfter = "it ends by itself after " + limit.String()
		deadline = time.After(limit)
	}
	if d.guard {
		stopAfter += blockedNote
	}
	fmt.Printf(welcome, s.page, s.shopAddr, s.fakes.Moesif, s.fakes.ReadMe, stopAfter)

	var died error
	select {
	case <-ctx.Done():
	case <-deadline:
	case <-s.shop.Done():
		died = fmt.Errorf("the shop ended early:\n%s", s.shop.Log())
	case <-s.collector.Done():
		died = fmt.Errorf("the collector ended early:\n%s", s.collector.Log())
	}
	return errors.Join(died, d.finish(s))
}

type binaries struct{ collector, fakes, shop, traffic string }

func build(ctx context.Context, b *harness.Builder, manifest string) (binaries, error) {
	var bin binaries
	var err error
	// One after the other: the compiler already uses every core.
	if bin.fakes, err = b.Program(ctx, harness.FakeVendor); err != nil {
		return bin, err
	}
	if bin.shop, err = b.Program(ctx, harness.Shop); err != nil {
		return bin, err
	}
	if bin.traffic, err = b.Program(ctx, harness.Traffic); err != nil {
		return bin, err
	}
	bin.collector, err = b.Collector(ctx, manifest)
	return bin, err
}

type stack struct {
	fakes                    *harness.Fakes
	collector, shop, traffic *harness.Process
	page, shopAddr           string
}

// welcome is all that the demo says while it runs.
const welcome = `
  Open  %s

  A shop at http://%s is called six times a second: orders with cards, logins, e-mail
  addresses, tokens, GraphQL, an agent's tools, and errors. The page shows each call before
  and after redaction, the rule that acted, and what each backend gets.

  Moesif (%s) and ReadMe (%s) are fakes on this machine.
  Metlo, Cerberus and the webhook are in dry run. Nothing leaves this machine; %s.

`

const blockedNote = `.

  Moesif says that Alan, who has the free plan, is over his quota: the shop answers him
  with 429 and the rule's own body (search for blocked:quota-free)`

// rulesOfDemo is what makes the fake Moesif, the Collector and the shop show blocking
// rules.
type rulesOfDemo struct{ fakes, collector, shop []string }

func writeRules(demo, dir string) (r rulesOfDemo, err error) {
	rules, overlay := filepath.Join(dir, "rules.json"), filepath.Join(dir, "policy.yaml")
	port, err := harness.FreePort()
	if err != nil {
		return r, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	return rulesOfDemo{
		fakes:     []string{"-moesif-rules", rules},
		collector: []string{"--config", overlay},
		shop:      []string{"SHOP_POLICY=http://" + address + "/v1/policy"},
	}, errors.Join(os.WriteFile(rules, []byte(harness.QuotaRules), 0o600), harness.WithPolicy(demo, overlay, address))
}

// inspectorAddr is where the page is by default; another if that is taken.
func inspectorAddr() (string, error) {
	const usual = "localhost:8089"
	free := true
	for _, ip := range []string{"127.0.0.1", "::1"} {
		l, err := net.Listen("tcp", net.JoinHostPort(ip, "8089"))
		switch {
		case err == nil:
			_ = l.Close()
		case errors.Is(err, syscall.EADDRINUSE):
			free = false
		}
	}
	if free {
		return usual, nil
	}
	port, err := harness.FreePort()
	return fmt.Sprintf("localhost:%d", port), err
}

func (d *demo) startAll(ctx, programs context.Context, root, dir string, bin binaries) (*stack, error) {
	s := &stack{}
	var err error
	demo := filepath.Join(root, "collectorbuild", "config", "demo.yaml")
	var rules rulesOfDemo
	if d.guard {
		if rules, err = writeRules(demo, dir); err != nil {
			return nil, err
		}
	}
	if s.fakes, err = harness.StartFakes(programs, bin.fakes, rules.fakes, d.event); err != nil {
		return nil, err
	}
	page, err := inspectorAddr()
	if err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	collector, err := harness.StartCollector(wait, programs, bin.collector, harness.CollectorOptions{
		Config: demo,
		State:  dir,
		Moesif: s.fakes.Moesif, ReadMe: s.fakes.ReadMe, Inspector: page, Args: rules.collector,
	})
	if err != nil {
		return nil, err
	}
	s.collector = collector.Process
	if s.page, err = collector.Page(); err != nil {
		return nil, err
	}

	shop, addr, err := harness.StartShop(wait, programs, bin.shop, "dropin", append(collector.HTTPEnv(), rules.shop...))
	if err != nil {
		return nil, err
	}
	s.shop, s.shopAddr = shop, addr
	s.traffic, err = harness.Start(programs, bin.traffic, harness.StartOptions{
		Args: []string{"-target", "http://" + addr, "-duration", "1h", "-rate", ratePerSecond},
	})
	return s, err
}

// event counts one record of the fake endpoints, and prints one that is wrong.
func (d *demo) event(r harness.Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.Type == "violation" {
		d.violations++
		fmt.Printf("%-7s RULE BROKEN: %s\n", r.Backend, r.Message)
		return
	}
	if d.first == 0 {
		d.first = time.Since(d.start)
	}
	if d.events == nil {
		d.events = make(map[string]int)
	}
	if !r.Duplicate {
		d.events[r.Backend]++
	}
}

// finish stops the programs in the order of the data, so that what is under way
// still arrives, and judges.
func (d *demo) finish(s *stack) error {
	fmt.Println()
	d.progress("stopping: traffic, shop (sends its last spans), collector (empties its queue), backends")
	var errs []error
	_ = s.traffic.Stop(5 * time.Second)
	for _, p := range []struct {
		name    string
		process *harness.Process
	}{{"shop", s.shop}, {"collector", s.collector}, {"fake endpoints", s.fakes.Process}} {
		if err := p.process.Stop(20 * time.Second); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.name, err))
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	parts := make([]string, 0, len(d.events))
	for _, name := range slices.Sorted(maps.Keys(d.events)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, d.events[name]))
	}
	if len(parts) == 0 {
		parts = append(parts, "none")
	}
	d.progress("delivered to the fakes: %s; rules broken: %d; first event after %.1fs",
		strings.Join(parts, ", "), d.violations, d.first.Seconds())
	for _, backend := range []string{"moesif", "readme"} {
		if d.events[backend] == 0 {
			errs = append(errs, fmt.Errorf("nothing was delivered to the fake %s; the collector said:\n%s", backend, lastLines(s.collector.Log(), 20)))
		}
	}
	if d.violations > 0 {
		errs = append(errs, fmt.Errorf("%d events broke a rule of their backend", d.violations))
	}
	return errors.Join(errs...)
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
