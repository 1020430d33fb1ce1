// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// hostileTexts have broken formats, here or elsewhere.
var hostileTexts = []string{
	"'\"`\\", "\x00", "a\x00b", "\xff\xfe", "\xed\xa0\x80", "]})\n{\"event_id\":\"x\"}\n", "\\u0000\\N", "{table}", "\r\n\t", "\u2028", "😀", "é\xcc",
	"'); DROP TABLE api.api_events; --", "FORMAT JSONEachRow {}", "{x:String}", "\\N", "NULL", "1e999", strings.Repeat("é", 500_000), strings.Repeat("\x01", 300_000),
}

// hostileKeys are the attributes whose text ends in a column.
var hostileKeys = []string{
	"http.request.method", "http.route", "url.path", "url.query", "url.full", "url.scheme", "server.address", "client.address", "network.peer.address",
	"network.protocol.version", "user_agent.original", "apispan.consumer.id", "apispan.consumer.label", "apispan.consumer.email", "user.id", "user.full_name", "user.email",
	"apispan.company.id", "apispan.subscription.id", "session.id", "http.request.body.content", "http.response.body.content", "http.request.header.x-hostile",
	"apispan.metadata.k", "apispan.redaction.policy", "apispan.api.version", "apispan.blocked_by", "apispan.event.id", "http.request.header.", "apispan.metadata.",
}

// hostileSpans are one for each attribute and text, and some of other types and times; what
// they have in common is that each is a call that has to become a row. texts is what
// user_name has to be, by event id.
func hostileSpans() (td ptrace.Traces, n int, texts map[string]string) {
	td, texts = ptrace.NewTraces(), map[string]string{}
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", hostileTexts[0])
	rs.Resource().Attributes().PutStr("deployment.environment.name", hostileTexts[2])
	ss := rs.ScopeSpans().AppendEmpty()
	now := time.Now()
	next := func() (ptrace.Span, pcommon.Map) {
		s := ss.Spans().AppendEmpty()
		n++
		s.SetTraceID([16]byte{7, byte(n >> 8), byte(n)})
		s.SetSpanID([8]byte{7, byte(n >> 8), byte(n)})
		s.SetKind(ptrace.SpanKindServer)
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(now))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(now.Add(time.Millisecond)))
		a := s.Attributes()
		a.PutStr("apispan.event.id", fmt.Sprintf("00000000-0000-4000-8000-%012x", n))
		a.PutStr("apispan.redaction.policy", "test")
		a.PutStr("http.request.method", "GET")
		a.PutStr("url.path", "/")
		a.PutInt("http.response.status_code", 200)
		return s, a
	}
	for _, key := range hostileKeys {
		for _, text := range hostileTexts {
			if key == "http.request.method" && strings.TrimSpace(text) == "" {
				continue // a span without a method is none of HTTP
			}
			_, a := next()
			if strings.HasSuffix(key, ".") {
				a.PutStr(key+text, text)
			} else {
				a.PutStr(key, text)
			}
			if key == "user.full_name" && utf8.ValidString(text) && len(text) < 1000 {
				texts[fmt.Sprintf("00000000-0000-4000-8000-%012x", n)] = text
			}
		}
	}
	for _, key := range []string{
		"http.response.status_code", "http.request.body.size", "http.response.body.size", "apispan.weight", "apispan.redaction.count", "apispan.metadata.k", "user.id", "url.path", "http.request.body.content",
	} {
		for _, number := range []int64{math.MinInt64, -1, 0, 1 << 16, math.MaxInt64} {
			_, a := next()
			a.PutInt(key, number)
		}
		for _, number := range []float64{math.NaN(), math.Inf(1), -0.5, 1e300} {
			_, a := next()
			a.PutDouble(key, number)
		}
		_, a := next()
		a.PutEmptyBytes(key).FromRaw([]byte{0, 255, 34, 10})
		_, a = next()
		deep := a.PutEmptyMap(key)
		for range 200 {
			deep = deep.PutEmptyMap("\x00\"")
		}
		_, a = next()
		list := a.PutEmptySlice(key)
		for range 1000 {
			list.AppendEmpty().SetEmptyMap().PutStr("'", "\xff")
		}
	}
	// Names that are one in a JSON object, or nearly.
	_, a := next()
	for _, name := range []string{"x-a", "X-A", "x_a", "x-a\xff", "x-a\xfe", "x-a\ufffd", "", " "} {
		a.PutEmptySlice("http.request.header." + name).AppendEmpty().SetStr("v")
		a.PutStr("apispan.metadata."+name, "v")
	}
	for _, times := range [][2]uint64{
		{0, 0}, {1, 0}, {0, math.MaxUint64}, {math.MaxUint64, 1}, {math.MaxInt64, math.MaxInt64 + 1}, {math.MaxInt64 + 1, 5}, {4_300_000_000_000_000_000, 4_300_000_001_000_000_000}, {7_300_000_000_000_000_000, 1},
	} {
		s, _ := next()
		s.SetStartTimestamp(pcommon.Timestamp(times[0]))
		s.SetEndTimestamp(pcommon.Timestamp(times[1]))
	}
	return td, n, texts
}

// TestHostileRows: whatever stands in a span, it becomes a row, and costs no neighbour; a text
// is what it was.
func TestHostileRows(t *testing.T) {
	e := startEngine(t)
	c := newCollector(t, e, answers).ready()
	td, n, texts := hostileSpans()
	c.send(td)
	if got := e.number("SELECT count() AS n FROM api.api_events"); got != int64(n) {
		t.Errorf("%d rows of %d calls", got, n)
	}
	here := map[string]bool{}
	for _, r := range e.rows("SELECT span_id FROM api.api_events", nil) {
		here[r["span_id"].(string)] = true
	}
	for _, s := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		if !here[s.SpanID().String()] {
			t.Errorf("no row for %.300v", s.Attributes().AsRaw())
		}
	}
	same := 0
	for _, r := range e.rows("SELECT event_id, user_name FROM api.api_events WHERE user_name != ''", nil) {
		if want, ok := texts[r["event_id"].(string)]; ok {
			same++
			if r["user_name"] != want {
				t.Errorf("%q is stored as %q", want, r["user_name"])
			}
		}
	}
	if same != len(texts) {
		t.Errorf("%d texts of %d", same, len(texts))
	}
	for _, query := range []string{
		"SELECT count() AS n FROM api.api_events WHERE time < '1970-01-01' OR time >= '2106-01-01' OR duration_us > 20000000000000000 OR weight = 0 OR weight > 9223372036854775807",
		"SELECT count() AS n FROM api.api_events WHERE status != 0 AND (status < 100 OR status > 999)",
		"SELECT count() AS n FROM api.api_events WHERE request_size > 9223372036854775807 OR response_size > 9223372036854775807",
	} {
		if got := e.number(query); got != 0 {
			t.Errorf("%d rows with nonsense: %s", got, query)
		}
	}
}
