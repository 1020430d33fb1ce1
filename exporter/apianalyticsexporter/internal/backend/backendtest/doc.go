// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package backendtest tests backends without their vendors.
//
// [Run] is the conformance suite that every [backend.Encoder] passes. [NewMoesif]
// and [NewReadMe] are HTTP handlers that answer as the vendor does and check every
// request against the vendor's published schema and limits; [CheckMoesif] and
// [CheckReadMe] check one event. The command fakevendor serves the two handlers
// as a separate process.
//
// The checks are stricter than the vendors are known to be: what two vendor SDKs
// do differently is accepted in the form most likely to be understood only, so
// that a change of an encoder is noticed. They were written from the published
// sources named beside each rule, not from the encoders.
//
// [NewMetlo] is Metlo's collector, which takes a batch item by item.
//
// Nothing here is for production: recorded events are kept in memory.
package backendtest
