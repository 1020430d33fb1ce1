// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package redacttest runs fixtures of captured values through a redaction policy
// and judges what comes out. `go test ./redact -run Corpus`, the apispan command
// and the tests of your own policy share it, so that they cannot disagree.
//
// A fixture file has one JSON object a line; Case describes the fields. Values go
// through the same exported method as span attributes do.
//
// Fixtures contain secrets on purpose. Nothing in this package prints them: a
// verdict names an expectation by its position, errors name the file and line.
//
// It proves leaks, not their absence: a case that passes says nothing about
// strings that it does not name.
package redacttest
