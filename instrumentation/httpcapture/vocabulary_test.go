// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
	"github.com/apispan/apispan/internal/httpattr/attrtest"
	"github.com/apispan/apispan/redact"
)

// TestEveryKeyOfOthers: what other instrumentation wrote on the span, under whatever key,
// becomes what the engine makes of it, as in the Collector, in arrays too.
func TestEveryKeyOfOthers(t *testing.T) {
	t.Parallel()
	policy, err := redact.Compile([]byte(attrtest.Policy))
	if err != nil {
		t.Fatal(err)
	}
	s := policy.NewScratch()
	defer s.Release()
	c := newCollector(t)
	var put attribute.KeyValue
	h := wrappings[0].wrap(c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if put.Valid() {
			trace.SpanFromContext(r.Context()).SetAttributes(put)
		}
		_, _ = io.WriteString(w, "x")
	}), httpcapture.WithPolicy(policy), httpcapture.WithRequestHeaders(), httpcapture.WithResponseHeaders())
	serve := func(kv attribute.KeyValue) map[string]any {
		put = kv
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/p", nil))
		return c.attrs(t)
	}
	ours := serve(attribute.KeyValue{})
	changed := 0
	for _, sample := range attrtest.Samples() {
		if _, is := ours[sample.Key]; is {
			continue // the wrapper writes it
		}
		key := redact.NewKey(sample.Key)
		for _, value := range sample.Values {
			s.Begin(redact.Exchange{Direction: redact.Incoming})
			want, effect := s.Attribute(sample.Key, value)
			if effect == redact.Removed {
				want = "[REDACTED]" // an attribute of others cannot be taken away
			}
			if got := serve(attribute.String(sample.Key, value))[sample.Key]; got != want {
				t.Errorf("%s: %q: engine %q, here %q", sample.Key, value, want, got)
			}
			if effect != redact.Unchanged {
				changed++
			}
			if !key.EachElement() || effect == redact.Removed {
				continue
			}
			got, _ := serve(attribute.StringSlice(sample.Key, []string{value}))[sample.Key].([]string)
			if len(got) != 1 || got[0] != want {
				t.Errorf("%s: [%q]: engine %q, here %q", sample.Key, value, want, got)
			}
		}
	}
	if changed < 300 {
		t.Errorf("only %d values were changed: the test proves little", changed)
	}
}
