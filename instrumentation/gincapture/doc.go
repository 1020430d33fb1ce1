// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package gincapture records HTTP exchanges of gin applications on the spans that
// otelgin (or anything else) makes of them. It is httpcapture for gin's own
// ResponseWriter: options, attributes and guarantees are those of httpcapture.
//
//	r := gin.New()
//	r.Use(gin.Recovery())
//	r.Use(otelgin.Middleware("shop"))
//	r.Use(gincapture.Middleware(httpcapture.WithBodies(httpcapture.BodiesAll)))
//
// http.route and WithRoutes go by gin's template, "/orders/:id". From a handler:
// httpcapture.SetIdentity(c.Request.Context(), …), and so SetMetadata and Skip.
//
// What gin writes after all middleware has returned is not seen: the text of its
// default 404 and 405 answers, and the answer of a gin.Recovery that stands outside.
// Their status is on the span by the tracing middleware.
package gincapture
