// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import "unicode/utf8"

// Failed reports whether the exchange failed: its status is 400 or above, or there was
// no response.
func (e *Exchange) Failed() bool { return e.Status == 0 || e.Status >= 400 }

// Shrink cuts both bodies to at most maxBytes bytes each (0 removes the content)
// and marks what it cut as Truncated. A body of text is cut between two
// characters, so it may end up to three bytes short of the limit. It reports
// whether anything was cut. Size, the size on the wire, stays.
func (e *Exchange) Shrink(maxBytes int) bool {
	req := e.Request.Body.shrink(maxBytes)
	resp := e.Response.Body.shrink(maxBytes)
	return req || resp
}

func (b *Body) shrink(maxBytes int) bool {
	maxBytes = max(maxBytes, 0)
	if len(b.Data) <= maxBytes {
		return false
	}
	n := maxBytes
	if !b.Binary {
		n = RuneBoundary(b.Data, n)
	}
	b.Data = b.Data[:n]
	b.Truncated = true
	return true
}

// RuneBoundary returns the largest length of a prefix of s that is at most n
// and does not cut a UTF-8 sequence. Where s is not UTF-8 it gives up after the
// longest possible sequence and returns n.
func RuneBoundary(s string, n int) int {
	if n <= 0 {
		return 0
	}
	if n >= len(s) {
		return len(s)
	}
	for i := n; i >= 0 && i > n-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			return i
		}
	}
	return n
}
