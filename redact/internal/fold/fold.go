// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fold

// MaxKeyBytes is the longest key that is worth comparing. AppendKey folds longer
// ones too, in linear time, but a caller that keeps bounded memory should treat
// the value under a longer key as denied instead (see Oversize).
const MaxKeyBytes = 4096

// Oversize reports whether key is longer than MaxKeyBytes.
func Oversize(key []byte) bool { return len(key) > MaxKeyBytes }

// Classes of ASCII bytes in a key.
const (
	classDrop = 1 << iota // separators, blanks, controls: not in a folded key
	classSplit
)

// lowered maps an ASCII byte to its folded form; classes says what it is.
var lowered, classes = func() (low [128]byte, cls [128]uint8) {
	for i := range low {
		c := byte(i)
		low[i] = c
		switch {
		case 'A' <= c && c <= 'Z':
			low[i] = c + 'a' - 'A'
		case c <= ' ' || c == 0x7F || c == '_' || c == '-':
			cls[i] = classDrop
		case c == '.':
			cls[i] = classDrop | classSplit
		case c == '[' || c == ']' || c == ':' || c == '/':
			cls[i] = classSplit
		}
	}
	return low, cls
}()

// AppendKey appends the folded form of a decoded key to dst. It does not allocate
// beyond dst for an ASCII key.
func AppendKey(dst, key []byte) []byte {
	start := len(dst)
	for _, c := range key {
		if c >= 0x80 {
			return appendUnicode(dst[:start], key)
		}
		if classes[c]&classDrop == 0 {
			dst = append(dst, lowered[c])
		}
	}
	return dst
}

// Key is AppendKey for strings, at compile time.
func Key(key string) string { return string(AppendKey(nil, []byte(key))) }

// IsPlain reports that key is ASCII and has none of the bytes that NextSegment
// splits at, so that AppendKey of the whole is all there is to compare.
func IsPlain(key []byte) bool {
	for _, c := range key {
		if c >= 0x80 || classes[c]&classSplit != 0 {
			return false
		}
	}
	return true
}

// AppendPhrase appends the folded form of words with one blank between them to dst, and
// where each word starts in it to starts. ok is false, and the rest says nothing, unless
// the words are plain, see IsPlain, and fit starts.
func AppendPhrase(dst, phrase []byte, starts *[4]uint8) (folded []byte, n int, ok bool) {
	n = 1
	base := len(dst)
	starts[0] = 0
	for _, c := range phrase {
		if c >= 0x80 || classes[c]&classSplit != 0 {
			return dst, 0, false
		}
		if classes[c]&classDrop == 0 {
			dst = append(dst, lowered[c])
			continue
		}
		if c == ' ' {
			if n == len(starts) || len(dst)-base > 255 {
				return dst, 0, false
			}
			starts[n] = uint8(len(dst) - base)
			n++
		}
	}
	return dst, n, true
}

// NextSegment returns the next segment of a decoded, unfolded key, which ends at
// one of `[ ] . : /` or its full-width form, and what follows it. Empty segments
// are skipped; seg is nil when none is left. A key without such a byte has one
// segment: itself.
//
//	for seg, rest := fold.NextSegment(key); seg != nil; seg, rest = fold.NextSegment(rest) { … }
func NextSegment(key []byte) (seg, rest []byte) {
	i := 0
	for i < len(key) {
		n := splitAt(key[i:])
		if n == 0 {
			break
		}
		i += n
	}
	if i == len(key) {
		return nil, nil
	}
	for j := i; j < len(key); j++ {
		if n := splitAt(key[j:]); n > 0 {
			return key[i:j:j], key[j+n:]
		}
	}
	return key[i:], nil
}

// splitAt returns the length of the splitting character at the start of b, or 0.
func splitAt(b []byte) int {
	if b[0] < 0x80 {
		return int(classes[b[0]]&classSplit) / classSplit
	}
	// U+FF0E . U+FF1A : U+FF3B [ U+FF3D ] U+FF0F /
	if b[0] == 0xEF && len(b) >= 3 && b[1] == 0xBC {
		switch b[2] {
		case 0x8E, 0x8F, 0x9A, 0xBB, 0xBD:
			return 3
		}
	}
	return 0
}
