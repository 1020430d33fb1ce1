// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package gincapture

import (
	"bufio"
	"context"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// Middleware records each exchange on the server span in the context of
// gin.Context.Request. Place it directly inside what makes the span. Without a
// recording server span it calls the next handler and nothing else.
func Middleware(opts ...httpcapture.Option) gin.HandlerFunc {
	capture := httpcapture.Handler(http.HandlerFunc(serve), opts...)
	return func(c *gin.Context) {
		if !trace.SpanFromContext(c.Request.Context()).IsRecording() {
			c.Next()
			return
		}
		x := &writer{ResponseWriter: c.Writer}
		x.below, x.link.x = below{ResponseWriter: c.Writer, c: c, x: x}, x
		capture.ServeHTTP(&x.below, c.Request)
	}
}

// serve stands inside the capture; w is its ResponseWriter, or what it was given if it
// keeps out.
func serve(w http.ResponseWriter, r *http.Request) {
	if b, ok := w.(*below); ok {
		if x, ok := r.Context().Value(linkKey{}).(*writer); ok && x.below.c == b.c {
			// gin.Engine.HandleContext serves the request again, with the writer that it began with.
			b.c.Writer = x
		}
		b.c.Next()
		return
	}
	b := w.(interface{ Unwrap() http.ResponseWriter }).Unwrap().(*below)
	c, x := b.c, b.x
	x.capture = w
	outside := c.Request
	if route := c.FullPath(); route != "" {
		r.Pattern = route // where net/http has it, and httpcapture finds it
	}
	c.Writer, c.Request = x, r
	given := r.Context()
	x.link.Context = given //nolint:fatcontext // one link per exchange, not a growing chain
	*r = *r.WithContext(&x.link)
	defer func() {
		if r.Context() == context.Context(&x.link) {
			*r = *r.WithContext(given)
		}
		// What somebody else has put there since is his.
		if c.Writer == gin.ResponseWriter(x) {
			c.Writer = x.ResponseWriter
		}
		if c.Request == r {
			c.Request = outside
		}
	}()
	c.Next()
	x.note() // without a body, gin sends the header later
}

// below is what the capture writes to: the writer that gin had, and the way back to
// the request.
type below struct {
	gin.ResponseWriter

	c *gin.Context
	x *writer
}

func (b *below) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// writer is what the handlers get. Gin does not send a header when it is told the
// status, but with the first byte: only then the capture learns of it.
type writer struct {
	gin.ResponseWriter // that gin had; it keeps the books (Status, Size, Written)

	capture http.ResponseWriter
	noted   bool // the capture knows the status
	below   below
	link    link
}

// link is the way from the context of a request to its writer.
type link struct {
	context.Context //nolint:containedctx // it is one

	x *writer
}

type linkKey struct{}

func (l *link) Value(key any) any {
	if key == (linkKey{}) {
		return l.x
	}
	return l.Context.Value(key)
}

var _ gin.ResponseWriter = (*writer)(nil)

// Unwrap is for http.ResponseController.
func (x *writer) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// note tells the capture of the status that gin is about to send. It writes nothing:
// below is gin's writer, which has been told this status already.
func (x *writer) note() {
	if !x.noted {
		x.noted = true
		x.capture.WriteHeader(x.Status())
	}
}

func (x *writer) WriteHeaderNow() {
	x.note()
	x.ResponseWriter.WriteHeaderNow()
}

func (x *writer) Write(p []byte) (int, error) {
	x.note()
	return x.capture.Write(p)
}

func (x *writer) WriteString(s string) (int, error) {
	x.note()
	return x.capture.(interface{ WriteString(s string) (int, error) }).WriteString(s)
}

func (x *writer) Flush() {
	x.note()
	x.capture.(http.Flusher).Flush()
}

func (x *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return x.capture.(http.Hijacker).Hijack()
}
