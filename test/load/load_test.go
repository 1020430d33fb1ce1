// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// TestSend sends to a receiver that refuses every third request and loses one
// batch it has acknowledged; the books must show just that.
func TestSend(t *testing.T) {
	t.Parallel()
	books := NewBooks()
	var requests, lost atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := requests.Add(1)
		if n%3 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if n == 5 {
			lost.Add(1)
			return
		}
		req := ptraceotlp.NewExportRequest()
		if err := req.UnmarshalProto(body); err != nil {
			t.Error(err)
		}
		for _, rs := range req.Traces().ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					id := span.TraceID()
					run, n, ok := Number(hex.EncodeToString(id[:]))
					if !ok || run != 7 {
						t.Errorf("trace id %x", id)
					}
					books.Arrive("here", n, span.SpanID().String())
				}
			}
		}
	}))
	defer srv.Close()
	report, err := Send(context.Background(), Options{
		Target: srv.URL, Run: 7, Count: 400, Batch: 20, Senders: 3, Books: books,
		Shape: Shape{RequestBody: 300, ResponseBody: 300},
	})
	if err != nil {
		t.Fatal(err)
	}
	if report.Acked != 400 || report.GivenUp != 0 || report.Refused == 0 || report.Bytes < 400*1000 {
		t.Errorf("%+v", report)
	}
	want := Sums{Acked: 400, Arrived: 380, Lost: 20}
	got := books.Sums("here")
	if got.Ranges == "" {
		t.Error("the lost exchanges are not named")
	}
	got.Ranges = ""
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	books.Arrive("here", 399, "another id")
	if got := books.Sums("here"); got.Changed != 1 || got.Repeats != 0 {
		t.Errorf("a repeat with another id: %+v", got)
	}
}
