// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/klauspost/compress/gzhttp"
	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.String()
}

// chain lays middleware around h, the first outermost.
func chain(h http.Handler, around ...middleware) http.Handler {
	for i := len(around) - 1; i >= 0; i-- {
		h = around[i](h)
	}
	return h
}

func gz(h http.Handler) http.Handler { return gzhttp.GzipHandler(h) }

func chiCompress(h http.Handler) http.Handler { return chimiddleware.Compress(5)(h) }

// echoOf is an echo application whose middleware and capture stand in the order given.
func echoOf(around ...any) http.Handler {
	e := echo.New()
	e.Logger.SetOutput(io.Discard)
	for _, m := range around {
		switch m := m.(type) {
		case echo.MiddlewareFunc:
			e.Use(m)
		case middleware:
			e.Use(echo.WrapMiddleware(m))
		}
	}
	e.Any("/*", echo.WrapHandler(http.HandlerFunc(content)))
	return e
}

func ginOf(around ...gin.HandlerFunc) *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.Use(around...)
	e.NoRoute(func(c *gin.Context) { c.Status(http.StatusOK); content(c.Writer, c.Request) })
	return e
}

var (
	short = "a short text"
	long  = strings.Repeat("0123456789abcdef", 4096) // 64 KB
	mixed = strings.Repeat("žluťoučký kůň ", 1000)
)

// content is the routes of all stacks here.
func content(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	switch r.URL.Path {
	case "/long":
		_, _ = io.WriteString(w, long)
	case "/mixed":
		_, _ = io.Copy(w, strings.NewReader(mixed))
	case "/stream":
		for range 3 {
			_, _ = io.WriteString(w, long[:4096])
			_ = http.NewResponseController(w).Flush()
		}
	case "/created":
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, mixed[:3000])
	case "/unchanged":
		w.WriteHeader(http.StatusNotModified)
	case "/zipped": // by the handler itself
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, zipped(mixed))
	case "/echo":
		echoBody(w, r)
	default:
		_, _ = io.WriteString(w, short)
	}
}

func echoBody(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	_, _ = w.Write(b)
}

// TestCompressors: the event has the plain text, wherever the compressor stands.
func TestCompressors(t *testing.T) {
	const wide = 1 << 20
	accept := []string{"Accept-Encoding", "gzip"}
	calls := []call{
		{method: "GET", path: "/short", header: accept, want: attrs{resBody: short, status: int64(200)}},
		{method: "GET", path: "/long", header: accept, want: attrs{resBody: long, status: int64(200), "apispan.response.body.truncated": nil}},
		{method: "GET", path: "/long", want: attrs{resBody: long, status: int64(200)}},
		{method: "GET", path: "/mixed", header: accept, want: attrs{resBody: mixed, status: int64(200)}},
		{method: "GET", path: "/stream", header: accept, want: attrs{resBody: long[:3*4096], status: int64(200)}},
		{method: "GET", path: "/created", header: accept, want: attrs{resBody: mixed[:3000], status: int64(201)}},
		{method: "GET", path: "/unchanged", header: accept, want: attrs{resBody: nil, status: int64(304)}},
		{method: "HEAD", path: "/long", header: accept, want: attrs{resBody: nil, status: int64(200)}},
		{method: "GET", path: "/zipped", header: accept, want: attrs{resBody: mixed, status: int64(200)}},
		{method: "POST", path: "/echo", body: long, header: append(accept, "Content-Type", "text/plain"), want: attrs{reqBody: long, resBody: long}},
	}
	onlyPlain := calls[:8:8] // echo packs again what is packed, and says so once
	wholeBodies := []httpcapture.Option{httpcapture.WithMaxBodySize(wide)}
	h := http.HandlerFunc(content)
	run(t, []probe{
		{"gzhttp outside", func(_ testing.TB, c middleware) http.Handler { return chain(h, gz, c) }, wholeBodies, calls, false},
		{"gzhttp inside", func(_ testing.TB, c middleware) http.Handler { return chain(h, c, gz) }, wholeBodies, calls, false},
		{"gzhttp on both sides", func(_ testing.TB, c middleware) http.Handler { return chain(h, gz, c, gz) }, wholeBodies, calls, false},
		{"chi outside", func(_ testing.TB, c middleware) http.Handler {
			r := chi.NewRouter()
			r.Use(chiCompress, c)
			r.Handle("/*", h)
			return r
		}, wholeBodies, calls, false},
		{"chi inside", func(_ testing.TB, c middleware) http.Handler {
			r := chi.NewRouter()
			r.Use(c, chiCompress)
			r.Handle("/*", h)
			return r
		}, wholeBodies, calls, false},
		{"echo outside", func(_ testing.TB, c middleware) http.Handler { return echoOf(echomiddleware.Gzip(), c) }, wholeBodies, calls, false},
		{"echo inside", func(_ testing.TB, c middleware) http.Handler { return echoOf(c, echomiddleware.Gzip()) }, wholeBodies, onlyPlain, false},
		{"echo around all", func(_ testing.TB, c middleware) http.Handler { return c(echoOf(echomiddleware.Gzip())) }, wholeBodies, onlyPlain, false},
		{"gin behind gzhttp", func(_ testing.TB, c middleware) http.Handler { return chain(ginOf(), gz, c) }, wholeBodies, calls, false},
	})
}

// TestCutWhileCompressed: the limit holds for what is unpacked, and the event says that
// it was cut.
func TestCutWhileCompressed(t *testing.T) {
	accept := []string{"Accept-Encoding", "gzip"}
	cut := []call{
		{method: "GET", path: "/long", header: accept, want: attrs{resBody: long[:8192], "apispan.response.body.truncated": true}},
		{method: "GET", path: "/mixed", header: accept, want: attrs{resBody: strings.ToValidUTF8(mixed[:8192], ""), "apispan.response.body.truncated": true}},
		{method: "GET", path: "/zipped", header: accept, want: attrs{resBody: strings.ToValidUTF8(mixed[:8192], ""), "apispan.response.body.truncated": true}},
	}
	h := http.HandlerFunc(content)
	run(t, []probe{
		{"gzhttp outside", func(_ testing.TB, c middleware) http.Handler { return chain(h, gz, c) }, nil, cut, false},
		{"gzhttp inside", func(_ testing.TB, c middleware) http.Handler { return chain(h, c, gz) }, nil, cut, false},
		{"echo inside", func(_ testing.TB, c middleware) http.Handler { return echoOf(c, echomiddleware.Gzip()) }, nil, cut[:2], false},
	})
}

// TestDecompressors: what unpacks requests may leave Content-Encoding behind, and stands
// on either side. What lies about its coding is not recorded as text.
func TestDecompressors(t *testing.T) {
	plain := []string{"Content-Type", "text/plain"}
	coded := append(plain, "Content-Encoding", "gzip")
	calls := []call{
		{method: "POST", path: "/echo", body: zipped(short), header: coded, want: attrs{reqBody: short, resBody: short, status: int64(200), "apispan.request.body.incomplete": nil}},
		{method: "POST", path: "/echo", body: zipped(mixed), header: coded, want: attrs{reqBody: strings.ToValidUTF8(mixed[:8192], ""), "apispan.request.body.truncated": true}},
		{method: "POST", path: "/echo", body: short, header: plain, want: attrs{reqBody: short, resBody: short}},
		{method: "POST", path: "/echo", header: coded, want: attrs{reqBody: nil}},
	}
	run(t, []probe{
		{"echo outside", func(_ testing.TB, c middleware) http.Handler { return echoOf(echomiddleware.Decompress(), c) }, nil, calls, false},
		{"echo inside", func(_ testing.TB, c middleware) http.Handler { return echoOf(c, echomiddleware.Decompress()) }, nil, calls, false},
		{"echo around all", func(_ testing.TB, c middleware) http.Handler { return c(echoOf(echomiddleware.Decompress())) }, nil, calls, false},
		{"echo, compressing too", func(_ testing.TB, c middleware) http.Handler {
			return echoOf(echomiddleware.Gzip(), echomiddleware.Decompress(), c)
		}, nil, calls, false},
	})
}
