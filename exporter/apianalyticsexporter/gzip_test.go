// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configcompression"
	"go.opentelemetry.io/collector/config/confighttp"
)

// gzipClient is a client that compresses, by confighttp or by ours.
func gzipClient(tb testing.TB, level int, dial func(confighttp.ClientConfig) (*http.Client, error)) *http.Client {
	tb.Helper()
	cfg := confighttp.NewDefaultClientConfig()
	cfg.Compression, cfg.CompressionParams.Level = configcompression.TypeGzip, configcompression.Level(level)
	c, err := dial(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.CloseIdleConnections)
	return c
}

var gzipClients = map[string]func(confighttp.ClientConfig) (*http.Client, error){
	"confighttp": func(cfg confighttp.ClientConfig) (*http.Client, error) {
		return cfg.ToClient(context.Background(), nil, componenttest.NewNopTelemetrySettings())
	},
	"ours": func(cfg confighttp.ClientConfig) (*http.Client, error) {
		return toClient(context.Background(), cfg, nil, componenttest.NewNopTelemetrySettings())
	},
}

// TestGzip: what arrives is gzip of what was sent, its length is said, and a request
// without content or with a coding of its own stays as it is, at every level that
// confighttp knows.
func TestGzip(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, _ := io.ReadAll(r.Body)
		said := r.ContentLength == int64(len(content))
		if r.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(bytes.NewReader(content))
			if err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			content, _ = io.ReadAll(z)
		}
		_, _ = fmt.Fprintf(w, "%v%v%s", r.Header["Content-Encoding"], said, content)
	}))
	defer srv.Close()
	text := strings.Repeat(`{"a":"bc"},`, 30_000)
	for _, level := range []int{-2, -1, 0, 1, 5, 9} {
		c := gzipClient(t, level, gzipClients["ours"])
		for _, tt := range []struct{ method, content, coding, want string }{
			{"POST", text, "", "[gzip]true" + text}, {"POST", "x", "", "[gzip]true" + "x"},
			{"POST", "", "", "[]true"}, {"GET", "", "", "[]true"}, {"POST", "x", "br", "[br]truex"},
		} {
			var body io.Reader
			if tt.content != "" {
				body = strings.NewReader(tt.content)
			}
			for range 2 {
				req, err := http.NewRequestWithContext(t.Context(), tt.method, srv.URL, body)
				if err != nil {
					t.Fatal(err)
				}
				if tt.coding != "" {
					req.Header.Set("Content-Encoding", tt.coding)
				}
				resp, err := c.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				got, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if string(got) != tt.want {
					t.Errorf("level %d, %s of %d bytes: %.60q", level, tt.method, len(tt.content), got)
				}
				if body != nil {
					body = strings.NewReader(tt.content)
				}
			}
		}
	}
	// A body that fails is an error and no half request.
	c := gzipClient(t, 1, gzipClients["ours"])
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, io.MultiReader(strings.NewReader("x"), failing{}))
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := c.Do(req); err == nil {
		_ = resp.Body.Close()
		t.Error("a request with half of its content was sent")
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// BenchmarkGzip compares the two with requests of 300 kB of events.
func BenchmarkGzip(b *testing.B) {
	var content []byte
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 600 {
		note := make([]byte, 90)
		for j := range note {
			note[j] = byte(rng.Uint32())
		}
		content = fmt.Appendf(content, `{"request":{"time":"2026-01-01T00:00:%02d.%03dZ","uri":"https://api.example.com/orders/%d","verb":"POST","headers":{"content-type":"application/json","x-request-id":"%x"},"body":{"id":%d,"note":"%s","list":[1,2,%d]}},"response":{"status":200,"body":{"ok":true}}},`,
			i%60, i, rng.IntN(1e6), rng.Uint64(), rng.IntN(1e9), base64.StdEncoding.EncodeToString(note), i)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer srv.Close()
	for _, name := range []string{"confighttp", "ours"} {
		b.Run(name, func(b *testing.B) {
			c := gzipClient(b, fastestGzip, gzipClients[name])
			b.SetBytes(int64(len(content)))
			for b.Loop() {
				resp, err := c.Post(srv.URL, "application/json", bytes.NewReader(content))
				if err != nil {
					b.Fatal(err)
				}
				_ = resp.Body.Close()
			}
		})
	}
}
