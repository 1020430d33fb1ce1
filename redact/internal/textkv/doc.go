// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package textkv finds "key: value" and "key=value" in text of no fixed grammar:
// header lines, logfmt, YAML, properties, connection strings, command lines,
// JavaScript, Python and Ruby literals, JSON with comments, escaped JSON.
//
// It is a net, not a parser: Scanner finds places that may be a key with a
// separator, and Candidate.Value says how far the value may reach. Where syntaxes
// disagree the value reaches as far as the widest reading, and to the end of input
// when a quote or bracket is never closed, because the caller asks only for
// values that must go. Any bytes are accepted, work is linear, nothing allocates.
//
// It also reads CSV by columns.
package textkv
