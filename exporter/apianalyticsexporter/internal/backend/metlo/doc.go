// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package metlo encodes exchanges as traces of Metlo, POST
// /api/v1/log-request/batch and its relatives. The source of every rule is the
// collector itself, github.com/metlo-labs/metlo (backend/src, common/src and the
// agent under ingestors/rust-common, checked 2026-11-20). Where its SDKs disagree,
// the form is chosen that the strictest of its servers reads.
//
// Guarantees: an item is always valid JSON and fits the schema; unless it is
// encrypted, the same exchange always gives the same bytes; with an encryption key
// no query, header or body leaves in clear. An item holds nothing that makes the
// collector fail a whole request: it reads a batch item by item, so that the items
// before the bad one are taken and those behind it lost. What would do so (a path,
// an Authorization field, YAML with aliases, JSON nested without end) is rewritten
// or replaced here; the comments beside the code say which failure each avoids.
//
// A trace has no time, no duration and no id: the collector stamps it on arrival and
// takes a repeated one twice. Exchanges without a response and those whose method it
// cannot store are dropped, each with its reason.
//
// # Deviations from the SDKs
//
// Forms and multipart bodies stay in the body, as sent; the query alone is in
// parameters, one entry an occurrence. Both bodies are capped, not the response
// only. Content that is not text is replaced by a short note.
package metlo
