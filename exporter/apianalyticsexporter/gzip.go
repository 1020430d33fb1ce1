// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"

	"github.com/klauspost/compress/gzip"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configcompression"
	"go.opentelemetry.io/collector/config/confighttp"
)

// toClient is confighttp's, but for gzip: confighttp has the standard library's, which
// takes more than twice as long at the fastest level (BenchmarkGzip) and was a third of
// all that this exporter costs.
func toClient(ctx context.Context, client confighttp.ClientConfig, extensions map[component.ID]component.Component, set component.TelemetrySettings) (*http.Client, error) {
	zip := client.Compression == configcompression.TypeGzip
	if zip {
		client.Compression = ""
	}
	c, err := client.ToClient(ctx, extensions, set)
	if err == nil && zip {
		c.Transport = newGzipTransport(c.Transport, int(client.CompressionParams.Level))
	}
	return c, err
}

// gzipTransport compresses the content of requests, as a whole, so that its length is
// known and it can be sent again.
type gzipTransport struct {
	next    http.RoundTripper
	writers sync.Pool // *gzip.Writer
}

func newGzipTransport(next http.RoundTripper, level int) *gzipTransport {
	if level == 0 {
		level = gzip.DefaultCompression // as confighttp has it
	}
	t := &gzipTransport{next: next}
	t.writers.New = func() any {
		w, err := gzip.NewWriterLevel(nil, level)
		if err != nil {
			return gzip.NewWriter(nil) // confighttp has validated the level
		}
		return w
	}
	return t
}

// RoundTrip implements http.RoundTripper.
func (t *gzipTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body == nil || req.Body == http.NoBody || req.Header.Get("Content-Encoding") != "" {
		return t.next.RoundTrip(req)
	}
	var buf bytes.Buffer
	if req.ContentLength > 0 {
		buf.Grow(int(min(req.ContentLength/3, 1<<20)))
	}
	w := t.writers.Get().(*gzip.Writer)
	w.Reset(&buf)
	_, err := io.Copy(w, req.Body)
	if closed := w.Close(); err == nil {
		err = closed
	}
	w.Reset(nil) // or it would keep the buffer
	t.writers.Put(w)
	if closed := req.Body.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	out := req.Clone(req.Context())
	content := buf.Bytes()
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(content)), int64(len(content))
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	out.Header.Set("Content-Encoding", "gzip")
	return t.next.RoundTrip(out)
}

// CloseIdleConnections is what http.Client's looks for.
func (t *gzipTransport) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
