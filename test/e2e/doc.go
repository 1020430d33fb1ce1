// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package e2e holds the tests that no single part can have: the whole path from
// an instrumented server through the real collector binary to schema-checking
// backends, the import rules, and the checks that documents and code agree.
//
// The tests that need the collector take it from the environment variable
// APISPAN_COLLECTOR; without it they build it once (see collector.go).
package e2e
