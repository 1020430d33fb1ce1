// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// vector is one case of testdata/vectors: what a vendor's rules do to a request.
type vector struct {
	Name, Note         string
	Rules, Config, WAF json.RawMessage
	Request            struct {
		Method, Path, User, Company, Remote, Body string
		Headers                                   map[string]string
	}
	Want struct {
		Action, Rule string
		Status       int
		Headers      map[string]string
		NoHeaders    []string `json:"no_headers"`
		Body         json.RawMessage
		Raw          *string
	}
	Problems []string
}

func vectors(t *testing.T) (out []vector) {
	t.Helper()
	files, err := filepath.Glob("testdata/vectors/*.json")
	noError(t, err)
	checkf(t, len(files) > 0, "no vectors")
	for _, f := range files {
		data, err := os.ReadFile(f)
		noError(t, err)
		dec := json.NewDecoder(strings.NewReader(string(data)))
		dec.DisallowUnknownFields()
		var v vector
		noError(t, dec.Decode(&v), f)
		equal(t, v.Name+".json", filepath.Base(f))
		out = append(out, v)
	}
	return out
}

func (v *vector) rules(t *testing.T) *Rules {
	t.Helper()
	var docs [][]byte
	for _, d := range []json.RawMessage{v.Config, v.Rules, v.WAF} {
		if d != nil {
			docs = append(docs, d)
		}
	}
	r, err := Parse(docs...)
	noError(t, err)
	return r
}

func (v *vector) request() *http.Request {
	path := v.Request.Path
	if path == "" {
		path = "/"
	}
	method := v.Request.Method
	if method == "" {
		method = http.MethodGet
	}
	r := httptest.NewRequest(method, "http://shop.example"+path, strings.NewReader(v.Request.Body))
	for name, value := range v.Request.Headers {
		r.Header.Set(name, value)
	}
	if v.Request.Remote != "" {
		r.RemoteAddr = v.Request.Remote
	}
	return r
}

func (v *vector) identity(*http.Request) httpcapture.Identity {
	return httpcapture.Identity{UserID: v.Request.User, CompanyID: v.Request.Company}
}

// TestVectors runs every vector in both modes: what Enforce does, Shadow tells.
func TestVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			rules := v.rules(t)
			var said []string
			for _, p := range rules.Problems() {
				said = append(said, p.Error())
			}
			equal(t, len(v.Problems), len(said), said)
			for _, p := range v.Problems {
				checkf(t, slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, p+": ") }), "%q in %q", p, said)
			}
			for _, mode := range []Mode{Shadow, Enforce} {
				v.run(t, rules, mode)
			}
		})
	}
}

func (v *vector) run(t *testing.T, rules *Rules, mode Mode) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	tp := trace.NewTracerProvider(trace.WithSpanProcessor(spans))
	served := 0
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served++
		b, err := io.ReadAll(r.Body)
		noError(t, err)
		equal(t, v.Request.Body, string(b), "the handler gets every byte")
		_, _ = io.WriteString(w, "served")
	})
	w := httptest.NewRecorder()
	h := httpcapture.NewHandler(Handler(next, Static(rules), WithMode(mode), WithIdentity(v.identity), patient), "op", httpcapture.WithTracerProvider(tp))
	h.ServeHTTP(w, v.request())
	got := map[string]string{}
	for _, s := range spans.Ended() {
		for _, kv := range s.Attributes() {
			got[string(kv.Key)] = kv.Value.String()
		}
	}
	action := v.Want.Action
	if action == "allow" {
		action = ""
	} else if mode == Shadow {
		action = "would_" + action
	}
	equal(t, action, got["apispan.guard.action"])
	equal(t, v.Want.Rule, got["apispan.guard.rule"])
	if mode == Shadow || v.Want.Action != "block" {
		equal(t, 1, served)
		equal(t, http.StatusOK, w.Code)
		equal(t, "served", w.Body.String())
		equal(t, "", got["apispan.blocked_by"])
	} else {
		equal(t, 0, served)
		equal(t, v.Want.Status, w.Code)
		equal(t, v.Want.Rule, got["apispan.blocked_by"])
		if v.Want.Body != nil {
			sameJSON(t, string(v.Want.Body), w.Body.String())
		}
		if v.Want.Raw != nil {
			equal(t, *v.Want.Raw, w.Body.String())
		}
	}
	for name, value := range v.Want.Headers {
		if mode == Shadow {
			value = ""
			if name == "Content-Type" {
				continue // the handler's
			}
		}
		equal(t, value, w.Header().Get(name), name)
	}
	for _, name := range v.Want.NoHeaders {
		equal(t, "", w.Header().Get(name), name)
	}
}
