// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package fibercapture records HTTP exchanges of fiber v2 applications on the spans
// that otelfiber (or anything else) makes of them. It is httpcapture for fasthttp:
// options and attributes are those of httpcapture.
//
//	app := fiber.New()
//	app.Use(recover.New())
//	app.Use(otelfiber.Middleware())
//	app.Use(fibercapture.Middleware(httpcapture.WithBodies(httpcapture.BodiesAll)))
//
// http.route and WithRoutes go by fiber's template, "/orders/:id". From a handler:
// httpcapture.SetIdentity(c.UserContext(), …), and so SetMetadata and Skip.
//
// fasthttp holds requests and responses in memory as a whole; they are recorded, as
// copies up to the limit, when the handler has returned. Nothing is read that fasthttp
// has not read. Streams (SetBodyStreamWriter, SendFile, StreamRequestBody as long as
// the handler has not read it) are sent after that, so they pass untouched and are
// marked incomplete. Multipart forms, which fasthttp parses on arrival, are not
// recorded.
//
// The answer of a recover middleware that stands outside is not seen; its status is on
// the span by the tracing middleware. Callbacks get an http.Request made for them.
package fibercapture
