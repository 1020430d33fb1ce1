// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package inspecttest has a Sink for tests, which keeps everything that it is given.
package inspecttest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/apispan/apispan/internal/inspect"
)

// Recorder is a Sink that records. The zero value wants everything, but nothing from
// before the redaction.
type Recorder struct {
	// ShowRaw is the answer of Raw. Unwanted, if set, says what is not wanted, and Block
	// is called in every method, to be slow or to panic.
	ShowRaw  bool
	Unwanted func(inspect.Key) bool
	Block    func()

	mu    sync.Mutex
	calls []Call
}

// Call is one call of a method; fields that the method has no argument for are zero.
type Call struct {
	Method    string
	Key       inspect.Key
	Component string
	Reason    string
	Source    *inspect.Source
	Kinds     map[string]int
	Span      *inspect.Span
	Why       []inspect.Decision
	All       []inspect.Tally
	Exchange  *inspect.Exchange
	Event     *inspect.Event
	Request   *inspect.Request
	Delivery  *inspect.Delivery
}

func (r *Recorder) add(c Call) {
	if r.Block != nil {
		r.Block()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, c)
}

// Calls returns the calls of a method so far, of all methods if it is empty.
func (r *Recorder) Calls(method string) []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	if method == "" {
		return slices.Clone(r.calls)
	}
	var out []Call
	for _, c := range r.calls {
		if c.Method == method {
			out = append(out, c)
		}
	}
	return out
}

// Holds returns the calls in which a text stands, anywhere, as it is or in base64's
// bytes of a []byte.
func (r *Recorder) Holds(text string) (where []string) {
	for _, c := range r.Calls("") {
		if raw := fmt.Sprintf("%+v", c); strings.Contains(raw, text) || strings.Contains(deep(c), text) {
			where = append(where, c.Method)
		}
	}
	return where
}

// deep writes a call with all bytes as text.
func deep(c Call) string {
	b, _ := json.Marshal(c)
	var parts []string
	parts = append(parts, string(b))
	add := func(b []byte) { parts = append(parts, string(b)) }
	if c.Event != nil {
		add(c.Event.Data)
	}
	if c.Request != nil {
		add(c.Request.Answer)
		parts = append(parts, fmt.Sprintf("%+v", *c.Request))
	}
	if c.Exchange != nil {
		add(c.Exchange.Request.Body.Data)
		add(c.Exchange.Response.Body.Data)
		parts = append(parts, fmt.Sprintf("%+v", *c.Exchange))
	}
	if c.Span != nil {
		for _, list := range [][]inspect.Attribute{c.Span.Resource, c.Span.Attributes, c.Span.Events} {
			for _, a := range list {
				parts = append(parts, fmt.Sprintf("%s %s", a.Key, a.Value))
			}
		}
	}
	if c.Source != nil {
		parts = append(parts, fmt.Sprintf("%+v", *c.Source))
	}
	if c.Delivery != nil {
		parts = append(parts, fmt.Sprintf("%+v", *c.Delivery))
	}
	return strings.Join(parts, "\n")
}

// Shutdown is half of what makes it a component of the Collector; tests add Start.
func (*Recorder) Shutdown(context.Context) error { return nil }

// Wants implements inspect.Sink.
func (r *Recorder) Wants(k *inspect.Key) bool { return r.Unwanted == nil || !r.Unwanted(*k) }

// Raw implements inspect.Sink.
func (r *Recorder) Raw() bool { return r.ShowRaw }

// Attach implements inspect.Sink.
func (r *Recorder) Attach(s inspect.Source) {
	r.add(Call{Method: "Attach", Component: s.Component, Source: &s})
}

// Detach implements inspect.Sink.
func (r *Recorder) Detach(component string) { r.add(Call{Method: "Detach", Component: component}) }

// Arrived implements inspect.Sink.
func (r *Recorder) Arrived(component string, kinds map[string]int) {
	r.add(Call{Method: "Arrived", Component: component, Kinds: kinds})
}

// Before implements inspect.Sink.
func (r *Recorder) Before(k inspect.Key, s *inspect.Span) {
	r.add(Call{Method: "Before", Key: k, Span: s})
}

// After implements inspect.Sink.
func (r *Recorder) After(k inspect.Key, s *inspect.Span, component string, why []inspect.Decision) {
	r.add(Call{Method: "After", Key: k, Span: s, Component: component, Why: why})
}

// Saw implements inspect.Sink.
func (r *Recorder) Saw(component string, all []inspect.Tally) {
	r.add(Call{Method: "Saw", Component: component, All: slices.Clone(all)})
}

// Read implements inspect.Sink.
func (r *Recorder) Read(k inspect.Key, component string, x *inspect.Exchange) {
	r.add(Call{Method: "Read", Key: k, Component: component, Exchange: x})
}

// Encoded implements inspect.Sink.
func (r *Recorder) Encoded(k inspect.Key, component string, e *inspect.Event) {
	r.add(Call{Method: "Encoded", Key: k, Component: component, Event: e})
}

// Left implements inspect.Sink.
func (r *Recorder) Left(k inspect.Key, component, reason string) {
	r.add(Call{Method: "Left", Key: k, Component: component, Reason: reason})
}

// Sent implements inspect.Sink.
func (r *Recorder) Sent(component string, q *inspect.Request) {
	r.add(Call{Method: "Sent", Component: component, Request: q})
}

// Delivery implements inspect.Sink.
func (r *Recorder) Delivery(component string, d inspect.Delivery) {
	r.add(Call{Method: "Delivery", Component: component, Delivery: &d})
}

var _ inspect.Sink = (*Recorder)(nil)
