// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package redacttest runs redaction cases: inputs with the strings that must not
// survive and those that must. `apispan redact` is built on it, and so can be the
// tests of a service that has its own policy.
//
// A case file has one JSON object a line; Case describes the fields. Blank lines
// and lines that begin with // are skipped.
//
// It proves leaks, not their absence: a case that passes says nothing about
// strings that it does not name.
package redacttest
