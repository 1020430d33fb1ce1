// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"context"
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/redact"
)

func (r *redactor) processTraces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	if r.dryRun {
		// The result is thrown away; the counters stay. The data goes on as it is
		// but for stamps, which would be a lie.
		shadow := ptrace.NewTraces()
		td.CopyTo(shadow)
		var told [][]string
		r.redactSpans(ctx, shadow, &told)
		unstampTraces(td)
		tellSpans(td, told)
		return td, nil
	}
	r.redactTraces(ctx, td)
	return td, nil
}

func (r *redactor) redactTraces(ctx context.Context, td ptrace.Traces) { r.redactSpans(ctx, td, nil) }

// redactSpans redacts spans and notes in told, if given, the decisions about each.
func (r *redactor) redactSpans(ctx context.Context, td ptrace.Traces, told *[][]string) {
	w := r.walker()
	td.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		w.lookAt(rs)
		if !w.resource(rs.Resource(), rs.SchemaUrl(), rs.SetSchemaUrl) {
			w.tally.dropped += int64(countSpans(rs))
			return true
		}
		rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) bool {
			if !w.scope(ss.Scope(), ss.SchemaUrl(), ss.SetSchemaUrl) {
				w.tally.dropped += int64(ss.Spans().Len())
				w.look.pass(ss.Spans().Len())
				return true
			}
			ss.Spans().RemoveIf(func(span ptrace.Span) bool {
				w.decisions = nil
				w.look.pass(1)
				ok := w.span(span)
				if told != nil {
					*told = append(*told, w.decisions)
				}
				if ok {
					return false
				}
				w.lookLost(span)
				w.tally.dropped++
				return true
			})
			return false
		})
		return false
	})
	r.release(ctx, w)
}

// tellSpans puts what a dry run has found on the spans that it has left as they are.
func tellSpans(td ptrace.Traces, told [][]string) {
	if td.SpanCount() != len(told) { // some could not be read at all
		return
	}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				putList(span.Attributes(), httpattr.RedactionDryRun, told[0])
				told = told[1:]
			}
		}
	}
}

func countSpans(rs ptrace.ResourceSpans) (n int) {
	for _, ss := range rs.ScopeSpans().All() {
		n += ss.Spans().Len()
	}
	return n
}

// guard turns a panic outside the engine into ok = false: the item is dropped.
func (w *walker) guard(ok *bool) {
	if recover() != nil {
		*ok = false
		w.e = w.r.newEngine()
	}
}

// span redacts one span. It reports false if that failed and the span must be
// dropped.
func (w *walker) span(span ptrace.Span) (ok bool) {
	defer w.guard(&ok)
	attrs := span.Attributes()
	malformed := int64(0)
	ex := w.gather(attrs)
	if w.foreign {
		malformed = arrange(attrs)
		ex = w.gather(attrs)
	}
	ex.Direction = direction(span.Kind())
	w.lookBefore(span, &ex)
	if w.r.derives() && w.derive(attrs) {
		w.gather(attrs)
	}
	key, authType := w.session(span.Kind(), attrs)
	w.readEarlier(attrs)
	w.begin(ex)
	w.changed += malformed
	w.cleanEarlier()
	w.attributes(attrs, placeAttribute)
	w.spanName(span)
	w.setText(placeStatus, span.Status().Message(), span.Status().SetMessage)
	w.traceState(span.TraceState())
	for _, ev := range span.Events().All() {
		w.setText(placeEvent, ev.Name(), ev.SetName)
		w.gather(ev.Attributes())
		w.payload(ev)
		w.attributes(ev.Attributes(), placeEvent)
	}
	for _, l := range span.Links().All() {
		w.gather(l.Attributes())
		w.attributes(l.Attributes(), placeLink)
		w.traceState(l.TraceState())
	}
	putSession(attrs, key, authType)
	w.stamp(attrs)
	w.end()
	w.lookAfter(span)
	w.tally.items++
	return true
}

// What the body of a payload event is, by its phase.
var (
	payloadRequest  = newVocabulary(nil, aliases{httpattr.PayloadBody: httpattr.RequestBody}).info(httpattr.PayloadBody)
	payloadResponse = newVocabulary(nil, aliases{httpattr.PayloadBody: httpattr.ResponseBody}).info(httpattr.PayloadBody)
)

// payload has the body of a payload event read as one. The infos are shared, so they must
// remember nothing; a body's never does.
func (w *walker) payload(ev ptrace.SpanEvent) {
	if ev.Name() != httpattr.PayloadEvent {
		return
	}
	for i, ki := range w.infos {
		if ki.key != httpattr.PayloadBody {
			continue
		}
		info := *payloadRequest
		if phase, ok := ev.Attributes().Get(httpattr.PayloadPhase); ok && httpattr.IsResponsePhase(phase.AsString()) {
			info = *payloadResponse
		}
		w.infos[i] = &info
	}
}

// spanName redacts a span name. Names of the form "GET /orders/1?x=y", which some
// producers write, hold a URL: it is read as one before the rest is read as text.
func (w *walker) spanName(span ptrace.Span) {
	name := span.Name()
	if w.tag != 0 && w.nameTag == w.tag && w.name == name {
		return
	}
	was := w.seen
	at := strings.LastIndexByte(name, ' ') + 1
	if target := name[at:]; strings.HasPrefix(target, "/") || strings.Contains(target, "://") {
		out, ef := w.url(placeSpanName, target)
		switch ef {
		case redact.Changed:
			name = name[:at] + out
			span.SetName(name)
		case redact.Removed:
			name = strings.TrimRight(name[:at], " ")
			span.SetName(name)
		}
	}
	w.setText(placeSpanName, name, span.SetName)
	if w.seen == was && w.tag != 0 && span.Name() == name {
		w.name, w.nameTag = name, w.tag
	}
}
