// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package fromspan reads an exchange out of an HTTP span.
//
// A SERVER or CLIENT span with a request method is an exchange. Attribute names
// of the current semantic conventions win over the aliases in the table in
// keys.go (older conventions, Hypertrace, Elastic Common Schema), so that spans
// of other agents work unchanged. What is read where is said in docs/attributes.md.
//
// Guarantees: no input makes it panic, whatever the types, lengths and encodings
// of the attributes are; the work is linear in the size of the span apart from
// sorting headers; the result keeps the promises of package exchange; the same
// span always gives the same event id.
//
// It does not redact, does not look into bodies and does not drop anything for a
// backend's sake.
package fromspan
