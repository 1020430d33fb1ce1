// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package cerberus encodes exchanges as events of Cerberus, for both of its ways
// in: POST /v1/ingest/batch and a WebSocket with one event in each text frame.
// Fields and rules are those of the vendor's Django middleware, gateway plugin and
// OTLP bridge (https://github.com/cerberussecurityai/cerberus, checked 2026-11-20).
//
// Guarantees: an item is always valid JSON and fits the schema; the same exchange
// and the same key always give the same bytes; an address or an Authorization
// header leaves as an HMAC under the account's key or not at all; a body leaves
// only if it is complete JSON, so that every key of it was looked at, and with its
// numbers as they were; an event is at most 56 kB unless its headers, query or
// metadata alone are more. The credential is in no item: a stored queue holds none.
//
// It does not fetch the key, send anything, or tell two deliveries of one event
// apart: the format has no event id.
package cerberus
