// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package fold brings keys (JSON members, form fields, header and cookie names,
// XML names) into the one form in which a policy compares them, so that a name
// in a policy also matches the spellings that servers accept as equal and the
// spellings that only look equal.
//
// A folded key is lower case without separators (`_`, `-`, `.`, blanks) and
// control characters. A key with any byte above 0x7F is also decomposed (NFKD),
// case-folded, stripped of combining marks, default-ignorable code points,
// dashes and invalid bytes, and Cyrillic and Greek letters that look like Latin
// ones become Latin. Folding is idempotent, and both sides of a comparison are
// folded, so the only effect of its width is that more keys are equal.
//
// It does not decode: JSON escapes, percent encoding and XML references are the
// caller's.
package fold
