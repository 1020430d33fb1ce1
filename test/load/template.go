// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// Shape says what each exchange looks like.
type Shape struct {
	// RequestBody and ResponseBody are sizes of JSON bodies in bytes; 0 means none.
	RequestBody, ResponseBody int
	// EventID gives each exchange an event id of its own, from which [EventNumber]
	// reads the number; without it the Collector derives one.
	EventID bool
	// Shift moves the times of the spans.
	Shift time.Duration
	// Stamp marks the spans as redacted, for pipelines without http_redaction.
	Stamp bool
}

// The trace id of exchange n is a tag, the run and n, so that an event can be
// counted from its trace id alone.
const tag = 0x61706973 // "apis"

// spanTag marks the place of the span id in the template.
var spanTag = [8]byte{0xf1, 0xe2, 0xd3, 0xc4, 0xb5, 0xa6, 0x97, 0x88}

// template is an encoded OTLP request whose ids can be replaced.
type template struct {
	data   []byte
	traces []int // offsets of the last 8 bytes of each trace id
	spans  []int // offsets of the span ids
	events []int // offsets of the last 12 digits of the event ids
}

// newTemplate encodes a request with n exchanges of the given run.
func newTemplate(run uint32, n int, shape Shape) (*template, error) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "load")
	rs.Resource().Attributes().PutStr("deployment.environment.name", "production")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	now := time.Now().Add(shape.Shift)
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same text in every run
	for range n {
		addExchange(spans.AppendEmpty(), run, now, shape, rng)
	}
	data, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		return nil, err
	}
	t := &template{data: data}
	var head [8]byte
	binary.BigEndian.PutUint32(head[:], tag)
	binary.BigEndian.PutUint32(head[4:], run)
	t.traces = offsets(data, head[:], 8)
	t.spans = offsets(data, spanTag[:], 0)
	if shape.EventID {
		head := eventHead(run)
		t.events = offsets(data, []byte(head), len(head))
	}
	if len(t.traces) != n || len(t.spans) != n {
		return nil, fmt.Errorf("load: found %d trace ids and %d span ids in a template of %d", len(t.traces), len(t.spans), n)
	}
	return t, nil
}

func offsets(data, what []byte, shift int) (all []int) {
	for at := 0; ; {
		i := bytes.Index(data[at:], what)
		if i < 0 {
			return all
		}
		all = append(all, at+i+shift)
		at += i + len(what)
	}
}

// number returns the request with exchanges numbered from first, in dst.
func (t *template) number(dst []byte, first uint64) []byte {
	dst = append(dst[:0], t.data...)
	for i := range t.traces {
		n := first + uint64(i)
		binary.BigEndian.PutUint64(dst[t.traces[i]:], n)
		binary.BigEndian.PutUint64(dst[t.spans[i]:], n+1) // a span id of zeros is none
	}
	for i, at := range t.events {
		copy(dst[at:], fmt.Sprintf("%012x", first+uint64(i)))
	}
	return dst
}

func addExchange(s ptrace.Span, run uint32, now time.Time, shape Shape, rng *rand.Rand) {
	var id [16]byte
	binary.BigEndian.PutUint32(id[:], tag)
	binary.BigEndian.PutUint32(id[4:], run)
	s.SetTraceID(id)
	s.SetSpanID(spanTag)
	s.SetKind(ptrace.SpanKindServer)
	s.SetName("POST /orders")
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-20 * time.Millisecond)))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
	a := s.Attributes()
	a.PutStr("http.request.method", "POST")
	a.PutStr("url.scheme", "https")
	a.PutStr("url.path", "/orders")
	a.PutStr("url.query", "page=1&sort=price")
	a.PutStr("http.route", "/orders")
	a.PutInt("http.response.status_code", 201)
	a.PutStr("server.address", "api.example.com")
	a.PutStr("client.address", "203.0.113.7")
	a.PutStr("network.peer.address", "203.0.113.7")
	a.PutInt("network.peer.port", 51234)
	a.PutStr("network.protocol.version", "1.1")
	a.PutStr("user_agent.original", "load/1.0 (linux)")
	a.PutStr("user.id", fmt.Sprintf("u-%d", rng.IntN(10_000)))
	a.PutStr("apispan.company.id", "acme")
	a.PutStr("apispan.consumer.id", "key-42-of-acme")
	for _, h := range [][2]string{
		{"accept", "application/json"}, {"accept-encoding", "gzip"}, {"authorization", "[MASKED]"},
		{"content-type", "application/json"}, {"host", "api.example.com"}, {"user-agent", "load/1.0 (linux)"},
		{"x-request-id", fmt.Sprintf("%016x%016x", rng.Uint64(), rng.Uint64())},
	} {
		a.PutEmptySlice("http.request.header." + h[0]).AppendEmpty().SetStr(h[1])
	}
	for _, h := range [][2]string{{"content-type", "application/json"}, {"cache-control", "no-store"}, {"x-served-by", "node-7"}} {
		a.PutEmptySlice("http.response.header." + h[0]).AppendEmpty().SetStr(h[1])
	}
	if shape.RequestBody > 0 {
		a.PutStr("http.request.body.content", document(shape.RequestBody, rng))
	}
	if shape.ResponseBody > 0 {
		a.PutStr("http.response.body.content", document(shape.ResponseBody, rng))
	}
	if shape.EventID {
		a.PutStr("apispan.event.id", eventHead(run)+"000000000000")
	}
	if shape.Stamp {
		a.PutStr("apispan.redaction.policy", "load")
	}
}

// document is a JSON object of about size bytes that compresses about as well as
// real ones do.
func document(size int, rng *rand.Rand) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"order":{"number":%d,"currency":"EUR","customer":{"name":"Ada %x","email":"ada%d@example.com","password":"%x"}},"items":[`,
		rng.Int64(), rng.Uint32(), rng.IntN(100_000), rng.Uint64())
	for i := 0; b.Len() < size-60; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"sku":"%s-%x","price":%d.%02d,"stock":%d}`, wares[rng.IntN(len(wares))], rng.Uint32(), rng.IntN(1000), rng.IntN(100), rng.IntN(500))
	}
	b.WriteString(`]}`)
	return b.String()
}

var wares = []string{"chair", "table", "lamp", "shelf", "sofa", "desk", "bed", "stool"}

// Number returns the run and the number of the exchange with the given trace id
// (32 hexadecimal digits), and false if it is not of this package.
func Number(traceID string) (run uint32, n uint64, ok bool) {
	b, err := hex.DecodeString(traceID)
	if err != nil || len(b) != 16 || binary.BigEndian.Uint32(b) != tag {
		return 0, 0, false
	}
	return binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint64(b[8:]), true
}

// eventHead is an event id without its last 12 digits.
func eventHead(run uint32) string {
	return fmt.Sprintf("%08x-%04x-4%03x-8000-", tag, run>>16, run&0xfff)
}

// EventNumber returns the number of the exchange with the given event id.
func EventNumber(id string) (n uint64, ok bool) {
	digits := id[max(0, len(id)-12):]
	n, err := strconv.ParseUint(digits, 16, 64)
	return n, err == nil && len(id) == 36
}
