// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// Mode says whether decisions are carried out.
type Mode uint8

const (
	// Shadow only tells what would happen. It is the default.
	Shadow Mode = iota
	// Enforce annotates and blocks.
	Enforce
)

// Defaults.
const (
	DefaultTimeout = 2 * time.Millisecond
	DefaultPeek    = 64 << 10
	maxPeek        = 1 << 20
)

type settings struct {
	mode    Mode
	capture []httpcapture.Option
	who     func(*http.Request) httpcapture.Identity
	timeout time.Duration
	reject  func(http.ResponseWriter, *http.Request, Decision)
	peek    int
	closed  []string
	meters  metric.MeterProvider
}

// Option changes a Guard.
type Option func(*settings)

// WithMode says whether decisions are carried out: Shadow (default) or Enforce.
func WithMode(m Mode) Option { return func(s *settings) { s.mode = m } }

// WithCaller takes the options of the wrapper around that say who calls and which proxies
// are trusted; all others are ignored. Rules about a user need WithIdentity or
// WithIdentityFrom; SetIdentity in a handler comes too late for them.
func WithCaller(opts ...httpcapture.Option) Option {
	return func(s *settings) { s.capture = append(s.capture, opts...) }
}

// WithIdentity says who calls: UserID and CompanyID are what rules ask for, and empty is
// unknown. It goes before WithCaller. Its time counts for WithTimeout, and a panic in it
// fails open.
func WithIdentity(f func(*http.Request) httpcapture.Identity) Option {
	return func(s *settings) { s.who = f }
}

// WithTimeout is how long a decision may take, by default 2 ms; what is over it serves
// the request. The time in which a client sends the body that a rule looks at is not
// counted.
func WithTimeout(d time.Duration) Option { return func(s *settings) { s.timeout = d } }

// WithReject answers requests that are blocked, instead of the rule's status, fields and
// body (which d has). If f panics before it has written, the rule's answer is sent.
func WithReject(f func(w http.ResponseWriter, r *http.Request, d Decision)) Option {
	return func(s *settings) { s.reject = f }
}

// WithPeek is how many bytes of a body rules can look at, by default 64 KiB, 1 MiB at most.
// It is read only if a rule that is in force needs it and the body is not known to be
// longer; a condition on a longer body is not fulfilled. A client that waits for
// 100-continue is told to go on then.
func WithPeek(bytes int) Option { return func(s *settings) { s.peek = bytes } }

// WithFailClosed names rules, by id, that also block where it cannot be told whether they
// apply: because a body cannot be looked at, or the decision has failed.
func WithFailClosed(ruleIDs ...string) Option {
	return func(s *settings) { s.closed = append(s.closed, ruleIDs...) }
}

// WithMeterProvider is where the guard counts, by default the global one.
func WithMeterProvider(p metric.MeterProvider) Option { return func(s *settings) { s.meters = p } }

// New returns a Guard that takes its rules from source. It cannot fail: a wrong option is
// reported to otel.Handle and the default is used. Without a source everything is allowed.
func New(source Source, opts ...Option) *Guard {
	s := settings{timeout: DefaultTimeout, peek: DefaultPeek}
	for _, o := range opts {
		if o != nil {
			o(&s)
		}
	}
	if s.timeout <= 0 {
		otel.Handle(fmt.Errorf("guard: WithTimeout(%v): give a positive time; %v is used", s.timeout, DefaultTimeout))
		s.timeout = DefaultTimeout
	}
	if s.peek < 1 || s.peek > maxPeek {
		otel.Handle(fmt.Errorf("guard: WithPeek(%d): give 1 to %d bytes; %d is used", s.peek, maxPeek, DefaultPeek))
		s.peek = DefaultPeek
	}
	if s.mode > Enforce {
		otel.Handle(fmt.Errorf("guard: WithMode(%d): give Shadow or Enforce; Shadow is used", s.mode))
		s.mode = Shadow
	}
	if source == nil {
		otel.Handle(fmt.Errorf("guard: no source of rules is given: everything is allowed"))
		source = Static(nil)
	}
	g := &Guard{
		source: source, mode: s.mode, caller: httpcapture.NewCaller(s.capture...), who: s.who,
		timeout: s.timeout, reject: s.reject, peek: int64(s.peek),
	}
	for _, id := range s.closed {
		if g.closed == nil {
			g.closed = map[string]bool{}
		}
		g.closed[id] = true
	}
	if s.meters == nil {
		s.meters = otel.GetMeterProvider()
	}
	g.counts.register(s.meters, g)
	return g
}
