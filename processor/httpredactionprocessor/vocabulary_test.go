// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/redact"
)

func TestCanonical(t *testing.T) {
	t.Parallel()
	v := newVocabulary(vocabularyNames(), aliases{
		"shop.header.*":       "http.request.header.*",
		"shop.header.tenant":  "tenant.id",
		"http.request.body":   "my.body", // own aliases win over presets
		"shop.header.deep.x*": "http.response.header.x*",
	})
	for in, want := range map[string]string{
		"http.request.header.x-a":     "http.request.header.x-a",
		"http.request.headers.x-a":    "http.request.header.x-a",
		"http.response.headers.Set":   "http.response.header.Set",
		"http.request.headers":        "http.request.header.*",
		"http.request.headers.":       "http.request.headers.",
		"shop.header.x-b":             "http.request.header.x-b",
		"shop.header.tenant":          "tenant.id",
		"shop.header.deep.x-b":        "http.response.header.x-b",
		"http.request.body":           "my.body",
		"http.url":                    "url.full",
		"rpc.grpc.request.metadata.a": "http.request.header.a",
		"some.key":                    "some.key",
		"":                            "",
	} {
		if got := v.canonical(in); got != want {
			t.Errorf("canonical(%q) = %q, want %q", in, got, want)
		}
	}
	if got := newVocabulary([]string{"semconv"}, nil).canonical("http.url"); got != "http.url" {
		t.Errorf("semconv alone resolves http.url to %q", got)
	}
}

// TestVocabulariesAreSound keeps the tables honest: prefixes map to prefixes.
func TestVocabulariesAreSound(t *testing.T) {
	t.Parallel()
	for name, table := range vocabularies {
		for from, to := range table {
			if from == "" || to == "" || from == to {
				t.Errorf("%s: %q -> %q", name, from, to)
			}
			if strings.HasSuffix(from, "*") && !strings.HasSuffix(to, "*") {
				t.Errorf("%s: %q is a prefix, %q is none", name, from, to)
			}
		}
	}
}

func TestFacts(t *testing.T) {
	t.Parallel()
	r := redactorFor(t, walkPolicy, nil)
	for _, tt := range []struct {
		name string
		in   map[string]any
		want redact.Exchange
	}{
		{"semconv", map[string]any{
			"http.request.method": "post", "server.address": "shop.example", "http.route": "/orders/{id}",
			"url.path": "/orders/1", "http.request.header.content-type": []any{"application/json; charset=utf-8"},
			"http.response.header.content-type": []any{"text/html"}, "apispan.request.body.truncated": true,
		}, redact.Exchange{
			Method: "POST", Host: "shop.example", Route: "/orders/{id}", Path: "/orders/1",
			RequestContentType: "application/json; charset=utf-8", ResponseContentType: "text/html", RequestTruncated: true,
		}},
		{"legacy", map[string]any{
			"http.method": "GET", "http.url": "https://u:p@shop.example:8443/a/b?c=d#e", "http.response.header.content_type": "text/plain",
		}, redact.Exchange{Method: "GET", Host: "shop.example", Route: "/a/b", ResponseContentType: "text/plain"}},
		{"target", map[string]any{"http.target": "/a?b=c", "http.host": "[::1]:80"}, redact.Exchange{Host: "::1", Route: "/a"}},
		{"incomplete", map[string]any{
			"apispan.response.body.incomplete": true, "apispan.request.body.truncated": false,
		}, redact.Exchange{ResponseTruncated: true}},
		{"nothing", map[string]any{"x": 1}, redact.Exchange{}},
		{"odd types", map[string]any{"http.request.method": 7, "server.address": []any{}, "http.request.body.truncated": "false"}, redact.Exchange{}},
	} {
		_, span := newSpan()
		if err := span.Attributes().FromRaw(tt.in); err != nil {
			t.Fatal(err)
		}
		w := r.walker()
		if got := w.gather(span.Attributes()); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
		r.release(t.Context(), w)
	}
	for kind, want := range map[ptrace.SpanKind]redact.Direction{
		ptrace.SpanKindServer: redact.Incoming, ptrace.SpanKindClient: redact.Outgoing, ptrace.SpanKindInternal: 0,
	} {
		if got := direction(kind); got != want {
			t.Errorf("direction(%v) = %v", kind, got)
		}
	}
}

// TestAliasSeesBothKeys: a rule on the original key holds although the value is
// read with the syntax of another.
func TestAliasSeesBothKeys(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string]string{
		"original": `policy: {version: 1, defaults: false, keys: {deny: [http.url]}}`,
		"target":   `policy: {version: 1, defaults: false, keys: {deny: [url.full]}}`,
		"allow":    `policy: {version: 1, defaults: false, keys: {deny: [http.url], allow: [url.full]}}`,
	} {
		td, span := newSpan()
		span.Attributes().PutStr("http.url", "https://h/"+secret)
		mustNotHold(t, tracesText(t, redactorFor(t, policy, nil).mustTraces(t, td))+name, secret)
	}
}

func TestKeyCacheIsBounded(t *testing.T) {
	t.Parallel()
	r := redactorFor(t, walkPolicy, nil)
	w := r.walker()
	for i := range maxInfos + 100 {
		w.lookup("key." + strings.Repeat("x", i%300) + string(rune('a'+i%26)) + strings.Repeat("y", i/300))
	}
	if len(w.cache) > maxInfos {
		t.Errorf("%d keys are cached", len(w.cache))
	}
	for k := range w.cache {
		if len(k) > maxInfoKey {
			t.Errorf("a key of %d bytes is cached", len(k))
		}
	}
	r.release(t.Context(), w)
}
