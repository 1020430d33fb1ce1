// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package field reads HTTP and MIME field syntax by byte offset: header lines
// with folding, and parameters such as those of Content-Disposition.
//
// It accepts any bytes, CRLF and LF line ends, folded lines, blanks where the
// grammars do not allow them, and unquoted values that should be quoted. It
// allocates nothing.
package field
