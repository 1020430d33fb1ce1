// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package caller says who called: it reads an identity, or a pseudonym of the
// credential that was shown, out of a request. The wrapper in the application and the
// processor in the Collector use it alike, each with its own Request, so that they
// cannot disagree; the cases in callertest run through both.
//
// What it holds to:
//
//   - Nothing is verified. A claim of a token, a user name, a header is what the
//     caller says of himself.
//   - A value that cannot be read for sure is none: cut, badly escaped, not UTF-8,
//     longer than MaxValue.
//   - A credential never becomes an identity as it is: see Plan.
//   - It never fails and never panics, and it looks at a bounded part of a value.
//
// The package imports only the standard library.
package caller
