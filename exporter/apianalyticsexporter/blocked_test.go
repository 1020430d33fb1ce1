// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/collector/component"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/moesif/moesiftest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// TestBlockedIsKept: sampling keeps what a rule has blocked, for what it is.
func TestBlockedIsKept(t *testing.T) {
	t.Parallel()
	s := &sampler{percent: 0}
	for rule, want := range map[string]bool{"": false, "rule-1": true} {
		ex := exchange.Exchange{Status: 429, Weight: 1, BlockedBy: rule}
		if got := s.keep(&ex); got != want || ex.Weight != 1 {
			t.Errorf("%q: %v, weight %d", rule, got, ex.Weight)
		}
	}
}

// listener is an extension that sees the answers of backends.
type listener struct {
	component.StartFunc
	component.ShutdownFunc

	tags atomic.Int64
}

func (l *listener) Answered(backend string, h http.Header) {
	if backend == "moesif" && h.Get("X-Moesif-Rules-Tag") == "7" {
		l.tags.Add(1)
	}
}

// TestAnswersAreTold: an extension that wants to sees the header of every answer, beside
// the vendor's sampling, and the event says what blocked it.
func TestAnswersAreTold(t *testing.T) {
	t.Parallel()
	fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Moesif-Rules-Tag", "7")
		fake.ServeHTTP(w, r)
	}))
	defer srv.Close()
	cfg := testConfig(srv.URL)
	withoutQueue(cfg)
	r := newRig(t, cfg)
	l := &listener{}
	r.host.extensions = map[component.ID]component.Component{component.MustNewID("api_policy"): l}
	r.start()
	td := traces(0, 1)
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutStr("apispan.blocked_by", "rule-1")
	if err := r.exp.ConsumeTraces(context.Background(), td); err != nil {
		t.Fatal(err)
	}
	if l.tags.Load() != 1 {
		t.Errorf("told %d times", l.tags.Load())
	}
	if ev := fake.Events(); len(ev) != 1 || !strings.Contains(string(ev[0].JSON), `"blocked_by":"rule-1"`) {
		t.Errorf("%d events", len(ev))
	}
}
