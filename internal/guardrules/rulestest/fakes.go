// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package rulestest has endpoints that hand out rules as the vendors do, for tests of those
// who ask for them.
package rulestest

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// Key is the credential that the fakes take.
const Key = "SECRET-key-of-the-vendor"

// Vendor is an endpoint of a vendor. Set changes what it hands out.
type Vendor struct {
	*httptest.Server

	mu      sync.Mutex
	docs    map[string]string // by path
	fail    func(w http.ResponseWriter, r *http.Request) bool
	asked   map[string]int
	refused int
}

// Moesif hands out GET /v1/rules and /v1/config, with the tags of both, and takes
// POST /v1/events/batch, whose answers carry the tags, too.
func Moesif(t *testing.T, rules, config string) *Vendor {
	t.Helper()
	v := &Vendor{docs: map[string]string{"/v1/rules": rules, "/v1/config": config}, asked: map[string]int{}}
	return v.serve(t, "X-Moesif-Application-Id", map[string][]string{
		"/v1/rules": {"X-Moesif-Rules-Tag"}, "/v1/config": {"X-Moesif-Config-ETag"},
		"/v1/events/batch": {"X-Moesif-Rules-Tag", "X-Moesif-Config-ETag"},
	})
}

// Metlo hands out GET /api/v1/agent-config.
func Metlo(t *testing.T, config string) *Vendor {
	t.Helper()
	v := &Vendor{docs: map[string]string{"/api/v1/agent-config": config}, asked: map[string]int{}}
	return v.serve(t, "Authorization", nil)
}

func (v *Vendor) serve(t *testing.T, credential string, tags map[string][]string) *Vendor {
	t.Helper()
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.asked[r.URL.Path]++
		if r.Header.Get(credential) != Key {
			v.refused++
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if v.fail != nil && v.fail(w, r) {
			return
		}
		for _, name := range tags[r.URL.Path] {
			of := "/v1/rules"
			if name == "X-Moesif-Config-ETag" {
				of = "/v1/config"
			}
			w.Header().Set(name, tag(v.docs[of]))
		}
		doc, ok := v.docs[r.URL.Path]
		switch {
		case r.URL.Path == "/v1/events/batch" && r.Method == http.MethodPost:
			w.WriteHeader(http.StatusCreated)
		case !ok:
			w.WriteHeader(http.StatusNotFound)
		case r.Method != http.MethodGet:
			w.WriteHeader(http.StatusMethodNotAllowed)
		default:
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			_, _ = w.Write([]byte(doc)) //nolint:gosec // what the test set
		}
	}))
	t.Cleanup(v.Close)
	return v
}

func tag(doc string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(doc))
	return fmt.Sprintf("%x", h.Sum64())
}

// Set changes what a path hands out.
func (v *Vendor) Set(path, doc string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.docs[path] = doc
}

// Fail lets f answer instead, if it returns true; nil ends it.
func (v *Vendor) Fail(f func(w http.ResponseWriter, r *http.Request) bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fail = f
}

// Asked is how often a path was asked for, and Refused how often with a wrong key.
func (v *Vendor) Asked(path string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.asked[path]
}

// Refused is how often the key was wrong.
func (v *Vendor) Refused() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.refused
}

// Nonsense are answers that say nothing about rules, whatever their status: a proxy's page,
// an error, half a document, a redirect.
func Nonsense() map[string]func(w http.ResponseWriter, r *http.Request) bool {
	write := func(status int, body string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
			return true
		}
	}
	return map[string]func(http.ResponseWriter, *http.Request) bool{
		"500": write(500, "oops"), "404": write(404, "[]"), "401": write(401, "[]"), "204": write(204, ""), "empty": write(200, ""),
		"page": write(200, "<html>login</html>"), "error": write(200, `{"error":"x"}`), "null": write(200, "null"), "half": write(200, `[{"_id":"a"`),
		"list": write(200, `["a"]`), "number": write(200, "7"), "304": write(304, ""),
		"redirect": func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
			return true
		},
		"cut": func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("[]"))
			panic(http.ErrAbortHandler)
		},
		"hangs": func(_ http.ResponseWriter, r *http.Request) bool {
			select {
			case <-r.Context().Done():
			case <-time.After(50 * time.Millisecond):
			}
			panic(http.ErrAbortHandler)
		},
	}
}
