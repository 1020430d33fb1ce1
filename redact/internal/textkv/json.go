// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package textkv

// maxNesting bounds the brackets that JSONEnd follows.
const maxNesting = 512

// JSONEnd finds the end of the JSON object or array at i by brackets and strings.
// Without one ok is false and end is where the search gave up; the caller does not
// try again before that offset, which keeps its work linear.
func JSONEnd(src []byte, i int) (end int, ok bool) {
	var kinds [maxNesting / 64]uint64 // 1 for an object
	depth := 0
	for ; i < len(src); i++ {
		switch c := src[i]; c {
		case '{', '[':
			if depth == maxNesting {
				return i, false
			}
			bit := uint64(1) << (depth & 63)
			kinds[depth>>6] &^= bit
			if c == '{' {
				kinds[depth>>6] |= bit
			}
			depth++
		case '}', ']':
			depth--
			if object := kinds[depth>>6]>>(depth&63)&1 == 1; object != (c == '}') {
				return i, false
			}
			if depth == 0 {
				return i + 1, true
			}
		case '"':
			for i++; i < len(src) && src[i] != '"'; i++ {
				if src[i] == '\\' {
					i++
				} else if src[i] == '\n' || src[i] == '\r' { // other control characters have no say
					return i, false
				}
			}
		case ' ', '\t', '\n', '\r', ',', ':', '-', '+', '.':
		default:
			if !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || c == 'E') {
				return i, false
			}
		}
	}
	return len(src), false
}
