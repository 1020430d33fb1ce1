// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package moesif encodes exchanges as events of the Moesif collector API,
// POST /v1/events/batch (https://www.moesif.com/docs/api#events, checked
// 2026-11-20). Where the vendor's SDKs disagree with each other, the form is
// chosen that the documentation shows.
//
// Guarantees: an item is always valid JSON and fits the schema; the same
// exchange always gives the same bytes; transaction_id is set whenever the
// exchange has a usable id, so a retry is recognised as a duplicate; a JSON body
// is copied byte for byte, so that 64-bit numbers survive; the address of the
// Collector is never recorded as that of the client.
//
// It reads the sampling rates of the app config (GET /v1/config, see
// [Encoder.ParseRates]); fetching it and applying them is the exporter's.
//
// Users, companies, subscriptions and actions have streams of their own
// (entities.go), in which an unknown field is left out and never null.
//
// It does not send anything or enforce governance rules.
package moesif
