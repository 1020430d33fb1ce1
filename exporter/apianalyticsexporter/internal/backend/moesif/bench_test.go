// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package moesif

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// benchExchange is an exchange with eight headers a side and bodies of about
// size bytes, JSON unless binary.
func benchExchange(size int, binary bool) *exchange.Exchange {
	const record = `{"id":9007199254740993,"name":"Ada Lovelace","tags":["a","b"],"price":12.5,"active":true}`
	body := `{"items":[` + strings.Repeat(record+",", size/(len(record)+1)) + record + `]}`
	if binary {
		body = strings.Repeat("\x89PNG\xff\x00\x01\x02", size/8)
	}
	message := exchange.Message{Body: exchange.Body{Data: body, Captured: true, Binary: binary, Size: int64(len(body))}}
	for i := range 8 {
		message.Headers = append(message.Headers, exchange.Header{
			Name: fmt.Sprintf("x-header-%d", i), Values: []string{"some value of usual length"},
		})
	}
	start := time.Date(2026, 1, 31, 10, 11, 12, 345_000_000, time.UTC)
	return &exchange.Exchange{
		ID: "5f0c2c2e-8b1a-5d3e-9a77-1f2e3d4c5b6a", TraceID: [16]byte{1}, SpanID: [8]byte{2}, ParentSpanID: [8]byte{3},
		SpanName: "POST /v1/users/{id}", Start: start, End: start.Add(44 * time.Millisecond),
		Method: "POST", Scheme: "https", Host: "api.example.com", Path: "/v1/users/7", Query: "x=1&expand=a%20b",
		Route: "/v1/users/{id}", Status: 200, Protocol: "1.1", ClientAddress: "203.0.113.7", LocalAddress: "10.0.0.5",
		UserID: "u-1042", CompanyID: "c-1", ServiceName: "shop", ServiceVersion: "1.4.0", Environment: "production",
		Metadata: []exchange.KeyValue{{Key: "plan", Value: "pro"}, {Key: "retries", Value: int64(2)}},
		Weight:   1, RedactionPolicy: "9d1c", RedactionCount: 3, Request: message, Response: message,
	}
}

// rivalEvent is the event as a struct for encoding/json.
type rivalEvent struct {
	Request       rivalMessage   `json:"request"`
	Response      rivalMessage   `json:"response"`
	UserID        string         `json:"user_id,omitempty"`
	CompanyID     string         `json:"company_id,omitempty"`
	TransactionID string         `json:"transaction_id"`
	ActionName    string         `json:"action_name"`
	TraceID       string         `json:"trace_id"`
	Span          map[string]any `json:"span"`
	Direction     string         `json:"direction"`
	Weight        int64          `json:"weight"`
	Metadata      map[string]any `json:"metadata"`
}

type rivalMessage struct {
	Time             string            `json:"time"`
	URI              string            `json:"uri,omitempty"`
	Verb             string            `json:"verb,omitempty"`
	Status           int               `json:"status,omitempty"`
	IPAddress        string            `json:"ip_address"`
	Headers          map[string]string `json:"headers"`
	Body             json.RawMessage   `json:"body"`
	TransferEncoding string            `json:"transfer_encoding"`
	ContentLength    int64             `json:"content_length"`
}

func (m *rivalMessage) fill(src *exchange.Message) {
	m.Headers = make(map[string]string, len(src.Headers))
	for _, h := range src.Headers {
		m.Headers[h.Name] = strings.Join(h.Values, ", ")
	}
	m.ContentLength = src.Body.Size
	if raw := []byte(src.Body.Data); json.Valid(raw) {
		m.Body, m.TransferEncoding = raw, "json"
	} else {
		m.Body, m.TransferEncoding = []byte(`"`+base64.StdEncoding.EncodeToString(raw)+`"`), "base64"
	}
}

func rivalEncode(w *bytes.Buffer, ex *exchange.Exchange) error {
	const layout = "2006-01-02T15:04:05.000Z"
	ev := rivalEvent{
		Request: rivalMessage{Time: ex.Start.Format(layout), URI: ex.URL(), Verb: ex.Method, IPAddress: ex.ClientAddress},
		Response: rivalMessage{
			Time: ex.End.Format(layout), Status: ex.Status, IPAddress: ex.LocalAddress,
		},
		UserID: ex.UserID, CompanyID: ex.CompanyID, TransactionID: ex.ID, ActionName: ex.Method + " " + ex.Route,
		TraceID: fmt.Sprintf("%x", ex.TraceID), Direction: "Incoming", Weight: ex.Weight,
		Span: map[string]any{"id": fmt.Sprintf("%x", ex.SpanID), "parent_id": fmt.Sprintf("%x", ex.ParentSpanID)},
		Metadata: map[string]any{
			"plan": "pro", "retries": 2, "apispan": map[string]any{
				"service_name": ex.ServiceName, "route": ex.Route, "environment": ex.Environment,
			},
		},
	}
	ev.Request.fill(&ex.Request)
	ev.Response.fill(&ex.Response)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(&ev)
}

var benchCases = []struct {
	name   string
	size   int
	binary bool
}{{"json1K", 1 << 10, false}, {"json16K", 16 << 10, false}, {"binary1K", 1 << 10, true}}

// BenchmarkAppend: "copy" is the floor (the finished item copied), "validate"
// the floor with json.Valid over both bodies, "encoding/json" the rival.
func BenchmarkAppend(b *testing.B) {
	enc := newEncoder(b, Config{ApplicationID: "app-id"})
	for _, bc := range benchCases {
		ex := benchExchange(bc.size, bc.binary)
		item, _ := enc.Append(nil, ex)
		dst := make([]byte, 0, 2*len(item))
		raw := []byte(ex.Request.Body.Data)
		run := func(name string, fn func()) {
			b.Run(bc.name+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(item)))
				b.ReportAllocs()
				for b.Loop() {
					fn()
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			})
		}
		run("floor-copy", func() { dst = append(dst[:0], item...) })
		run("floor-validate", func() {
			dst = append(dst[:0], item...)
			_ = json.Valid(raw)
			_ = json.Valid(raw)
		})
		run("append", func() { dst, _ = enc.Append(dst[:0], ex) })
		var buf bytes.Buffer
		run("encoding-json", func() {
			buf.Reset()
			if err := rivalEncode(&buf, ex); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// TestBenchmarkBodies keeps the benchmark honest: both encoders give an event of
// about the same size, and ours allocates within its budget.
func TestBenchmarkBodies(t *testing.T) {
	enc := newEncoder(t, Config{ApplicationID: "app-id"})
	for _, bc := range benchCases {
		ex := benchExchange(bc.size, bc.binary)
		item, drop := enc.Append(nil, ex)
		if drop != backend.Keep {
			t.Fatalf("%s: dropped: %s", bc.name, drop)
		}
		var buf bytes.Buffer
		if err := rivalEncode(&buf, ex); err != nil {
			t.Fatal(err)
		}
		if ours, theirs := len(item), buf.Len(); ours*10 < theirs*9 || theirs*10 < ours*8 {
			t.Errorf("%s: %d bytes, encoding/json %d", bc.name, ours, theirs)
		}
		if n := testing.AllocsPerRun(100, func() { item, _ = enc.Append(item[:0], ex) }); n > 0 {
			t.Errorf("%s: %v allocations an event, want 0", bc.name, n)
		}
	}
}
