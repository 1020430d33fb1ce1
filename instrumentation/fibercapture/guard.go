// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fibercapture

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/apispan/apispan/instrumentation/guard"
)

// Guard asks a vendor's blocking rules before the handlers that follow. Place it directly
// inside Middleware, so that a blocked call is recorded. Rules cannot look at a body that
// fasthttp streams, nor at a multipart form. Where a rule limits how often something is
// answered, an error that a handler returns is answered at once, as Middleware does.
func Guard(g *guard.Guard) fiber.Handler {
	return func(c *fiber.Ctx) error {
		r := (&below{c: c}).request(c.UserContext())
		r.Body = body(c, r)
		w := &answer{c: c, header: http.Header{}}
		blocked, after := g.Check(w, r)
		if blocked {
			return nil
		}
		for name, values := range w.header {
			for _, v := range values {
				c.Response().Header.Add(name, v)
			}
		}
		if after == nil {
			return c.Next()
		}
		status := fiber.StatusInternalServerError // a panic
		defer func() { after(status) }()
		if err := c.Next(); err != nil && c.App().ErrorHandler(c, err) != nil {
			_ = c.SendStatus(fiber.StatusInternalServerError) // as fiber does
		}
		status = c.Response().StatusCode()
		return nil
	}
}

var errUnseen = errors.New("fibercapture: the body cannot be looked at")

// body is what rules see of the request's body.
func body(c *fiber.Ctx, r *http.Request) io.ReadCloser {
	if c.Request().IsBodyStream() || isForm(r) {
		return unseen{}
	}
	b := c.Request().Body()
	if len(b) == 0 {
		return http.NoBody
	}
	return io.NopCloser(bytes.NewReader(b))
}

type unseen struct{}

func (unseen) Read([]byte) (int, error) { return 0, errUnseen }

func (unseen) Close() error { return nil }

// answer is what the answer to a blocked request is written to.
type answer struct {
	c      *fiber.Ctx
	header http.Header
	wrote  bool
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.wrote || status < http.StatusOK {
		return
	}
	a.wrote = true
	for name, values := range a.header {
		for i, v := range values {
			if i == 0 {
				a.c.Set(name, v)
			} else {
				a.c.Response().Header.Add(name, v)
			}
		}
	}
	a.c.Status(status)
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.c.Write(p)
}
