// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package detect finds secrets and personal data inside a value by their form:
// card numbers with a valid check digit, JSON web tokens, private keys, vendor
// keys, addresses and so on, and whatever regular expressions a user adds.
//
// Guarantees:
//
//   - One pass over the value for all built-in detectors, linear in its length
//     for any input, without an allocation.
//   - Matches are sorted and do not overlap. Detectors that overlap where they
//     are found give one match, their union; after a match the search goes on at
//     its end.
//   - A value that was cut at its end gives up an unfinished match at the tail,
//     although its checksum or its last part is missing.
//
// It looks at one value at a time, after the container around it (JSON, form,
// XML, percent encoding) was decoded; it does not decode, and does not verify
// that a token is valid or alive.
package detect
