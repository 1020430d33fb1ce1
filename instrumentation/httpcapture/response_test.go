// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

func TestLargeBody(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, _ := io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "text/plain")
			block := bytes.Repeat([]byte("y"), 1000)
			for left := n; left > 0; left -= 1000 {
				_, _ = w.Write(block)
			}
		})
		s := serve(t, wr.wrap(c, h, everything()...))
		const size = 5_000_000
		_, got := do(t, s.Client(), newRequest(t, "POST", s.URL, strings.Repeat("x", size), "Content-Type", "text/plain"))
		if len(got) != size {
			t.Errorf("%d bytes arrived", len(got))
		}
		want(t, c.attrs(t), map[string]any{
			"http.request.body.content":      strings.Repeat("x", httpcapture.DefaultMaxBodySize),
			"http.response.body.content":     strings.Repeat("y", httpcapture.DefaultMaxBodySize),
			"apispan.request.body.truncated": true, "apispan.response.body.truncated": true,
			"apispan.request.body.incomplete": nil, "apispan.response.body.incomplete": nil,
			"http.request.body.size": size, "http.response.body.size": size,
		})
	})
}

func TestBodylessResponses(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			switch r.URL.Path {
			case "/204":
				w.WriteHeader(http.StatusNoContent)
			case "/304":
				w.WriteHeader(http.StatusNotModified)
			}
			_, _ = io.WriteString(w, "body")
		})
		s := serve(t, wr.wrap(c, h, everything()...))
		for _, tc := range []struct{ method, path string }{{"HEAD", "/"}, {"GET", "/204"}, {"GET", "/304"}} {
			_, got := do(t, s.Client(), newRequest(t, tc.method, s.URL+tc.path, ""))
			if got != "" {
				t.Errorf("%s %s: body %q", tc.method, tc.path, got)
			}
			want(t, c.attrs(t), map[string]any{
				"http.response.body.content": nil, "apispan.response.body.incomplete": nil,
				"http.response.header.content-type": []string{"text/plain"},
			})
		}
	})
}

func TestInformationalThenFinal(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</style.css>")
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Set("X-Final", "yes")
			w.WriteHeader(http.StatusNotFound)
			w.WriteHeader(http.StatusOK) // superfluous
			_, _ = io.WriteString(w, "gone")
		})
		s := serve(t, wr.wrap(c, h, everything(httpcapture.WithBodies(httpcapture.BodiesOnError))...))
		if res, _ := do(t, s.Client(), newRequest(t, "GET", s.URL, "")); res.StatusCode != http.StatusNotFound {
			t.Errorf("status %d", res.StatusCode)
		}
		want(t, c.attrs(t), map[string]any{
			"http.response.status_code": 404, "http.response.header.x-final": []string{"yes"}, "http.response.body.content": "gone",
		})
	})
}

// fileAndReader serve content through ReadFrom, in sizes around what net/http
// looks at to frame a response.
func TestReadFrom(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 100, 511, 512, 550, 700, 2047, 5000, 100_000} {
		content := strings.Repeat("a", size)
		name := filepath.Join(t.TempDir(), "f.txt")
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		serveFile := func(withLength bool) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if withLength {
					http.ServeFile(w, r, name)
					return
				}
				f, err := os.Open(name)
				if err != nil {
					t.Error(err)
					return
				}
				defer f.Close()
				w.Header().Set("Content-Type", "text/plain")
				n, err := w.(io.ReaderFrom).ReadFrom(f)
				if err != nil || n != int64(size) {
					t.Errorf("ReadFrom: %d, %v", n, err)
				}
			})
		}
		for _, withLength := range []bool{false, true} {
			for _, limit := range []int{100, 8192} {
				both(t, func(t *testing.T, wr wrapping) {
					t.Run(fmt.Sprint(size, withLength, limit), func(t *testing.T) {
						c := newCollector(t)
						bare := serve(t, serveFile(withLength))
						s := serve(t, wr.wrap(c, serveFile(withLength), everything(httpcapture.WithMaxBodySize(limit))...))
						wantRes, wantBody := do(t, bare.Client(), newRequest(t, "GET", bare.URL, ""))
						gotRes, gotBody := do(t, s.Client(), newRequest(t, "GET", s.URL, ""))
						if gotBody != wantBody || gotRes.ContentLength != wantRes.ContentLength {
							t.Errorf("%d bytes with length %d, want %d with %d", len(gotBody), gotRes.ContentLength, len(wantBody), wantRes.ContentLength)
						}
						w := map[string]any{"http.response.body.content": content[:min(size, limit)], "apispan.response.body.incomplete": nil,
							"http.response.body.size": size, "apispan.response.body.truncated": true}
						if size <= limit {
							w["apispan.response.body.truncated"] = nil
						}
						if size == 0 {
							w["http.response.body.content"], w["http.response.body.size"] = nil, nil
						}
						want(t, c.attrs(t), w)
					})
				})
			}
		}
	}
}

// TestMaxBytes: a limit on the request works from outside and from inside.
func TestMaxBytes(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(r.Body)
			var tooBig *http.MaxBytesError
			if errors.As(err, &tooBig) {
				http.Error(w, "too big", http.StatusRequestEntityTooLarge)
			}
		})
		c := newCollector(t)
		for name, wrapped := range map[string]http.Handler{
			"outside": http.MaxBytesHandler(wr.wrap(c, h, everything()...), 4),
			"inside":  wr.wrap(c, http.MaxBytesHandler(h, 4), everything()...),
		} {
			s := serve(t, wrapped)
			res, body := do(t, s.Client(), newRequest(t, "POST", s.URL, "123456", "Content-Type", "text/plain"))
			if res.StatusCode != http.StatusRequestEntityTooLarge || body != "too big\n" {
				t.Errorf("%s: %d %q", name, res.StatusCode, body)
			}
			got := c.attrs(t)
			w := map[string]any{"http.response.status_code": 413, "http.response.body.content": "too big\n"}
			if name == "outside" {
				w["http.request.body.content"], w["apispan.request.body.incomplete"] = "1234", true
			}
			want(t, got, w)
		}
	})
}

func TestTimeoutHandler(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		release := make(chan struct{})
		slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-release
			_, _ = io.ReadAll(r.Body)
			httpcapture.SetMetadata(r.Context(), "late", true)
			_, _ = io.WriteString(w, "late")
		})
		inside := serve(t, wr.wrap(c, http.TimeoutHandler(slow, 20*time.Millisecond, "slow"), everything()...))
		res, body := do(t, inside.Client(), newRequest(t, "POST", inside.URL, "x", "Content-Type", "text/plain"))
		if res.StatusCode != http.StatusServiceUnavailable || body != "slow" {
			t.Errorf("inside: %d %q", res.StatusCode, body)
		}
		want(t, c.attrs(t), map[string]any{"http.response.body.content": "slow", "http.response.status_code": 503, "apispan.metadata.late": nil})

		outside := serve(t, http.TimeoutHandler(wr.wrap(c, slow, everything()...), 20*time.Millisecond, "slow"))
		res, body = do(t, outside.Client(), newRequest(t, "POST", outside.URL, "x", "Content-Type", "text/plain"))
		if res.StatusCode != http.StatusServiceUnavailable || body != "slow" {
			t.Errorf("outside: %d %q", res.StatusCode, body)
		}
		close(release)
		c.span(t)
	})
}
