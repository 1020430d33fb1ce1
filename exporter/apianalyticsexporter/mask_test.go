// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/moesif/moesiftest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/fromspan"
)

var maskID = component.MustNewID("test_mask")

// maskFunc is an extension with MaskEvent.
type maskFunc func(ctx context.Context, backend string, event []byte) ([]byte, error)

func (maskFunc) Start(context.Context, component.Host) error { return nil }
func (maskFunc) Shutdown(context.Context) error              { return nil }
func (f maskFunc) MaskEvent(ctx context.Context, backend string, event []byte) ([]byte, error) {
	return f(ctx, backend, event)
}

func maskedRig(t *testing.T, cfg *Config, ext component.Component) *rig {
	t.Helper()
	cfg.MaskEvent = &maskID
	r := newRig(t, cfg)
	r.host.extensions = map[component.ID]component.Component{}
	if ext != nil {
		r.host.extensions[maskID] = ext
	}
	return r
}

// TestMaskEvent: the extension changes what is sent or drops it; whatever goes wrong in
// it drops that event, counted, and takes no neighbour along.
func TestMaskEvent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		mask   maskFunc
		reason string // of the one event that is dropped
	}{
		"changed": {mask: func(_ context.Context, _ string, ev []byte) ([]byte, error) {
			return bytes.ReplaceAll(ev, []byte(`"ok":true`), []byte("\"ok\":\n\t\"masked\"")), nil
		}},
		"in place": {mask: func(_ context.Context, _ string, ev []byte) ([]byte, error) {
			copy(ev[bytes.Index(ev, []byte("true")):], "null")
			return ev, nil
		}},
		"dropped":        {mask: func(context.Context, string, []byte) ([]byte, error) { return nil, nil }, reason: "mask_event"},
		"dropped, empty": {mask: func(context.Context, string, []byte) ([]byte, error) { return []byte{}, nil }, reason: "mask_event"},
		"error":          {mask: func(_ context.Context, _ string, ev []byte) ([]byte, error) { return ev, errors.New(string(ev)) }, reason: "mask_event_failed"},
		"panic":          {mask: func(_ context.Context, _ string, ev []byte) ([]byte, error) { panic(string(ev)) }, reason: "mask_event_failed"},
		"no JSON":        {mask: func(_ context.Context, _ string, ev []byte) ([]byte, error) { return ev[:len(ev)-1], nil }, reason: "mask_event_failed"},
		"two objects":    {mask: func(_ context.Context, _ string, ev []byte) ([]byte, error) { return append(ev, '{', '}'), nil }, reason: "mask_event_failed"},
		"no object":      {mask: func(context.Context, string, []byte) ([]byte, error) { return []byte(`["a"]`), nil }, reason: "mask_event_failed"},
		"null":           {mask: func(context.Context, string, []byte) ([]byte, error) { return []byte(`null`), nil }, reason: "mask_event_failed"},
		"no text": {mask: func(_ context.Context, _ string, ev []byte) ([]byte, error) {
			return bytes.Replace(ev, []byte("true"), []byte("\"\xff\""), 1), nil
		}, reason: "mask_event_failed"},
		"other id": {mask: changeID, reason: "mask_event_failed"},
		"no id":    {mask: func(context.Context, string, []byte) ([]byte, error) { return []byte(`{}`), nil }, reason: "mask_event_failed"},
		"too large": {mask: func(_ context.Context, _ string, ev []byte) ([]byte, error) {
			return bytes.Replace(ev, []byte("true"), []byte(`"`+strings.Repeat("x", 1_000_000)+`"`), 1), nil
		}, reason: "too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
			srv := httptest.NewServer(fake)
			defer srv.Close()
			calls := 0
			r := maskedRig(t, testConfig(srv.URL), maskFunc(func(ctx context.Context, name string, ev []byte) ([]byte, error) {
				if calls++; calls != 2 { // the second of three events
					return ev, nil
				}
				if name != "moesif" {
					t.Errorf("backend %q", name)
				}
				return tt.mask(ctx, name, ev)
			})).start()
			if err := r.exp.ConsumeTraces(context.Background(), traces(0, 3)); err != nil {
				t.Fatal(err)
			}
			want := 3
			if tt.reason != "" {
				want = 2
			}
			waitFor(t, "the others are sent", func() bool { return r.counts().Sent == int64(want) })
			r.shutdown()
			c := r.counts()
			if tt.reason != "" && c.Dropped[tt.reason] != 1 || c.droppedAll() != int64(3-want) || c.Translated != 3 {
				t.Errorf("books: %+v", c)
			}
			if s := fake.Stats(); s.Accepted != want || s.Violations != 0 {
				t.Errorf("stats %+v", s)
			}
			if name == "changed" && !strings.Contains(string(fake.Events()[1].JSON), `"ok":"masked"`) {
				t.Errorf("sent: %s", fake.Events()[1].JSON)
			}
			checkSilence(t, r, srv.URL)
		})
	}
}

// changeID gives an event another id, wherever the backend has it.
func changeID(_ context.Context, _ string, ev []byte) ([]byte, error) {
	var m map[string]any
	if err := json.Unmarshal(ev, &m); err != nil {
		return nil, err
	}
	for _, key := range []string{"transaction_id", "_id", "id", "event_id"} {
		if id, ok := m[key].(string); ok {
			m[key] = "00000000" + id[8:]
		}
	}
	return json.Marshal(m)
}

// Every backend whose events have an id says where.
func TestMaskKeepsIDs(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"moesif", "readme", "webhook", "har", "clickhouse"} {
		m := &masker{masker: maskFunc(changeID), backend: name}
		cfg := backendConfig(t, strings.Replace(name, "har", "webhook", 1), "https://example.com")
		if name == "har" {
			cfg.Webhook.Get().Format = "har"
		}
		choice, err := cfg.choice()
		if err != nil {
			t.Fatal(err)
		}
		enc, err := choice.newEncoder("https://example.com", "1")
		if err != nil {
			t.Fatal(err)
		}
		m.id = enc.Spec().IDPath
		rs := traces(1, 1).ResourceSpans().At(0)
		ex, _ := fromspan.Read(rs.Resource(), rs.ScopeSpans().At(0).Spans().At(0))
		event, drop := enc.Append(nil, &ex)
		if drop != backend.Keep {
			t.Fatalf("%s: %s", name, drop)
		}
		if _, reason := m.apply(context.Background(), event); reason != reasonMaskFailed {
			t.Errorf("%s: an event with another id is sent (%q): %s", name, reason, event)
		}
		m.masker = maskFunc(func(_ context.Context, _ string, ev []byte) ([]byte, error) { return ev, nil })
		if got, reason := m.apply(context.Background(), event); reason != "" || !bytes.Equal(got, event) {
			t.Errorf("%s: an event that stays is not sent as it is (%q)", name, reason)
		}
	}
}

func TestMaskEventStart(t *testing.T) {
	t.Parallel()
	for want, ext := range map[string]component.Component{
		"service::extensions": nil,
		"MaskEvent":           struct{ component.Component }{},
	} {
		r := maskedRig(t, testConfig("https://example.com"), ext)
		err := r.exp.Start(context.Background(), r.host)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "`mask_event` names test_mask") {
			t.Errorf("%s: %v", want, err)
		}
		_ = r.exp.Shutdown(context.Background())
	}
}

// TestRules: what hosts and skip leave out is counted by the key that did it; set says
// what is not known.
func TestRules(t *testing.T) {
	t.Parallel()
	fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
	srv := httptest.NewServer(fake)
	defer srv.Close()
	cfg := testConfig(srv.URL)
	cfg.Hosts = []string{"api.example.com"}
	cfg.Skip = []Condition{{Terms: Terms{Route: []string{"/health"}}}, {Terms: Terms{Status: []string{"404"}}}}
	cfg.Set = []Assignment{{Route: "/carts/{id}"}}
	r := newRig(t, cfg).start()
	td := traces(0, 5)
	for i, change := range []map[string]string{{}, {"http.route": "/health", "url.path": "/health"}, {}, {}, {"http.route": "", "url.path": "/carts/17"}} {
		span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(i)
		for k, v := range change {
			span.Attributes().PutStr(k, v)
		}
		switch i {
		case 2:
			span.Attributes().PutInt("http.response.status_code", 404)
		case 3:
			span.Attributes().PutEmptySlice("http.request.header.host").AppendEmpty().SetStr("other.test")
			span.Attributes().PutStr("server.address", "other.test")
		}
	}
	if err := r.exp.ConsumeTraces(context.Background(), td); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "two are sent", func() bool { return r.counts().Sent == 2 })
	r.shutdown()
	if c := r.counts(); c.Skipped["skip"] != 2 || c.Skipped["hosts"] != 1 || c.Translated != 2 {
		t.Errorf("books: %+v", c)
	}
	if raw := string(fake.Events()[1].JSON); !strings.Contains(raw, "/carts/{id}") && !strings.Contains(raw, "carts/:id") {
		t.Errorf("the route is not set: %s", raw)
	}
}
