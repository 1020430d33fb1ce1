// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

func TestBadConfig(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		settings Config
		want     string
	}{
		{Config{Format: "xml"}, "`webhook::format` is \"xml\": write ndjson or har"},
	} {
		_, err := tt.settings.NewEncoder(backend.Build{})
		if err == nil || err.Error() != tt.want {
			t.Errorf("New: %v, want %q", err, tt.want)
		}
	}
}

func TestHeader(t *testing.T) {
	t.Parallel()
	h := make(http.Header)
	newEncoder(t, Config{BearerToken: "t0ken"}).SetHeader(h)
	if h.Get("Authorization") != "Bearer t0ken" || h.Get("User-Agent") != "apispan/1.2.3" {
		t.Errorf("headers %v", h)
	}
	h = http.Header{"Authorization": {"Basic from-confighttp"}}
	newEncoder(t, Config{}).SetHeader(h)
	if h.Get("Authorization") != "Basic from-confighttp" {
		t.Errorf("without a token the credential of the HTTP client is kept: %v", h)
	}
}

// TestOneLine: an event is one line even if the body is not, and stays the same
// document.
func TestOneLine(t *testing.T) {
	t.Parallel()
	const body = "{\r\n\t\"id\": 9007199254740993,\n \"text\": \"a\\nb\"\n}"
	ex := &exchange.Exchange{Method: "POST", Status: 200, Weight: 1, ID: "5f0c2c2e-8b1a-5d3e-9a77-1f2e3d4c5b6a"}
	ex.Request.Body = exchange.Body{Data: body, Captured: true, Size: -1}
	out, _ := newEncoder(t, Config{}).Append(nil, ex)
	if bytes.ContainsAny(out, "\r\n") {
		t.Errorf("more than one line: %s", out)
	}
	var got struct {
		Request struct {
			Body struct{ JSON json.RawMessage }
		}
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	var want, have bytes.Buffer
	if err := json.Compact(&want, []byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := json.Compact(&have, got.Request.Body.JSON); err != nil {
		t.Fatal(err)
	}
	if want.String() != have.String() {
		t.Errorf("the body became %s", have.String())
	}
}

func TestOwnReportsAreDropped(t *testing.T) {
	t.Parallel()
	enc := newEncoder(t, Config{})
	for name, ex := range map[string]*exchange.Exchange{
		"attribute": {Direction: exchange.Outgoing, UserAgent: "apispan/1.2.3"},
		"header":    {Direction: exchange.Outgoing, Request: exchange.Message{Headers: []exchange.Header{{Name: "user-agent", Values: []string{"apispan/1.2.3"}}}}},
	} {
		if out, drop := enc.Append(nil, ex); drop != backend.DropSelfTraffic || len(out) > 0 {
			t.Errorf("%s: %q, %d bytes", name, drop, len(out))
		}
	}
	if _, drop := enc.Append(nil, &exchange.Exchange{Direction: exchange.Outgoing, UserAgent: "apispan/1.2.30"}); drop != backend.Keep {
		t.Errorf("another user agent: %q", drop)
	}
}

// TestAllocations: an event is encoded without allocating but for its metadata.
func TestAllocations(t *testing.T) {
	for _, format := range []string{FormatNDJSON, FormatHAR} {
		enc := newEncoder(t, Config{Format: format})
		ex := backendtest.SharedCases(t)["full"]
		ex.Query, ex.Metadata = "a=1", nil
		dst, drop := enc.Append(nil, ex)
		if drop != backend.Keep {
			t.Fatal(drop)
		}
		if n := testing.AllocsPerRun(100, func() { dst, _ = enc.Append(dst[:0], ex) }); n > 0 {
			t.Errorf("%s: %v allocations an event", format, n)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	ex := backendtest.SharedCases(b)["full"]
	body := `{"items":[` + strings.Repeat(`{"id":9007199254740993,"name":"Ada"},`, 28) + `{}]}`
	ex.Request.Body = exchange.Body{Data: body, Captured: true, Size: int64(len(body))}
	ex.Response.Body = ex.Request.Body
	for _, format := range []string{FormatNDJSON, FormatHAR} {
		enc := newEncoder(b, Config{Format: format})
		item, _ := enc.Append(nil, ex)
		b.Run(format, func(b *testing.B) {
			b.SetBytes(int64(len(item)))
			b.ReportAllocs()
			for b.Loop() {
				item, _ = enc.Append(item[:0], ex)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
