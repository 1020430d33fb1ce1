// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/felixge/httpsnoop"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
	"github.com/apispan/apispan/internal/guardrules"
	"github.com/apispan/apispan/internal/httpattr"
)

// Action is what becomes of a request.
type Action = guardrules.Action

// The actions.
const (
	Allow    = guardrules.Allow
	Annotate = guardrules.Annotate
	Block    = guardrules.Block
)

// Decision is what the rules say about a request.
type Decision struct {
	Action Action
	// Status, Header and Body are the answer to a request that is blocked. With Annotate,
	// Header is what the response gets. They must not be changed.
	Status int
	Header http.Header
	Body   []byte
	// RuleID and RuleName name the rule that decides, and Source the vendor: "moesif" or
	// "metlo".
	RuleID, RuleName, Source string
}

// Guard decides about requests. It is safe for concurrent use.
type Guard struct {
	source  Source
	mode    Mode
	caller  *httpcapture.Caller
	who     func(*http.Request) httpcapture.Identity
	timeout time.Duration
	reject  func(http.ResponseWriter, *http.Request, Decision)
	peek    int64
	closed  map[string]bool
	limits  guardrules.Limits
	counts  counts
}

// Handler returns next behind a Guard: see New.
func Handler(next http.Handler, source Source, opts ...Option) http.Handler {
	return New(source, opts...).Handler(next)
}

// Middleware returns the same as a function.
func Middleware(source Source, opts ...Option) func(http.Handler) http.Handler {
	g := New(source, opts...)
	return g.Handler
}

// Handler returns next behind the guard.
func (g *Guard) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		blocked, after := g.Check(w, r)
		switch {
		case blocked:
		case after == nil:
			next.ServeHTTP(w, r)
		default:
			serveCounted(next, w, r, after)
		}
	})
}

// serveCounted serves a request whose status is counted.
func serveCounted(next http.Handler, w http.ResponseWriter, r *http.Request, after func(status int)) {
	var status atomic.Int32
	note := func(code int) {
		if code >= 200 || code == http.StatusSwitchingProtocols {
			status.CompareAndSwap(0, int32(code)) //nolint:gosec // a status
		}
	}
	w = noting(w, note)
	defer func() {
		code := int(status.Load())
		p := recover()
		switch {
		case code != 0:
		case p != nil:
			code = http.StatusInternalServerError
		default:
			code = http.StatusOK
		}
		after(code)
		if p != nil {
			panic(p) //nolint:forbidigo // the handler's own, on its way to the server
		}
	}()
	next.ServeHTTP(w, r)
}

// noting returns w, which tells note of the status that is written, also an implied one.
func noting(w http.ResponseWriter, note func(code int)) http.ResponseWriter {
	return httpsnoop.Wrap(w, httpsnoop.Hooks{
		WriteHeader: func(f httpsnoop.WriteHeaderFunc) httpsnoop.WriteHeaderFunc {
			return func(code int) { note(code); f(code) }
		},
		Write: func(f httpsnoop.WriteFunc) httpsnoop.WriteFunc {
			return func(b []byte) (int, error) { note(http.StatusOK); return f(b) }
		},
	})
}

// Check is what Handler does before the next handler, for frameworks that have handlers of
// another kind. If blocked is true, w is answered and nothing else must be done. After, if
// it is not nil, is to be called with the status once the request was served.
func (g *Guard) Check(w http.ResponseWriter, r *http.Request) (blocked bool, after func(status int)) {
	rules, ok := g.rules()
	if !ok || rules == nil || rules.set.Rules() == 0 {
		if ok && rules == nil {
			g.counts.fail(failNoRules)
		}
		return false, nil
	}
	q := requests.Get().(*guardrules.Request)
	d, ok := g.decide(rules.set, q, r)
	if !ok {
		var must bool
		if d, must = rules.set.MustBlock(g.closed); !must {
			return false, nil
		}
	}
	if rules.set.NeedsStatus() && (d.Action != Block || g.mode != Enforce) {
		after = func(status int) {
			defer g.recovered()
			q.Status = status
			rules.set.Count(q, &g.limits)
		}
	} else {
		*q = guardrules.Request{}
		requests.Put(q)
	}
	if d.Action == Allow {
		return false, after
	}
	g.tell(r, &d)
	if g.mode != Enforce {
		return false, after
	}
	if d.Action == Annotate {
		put(w.Header(), d.Header)
		return false, after
	}
	g.answer(w, r, &d)
	return true, nil
}

// rules asks the source, which may be the application's.
func (g *Guard) rules() (r *Rules, ok bool) {
	defer g.recovered()
	return g.source.Rules(), true
}

var requests = sync.Pool{New: func() any { return new(guardrules.Request) }}

func (g *Guard) recovered() {
	if recover() != nil {
		g.counts.fail(failPanic)
	}
}

// decide asks the rules; ok is false if there is no decision.
func (g *Guard) decide(set *guardrules.Set, q *guardrules.Request, r *http.Request) (d guardrules.Decision, ok bool) {
	defer func() {
		if recover() != nil {
			g.counts.fail(failPanic)
			d, ok = guardrules.Decision{}, false
		}
	}()
	start := time.Now()
	*q = guardrules.Request{Method: r.Method, Host: r.Host, Header: r.Header, Deadline: start.Add(g.timeout)}
	if r.URL != nil {
		q.Path, q.Query = r.URL.Path, r.URL.RawQuery
	}
	if set.NeedsAddress() {
		q.IP = g.caller.Address(r)
	}
	id := g.identity(r)
	q.User, q.Company = id.UserID, id.CompanyID
	session, user := set.Session(q)
	q.Session = session
	if q.User == "" {
		q.User = user
	}
	if set.NeedsBody() {
		q.Body = func() ([]byte, bool) {
			read := time.Now()
			b, ok := g.peekBody(r)
			if !ok {
				g.counts.fail(failBody)
			}
			q.Deadline = q.Deadline.Add(time.Since(read)) // the client's time is not ours
			return b, ok
		}
	}
	d = set.Decide(q, &g.limits, g.closed)
	g.counts.left.Add(int64(d.Left))
	if d.Late {
		g.counts.fail(failTimeout)
		return guardrules.Decision{}, false
	}
	return d, true
}

func (g *Guard) identity(r *http.Request) httpcapture.Identity {
	if g.who != nil {
		return g.who(r)
	}
	return g.caller.Identity(r)
}

// actions are the values of apispan.guard.action, by mode.
var actions = [...][2]string{Annotate: {"would_annotate", "annotate"}, Block: {"would_block", "block"}}

// tell counts the decision and puts it on the span.
func (g *Guard) tell(r *http.Request, d *guardrules.Decision) {
	g.counts.decided[d.Action].Add(1)
	span := trace.SpanFromContext(r.Context())
	if !span.IsRecording() {
		return
	}
	attrs := [3]attribute.KeyValue{
		attribute.String(httpattr.GuardAction, actions[d.Action][g.mode]),
		attribute.String(httpattr.GuardRule, d.Rule),
	}
	n := 2
	if g.mode == Enforce && d.Action == Block {
		attrs[2], n = attribute.String(httpattr.BlockedBy, d.Rule), 3
	}
	span.SetAttributes(attrs[:n]...)
}

// answer answers a request that is blocked.
func (g *Guard) answer(w http.ResponseWriter, r *http.Request, d *guardrules.Decision) {
	if g.reject != nil && g.rejected(w, r, d) {
		return
	}
	h := w.Header()
	put(h, d.Header)
	if len(d.Body) > 0 && len(h["Content-Type"]) == 0 {
		h["Content-Type"] = []string{"application/json"}
	}
	if len(h["Cache-Control"]) == 0 {
		h["Cache-Control"] = []string{"no-store"}
	}
	bodyless := d.Status == http.StatusNoContent || d.Status == http.StatusNotModified
	if !bodyless {
		h["Content-Length"] = []string{strconv.Itoa(len(d.Body))}
	}
	w.WriteHeader(d.Status)
	if r.Method != http.MethodHead && !bodyless {
		_, _ = w.Write(d.Body)
	}
}

// put sets fields in the header of a response, which is its handler's to change.
func put(h, fields http.Header) {
	for name, v := range fields {
		h[name] = slices.Clone(v)
	}
}

// rejected lets the application answer. A panic in it is the application's only if it has
// begun to answer; what it has written then stands.
func (g *Guard) rejected(w http.ResponseWriter, r *http.Request, d *guardrules.Decision) (done bool) {
	wrote := false
	defer func() {
		if recover() != nil {
			g.counts.fail(failPanic)
			done = wrote
		}
	}()
	g.reject(noting(w, func(int) { wrote = true }), r, public(d))
	return true
}

func public(d *guardrules.Decision) Decision {
	return Decision{d.Action, d.Status, d.Header, d.Body, d.Rule, d.Name, d.Source}
}

// RulesFor returns the rules whose cohorts somebody stands in, such as "quota exceeded",
// without looking at a request: for pages of the application that say so themselves.
func (g *Guard) RulesFor(id httpcapture.Identity) []Rule {
	rules, _ := g.rules()
	if rules == nil {
		return nil
	}
	return rules.For(id)
}
