// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package multipart finds the parts of a MIME multipart body by byte offset.
//
// It accepts CRLF and LF line ends, a preamble and an epilogue, a boundary that
// the Content-Type does not name or names wrongly (it is then read off the body),
// and input that ends anywhere. It allocates nothing, does not decode transfer
// encodings and does not read nested bodies.
package multipart
