// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/internal/inspect"
	"github.com/apispan/apispan/redact"
)

// watch shows an inspector what the redaction does to spans. It is nil where none is
// configured, and then every method is one comparison. It never fails: a panic of the
// inspector's ends the look, and nothing else.
type watch struct {
	sink   inspect.Sink
	source inspect.Source
}

// look is what is shown of the spans of a batch; it is a part of the walker.
type look struct {
	raw    bool
	asked  inspect.Wanted // of the spans of the resource
	at     int            // which of them is next
	wanted bool           // the span that is walked is shown
	key    inspect.Key
	before *inspect.Span
	// resource are the attributes of the resource before.
	resource []inspect.Attribute
	// bad are attribute keys that must not be shown, since they hold what was to be
	// redacted; allBad is set if they are too many to remember.
	bad    map[string]struct{}
	allBad bool
	// kinds are the spans of the batch that are no exchanges.
	kinds map[string]int
}

// startWatch finds the inspector that is configured, if one is.
func (r *redactor) startWatch(host component.Host) error {
	if r.inspector == nil {
		return nil
	}
	sink, err := inspect.Find(host.GetExtensions(), *r.inspector, "inspector")
	if err != nil {
		return fmt.Errorf("http_redaction: %w", err)
	}
	r.watch = &watch{sink: sink, source: inspect.Source{
		Component: r.id, Policy: r.hash, Text: r.text, Rules: ruleIDs(r.policy),
		PolicyDryRun: r.dryRun, Warnings: r.policy.Warnings(),
	}}
	r.watch.attach(nil)
	return nil
}

func ruleIDs(p *redact.Policy) (ids []string) {
	s := p.NewScratch()
	defer s.Release()
	for _, rule := range s.Hits() {
		ids = append(ids, rule.ID)
	}
	return ids
}

// attach tells who redacts, and again when keys come or go.
func (w *watch) attach(missing []string) {
	if w == nil {
		return
	}
	defer w.recovered()
	s := w.source
	if len(missing) > 0 {
		s.Warnings = append(slices.Clip(s.Warnings),
			"An HMAC key is missing ("+strings.Join(missing, ", ")+"): values are masked instead of being turned into tokens")
	}
	w.sink.Attach(s)
}

func (w *watch) detach() {
	if w == nil {
		return
	}
	defer w.recovered()
	w.sink.Detach(w.source.Component)
}

func (*watch) recovered() { _ = recover() }

// lookAt asks which spans of a resource are shown, and notes the resource as it came if any is.
func (w *walker) lookAt(rs ptrace.ResourceSpans) {
	if w.r.watch == nil {
		return
	}
	defer w.r.watch.recovered()
	l, sink := &w.look, w.r.watch.sink
	l.resource, l.at = nil, 0
	l.asked.Reset()
	for _, ss := range rs.ScopeSpans().All() {
		for _, span := range ss.Spans().All() {
			l.setKey(span)
			l.asked.Ask(sink, &l.key)
		}
	}
	if l.asked.Any() {
		l.raw = sink.Raw()
		l.resource = snapshot(nil, "", rs.Resource().Attributes(), l.raw)
	}
}

func (l *look) setKey(span ptrace.Span) { l.key.Trace, l.key.Span = span.TraceID(), span.SpanID() }

// pass counts spans that are walked or passed over.
func (l *look) pass(spans int) { l.at += spans }

// lookBefore notes a span as it came, if it is shown. ex is what gather has found.
func (w *walker) lookBefore(span ptrace.Span, ex *redact.Exchange) {
	if w.r.watch == nil {
		return
	}
	l := &w.look
	l.wanted = false
	if kind := span.Kind(); ex.Method == "" || kind != ptrace.SpanKindServer && kind != ptrace.SpanKindClient {
		if l.kinds == nil {
			l.kinds = make(map[string]int, 4)
		}
		l.kinds[inspect.NoExchange(kind.String())]++
		return
	}
	if l.asked.Is(l.at - 1) {
		w.lookNow(span)
	}
}

func (w *walker) lookNow(span ptrace.Span) {
	defer w.r.watch.recovered()
	l := &w.look
	l.setKey(span)
	l.before = head(span)
	l.before.Resource = l.resource
	l.before.Attributes = snapshot(nil, "", span.Attributes(), l.raw)
	if l.raw {
		l.before.Name = cutText(span.Name())
		l.before.Events = events(span, true)
	} else {
		l.before.Events = events(span, false)
	}
	l.wanted = true
	w.e.Explain()
}

// lookAfter shows the span before and after.
func (w *walker) lookAfter(span ptrace.Span) {
	if !w.look.wanted {
		return
	}
	defer w.r.watch.recovered()
	l := &w.look
	l.wanted = false
	if !l.raw {
		l.hideKeys(span)
	}
	after := head(span)
	after.Name = cutText(span.Name())
	after.Resource = snapshot(nil, "", w.res.Attributes(), true)
	after.Attributes = snapshot(nil, "", span.Attributes(), true)
	after.Events = events(span, true)
	why := make([]inspect.Decision, 0, 8)
	for _, d := range w.e.Decisions() {
		why = append(why, inspect.Decision{Rule: d.Rule, Place: d.Place, Path: d.Path, Action: d.Action, Outcome: d.Outcome, N: d.N})
	}
	if w.r.audit != auditRules {
		w.e.Unexplain()
	}
	sink := w.r.watch.sink
	sink.Before(l.key, l.before)
	sink.After(l.key, after, w.r.id, why)
}

// lookLost shows that a span is dropped because its redaction failed.
func (w *walker) lookLost(span ptrace.Span) {
	if !w.look.wanted {
		return
	}
	defer w.r.watch.recovered()
	l := &w.look
	l.wanted = false
	// What holds a value to be redacted is not known.
	for _, list := range [][]inspect.Attribute{l.before.Resource, l.before.Attributes, l.before.Events} {
		for i := range list {
			if !l.raw {
				list[i].Key = hiddenKey
			}
		}
	}
	sink := w.r.watch.sink
	sink.Before(l.key, l.before)
	sink.After(l.key, head(span), w.r.id, []inspect.Decision{{Place: "span", Action: "drop", Outcome: failPanic.outcome, N: 1}})
}

// hiddenKey stands for a key that holds a value, which is not to be seen.
const hiddenKey = "[hidden]"

// hideKeys takes the names out of what is shown from before: of attributes that were
// removed for their keys, and of events, which are values, too.
func (l *look) hideKeys(span ptrace.Span) {
	hide := func(list []inspect.Attribute, prefix string) {
		for i := range list {
			if _, bad := l.bad[list[i].Key]; bad || l.allBad {
				list[i].Key = hiddenKey
			}
			list[i].Key = prefix + list[i].Key
		}
	}
	hide(l.before.Attributes, "")
	hide(l.before.Resource, "")
	i := 0
	for _, ev := range span.Events().All() {
		// As many as before: the redaction removes attributes, and no events.
		n := 0
		for i+n < len(l.before.Events) && l.before.Events[i+n].Key != "" {
			n++
		}
		hide(l.before.Events[i:i+n], ev.Name()+"/")
		i += n + 1
	}
	kept := l.before.Events[:0]
	for _, a := range l.before.Events {
		if a.Key != "" {
			kept = append(kept, a)
		}
	}
	l.before.Events = kept
}

// noteBad remembers a key for which an attribute is removed.
func (w *walker) noteBad(key string) {
	if w.r.watch == nil {
		return
	}
	if w.look.bad == nil {
		w.look.bad = map[string]struct{}{}
	}
	if len(w.look.bad) >= maxSnapshot {
		w.look.allBad = true
		return
	}
	w.look.bad[strings.Clone(cutText(key))] = struct{}{}
}

// lookEnd tells of the batch what was no exchange.
func (w *walker) lookEnd(context.Context) {
	if w.r.watch == nil {
		return
	}
	kinds := w.look.kinds
	w.look = look{}
	if len(kinds) == 0 {
		return
	}
	defer w.r.watch.recovered()
	w.r.watch.sink.Arrived(w.r.id, kinds)
}
