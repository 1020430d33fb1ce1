// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/cerberus/cerberustest"
)

const cerberusToken = "sk-" + marker

// parityAddress is the vendor's hash of 192.168.1.1 under the fake's key.
const parityAddress = "dde4b5e916e658bdfe3bf7ab8fd6361aa3ef212bccf9fa4f62de60d9c78b838e"

func cerberusConfig(endpoint string) *Config {
	cfg := testConfig(endpoint)
	cfg.Moesif = createDefaultConfig().(*Config).Moesif
	c := *createDefaultConfig().(*Config).Cerberus.GetOrInsertDefault()
	c.Token = configopaque.String(cerberusToken)
	cfg.Cerberus = configoptional.Some(c)
	return cfg
}

func newCerberus(t *testing.T) (*backendtest.Fake, *httptest.Server) {
	t.Helper()
	fake := cerberustest.Vendor.New(backendtest.Settings{Credential: cerberusToken})
	// The server does not wait for connections that became WebSockets.
	var handlers sync.WaitGroup
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handlers.Add(1)
		defer handlers.Done()
		fake.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		srv.Close()
		handlers.Wait()
	})
	return fake, srv
}

// checkQuiet fails if anything that the exporter wrote holds a secret or a value.
func (r *rig) checkQuiet() {
	r.t.Helper()
	for _, e := range r.logs.All() {
		text, _ := json.Marshal(e.ContextMap())
		if all := e.Message + string(text); strings.Contains(all, marker) || strings.Contains(all, "parity-test") {
			r.t.Errorf("a log line holds a secret: %s", all)
		}
	}
	r.host.mu.Lock()
	defer r.host.mu.Unlock()
	for _, err := range r.host.errs {
		if err != nil && strings.Contains(err.Error(), marker) {
			r.t.Errorf("a status holds a secret: %v", err)
		}
	}
}

// TestCerberusDelivers: 120 exchanges in three batches, with the fetched key, and
// health checks left out.
func TestCerberusDelivers(t *testing.T) {
	t.Parallel()
	fake, srv := newCerberus(t)
	cfg := cerberusConfig(srv.URL)
	cfg.Cerberus.Get().BackendURL = srv.URL
	withoutQueue(cfg)
	r := newRig(t, cfg).start()
	td := traces(0, 120)
	spanAt(td, 7).Attributes().PutStr("url.path", "/internal/healthz/")
	spanAt(td, 0).Attributes().PutStr("client.address", "192.168.1.1")
	if err := r.exp.ConsumeTraces(context.Background(), td); err != nil {
		t.Fatal(err)
	}
	r.shutdown()
	c := r.checkBooks()
	if c.Sent != 119 || c.Dropped["health_check"] != 1 || c.Requests["delivered"] != 3 {
		t.Errorf("%+v", c)
	}
	if v := fake.Violations(); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
	events := fake.Events()
	if len(events) != 119 || !strings.Contains(string(events[0].JSON), `"remote_addr":"`+parityAddress+`"`) {
		t.Errorf("%d events, first %s", len(events), events[0].JSON)
	}
	if strings.Contains(string(events[0].JSON), cerberusToken) {
		t.Error("an event holds the token")
	}
	r.checkQuiet()
}

// TestCerberusFirewall: of a batch with two attacks the other events arrive whole,
// the attack in a body arrives without it, and the one in a header is dropped.
func TestCerberusFirewall(t *testing.T) {
	t.Parallel()
	fake, srv := newCerberus(t)
	cfg := cerberusConfig(srv.URL + "/v1/ingest/batch")
	cfg.Cerberus.Get().SecretKey = "a-key"
	withoutQueue(cfg)
	r := newRig(t, cfg).start()
	td := traces(0, 50)
	spanAt(td, 3).Attributes().PutStr("http.request.body.content", `{"q":"`+cerberustest.Attack+`"}`)
	spanAt(td, 31).Attributes().PutEmptySlice("http.request.header.referer").AppendEmpty().SetStr(cerberustest.Attack)
	if err := r.exp.ConsumeTraces(context.Background(), td); err != nil {
		t.Fatal(err)
	}
	r.shutdown()
	c := r.checkBooks()
	if c.Sent != 49 || c.Dropped["rejected_degraded"] != 1 {
		t.Errorf("%+v", c)
	}
	degraded := slices.IndexFunc(fake.Events(), func(e backendtest.Event) bool {
		return strings.Contains(string(e.JSON), `"content_dropped_refused":true`) && strings.Contains(string(e.JSON), `"body":null`)
	})
	if degraded < 0 || len(fake.Violations()) > 0 {
		t.Errorf("degraded event %d, violations %q", degraded, fake.Violations())
	}
	if total := c.Requests["delivered"] + c.Requests["reject"]; total > 30 {
		t.Errorf("%d requests for two offending events of 50", total)
	}
	r.checkQuiet()
}

// TestCerberusAttackAlone: an event that is refused alone, while nothing else is
// sent, does not look like a refused token. It is kept until another one is taken.
func TestCerberusAttackAlone(t *testing.T) {
	t.Parallel()
	_, srv := newCerberus(t)
	cfg := cerberusConfig(srv.URL)
	r := newRig(t, cfg).start()
	td := traces(0, 1)
	spanAt(td, 0).Attributes().PutEmptySlice("http.request.header.referer").AppendEmpty().SetStr(cerberustest.Attack)
	if err := r.exp.ConsumeTraces(context.Background(), td); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "it is tried again", func() bool { return r.counts().Retried > 0 })
	if c := r.counts(); c.droppedAll() != 0 {
		t.Errorf("dropped %v", c.Dropped)
	}
	if err := r.exp.ConsumeTraces(context.Background(), traces(1, 1)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "it is dropped", func() bool { return r.counts().Dropped["rejected_degraded"] == 1 })
	r.shutdown()
	if c := r.checkBooks(); c.Sent != 1 {
		t.Errorf("%+v", c)
	}
}

// TestCerberusWrongToken: nothing is dropped, and the status says so.
func TestCerberusWrongToken(t *testing.T) {
	t.Parallel()
	fake, srv := newCerberus(t)
	cfg := cerberusConfig(srv.URL)
	cfg.Cerberus.Get().Token = "sk-other"
	cfg.Cerberus.Get().SecretKey = "a-key"
	r := newRig(t, cfg).start()
	if err := r.exp.ConsumeTraces(context.Background(), traces(0, 50)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the outage is reported", func() bool {
		return slices.Contains(r.host.reported(), componentstatus.StatusRecoverableError)
	})
	r.shutdown()
	c := r.checkBooks()
	if c.Sent != 0 || c.Dropped["shutdown"] != 50 || fake.Stats().Accepted != 0 {
		t.Errorf("%+v", c)
	}
	if c.Requests["reject"] > 12 {
		t.Errorf("%d refused requests to find out about the token", c.Requests["reject"])
	}
	r.checkQuiet()
}

// TestCerberusKeyComesLate: events of the time without a key have no address, are
// counted, and the status follows.
func TestCerberusKeyComesLate(t *testing.T) {
	t.Parallel()
	fake, srv := newCerberus(t)
	var up atomic.Bool
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fake.ServeHTTP(w, req)
	}))
	defer keys.Close()
	cfg := cerberusConfig(srv.URL)
	cfg.Cerberus.Get().BackendURL = keys.URL
	withoutQueue(cfg)
	r := newRig(t, cfg).start()
	send := func() {
		td := traces(0, 1)
		spanAt(td, 0).Attributes().PutStr("client.address", "192.168.1.1")
		spanAt(td, 0).Attributes().PutEmptySlice("http.request.header.authorization").AppendEmpty().SetStr("Bearer " + marker)
		if err := r.exp.ConsumeTraces(context.Background(), td); err != nil {
			t.Fatal(err)
		}
	}
	send()
	waitFor(t, "the missing key is reported", func() bool {
		return slices.Equal(r.host.reported(), []componentstatus.Status{componentstatus.StatusRecoverableError})
	})
	up.Store(true)
	waitFor(t, "the key is reported", func() bool {
		return slices.Contains(r.host.reported(), componentstatus.StatusOK)
	})
	send()
	r.shutdown()
	events := fake.Events()
	if len(events) != 2 {
		t.Fatalf("%d events, violations %q", len(events), fake.Violations())
	}
	if s := string(events[0].JSON); !strings.Contains(s, `"remote_addr":null`) || !strings.Contains(s, `"Authorization":"[REDACTED]"`) {
		t.Errorf("without a key: %s", s)
	}
	if s := string(events[1].JSON); !strings.Contains(s, `"remote_addr":"`+parityAddress+`"`) || strings.Contains(s, `"Authorization":"[REDACTED]"`) {
		t.Errorf("with a key: %s", s)
	}
	if c := r.checkBooks(); c.Unkeyed != 1 {
		t.Errorf("%d events counted as without key, want 1", c.Unkeyed)
	}
	r.checkQuiet()
}

// TestCerberusDefaultKeyWarns: a key that everybody knows is worth a warning.
func TestCerberusDefaultKeyWarns(t *testing.T) {
	t.Parallel()
	_, srv := newCerberus(t)
	cfg := cerberusConfig(srv.URL)
	cfg.Cerberus.Get().SecretKey = "default-hmac-secret-change-in-production"
	r := newRig(t, cfg).start()
	if r.logs.FilterMessageSnippet("publicly known default").Len() != 1 {
		t.Error("no warning")
	}
	r.shutdown()
}
