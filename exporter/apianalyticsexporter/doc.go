// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// mdatagen comes from internal/tools; "make generate" builds it into .tmp/bin,
// puts that on PATH and runs this line.

//go:generate mdatagen metadata.yaml

// Package apianalyticsexporter is the Collector exporter api_analytics. It
// translates the HTTP exchanges that spans carry into the events of one
// API-analytics backend and delivers them; in a logs pipeline, updates of users,
// companies and subscriptions, and actions.
//
// The way of an exchange: internal/fromspan reads it out of the span, the
// encoder in internal/backend/* turns it into one item, and that item, not the
// span, waits in the exporterhelper's queue; internal/payload packs items into
// requests, sender.go judges what the answer means, and a transport (http.go, or
// another for another scheme of the endpoint) carries them. delivery.go decides
// what becomes of refused events. Queueing,
// batching, persistence and retry timing are the exporterhelper's. An update goes
// the same way, read by internal/fromlog out of a log record; queued items know
// their stream, and each stream has a sender.
//
// Guarantees: a span that was not redacted is not sent unless require_redaction
// is false; an event keeps its id through every attempt; an event the backend
// refuses is dropped alone; every event that is not delivered is counted with a
// reason; no error, log line or metric holds a URL, a secret or captured content
// (a file for the requests of a dry run does, without the secret).
//
// It does not redact, does not change spans, and opens no connection before
// Start or in dry run.
package apianalyticsexporter
