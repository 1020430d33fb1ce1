// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fibercapture

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// Middleware records each exchange on the server span in fiber.Ctx.UserContext().
// Place it directly inside what makes the span. Without a recording server span it
// calls the next handler and nothing else.
//
// An error that a handler returns is recorded on the span and answered at once, by the
// application's ErrorHandler, so that the answer is recorded; the middleware then
// returns nil, as fiber's own Logger does.
func Middleware(opts ...httpcapture.Option) fiber.Handler {
	capture := httpcapture.Handler(http.HandlerFunc(serve), opts...)
	return func(c *fiber.Ctx) error {
		ctx := c.UserContext()
		if !trace.SpanFromContext(ctx).IsRecording() {
			return c.Next()
		}
		b := &below{c: c, header: http.Header{}}
		capture.ServeHTTP(b, b.request(ctx))
		return b.err
	}
}

// below is what the capture writes to: nothing. What the application answered is
// shown to the capture when it is complete; fasthttp sends it.
type below struct {
	c        *fiber.Ctx
	header   http.Header
	body     bytes.Reader
	withheld bool // the response body is a stream, which only fasthttp may read
	err      error
}

var (
	_ http.Hijacker = (*below)(nil)

	errWithheld = errors.New("fibercapture: the body is a stream")
)

func (b *below) Header() http.Header { return b.header }

func (*below) WriteHeader(int) {}

func (b *below) Write(p []byte) (int, error) {
	if b.withheld {
		return 0, errWithheld
	}
	return len(p), nil
}

// Hijack is called when the application has taken over the connection.
func (*below) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, nil }

// request describes the request as net/http would, in memory of its own: fasthttp
// uses its own again. The body is left where it is.
func (b *below) request(ctx context.Context) *http.Request {
	from := b.c.Request()
	r := &http.Request{
		Method:        string(from.Header.Method()),
		RequestURI:    string(from.Header.RequestURI()),
		Host:          string(from.Host()),
		RemoteAddr:    b.c.Context().RemoteAddr().String(),
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        http.Header{},
		ContentLength: max(int64(from.Header.ContentLength()), -1),
		TLS:           b.c.Context().TLSConnectionState(),
		Body:          http.NoBody,
	}
	var err error
	if r.URL, err = url.ParseRequestURI(r.RequestURI); err != nil {
		r.URL = &url.URL{Path: string(from.URI().Path())}
	}
	from.Header.VisitAll(func(k, v []byte) {
		if key := string(k); !strings.EqualFold(key, "Host") { // net/http has it apart
			r.Header.Add(key, string(v))
		}
	})
	if from.IsBodyStream() || isForm(r) || len(from.Body()) > 0 {
		r.Body = io.NopCloser(&b.body)
	}
	return r.WithContext(ctx)
}

// isForm reports whether fasthttp may have parsed the body already, so that asking for
// it would make it anew from the parts.
func isForm(r *http.Request) bool {
	return strings.HasPrefix(strings.ToLower(r.Header.Get("Content-Type")), "multipart/form-data")
}

// serve stands inside the capture; w is its ResponseWriter, or what it was given if it
// keeps out.
func serve(w http.ResponseWriter, r *http.Request) {
	if b, ok := w.(*below); ok {
		b.err = b.c.Next()
		return
	}
	b := w.(interface{ Unwrap() http.ResponseWriter }).Unwrap().(*below)
	c := b.c
	for k, vs := range b.header { // the event id
		c.Set(k, vs[0])
	}
	outside := c.UserContext()
	c.SetUserContext(r.Context())
	defer func() {
		if c.UserContext() == r.Context() { // what somebody else has put there is his
			c.SetUserContext(outside)
		}
	}()
	err := c.Next()
	if !isUnrouted(err) {
		r.Pattern = c.Route().Path // where net/http has it, and httpcapture finds it
	}
	if err != nil {
		trace.SpanFromContext(outside).RecordError(err)
		if c.App().ErrorHandler(c, err) != nil {
			_ = c.SendStatus(fiber.StatusInternalServerError) // as fiber does
		}
	}
	b.show(w, r)
}

// isUnrouted recognises the error by which fiber says that no route matched. The route
// of the context is then that of the last middleware.
func isUnrouted(err error) bool {
	var e *fiber.Error
	return errors.As(err, &e) && e.Code == fiber.StatusNotFound && strings.HasPrefix(e.Message, "Cannot ")
}

// show passes the exchange before the capture.
func (b *below) show(w http.ResponseWriter, r *http.Request) {
	c := b.c
	if !c.Request().IsBodyStream() && !isForm(r) {
		b.body.Reset(c.Request().Body())
		_, _ = io.Copy(io.Discard, r.Body)
	}
	clear(b.header)
	response := c.Response()
	response.Header.VisitAll(func(k, v []byte) { b.header.Add(string(k), string(v)) })
	w.WriteHeader(response.StatusCode())
	switch b.withheld = response.IsBodyStream(); {
	case c.Context().Hijacked():
		_, _, _ = w.(http.Hijacker).Hijack()
	case b.withheld:
		_, _ = w.Write(nil) // fails, so the body counts as incomplete
	default:
		_, _ = w.Write(response.Body())
	}
}
