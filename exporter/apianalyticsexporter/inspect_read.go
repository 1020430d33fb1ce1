// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/fromspan"
	"github.com/apispan/apispan/internal/inspect"
)

// What is told of the exchanges of a batch. This is done for each, and nearly all are only
// counted: so what is done for all of them together is done at once, before and after.

// look is what is shown of the span that is being translated.
type look struct {
	key    inspect.Key
	wanted bool
	asked  inspect.Wanted // of the spans of the batch
	at     int            // which of them this is
	// sums are exchanges that are not counted yet, kinds the spans of the batch that are none.
	sums  inspect.Batch
	kinds map[string]int
	// secret is true if a body holds a secret that may be encoded in the event.
	secret bool
}

// begin asks which spans of a batch are shown.
func (w *watch) begin(l *look, td ptrace.Traces) {
	if w == nil {
		return
	}
	defer w.recovered()
	l.sums = w.names.Begin()
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				l.key.Trace, l.key.Span = span.TraceID(), span.SpanID()
				l.asked.Ask(w.sink, &l.key)
			}
		}
	}
}

// skip tells that the span is no event.
func (w *watch) skip(l *look, span ptrace.Span, why fromspan.Skip) {
	if w == nil {
		return
	}
	defer w.recovered()
	switch why {
	case fromspan.SkipKind, fromspan.SkipNotHTTP:
		count(&l.kinds, inspect.NoExchange(span.Kind().String()))
	default:
		if l.asked.Is(l.at) {
			w.sink.Left(inspect.Key{Trace: span.TraceID(), Span: span.SpanID()}, w.component, string(why))
		}
	}
}

// read tells of an exchange as it was read. Of one that should have been redacted and was
// not, no value of a stranger's is told.
func (w *watch) read(l *look, ex *exchange.Exchange, requireRedaction bool) {
	if w == nil {
		return
	}
	s := l.sums.Next()
	if s == nil {
		w.saw(l)
		s = l.sums.Next()
	}
	// With secrets, if it holds any. Each is written where it stays, as what a function returns,
	// or a literal with calls in it, is copied once more; what is not counted is left to show.
	s.Key.Trace, s.Key.Span, s.Outgoing = ex.TraceID, ex.SpanID, ex.Direction == exchange.Outgoing
	s.Service, s.Method, s.Route, s.Status = ex.ServiceName, ex.Method, ex.Route, ex.Status
	s.Duration, s.Weight, s.Bodies = ex.End.Sub(ex.Start), ex.Weight, ex.Request.Body.Captured || ex.Response.Body.Captured
	s.RequestBytes, s.ResponseBytes = ex.Request.Body.Size, ex.Response.Body.Size
	s.Operation, s.UserID, s.CompanyID, s.ConsumerID, s.Label = ex.Operation, ex.UserID, ex.CompanyID, ex.ConsumerID, ex.ConsumerLabel
	if s.Route == "" {
		s.Path, s.Host = ex.Path, ex.Host
	}
	bare := requireRedaction && ex.RedactionPolicy == ""
	if bare {
		s.Operation, s.UserID, s.CompanyID, s.ConsumerID, s.Label, s.Path, s.Host = "", "", "", "", "", "", ""
	}
	if l.wanted = l.asked.Is(l.at); l.wanted || s.Key.None() {
		w.show(l, s, ex, bare)
	}
}

// show gives the details of an exchange, if they are wanted. Access logs have no ids, so
// they are asked for here.
func (w *watch) show(l *look, s *inspect.Summary, ex *exchange.Exchange, bare bool) {
	defer w.recovered()
	if s.Key.None() {
		s.Key = keyOf(ex)
		l.wanted = w.sink.Wants(&s.Key)
	}
	l.key, l.secret = s.Key, false
	if l.wanted && !bare {
		l.secret = w.masks.in(ex.Request.Body.Data) || w.masks.in(ex.Response.Body.Data)
		w.sink.Read(l.key, w.component, w.exchange(*s, ex))
	}
}

// saw counts what was read so far.
func (w *watch) saw(l *look) {
	defer w.recovered()
	if all := l.sums.Take(); len(all) > 0 {
		w.sink.Saw(w.component, all)
	}
}
