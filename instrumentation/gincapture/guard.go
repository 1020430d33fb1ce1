// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package gincapture

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/apispan/apispan/instrumentation/guard"
)

// Guard asks a vendor's blocking rules before the handlers that follow. Place it directly
// inside Middleware, so that a blocked call is recorded.
func Guard(g *guard.Guard) gin.HandlerFunc {
	return func(c *gin.Context) {
		blocked, after := g.Check(c.Writer, c.Request)
		if blocked {
			c.Abort()
			return
		}
		if after != nil {
			done := false
			defer func() {
				status := c.Writer.Status()
				if !done && !c.Writer.Written() {
					status = http.StatusInternalServerError // a panic
				}
				after(status)
			}()
			c.Next()
			done = true
			return
		}
		c.Next()
	}
}
