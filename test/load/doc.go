// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package load sends numbered HTTP exchanges over OTLP/HTTP, as an SDK would, and
// keeps books on which of them the Collector has acknowledged and which have arrived
// at the other end. The fault harness and the comparison of whole collectors use it.
//
// It sends to the given address only, which is on loopback everywhere in this
// repository, and ends with its context or when the last exchange is acknowledged.
package load
