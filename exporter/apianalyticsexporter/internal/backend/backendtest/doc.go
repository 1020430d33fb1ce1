// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package backendtest tests backends without their vendors.
//
// [Run] is the conformance suite that every [backend.Encoder] passes. A [Vendor] is
// what differs between the vendors: [Vendor.New] is an HTTP handler that answers as the
// vendor does and checks every request against the vendor's published schema and
// limits, and its Check is for one event. It lies beside the backend, in the folder
// <name>test; package vendors lists them all. The command fakevendor serves the
// handlers as a separate process.
//
// The checks are stricter than the vendors are known to be: what two vendor SDKs
// do differently is accepted in the form most likely to be understood only, so
// that a change of an encoder is noticed. They were written from the published
// sources named beside each rule, not from the encoders.
//
// Nothing here is for production: recorded events are kept in memory.
package backendtest
