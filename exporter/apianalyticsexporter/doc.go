// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// mdatagen comes from internal/tools; "make generate" builds it into .tmp/bin,
// puts that on PATH and runs this line.

//go:generate mdatagen metadata.yaml
//go:generate go run ./internal/backend/new -vendors

// Package apianalyticsexporter is the Collector exporter api_analytics. It
// translates the HTTP exchanges that spans carry into the events of one
// API-analytics backend and delivers them; in a logs pipeline, updates of users,
// companies and subscriptions, and actions.
//
// # One span, followed
//
// Each step is one file, and knows only the next:
//
//	traces.go, logs.go   a batch of spans or log records comes in
//	translate.go         each span is read by internal/fromspan (a record by
//	                     internal/fromlog), left out or completed by internal/rules,
//	                     sampled, narrowed by the gates, and becomes one item by the
//	                     encoder in internal/backend/*, which mask.go shows an extension
//	request.go           the items of a batch are a request; request_store.go is its form
//	                     on disk
//	exporter.go          core puts the request into the exporterhelper's queue, which
//	                     batches, stores and times retries; it keeps the books
//	deliver.go           core.push gets it out again: each stream's items go out in
//	                     requests cut by internal/payload
//	verdicts.go          by the answers, a delivery decides what is held, degraded,
//	                     dropped or tried again
//	send.go              a sender sends one request and judges the answer
//	http.go              a transport carries it; other schemes have transports of their
//	                     backend's
//
// Beside the way: backends.go is the registry of backends, config.go what is configured,
// ratefetch.go keeps a vendor's sampling rates, dryrun.go shows instead of sending.
// Everything that is about one backend stands in its folder below internal/backend.
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
