// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package echocapture records HTTP exchanges of echo v4 applications on the spans that
// otelecho (or anything else) makes of them. It is httpcapture for echo: options,
// attributes and guarantees are those of httpcapture.
//
//	e := echo.New()
//	e.Use(middleware.Recover())
//	e.Use(otelecho.Middleware("shop"))
//	e.Use(echocapture.Middleware(httpcapture.WithBodies(httpcapture.BodiesAll)))
//
// http.route and WithRoutes go by echo's template, "/orders/:id". From a handler:
// httpcapture.SetIdentity(c.Request().Context(), …), and so SetMetadata and Skip.
//
// The answer of a middleware.Recover that stands outside is not seen; its status is on
// the span by the tracing middleware.
package echocapture
