// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/apispan/apispan/internal/confkeys"
)

type config struct {
	target      string
	duration    time.Duration
	requests    int
	rate        float64
	workers     int
	seed        uint64
	wait        time.Duration
	allowRemote bool

	base *url.URL // target, parsed by validate
}

func (c *config) validate() error {
	u, err := url.Parse(c.target)
	if err != nil || u.Scheme != "http" || u.Host == "" || (u.Path != "" && u.Path != "/") {
		return errors.New("-target must look like http://127.0.0.1:8080")
	}
	if !c.allowRemote && !confkeys.Loopback(u.Hostname()) {
		return fmt.Errorf("-target %s is not on this machine: this tool makes load and sends test card numbers; -allow-remote permits it", u.Hostname())
	}
	switch {
	case c.duration <= 0 || c.duration > time.Hour:
		return errors.New("-duration must be above 0 and at most 1h")
	case c.requests < 0:
		return errors.New("-requests must not be negative")
	case c.rate < 0 || c.rate > 1e6:
		return errors.New("-rate must be between 0 and 1000000")
	case c.workers < 1 || c.workers > 256:
		return errors.New("-workers must be between 1 and 256")
	}
	u.Path = ""
	c.base = u
	return nil
}

type generator struct {
	cfg     config
	client  *http.Client
	summary *summary
	orders  orderPool
}

func newGenerator(cfg config) *generator {
	return &generator{
		cfg: cfg,
		client: &http.Client{
			Transport: &http.Transport{MaxIdleConnsPerHost: cfg.workers, DisableCompression: true},
			Timeout:   15 * time.Second,
			// A redirect is an answer of its own here.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		summary: newSummary(),
	}
}

// waitUntilUp polls the health check.
func (g *generator) waitUntilUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, g.cfg.wait)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.cfg.base.String()+"/healthz", nil)
		if err != nil {
			return err
		}
		if res, err := g.client.Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the shop at %s did not answer within %s", g.cfg.base.Host, g.cfg.wait)
		}
	}
}

// run makes calls until a limit is reached and returns the summary.
func (g *generator) run(ctx context.Context) *summary {
	start := time.Now()
	// Requests that have begun may finish, so the limit is on starting them.
	deadline := time.NewTimer(g.cfg.duration)
	defer deadline.Stop()

	calls := make(chan call)
	var workers sync.WaitGroup
	for range g.cfg.workers {
		workers.Go(func() {
			for c := range calls {
				g.do(ctx, c)
			}
		})
	}
	rng := rand.New(rand.NewPCG(g.cfg.seed, 0x5bd1e995))
	due := time.NewTimer(0)
	defer due.Stop()
produce:
	for n := 0; g.cfg.requests == 0 || n < g.cfg.requests; n++ {
		if g.cfg.rate > 0 {
			due.Reset(time.Until(start.Add(time.Duration(float64(n) / g.cfg.rate * float64(time.Second)))))
			select {
			case <-due.C:
			case <-deadline.C:
				break produce
			case <-ctx.Done():
				break produce
			}
		}
		select {
		case calls <- next(rng, n):
		case <-deadline.C:
			break produce
		case <-ctx.Done():
			break produce
		}
	}
	close(calls)
	workers.Wait()
	g.client.CloseIdleConnections()
	g.summary.elapsed = time.Since(start)
	return g.summary
}

// do makes one call and records what came of it.
func (g *generator) do(ctx context.Context, c call) {
	start := time.Now()
	status, err := c.send(ctx, g, c)
	result := fmt.Sprint(status)
	switch {
	case err != nil && ctx.Err() != nil:
		result = "stopped"
	case err != nil:
		result = "error"
	case c.gaveUp:
		result += " left early"
	}
	g.summary.add(c.route, result, time.Since(start))
}

// orderPool remembers some orders, so that later calls can refer to them.
type orderPool struct {
	mu  sync.Mutex
	ids map[string]string // customer id -> path of the newest order
}

func (p *orderPool) put(user, path string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ids == nil {
		p.ids = map[string]string{}
	}
	p.ids[user] = path
}

// get returns the path of the customer's newest order, or of one that does not
// exist.
func (p *orderPool) get(user string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if path, ok := p.ids[user]; ok {
		return path
	}
	return "/orders/o-0"
}
