// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/internal/httpattr"
)

// foreignEventID is the key, below apispan.metadata., of an id that the other side of
// a call has stated. It is data: two exchanges with one id are one at the vendor, so
// whoever chooses ids could make others' events vanish, or his own.
var foreignEventID = [...]string{serverSide: "caller_event_id", clientSide: "upstream_event_id"}

// ownEventID gives the exchange its id, if the application asked for ids.
func (rec *record) ownEventID(span trace.Span) {
	if rec.cfg.eventHeader == "" {
		return
	}
	// The api_analytics exporter derives the same one. Without ids of the span it would be
	// the same for all exchanges.
	if sc := span.SpanContext(); sc.IsValid() {
		rec.eventID = httpattr.NewEventID(sc.TraceID(), sc.SpanID(), nil)
	}
}

// statedEventID takes note of the id that the other side states in a header: on a
// server the caller in the request, on a client the response.
func (rec *record) statedEventID(h http.Header) {
	c := rec.cfg
	if c.eventHeader == "" {
		return
	}
	v, ours := strings.CutPrefix(h.Get(c.eventHeader), c.eventPrefix)
	switch {
	case !ours || !validFieldName(v) || v == rec.eventID:
	case c.trustEventID:
		rec.eventID = v
	default:
		rec.foreignID = v
	}
}
