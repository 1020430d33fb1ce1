// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package difftest compares the JSON walker of redact with an independent
// tokenizer, jsontext. It is a module of its own, because jsontext asks public
// modules not to depend on it.
//
// It tests three statements: the two agree on what is valid; redacting a valid
// document leaves all tokens but the denied values as they are; and a document
// that jsontext rejects keeps nothing behind the offset of the error that jsontext
// would not have read either.
package difftest
