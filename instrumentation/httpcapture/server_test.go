// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

func TestServerDefaults(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		mux := http.NewServeMux()
		mux.HandleFunc("POST /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("X-Secret", "s")
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"ok":true}`)
		})
		s := serve(t, wr.wrap(c, mux))
		do(t, s.Client(), newRequest(t, "POST", s.URL+"/orders/7?page=2&access_token=abc", `{"a":1}`,
			"Content-Type", "application/json", "Authorization", "Bearer x", "Accept", "a", "Accept", "b"))
		got := c.attrs(t)
		want(t, got, map[string]any{
			"http.route":                           "/orders/{id}",
			"http.response.status_code":            201,
			"http.request.header.content-type":     []string{"application/json"},
			"http.request.header.accept":           []string{"a", "b"},
			"http.request.header.authorization":    nil,
			"http.response.header.content-type":    []string{"application/json"},
			"http.response.header.x-secret":        nil,
			"http.request.body.content":            nil,
			"http.response.body.content":           nil,
			"http.request.body.size":               7,
			"http.response.body.size":              11,
			"url.query":                            "page=2&access_token=[REDACTED]",
			"apispan.skip":                         nil,
			"apispan.request.body.incomplete":      nil,
			"apispan.redaction.policy":             nil,
			"http.response.header.content-length":  nil,
			"http.response.header.x-correlation-d": nil,
		})
		c.none(t)
	})
}

func TestSpanNameFollowsRoute(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		mux := http.NewServeMux()
		mux.HandleFunc("GET /users/{id}", func(http.ResponseWriter, *http.Request) {})
		s := serve(t, wr.wrap(c, mux, httpcapture.WithBodies(httpcapture.BodiesAll)))
		do(t, s.Client(), newRequest(t, "GET", s.URL+"/users/1", ""))
		if got := c.span(t).Name(); got != "GET /users/{id}" {
			t.Errorf("span name = %q", got)
		}
	})
}

func TestBodies(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 6000) // 12000 bytes, cut at an odd byte below
	for _, tc := range []struct {
		name, contentType, body string
		chunked                 bool
		opts                    []httpcapture.Option
		want                    map[string]any
	}{
		{name: "json", contentType: "application/json", body: `{"a":1}`, want: map[string]any{
			"http.request.body.content": `{"a":1}`, "http.response.body.content": `{"a":1}`,
			"apispan.request.body.truncated": nil, "apispan.request.body.incomplete": nil,
			"apispan.response.body.truncated": nil, "apispan.response.body.incomplete": nil,
		}},
		{name: "chunked", contentType: "text/plain", body: "hello", chunked: true, want: map[string]any{
			"http.request.body.content": "hello", "http.response.body.content": "hello",
			"apispan.request.body.incomplete": nil,
		}},
		{name: "cut on a character boundary", contentType: "text/plain", body: long,
			opts: []httpcapture.Option{httpcapture.WithMaxRequestBodySize(5), httpcapture.WithMaxResponseBodySize(7)},
			want: map[string]any{
				"http.request.body.content": "éé", "http.response.body.content": "ééé",
				"apispan.request.body.truncated": true, "apispan.response.body.truncated": true,
				"apispan.request.body.incomplete": nil, "apispan.response.body.incomplete": nil,
			}},
		{name: "not UTF-8", contentType: "text/plain", body: "caf\xe9 au lait", want: map[string]any{
			"http.request.body.content": []byte("caf\xe9 au lait"),
		}},
		{name: "binary not by default", contentType: "application/octet-stream", body: "\x00\x01", want: map[string]any{
			"http.request.body.content": nil, "http.response.body.content": nil, "apispan.request.body.incomplete": nil,
		}},
		{name: "binary on demand", contentType: "image/png", body: "\x89PNG",
			opts: []httpcapture.Option{httpcapture.WithContentTypes("image/*")},
			want: map[string]any{"http.request.body.content": []byte("\x89PNG"), "http.response.body.content": []byte("\x89PNG")}},
		{name: "no content type, text", body: "just text", want: map[string]any{
			"http.request.body.content": "just text", "http.response.body.content": "just text",
		}},
		{name: "no content type, binary", body: "\x00\x01\x02", want: map[string]any{
			"http.request.body.content": nil, "http.response.body.content": nil,
		}},
		{name: "ndjson is captured as bytes", contentType: "application/x-ndjson", body: "{}\n{}\n", want: map[string]any{
			"http.request.body.content": []byte("{}\n{}\n"),
		}},
		{name: "exactly the limit", contentType: "text/plain", body: "12345678",
			opts: []httpcapture.Option{httpcapture.WithMaxBodySize(8)},
			want: map[string]any{"http.request.body.content": "12345678", "apispan.request.body.truncated": nil}},
	} {
		both(t, func(t *testing.T, wr wrapping) {
			t.Run(tc.name, func(t *testing.T) {
				c := newCollector(t)
				s := serve(t, wr.wrap(c, echo, append(tc.opts, httpcapture.WithBodies(httpcapture.BodiesAll))...))
				req := newRequest(t, "POST", s.URL, tc.body)
				if tc.contentType != "" {
					req.Header.Set("Content-Type", tc.contentType)
				}
				if tc.chunked {
					req.ContentLength = -1
				}
				_, got := do(t, s.Client(), req)
				if got != tc.body {
					t.Errorf("body on the wire changed: %d bytes, want %d", len(got), len(tc.body))
				}
				want(t, c.attrs(t), tc.want)
			})
		})
	}
}

func TestBodiesOnError(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if r.URL.Path == "/bad" {
				http.Error(w, "no", http.StatusBadRequest)
				return
			}
			_, _ = io.WriteString(w, "fine")
		})
		s := serve(t, wr.wrap(c, h, httpcapture.WithBodies(httpcapture.BodiesOnError)))
		for path, wantBodies := range map[string]map[string]any{
			"/good": {"http.request.body.content": nil, "http.response.body.content": nil},
			"/bad":  {"http.request.body.content": "in", "http.response.body.content": "no\n"},
		} {
			do(t, s.Client(), newRequest(t, "POST", s.URL+path, "in", "Content-Type", "text/plain"))
			want(t, c.attrs(t), wantBodies)
		}
	})
}

func TestAllHeadersMaskCredentials(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Set-Cookie", "a=secret-1")
			w.Header().Add("Set-Cookie", "b=secret-2")
			w.Header().Set("X-Late", "before")
			w.WriteHeader(http.StatusOK)
			w.Header().Set("X-Late", "after")
			w.Header().Set("X-Later", "after")
			r.Header.Set("X-In", "changed by the handler")
		})
		s := serve(t, wr.wrap(c, h, httpcapture.WithAllHeaders()))
		for range 2 { // the second is served from caches
			do(t, s.Client(), newRequest(t, "GET", s.URL, "", "Authorization", "Bearer secret-3", "Cookie", "c=secret-4",
				"X-Api-Key", "secret-5", "X-My-Access-Token", "secret-6", "X-In", "as sent", "X-Latin", "caf\xe9"))
			sp := c.span(t)
			got := attrMap(sp.Attributes())
			want(t, got, map[string]any{
				"http.request.header.authorization":     []string{"[REDACTED]"},
				"http.request.header.cookie":            []string{"[REDACTED]"},
				"http.request.header.x-api-key":         []string{"[REDACTED]"},
				"http.request.header.x-my-access-token": []string{"[REDACTED]"},
				"http.request.header.x-in":              []string{"as sent"},
				"http.request.header.x-latin":           []string{"caf\uFFFD"},
				"http.response.header.set-cookie":       []string{"[REDACTED]"},
				"http.response.header.x-late":           []string{"before"},
				"http.response.header.x-later":          nil,
			})
			if s := fmt.Sprint(sp.Attributes()); strings.Contains(s, "secret-") {
				t.Error("a credential is on the span")
			}
		}
	})
}

// TestAttributeLimit sends more header fields than the SDK takes attributes and
// sees that what is set last, the status code, is still there.
func TestAttributeLimit(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for i := range 90 {
				w.Header().Set(fmt.Sprintf("X-Out-%d", i), "v")
				httpcapture.SetMetadata(r.Context(), fmt.Sprintf("k%d", i), i)
			}
			httpcapture.SetIdentity(r.Context(), httpcapture.Identity{UserID: "u", CompanyID: "c", SessionID: "s"})
			echo(w, r)
		})
		s := serve(t, wr.wrap(c, h, httpcapture.WithAllHeaders(), httpcapture.WithBodies(httpcapture.BodiesAll)))
		req := newRequest(t, "POST", s.URL+"/?q=1", "body", "Content-Type", "text/plain")
		for i := range 90 {
			req.Header.Set(fmt.Sprintf("X-In-%d", i), "v")
		}
		do(t, s.Client(), req)
		sp := c.span(t)
		if sp.DroppedAttributes() != 0 {
			t.Errorf("the SDK dropped %d attributes", sp.DroppedAttributes())
		}
		got := attrMap(sp.Attributes())
		want(t, got, map[string]any{
			"http.response.status_code": 200, "user.id": "u", "session.id": "s",
			"http.request.body.content": "body", "http.request.header.content-type": []string{"text/plain"},
		})
		in, out := 0, 0
		for k := range got {
			if strings.HasPrefix(k, "http.request.header.") {
				in++
			}
			if strings.HasPrefix(k, "http.response.header.") {
				out++
			}
		}
		if in > 48 || out > 48 || in == 0 {
			t.Errorf("%d request and %d response headers, want at most 48 each", in, out)
		}
	})
}
