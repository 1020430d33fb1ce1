// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package form splits application/x-www-form-urlencoded content and URL queries
// into pairs by byte offset, and decodes and encodes percent escapes.
//
// It accepts any bytes: a bad escape stays as it is, ";" separates like "&"
// because some servers take it so, and a pair without "=" is a pair. Every byte
// of the input belongs to exactly one pair or is one separator, so a caller can
// copy what it does not change. Nothing here allocates.
//
// It does not decide what is secret and does not build nested structures out of
// brackets.
package form
