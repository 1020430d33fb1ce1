// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package cookie splits Cookie and Set-Cookie field values into pairs by byte
// offset.
//
// It accepts any bytes and is wider than RFC 6265: cookies may be joined by
// commas (field values that a proxy merged), values may be quoted and hold
// semicolons, a piece without "=" is a pair without a name. It allocates nothing
// and decides nothing about secrets.
package cookie
