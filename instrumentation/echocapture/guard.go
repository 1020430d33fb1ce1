// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package echocapture

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/apispan/apispan/instrumentation/guard"
)

// Guard asks a vendor's blocking rules before the handlers that follow. Place it directly
// inside Middleware, so that a blocked call is recorded. Where a rule limits how often
// something is answered, an error that a handler returns is answered at once, as Middleware
// does.
func Guard(g *guard.Guard) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			blocked, after := g.Check(c.Response(), c.Request())
			if blocked {
				return nil
			}
			if after == nil {
				return next(c)
			}
			done := false
			defer func() {
				status := c.Response().Status
				if !done && !c.Response().Committed {
					status = http.StatusInternalServerError // a panic
				}
				after(status)
			}()
			err := next(c)
			if err != nil {
				c.Error(err)
			}
			done = true
			return err
		}
	}
}
