// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package readme encodes exchanges as logs of ReadMe Metrics, POST /v1/request
// (https://docs.readme.com/main/reference/createlog and the SDKs in
// github.com/readmeio/metrics-sdks, checked 2026-11-20): one HAR 1.2 entry each.
// Where the SDKs disagree, the form is chosen that their common integration
// tests accept.
//
// Guarantees: an item is always valid JSON and fits the schema; the same
// exchange always gives the same bytes; the consumer's id and credentials in
// Authorization leave only masked as the SDKs mask them.
//
// The product shows incoming calls of known consumers. Outgoing exchanges,
// OPTIONS requests, exchanges without a response and those without a consumer
// are dropped, each with its reason.
//
// # Deviations from the SDKs
//
// A value shorter than eight characters is masked without its last four, which
// would be most of it. Its group.id then differs from that of an SDK.
//
// An id whose UUID version is above 5 is sent as version 5, because the SDKs'
// tests accept 0 to 5 only.
//
// Proxy-Authorization is masked like Authorization.
package readme
