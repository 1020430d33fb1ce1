// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/internal/httpattr"
)

// WithEventIDHeader gives each captured exchange an id and tells it to the
// caller in this response header; it is also recorded as apispan.event.id. The id
// is a UUID derived from trace and span id. Request headers are never changed. A
// client gives the call an id of its own; the one that the response states in this
// header is recorded as apispan.metadata.upstream_event_id, since the other side could
// give one id to all calls, which are then one at the vendor. Default: "", off.
func WithEventIDHeader(name string) Option {
	return opt(func(s *settings) {
		if name != "" && !validFieldName(name) {
			s.errs = append(s.errs, fmt.Errorf("httpcapture: WithEventIDHeader: %q is not a header name", name))
			return
		}
		s.eventHeader = http.CanonicalHeaderKey(name)
	})
}

// WithEventIDPrefix puts text before the id in the header of WithEventIDHeader, such
// as the URL where the exchange can be looked up. Default: none. ReadMe's
// documentation link is
//
//	httpcapture.WithEventIDHeader("X-Documentation-Url"),
//	httpcapture.WithEventIDPrefix("https://docs.example.com/logs/"),
//
// A header of the other side that does not begin with it is not read.
func WithEventIDPrefix(prefix string) Option {
	return opt(func(s *settings) {
		if strings.ContainsFunc(prefix, func(r rune) bool { return r < ' ' || r > '~' }) {
			s.errs = append(s.errs, errors.New("httpcapture: WithEventIDPrefix: the text holds a control character or one beyond ASCII, which a header cannot carry"))
			return
		}
		s.eventPrefix = prefix
	})
}

// WithTrustedEventID takes the id from the other side, where it states one in the header
// of WithEventIDHeader (a token of RFC 9110, at most 128 bytes): a server from the
// request, a client from the response. It is for calls between services of one owner:
// two exchanges with one id are one at the vendor, and the other is lost. Default: off.
func WithTrustedEventID() Option { return opt(func(s *settings) { s.trustEventID = true }) }

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
