// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package echocapture

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// Middleware records each exchange on the server span in the context of
// echo.Context.Request(). Place it directly inside what makes the span. Without a
// recording server span it calls the next handler and nothing else.
//
// An error that a handler returns is answered at once, by echo.Context.Error, so that
// the answer is recorded, and then returned: as otelecho and echo's own Logger do.
func Middleware(opts ...httpcapture.Option) echo.MiddlewareFunc {
	capture := httpcapture.Handler(http.HandlerFunc(serve), opts...)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			if !trace.SpanFromContext(r.Context()).IsRecording() {
				return next(c)
			}
			x := &exchange{Context: r.Context(), c: c, next: next, below: c.Response().Writer}
			r = r.WithContext(x)
			if route := c.Path(); route != "" {
				r.Pattern = route // where net/http has it, and httpcapture finds it
			}
			x.given = r
			capture.ServeHTTP(x.below, r)
			return x.err
		}
	}
}

// exchange is the way from the request that the capture hands on to echo's context. It
// is a context itself, for one allocation less.
type exchange struct {
	context.Context //nolint:containedctx // it is one

	c     echo.Context
	next  echo.HandlerFunc
	below http.ResponseWriter
	given *http.Request // to the capture
	err   error
}

type exchangeKey struct{}

func (x *exchange) Value(key any) any {
	if key == (exchangeKey{}) {
		return x
	}
	return x.Context.Value(key)
}

// serve stands inside the capture. If the capture keeps out, r is what it was given.
func serve(w http.ResponseWriter, r *http.Request) {
	x, ok := r.Context().Value(exchangeKey{}).(*exchange)
	if !ok {
		return // cannot be: Middleware has put it there
	}
	if r == x.given {
		x.err = x.next(x.c)
		return
	}
	outside, response := x.c.Request(), x.c.Response()
	response.Writer = w
	x.c.SetRequest(r)
	defer func() {
		// What somebody else has put there since is his.
		if response.Writer == w {
			response.Writer = x.below
		}
		if x.c.Request() == r {
			x.c.SetRequest(outside)
		}
	}()
	if x.err = x.next(x.c); x.err != nil {
		x.c.Error(x.err)
	}
}
