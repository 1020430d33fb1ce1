// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
	"github.com/apispan/apispan/internal/caller/callertest"
	"github.com/apispan/apispan/redact"
)

var identityFields = map[string]httpcapture.IdentityField{"": httpcapture.FieldUserID, "session.id": httpcapture.FieldSessionID}

func sourcesOf(tt callertest.Case) (out []httpcapture.Source) {
	for _, s := range tt.Sources {
		switch {
		case s.Header != "":
			out = append(out, httpcapture.FromHeader(s.Header))
		case s.Cookie != "":
			out = append(out, httpcapture.FromCookie(s.Cookie))
		case s.Query != "":
			out = append(out, httpcapture.FromQuery(s.Query))
		case s.Claim != "" && s.Field != "":
			out = append(out, httpcapture.FromJWT(s.Claim, s.Field))
		case s.Claim != "":
			out = append(out, httpcapture.FromJWT(s.Claim))
		case s.BasicUser:
			out = append(out, httpcapture.FromBasicUser())
		case s.JSONBody != "":
			out = append(out, httpcapture.FromJSONBody(s.JSONBody))
		}
	}
	return out
}

// TestCaller runs the cases that the processor runs, too.
func TestCaller(t *testing.T) {
	t.Parallel()
	for _, tt := range callertest.Cases() {
		opts := []httpcapture.Option{
			httpcapture.WithAllHeaders(), httpcapture.WithBodies(httpcapture.BodiesAll), httpcapture.WithMaxBodySize(tt.Limit),
			httpcapture.WithIdentityFrom(identityFields[tt.Target], sourcesOf(tt)...),
		}
		if tt.Policy != "" {
			policy, err := redact.Compile([]byte(tt.Policy))
			if err != nil {
				t.Fatal(err)
			}
			opts = append(opts, httpcapture.WithPolicy(policy))
		}
		if tt.Key != "" {
			opts = append(opts, httpcapture.WithSessionKey([]byte(tt.Key), httpcapture.SessionFromHeader("x-none")))
		}
		err := httpcapture.Validate(opts...)
		if tt.Refused != (err != nil) || err != nil && !strings.Contains(err.Error(), tt.Want) {
			t.Errorf("%s: Validate: %v", tt.Name, err)
		}
		want := tt.Want
		if tt.Refused {
			want = ""
		}
		target := tt.Target
		if target == "" {
			target = "user.id"
		}
		got, _ := served(t, tt.Header, tt.Query, tt.Body, "", opts...)[target].(string)
		if got != want {
			t.Errorf("%s: %s = %q, want %q", tt.Name, target, got, want)
		}
	}
}

// TestCallerSession runs the cases of sessions that the processor runs, too.
func TestCallerSession(t *testing.T) {
	t.Parallel()
	for _, tt := range callertest.SessionCases() {
		var ways []httpcapture.SessionSource
		for _, w := range tt.Ways {
			switch w.Type {
			case "basic":
				ways = append(ways, httpcapture.SessionFromBasic())
			case "header":
				ways = append(ways, httpcapture.SessionFromHeader(w.Name))
			case "jwt":
				ways = append(ways, httpcapture.SessionFromJWT(w.Name))
			case "session_cookie":
				ways = append(ways, httpcapture.SessionFromCookie(w.Name))
			case "":
				ways = append(ways, httpcapture.SessionFromAddress())
			}
		}
		attrs := served(t, tt.Header, "", "", tt.Peer, httpcapture.WithSessionKey([]byte(callertest.SessionKey), ways...))
		key, _ := attrs["apispan.session.key"].(string)
		authType, _ := attrs["apispan.session.auth_type"].(string)
		if key != tt.Key || authType != tt.Type {
			t.Errorf("%s: %q %q, want %q %q", tt.Name, key, authType, tt.Key, tt.Type)
		}
	}
}

// served returns the attributes of one exchange that is served without a network, so
// that a request may be as bad as a producer can make it.
func served(t *testing.T, header [][2]string, query, body, peer string, opts ...httpcapture.Option) map[string]any {
	t.Helper()
	c := newCollector(t)
	h := wrappings[0].wrap(c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "x")
	}), opts...)
	r := httptest.NewRequest(http.MethodPost, "/p", strings.NewReader(body))
	r.URL.RawQuery = query
	r.Header.Set("Content-Type", "application/json")
	for _, f := range header {
		r.Header.Add(f[0], f[1])
	}
	if peer != "" {
		r.RemoteAddr = peer
		if strings.Contains(peer, ":") {
			r.RemoteAddr = "[" + peer + "]"
		}
		if peer[0] != 's' {
			r.RemoteAddr += ":4711"
		}
	}
	h.ServeHTTP(httptest.NewRecorder(), r)
	return c.attrs(t)
}

// TestCallerCounts: a credential that could not be taken is counted, and so is a value
// that is no id.
func TestCallerCounts(t *testing.T) {
	t.Parallel()
	reader := metric.NewManualReader()
	opts := []httpcapture.Option{
		httpcapture.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader))),
		httpcapture.WithIdentityFrom(httpcapture.FieldUserID, httpcapture.FromHeader("X-User-Id")),
	}
	served(t, [][2]string{{"X-User-Id", callertest.Token(`{"sub":"u1","iss":"https://id.example","exp":1}`)}}, "", "", "", opts...)
	served(t, [][2]string{{"X-User-Id", strings.Repeat("u", 600)}}, "", "", "", opts...)
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			if sum, ok := m.Data.(metricdata.Sum[int64]); ok && m.Name == "apispan.capture.dropped" {
				for _, p := range sum.DataPoints {
					v, _ := p.Attributes.Value(attribute.Key("reason"))
					got[v.AsString()] += p.Value
				}
			}
		}
	}
	if got["identity_credential"] != 1 || got["identity_limit"] != 1 {
		t.Errorf("%v", got)
	}
}

// TestSecretInAKey: an attribute of ours with a secret in its key is left out; one of
// others cannot be, so the span is not stamped.
func TestSecretInAKey(t *testing.T) {
	t.Parallel()
	policy, err := redact.Compile([]byte("version: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, foreign := range []bool{false, true} {
		c := newCollector(t)
		h := wrappings[0].wrap(c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if foreign {
				trace.SpanFromContext(r.Context()).SetAttributes(attribute.Bool("password=hunter2", true))
			} else {
				httpcapture.SetMetadata(r.Context(), "password=hunter2", true)
			}
			_, _ = io.WriteString(w, "x")
		}), httpcapture.WithPolicy(policy))
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/p", nil))
		attrs := c.attrs(t)
		if _, stamped := attrs["apispan.redaction.policy"]; stamped == foreign {
			t.Errorf("foreign %v: stamped %v", foreign, stamped)
		}
		if _, there := attrs["apispan.metadata.password=hunter2"]; there {
			t.Error("the key is still there")
		}
	}
}
