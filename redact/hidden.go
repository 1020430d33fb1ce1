// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "github.com/apispan/apispan/redact/internal/b64"

// mayHide reports whether a string without a byte of keyMask may hold a key all the
// same: as base64 of text, or as a statement of SQL.
func mayHide(b []byte) bool {
	return len(b) >= minBase64 && hideFirst[b[0]] && (b64.Text(b) || sqlStart(b))
}

// hideFirst has the bytes that base64 of ASCII and statements begin with.
var hideFirst = func() (t [256]bool) {
	for c := 'I'; c <= 'f'; c++ {
		t[c] = c <= 'Z' || c >= 'a'
	}
	for _, c := range "iuacrmsIUACRMSD" {
		t[c] = true
	}
	return t
}()

// sqlStart reports whether b begins like a statement of SQL, or a database's message about
// one.
func sqlStart(b []byte) bool {
	if len(b) < 24 {
		return false
	}
	switch b[0] | 0x20 {
	case 'i':
		return hasFold(b, "insert ")
	case 'u':
		return hasFold(b, "update ") || hasFold(b, "upsert ")
	case 'a':
		return hasFold(b, "alter ")
	case 'c':
		return hasFold(b, "create user") || hasFold(b, "create role")
	case 'r':
		return hasFold(b, "replace ")
	case 'm':
		return hasFold(b, "merge ")
	case 's':
		return hasFold(b, "set pass") || hasFold(b, "select ")
	case 'd', 'v': // what a database says of a value that is there already
		return hasFold(b, "duplicate entry") || hasFold(b, "violation of unique")
	}
	return false
}
