// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate mdatagen metadata.yaml

// Package httpredactionprocessor is the Collector processor http_redaction: it
// applies a redact.Policy to spans and log records.
//
// It decides nothing about values itself: it walks every place where a string can
// hide (resource, scope, span name, status, tracestate, attribute keys and values
// of every type, events, links, log bodies) and asks the engine, so that the
// result is the one that the same policy gives inside an application.
//
// Guarantees: an invalid policy never starts; a value that cannot be read is
// replaced and counted; a panic removes the value (or, outside values, the span)
// and is counted; spans carry the stamp apispan.redaction.policy only if the
// policy was applied to them, whatever stamp came in. No log line, error or metric
// holds a value.
//
// It does not find a secret that neither a key name nor a detector gives away,
// does not look into trace and span ids, and does not process metrics or profiles.
package httpredactionprocessor
