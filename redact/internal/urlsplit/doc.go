// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package urlsplit splits absolute and relative URLs by byte offset.
//
// It accepts any bytes and reads as browsers do where RFC 3986 and browsers
// differ: backslashes are slashes, the user information reaches to the last "@"
// of the authority. An authority that is no host and port is taken for user
// information as far as that may go. It allocates nothing.
package urlsplit
