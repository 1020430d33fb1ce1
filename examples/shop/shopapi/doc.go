// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package shopapi is a small shop as net/http handlers: catalogue, search, login,
// orders with payment, a checkout form, file upload, a stream of order events and
// the errors that real services answer with.
//
// It is ordinary application code. The only trace of instrumentation in it is
// what only the application can know: who the caller is (httpcapture.SetIdentity
// in auth.go) and what an order was worth (httpcapture.SetMetadata in orders.go).
// Everything lives in memory and is bounded; nothing is kept after the process.
package shopapi
