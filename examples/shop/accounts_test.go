// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	collogspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/apispan/apispan/examples/shop/shopdata"
)

// TestReportAccounts: every customer arrives once in each role, and no secret does.
func TestReportAccounts(t *testing.T) {
	var mu sync.Mutex
	got := map[string]int{}
	var text strings.Builder
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(body)
			if err != nil {
				t.Error(err)
				return
			}
			body = z
		}
		b, _ := io.ReadAll(body)
		var in collogspb.ExportLogsServiceRequest
		if err := proto.Unmarshal(b, &in); err != nil || r.URL.Path != "/v1/logs" {
			t.Errorf("%s: %v", r.URL.Path, err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		text.Write(b)
		for _, rl := range in.GetResourceLogs() {
			for _, sl := range rl.GetScopeLogs() {
				for _, rec := range sl.GetLogRecords() {
					got[rec.GetEventName()]++
				}
			}
		}
	}))
	defer srv.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", srv.URL)
	if err := reportAccounts(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := len(shopdata.Users())
	want := map[string]int{"apispan.user.update": n, "apispan.company.update": n, "apispan.subscription.update": n}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	for _, secret := range shopdata.Secrets() {
		if strings.Contains(text.String(), secret) {
			t.Error("a secret of the shop is in an update")
		}
	}
}
