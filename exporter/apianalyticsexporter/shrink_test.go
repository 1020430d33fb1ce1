// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/vendors"
)

// junk is what makes an event large besides its bodies, and what is given up for it at
// last in a backend that takes little.
var junk = []struct {
	name string
	add  func(a pcommon.Map, size int)
}{
	{"one long header", func(a pcommon.Map, size int) { header(a, "x-junk", strings.Repeat("j", size)) }},
	{"quotation marks", func(a pcommon.Map, size int) { header(a, "x-junk", strings.Repeat(`"`, size)) }},
	{"many headers", func(a pcommon.Map, size int) {
		for i := range size / 100 {
			header(a, fmt.Sprintf("x-junk-%d", i), strings.Repeat("j", 90))
		}
	}},
	{"answered headers", func(a pcommon.Map, size int) {
		a.PutEmptySlice("http.response.header.x-junk").AppendEmpty().SetStr(strings.Repeat("j", size))
	}},
	{"path", func(a pcommon.Map, size int) { a.PutStr("url.path", "/"+strings.Repeat("j/%20", size/5)) }},
	{"query", func(a pcommon.Map, size int) { a.PutStr("url.query", strings.Repeat("a=%20&", size/6)) }},
	{"one parameter", func(a pcommon.Map, size int) { a.PutStr("url.query", "a="+strings.Repeat("j", size)) }},
	{"host", func(a pcommon.Map, size int) { header(a, "host", strings.Repeat("h", size)) }},
	{"route", func(a pcommon.Map, size int) { a.PutStr("http.route", "/"+strings.Repeat("r", size)) }},
	{"metadata", func(a pcommon.Map, size int) { a.PutStr("apispan.metadata.junk", strings.Repeat("j", size)) }},
	{"user", func(a pcommon.Map, size int) { a.PutStr("user.id", strings.Repeat("u", size)) }},
	{"user agent", func(a pcommon.Map, size int) { a.PutStr("user_agent.original", strings.Repeat("u", size)) }},
	{"everything", func(a pcommon.Map, size int) {
		header(a, "x-junk", strings.Repeat("j", size))
		header(a, "host", strings.Repeat("h", size))
		a.PutStr("url.path", "/"+strings.Repeat("j", size))
		a.PutStr("url.query", "a="+strings.Repeat("j", size))
		a.PutStr("http.route", "/"+strings.Repeat("r", size))
		a.PutStr("apispan.metadata.junk", strings.Repeat("j", size))
		a.PutStr("user.id", strings.Repeat("u", size))
	}},
}

// TestJunk: whatever is large, an event with it is sent to every backend, with what is
// short as it was.
func TestJunk(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Sorted(maps.Keys(vendors.All)) {
		for _, j := range junk {
			for _, size := range []int{300_000, 1_000_000} {
				t.Run(fmt.Sprint(name, "/", j.name, "/", size), func(t *testing.T) {
					t.Parallel()
					fake := vendors.All[name].New(backendtest.Settings{})
					var body bytes.Buffer
					srv := httptest.NewServer(onBody(t, fake, func(_ http.ResponseWriter, b []byte) bool { body.Write(b); return false }))
					defer srv.Close()
					cfg := backendConfig(t, name, srv.URL)
					cfg.ClientConfig.Compression = "none"
					r := newRig(t, cfg).start()
					td := traces(0, 3)
					j.add(spanAt(td, 1).Attributes(), size)
					if err := consume(r, td); err != nil {
						t.Fatal(err)
					}
					c := r.checkBooks()
					if c.Sent != 3 || len(c.Dropped) != 0 || fake.Stats().Accepted != 3 {
						t.Errorf("%+v, %+v", c, fake.Stats())
					}
					if s := fake.Stats(); s.Violations > 0 {
						t.Errorf("violations: %.500q", fake.Violations())
					}
					if c.Truncated == 1 && (name == "moesif" || name == "webhook") && !strings.Contains(body.String(), `"shed_`) {
						t.Error("the event does not say what was given up")
					}
					// The event before and after it are as they were.
					if n := strings.Count(strings.ToLower(body.String()), "x-note"); n < 2 && !countsOnly(name) {
						t.Errorf("%d of the other events have their headers", n)
					}
				})
			}
		}
	}
}

// TestTooLargeForAProxy: an event that is refused as too large arrives with less, for
// every backend, and as much of it as there is room for.
func TestTooLargeForAProxy(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Sorted(maps.Keys(vendors.All)) {
		for _, large := range []string{"body", "headers", "path"} {
			t.Run(name+"/"+large, func(t *testing.T) {
				t.Parallel()
				const limit = 8 << 10
				fake := vendors.All[name].New(backendtest.Settings{})
				var mu sync.Mutex
				taken := ""
				srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					b, _ := io.ReadAll(r.Body)
					if len(b) > limit {
						w.WriteHeader(http.StatusRequestEntityTooLarge)
						return
					}
					mu.Lock()
					taken += string(b)
					mu.Unlock()
					r.Body = io.NopCloser(bytes.NewReader(b))
					fake.ServeHTTP(w, r)
				}))
				defer srv.Close()
				cfg := backendConfig(t, name, srv.URL)
				cfg.ClientConfig.Compression = "none"
				r := newRig(t, cfg).start()
				td := traces(0, 4)
				a := spanAt(td, 2).Attributes()
				long := strings.Repeat("x", 9<<10)
				switch large {
				case "body":
					a.PutStr("http.request.body.content", `{"a":"`+long+`"}`)
				case "headers":
					header(a, "x-junk", long)
				case "path":
					a.PutStr("url.path", "/"+long)
				}
				if err := consume(r, td); err != nil {
					t.Fatal(err)
				}
				c := r.checkBooks()
				if c.Sent != 4 || c.Degraded != 1 && !countsOnly(name) || len(c.Dropped) != 0 {
					t.Errorf("%+v", c)
				}
				if s := fake.Stats(); s.Accepted != 4 || s.Violations > 0 {
					t.Errorf("%+v %q", s, fake.Violations())
				}
				mu.Lock()
				defer mu.Unlock()
				if n := strings.Count(strings.ToLower(taken), "x-note"); large == "body" && n != 4 && !countsOnly(name) {
					t.Errorf("headers in %d events", n)
				}
			})
		}
	}
	for name := range vendors.All {
		r := newRig(t, backendConfig(t, name, "http://127.0.0.1:1"))
		if len(r.exp.sender.spec.Slim) == 0 {
			t.Errorf("%s: an item that is too large cannot get smaller: give its Spec Slim", name)
		}
	}
}

// countsOnly: the backend gets no content, header or path, so that there is little to give
// up.
func countsOnly(name string) bool { return name == "cloudevents" }

func header(a pcommon.Map, name, value string) {
	a.PutEmptySlice("http.request.header." + name).AppendEmpty().SetStr(value)
}
