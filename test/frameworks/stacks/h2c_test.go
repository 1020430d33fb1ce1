// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c" //nolint:staticcheck // it is deprecated, and in use

	"github.com/apispan/apispan/test/frameworks/adaptertest"
)

// TestH2C: HTTP/2 without TLS by x/net's handler. Outside of the capture, each call is a
// span with its body, in HTTP/1.1, too. Inside, the connection is one hijacked request, as
// README says, and answers are what they are without us.
func TestH2C(t *testing.T) {
	t.Parallel()
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, r.Proto+" "+string(body))
	})
	clients := map[string]*http.Protocols{"HTTP/2.0": {}, "HTTP/1.1": {}}
	clients["HTTP/2.0"].SetUnencryptedHTTP2(true)
	clients["HTTP/1.1"].SetHTTP1(true)
	for way, wrap := range ways {
		for mounted, outside := range map[string]bool{"outside": true, "inside": false} {
			for proto, protocols := range clients {
				t.Run(way+"/"+mounted+"/"+proto, func(t *testing.T) {
					t.Parallel()
					s := newSpans(t, trace.SpanKindServer)
					capture := wrap(s.TracerProvider, all)
					h := capture(unencrypted(echo))
					if outside {
						h = unencrypted(capture(echo))
					}
					srv := httptest.NewServer(h)
					defer srv.Close()
					tr := &http.Transport{Protocols: protocols}
					for range 3 {
						resp, err := (&http.Client{Transport: tr, Timeout: patience}).Post(srv.URL+"/a", "text/plain", strings.NewReader("hello"))
						if err != nil {
							t.Fatal(err)
						}
						body, err := io.ReadAll(resp.Body)
						_ = resp.Body.Close()
						if want := proto + " hello"; err != nil || resp.StatusCode != http.StatusCreated || string(body) != want {
							t.Fatalf("%d %q, %v, want %q", resp.StatusCode, body, err, want)
						}
					}
					tr.CloseIdleConnections() // which ends the hijacked request
					if !outside && proto == "HTTP/2.0" {
						s.next(t)
						s.none(t)
						return
					}
					for range 3 {
						span := s.next(t)
						got := adaptertest.Attrs(span)
						if got[status] != int64(http.StatusCreated) || got[reqBody] != "hello" || got[resBody] != proto+" hello" {
							t.Errorf("status %v, bodies %q and %q", got[status], got[reqBody], got[resBody])
						}
					}
					s.none(t)
				})
			}
		}
	}
}

func unencrypted(h http.Handler) http.Handler {
	return h2c.NewHandler(h, &http2.Server{}) //nolint:staticcheck // as above
}
