// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/apispan/apispan/internal/guardrules"
	"github.com/apispan/apispan/internal/poll"
	"github.com/apispan/apispan/internal/rulefetch"
)

// Polled is a Source that asks again and again. The last good rules stay in force while
// there is no answer, or one that cannot be read.
type Polled struct {
	current atomic.Pointer[Rules]
	loop    *poll.Loop
	said    string // about rules that are left out
}

type sourceConfig struct {
	base     string
	bearer   string
	client   *http.Client
	interval time.Duration
	report   func(error)
	paused   func() time.Duration // instead of the interval; tests
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

func configure(opts []SourceOption, interval time.Duration) (sourceConfig, error) {
	c := sourceConfig{interval: interval, report: otel.Handle, client: &http.Client{}}
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
	return c, nil
}

// asking starts to ask. fetch returns nil if the rules are as they were.
func asking(c *sourceConfig, what string, have *Rules, fetch func(context.Context) (*Rules, time.Duration, error)) *Polled {
	p := &Polled{}
	if have != nil {
		p.use(c, have)
	}
	p.loop = poll.Start(func(ctx context.Context) (time.Duration, error) {
		r, wait, err := fetch(ctx)
		if err == nil && r != nil {
			p.use(c, r)
		}
		return wait, err
	}, poll.Pace{Interval: c.interval, Pause: c.paused}, func(err error) { c.report(fmt.Errorf("guard: %s %w", what, err)) })
	return p
}

func (p *Polled) use(c *sourceConfig, r *Rules) {
	p.current.Store(r)
	said := ""
	if len(r.problems) > 0 {
		said = errors.Join(r.problems...).Error()
		if said != p.said {
			c.report(fmt.Errorf("guard: rules are left out: %s", said))
		}
	}
	p.said = said
}

// Rules is that of Source.
func (p *Polled) Rules() *Rules { return p.current.Load() }

// Age is how long ago the rules were confirmed by their source; since the start if they
// never were.
func (p *Polled) Age() time.Duration { return p.loop.Age() }

// Wait waits until the source was asked for the first time, 30 seconds at most, or for
// ctx: who wants to serve with rules from the first request on calls it before serving. It
// returns nil if there are rules.
func (p *Polled) Wait(ctx context.Context) error {
	if err := p.loop.Wait(ctx); err != nil {
		return err
	}
	if p.Rules() == nil {
		return errors.New("guard: there are no rules yet: the source has not answered, or not with rules")
	}
	return nil
}

// Refresh makes the source ask soon, instead of at its interval.
func (p *Polled) Refresh() { p.loop.Refresh() }

// Close ends asking. The rules stay in force. It may be called more than once.
func (p *Polled) Close() error {
	p.loop.Close()
	return nil
}

// Moesif is a Source that asks Moesif itself: GET /v1/rules and /v1/config. In a service
// prefer HTTP and the Collector's api_policy, which asks once for all services and keeps
// the key.
//
// Source: https://www.moesif.com/docs/api#get-governance-rules
func Moesif(applicationID string, opts ...SourceOption) (*Polled, error) {
	return vendor(rulefetch.Moesif, applicationID, opts)
}

// Metlo is a Source that asks Metlo's backend: GET /api/v1/agent-config. The open backend
// has no rules that block; they come with Metlo's commercial one.
func Metlo(apiKey string, opts ...SourceOption) (*Polled, error) {
	return vendor(rulefetch.Metlo, apiKey, opts)
}

func vendor(v rulefetch.Vendor, key string, opts []SourceOption) (*Polled, error) {
	c, err := configure(opts, rulefetch.DefaultInterval)
	if err != nil {
		return nil, err
	}
	asker, err := rulefetch.NewAsker(v, c.base, key, c.client)
	if err != nil {
		return nil, fmt.Errorf("guard: %s: %w", v.Name, err)
	}
	return asking(&c, v.Name, nil, func(ctx context.Context) (*Rules, time.Duration, error) {
		b := guardrules.NewBuilder()
		changed, done, wait, err := asker.Ask(ctx, func(_ string, body io.Reader) error { return b.Read(body) })
		if err != nil || !changed {
			return nil, wait, err
		}
		r, err := build(b)
		if err != nil {
			return nil, 0, fmt.Errorf("answers with what has no rules: %w", err)
		}
		done()
		return r, 0, nil
	}), nil
}

// longPoll is how long a server may let us wait for something new.
const longPoll = 30 * time.Second

// HTTP is a Source of a service that hands out rules, as the Collector's extension
// api_policy does: GET url, with If-None-Match and Prefer: wait (RFC 7240), so that new
// rules are there at once. A server that does not wait is asked at the interval.
func HTTP(url string, opts ...SourceOption) (*Polled, error) {
	c, err := configure(opts, rulefetch.DefaultInterval)
	if err != nil {
		return nil, err
	}
	if err := rulefetch.CheckURL(url, c.bearer != ""); err != nil {
		return nil, fmt.Errorf("guard: HTTP: the URL %w", err)
	}
	client := poll.NoRedirects(c.client)
	base := http.Header{"Accept": {"application/json"}}
	if c.bearer != "" {
		base["Authorization"] = []string{"Bearer " + c.bearer}
	}
	etag := ""
	return asking(&c, "HTTP", nil, func(ctx context.Context) (_ *Rules, wait time.Duration, err error) {
		header, limit := base.Clone(), rulefetch.Timeout
		if etag != "" {
			header["If-None-Match"] = []string{etag}
			header["Prefer"] = []string{fmt.Sprintf("wait=%d", int(longPoll/time.Second))}
			limit += longPoll
		}
		var rules *Rules
		waits, changed := false, false
		wait, err = poll.Get(ctx, client, poll.Request{URL: url, Header: header, Timeout: limit, Credential: "token"}, func(r *http.Response) error {
			waits = strings.Contains(r.Header.Get("Preference-Applied"), "wait")
			if r.StatusCode == http.StatusNotModified {
				return nil
			}
			b := guardrules.NewBuilder()
			err := b.Read(r.Body)
			if err == nil {
				rules, err = build(b)
			}
			if err != nil {
				return fmt.Errorf("answers with what %w", err)
			}
			changed = etag != r.Header.Get("ETag")
			etag = r.Header.Get("ETag")
			return nil
		})
		if err == nil && etag != "" && (waits || changed) {
			wait = 100 * time.Millisecond // the server has waited, or may when it is asked again
		}
		return rules, wait, err
	}), nil
}

func build(b *guardrules.Builder) (*Rules, error) {
	set, problems, err := b.Build()
	if err != nil {
		return nil, err
	}
	return &Rules{set, problems}, nil
}
