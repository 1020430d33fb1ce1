// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package cloudevents encodes exchanges as CloudEvents 1.0 for usage meters, such as
// OpenMeter: JSON batches over HTTP, application/cloudevents-batch+json
// (https://github.com/cloudevents/spec, spec.md, formats/json-format.md and
// bindings/http-protocol-binding.md at v1.0.2; https://openmeter.io/docs and the ingest
// handler of github.com/openmeterio/openmeter; checked 2026-11-30).
//
// An event says who used what and how much: id, source, type, time, subject, and as data
// method, route, status, duration, sizes, weight and the metadata that is asked for. It
// never holds a body, a header field, a path or a query.
//
// Guarantees: an item is always valid JSON and a valid CloudEvent; the same exchange always
// gives the same bytes, so that an event that comes again has the same id and source, by
// which meters tell; a subject is never altered: one that is masked, encrypted (which gives
// another text each time), too long or not writable is none.
//
// docs/metering.md says what makes usage fit for a bill.
package cloudevents
