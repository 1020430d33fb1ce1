// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/internal/inspect"
	"github.com/apispan/apispan/redact"
)

const policyText = `version: 1
defaults: true
keys:
  deny: [cvc, holder, $.address.street, x-never-sent]
  hmac: [user.id]
  drop: [coupon]
patterns: { card: mask, iban: mask }
in:
  cookies: { action: mask }
hmac:
  keys: [{ id: k1, value: sample-key-sample-key-sample-key-0 }]
audit: rules
`

const (
	redaction = "http_redaction"
	moesif    = "api_analytics/moesif"
	readme    = "api_analytics/readme"
	webhook   = "api_analytics/webhook"
)

// maker shows invented calls as the components of a Collector would.
type maker struct {
	sink   inspect.Sink
	policy *redact.Policy
	rnd    *rand.Rand
	calls  calls
	dry    bool
	bare   bool
	sent   map[string]int64
	left   map[string]map[string]int64
	names  *inspect.Names
}

func newMaker(sink inspect.Sink, seed uint64, dry, bare bool) (*maker, error) {
	p, err := redact.Compile([]byte(policyText))
	if err != nil {
		return nil, err
	}
	rnd := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // invented data, the same each time
	return &maker{sink: sink, policy: p, rnd: rnd, calls: calls{rnd: rnd}, dry: dry, bare: bare, sent: map[string]int64{}, left: map[string]map[string]int64{}, names: inspect.NewNames(nil)}, nil
}

func (m *maker) attach() {
	text := strings.Replace(policyText, "sample-key-sample-key-sample-key-0", "***", 1)
	if !m.bare {
		s := m.policy.NewScratch()
		s.Track()
		var rules []string
		for _, h := range s.Hits() {
			rules = append(rules, h.ID)
		}
		s.Release()
		m.sink.Attach(inspect.Source{Component: redaction, Policy: m.policy.Hash(), Text: text, Rules: rules, Warnings: m.policy.Warnings()})
	}
	m.sink.Attach(inspect.Source{Component: moesif, Backend: "moesif", Target: "api.moesif.net", DryRun: m.dry})
	m.sink.Attach(inspect.Source{Component: readme, Backend: "readme", Target: "metrics.readme.io", DryRun: true})
	m.sink.Attach(inspect.Source{Component: webhook, Backend: "webhook", Target: "127.0.0.1:9000", DryRun: m.dry, Warnings: []string{"`endpoint` is http: events are not encrypted on the way"}})
	m.sink.Arrived(moesif, map[string]int{"internal": 412, "client without http.request.method": 37})
}

// fill makes some exchanges, as fast as a Collector that is not busy gets them, so that the inspector keeps the details of
// all, and then some a second.
func (m *maker) fill(ctx context.Context, count int, rate float64, learning time.Duration) {
	start := time.Now()
	for i := range count {
		ago := time.Duration(count-i) * 700 * time.Millisecond
		m.one(time.Now().Add(-ago))
		if i%10 == 9 {
			time.Sleep(100 * time.Millisecond)
		}
	}
	m.delivery()
	if rate <= 0 {
		return
	}
	tick := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			m.calls.late = time.Since(start) > learning+3*time.Second
			m.one(time.Now())
			m.delivery()
		}
	}
}

func (m *maker) delivery() {
	for _, c := range []string{moesif, readme, webhook} {
		d := inspect.Delivery{Sent: m.sent[c], Dropped: map[string]int64{}, Skipped: map[string]int64{}, QueueBytes: -1}
		maps.Copy(d.Dropped, m.left[c])
		if c == moesif {
			d.Retried, d.QueueOnDisk, d.QueueBytes = m.sent[c]/20, true, 48<<10
		}
		if c == webhook && !m.dry {
			d.Waiting, d.OldestWaiting, d.LastProblem, d.LastProblemAt = 12, 48*time.Second, "connection refused", time.Now().Add(-3*time.Second)
		}
		m.sink.Delivery(c, d)
	}
}

// one shows one exchange.
func (m *maker) one(at time.Time) {
	k := m.calls.next()
	var key inspect.Key
	binary.BigEndian.PutUint64(key.Trace[:], m.rnd.Uint64())
	binary.BigEndian.PutUint64(key.Trace[8:], m.rnd.Uint64())
	binary.BigEndian.PutUint64(key.Span[:], m.rnd.Uint64())
	span := inspect.Span{
		Name: strings.TrimSpace(k.method + " " + k.route), Kind: map[bool]string{false: "server", true: "client"}[k.out], Start: at,
		End:        at.Add(time.Duration(k.ms * float64(time.Millisecond))),
		Resource:   []inspect.Attribute{attr(httpattr.ServiceName, k.service), attr(httpattr.DeploymentEnv, "staging"), attr("host.name", "node-3")},
		Attributes: k.attributes(),
	}
	if k.status >= 500 {
		span.Events = []inspect.Attribute{attr("exception/exception.type", "*net.OpError"), attr("exception/exception.message", "dial tcp 10.0.0.7:5432: password=hunter2 refused")}
	}
	wants := m.sink.Wants(&key)
	after := span
	redacted := int64(0)
	if !m.bare {
		var why []inspect.Decision
		after, why = m.redact(k, span)
		for _, d := range why {
			redacted += int64(d.N)
		}
		after.Attributes = append(after.Attributes, attr(httpattr.RedactionPolicy, m.policy.Hash()), attr(httpattr.RedactionCount, redacted))
		if wants {
			m.sink.Before(key, m.before(span))
			m.sink.After(key, &after, redaction, why)
		}
	}
	x := read(key, &after, k)
	x.Redacted = redacted
	for _, c := range []string{moesif, readme, webhook} {
		m.sink.Saw(c, []inspect.Tally{m.names.Tally(&x.Summary)})
		if !wants {
			continue
		}
		one := *x
		m.sink.Read(key, c, &one)
		m.export(key, c, x, k)
	}
}
