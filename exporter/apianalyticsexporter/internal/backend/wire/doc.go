// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package wire holds the small append-style writers that every backend encoder
// shares: JSON strings and values, verbatim JSON, timestamps, URLs, addresses.
//
// Guarantees: every function appends to dst and allocates nothing beyond growing
// it, unless its comment says otherwise; whatever the input, the bytes written
// are the JSON (or the URL) that the comment promises, in valid UTF-8; nothing
// panics. HTML characters are not escaped, because the readers are not browsers
// and bodies would grow.
//
// The package does not build documents: commas, colons and braces are the
// encoders', who know their schema.
package wire
