// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fold

// MaxWords is how many words of a key Words returns.
const MaxWords = 12

// Words cuts an ASCII key into its words, which separators or a change of case
// set apart: `next_page_token`, `nextPageToken` and `Next-Page-Token` are next,
// page, token. The words are lowered and live in buf, which must be empty; words
// that it has no room for are left out, and so are all of a key beyond ASCII.
func Words(buf *[MaxWords][]byte, room []byte, key []byte) [][]byte {
	n, start := 0, -1
	room = room[:0]
	flush := func() {
		if start >= 0 && start < len(room) {
			buf[n] = room[start:len(room):len(room)]
			n++
		}
		start = -1
	}
	for i, c := range key {
		switch {
		case c >= 0x80 || n == MaxWords || len(room) == cap(room):
			return nil
		case 'A' <= c && c <= 'Z':
			prev, next := byte('_'), byte('_')
			if i > 0 {
				prev = key[i-1]
			}
			if i+1 < len(key) {
				next = key[i+1]
			}
			if lower(prev) || digit(prev) || lower(next) && !('a' <= prev && prev <= 'z') && 'A' <= prev && prev <= 'Z' {
				flush()
			}
			c += 'a' - 'A'
		case lower(c), digit(c):
		default:
			flush()
			continue
		}
		if n == MaxWords {
			return nil
		}
		if start < 0 {
			start = len(room)
		}
		room = append(room, c)
	}
	if n < MaxWords {
		flush()
	}
	return buf[:n]
}

func lower(c byte) bool { return 'a' <= c && c <= 'z' }
func digit(c byte) bool { return '0' <= c && c <= '9' }
