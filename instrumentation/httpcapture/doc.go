// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package httpcapture records HTTP exchanges (header fields, bodies, who called)
// as attributes on the spans that tracing makes of them, for net/http servers and
// clients.
//
// There are two ways in with one core. NewHandler, NewMiddleware and NewTransport
// replace their namesakes in otelhttp: change the import path, keep every option,
// add ours. Handler and Transport fill the span that is in the context already,
// made by otelhttp, otelgin, otelchi or anything else; place them directly inside
// what makes the span.
//
// # Guarantees
//
//   - The bytes on the wire are those of the bare handler: status line, headers,
//     1xx responses, trailers, framing. Events of a stream leave as they are written.
//   - A body is never read ahead of the handler or the transport, not further than
//     they read it, and never closed for them.
//   - The ResponseWriter has the optional interfaces of the server's, no more and
//     no fewer, and Unwrap for http.ResponseController.
//   - A panic passes through as it was thrown. A panic in a callback ends there.
//   - A span that does not record costs no allocation.
//   - Memory: at most two body limits and a few KB an exchange, whatever its
//     length, and WithMemoryBudget for all exchanges of the process.
//   - A string attribute is always valid UTF-8, as one that is not would cost the
//     exporter the whole batch: a cut character is dropped, other text becomes a byte
//     slice, and in header fields, metadata and the query U+FFFD stands for what is
//     not UTF-8.
//   - At most 48 header fields a side and 108 attributes in all are added, so that
//     the SDK's limit of 128 does not drop what comes last, such as the status code.
//   - Values of credential header fields are never recorded as they are.
//
// # What it does not do
//
// It does not sample: the SDK does. Its spans are otelhttp's: made by otelhttp, or
// by us if that can be done the same way for less (see WithOtelhttpSpans).
// It does not block or change traffic. It does not verify tokens: FromJWT records what the caller
// claims. It has no queue and sends nothing.
//
// # Drops
//
// What is left out is counted by apispan.capture.dropped, a counter on the global
// MeterProvider or the one of WithMeterProvider, with attribute reason:
// memory_budget, header_limit, attribute_limit, content_coding, callback_panic,
// identity_limit, identity_credential, metadata_limit, internal. Cutting a body at its limit is not a
// drop; the span says so itself.
//
// # Specifications
//
// Bodies: http.request.body.content and http.response.body.content of the semantic
// conventions (https://github.com/open-telemetry/semantic-conventions/pull/3521).
// Header fields: http.request.header.<key>, http.response.header.<key>
// (https://opentelemetry.io/docs/specs/semconv/registry/attributes/http/). Own keys
// begin with "apispan." and are explained in docs/attributes.md.
package httpcapture
