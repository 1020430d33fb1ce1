// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/apispan/apispan/internal/confkeys"
)

// Intervals of sources.
const (
	// DefaultInterval is how often a vendor is asked, a tenth more or less.
	DefaultInterval = time.Minute
	fileInterval    = 2 * time.Second
	firstBackoff    = time.Second
	requestTimeout  = 30 * time.Second
)

// Polled is a Source that asks again and again. The last good rules stay in force while
// there is no answer, or one that cannot be read.
type Polled struct {
	cfg     sourceConfig
	current atomic.Pointer[Rules]
	good    atomic.Int64 // when they were confirmed, Unix nanoseconds; 0 is never
	wake    chan struct{}
	first   chan struct{} // closed after the first attempt
	stop    context.CancelFunc
	done    sync.WaitGroup
}

// fetched is what came of asking once.
type fetched struct {
	rules *Rules        // nil: they are as they were
	wait  time.Duration // until the next time; 0 is the interval
}

type sourceConfig struct {
	base     string
	bearer   string
	client   *http.Client
	interval time.Duration
	report   func(error)
	paused   func() time.Duration // instead of the interval with jitter; tests
}

// SourceOption changes a source.
type SourceOption func(*sourceConfig)

// WithBaseURL is where the vendor is, instead of its public address: scheme, host and, if
// there is one, a path.
func WithBaseURL(url string) SourceOption { return func(c *sourceConfig) { c.base = url } }

// WithBearer sends a token to the source HTTP (RFC 6750).
func WithBearer(token string) SourceOption { return func(c *sourceConfig) { c.bearer = token } }

// WithClient is the client to ask with; redirects are not followed, and a request takes at
// most 30 seconds.
func WithClient(c *http.Client) SourceOption { return func(s *sourceConfig) { s.client = c } }

// WithInterval is how often to ask, at least a second; by default a minute, and two seconds
// for files.
func WithInterval(d time.Duration) SourceOption { return func(c *sourceConfig) { c.interval = d } }

// WithReport is told why rules could not be had or were left out, once until it changes; by
// default otel.Handle. Errors hold no key and nothing of an answer but ids of rules.
func WithReport(f func(error)) SourceOption { return func(c *sourceConfig) { c.report = f } }

func configure(opts []SourceOption, base string, interval time.Duration) (sourceConfig, error) {
	c := sourceConfig{base: base, interval: interval, report: otel.Handle, client: &http.Client{}}
	for _, o := range opts {
		if o != nil {
			o(&c)
		}
	}
	switch {
	case c.interval < time.Second:
		return c, fmt.Errorf("guard: WithInterval(%v): give at least 1s", c.interval)
	case c.client == nil || c.report == nil:
		return c, errors.New("guard: WithClient or WithReport got nil: leave the option out for the default")
	}
	client := *c.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.client = &client
	return c, nil
}

// checkURL says what is wrong with where a source is, and with sending a secret there.
func checkURL(what, url string, secret bool) error {
	if err := (confkeys.URL{Example: "https://rules.example.com", Whole: true}).Check(url); err != nil {
		return fmt.Errorf("guard: %s: the URL %w", what, err)
	}
	if secret && confkeys.ClearText(url) {
		return fmt.Errorf("guard: %s: the URL begins with http://, so the key would be sent in clear: write https://", what)
	}
	return nil
}

func start(cfg sourceConfig, fetch func(context.Context) (fetched, error)) *Polled {
	ctx, stop := context.WithCancel(context.Background())
	p := &Polled{cfg: cfg, wake: make(chan struct{}, 1), first: make(chan struct{}), stop: stop}
	p.done.Go(func() { p.run(ctx, fetch) })
	return p
}

// Rules is that of Source.
func (p *Polled) Rules() *Rules { return p.current.Load() }

// Age is how long ago the rules were confirmed by their source; since the start if they
// never were.
func (p *Polled) Age() time.Duration {
	if at := p.good.Load(); at != 0 {
		return time.Since(time.Unix(0, at))
	}
	return 0
}

// Wait waits until the source was asked for the first time, 30 seconds at most, or for
// ctx: who wants to serve with rules from the first request on calls it before serving. It
// returns nil if there are rules.
func (p *Polled) Wait(ctx context.Context) error {
	select {
	case <-p.first:
	case <-ctx.Done():
		return ctx.Err()
	}
	if p.Rules() == nil {
		return errors.New("guard: there are no rules yet: the source has not answered, or not with rules")
	}
	return nil
}

// Refresh makes the source ask soon, instead of at its interval.
func (p *Polled) Refresh() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Close ends asking. The rules stay in force. It may be called more than once.
func (p *Polled) Close() error {
	p.stop()
	p.done.Wait()
	return nil
}

func (p *Polled) run(ctx context.Context, fetch func(context.Context) (fetched, error)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	backoff, first, said := firstBackoff, true, ""
	say := func(err error) {
		if s := err.Error(); s != said {
			said = s
			p.cfg.report(err)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		case <-timer.C:
		}
		got, err := safely(ctx, fetch)
		if ctx.Err() != nil {
			return
		}
		wait := got.wait
		switch {
		case err != nil:
			say(err)
			wait = max(wait, min(backoff, p.cfg.interval))
			backoff = min(2*backoff, p.cfg.interval)
		default:
			backoff = firstBackoff
			p.good.Store(time.Now().UnixNano())
			if got.rules != nil {
				p.current.Store(got.rules)
				said = ""
				if len(got.rules.problems) > 0 {
					say(fmt.Errorf("guard: rules are left out: %w", errors.Join(got.rules.problems...)))
				}
			}
			if wait == 0 {
				wait = p.pause()
			}
		}
		if first {
			close(p.first)
			first = false
		}
		timer.Reset(wait)
	}
}

func (p *Polled) pause() time.Duration {
	if p.cfg.paused != nil {
		return p.cfg.paused()
	}
	d := p.cfg.interval
	return d - d/10 + rand.N(d/5+1) //nolint:gosec // spreads requests
}

func safely(ctx context.Context, fetch func(context.Context) (fetched, error)) (got fetched, err error) {
	defer func() {
		if recover() != nil {
			got, err = fetched{}, errors.New("guard: reading the rules failed")
		}
	}()
	return fetch(ctx)
}

// File is a Source of files in the vendors' formats (see Parse), which are read again when
// they change. The error is about the options, or about files that cannot be read now.
func File(paths []string, opts ...SourceOption) (*Polled, error) {
	cfg, err := configure(opts, "", fileInterval)
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, errors.New("guard: File: no file is named; write for example File([]string{\"rules.json\"})")
	}
	rules, seen, err := readFiles(paths)
	if err != nil {
		return nil, err
	}
	once := rules
	return start(cfg, func(context.Context) (fetched, error) {
		if once != nil {
			got := fetched{rules: once}
			once = nil
			return got, nil
		}
		if now, err := stamps(paths); err != nil || same(now, seen) {
			return fetched{}, err
		}
		rules, now, err := readFiles(paths)
		if err != nil {
			return fetched{}, err
		}
		seen = now
		return fetched{rules: rules}, nil
	}).loaded(rules), nil
}

// loaded sets the rules that are there from the begin.
func (p *Polled) loaded(r *Rules) *Polled {
	p.current.CompareAndSwap(nil, r)
	return p
}

type stamp struct {
	size int64
	time time.Time
}

func stamps(paths []string) ([]stamp, error) {
	out := make([]stamp, len(paths))
	for i, path := range paths {
		f, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("guard: File: %w", err)
		}
		out[i] = stamp{f.Size(), f.ModTime()}
	}
	return out, nil
}

func same(a, b []stamp) bool {
	for i := range a {
		if a[i].size != b[i].size || !a[i].time.Equal(b[i].time) {
			return false
		}
	}
	return len(a) == len(b)
}

func readFiles(paths []string) (*Rules, []stamp, error) {
	at, err := stamps(paths)
	if err != nil {
		return nil, nil, err
	}
	docs := make([][]byte, len(paths))
	for i, path := range paths {
		if docs[i], err = os.ReadFile(path); err != nil {
			return nil, nil, fmt.Errorf("guard: File: %w", err)
		}
	}
	for i := range docs {
		if _, err := Parse(docs[i]); err != nil {
			return nil, nil, fmt.Errorf("guard: File: %s %w", paths[i], errors.Unwrap(err))
		}
	}
	rules, err := Parse(docs...)
	return rules, at, err
}
