// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package markup reads XML and HTML as tokens with byte offsets, and decodes and
// encodes character references.
//
// It accepts any bytes. Tokens tile the input: what follows one token is the next
// one. A token that the input ends in is marked Cut, one that breaks the grammar
// Bad; what to do then is the caller's choice. In HTML mode nothing is Bad, script
// and the like are raw text, and attributes may lack quotes or values. Nothing
// here allocates.
//
// It does not check that tags match, expand entities or read document types.
package markup
