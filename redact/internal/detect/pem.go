// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "bytes"

// pemBegin looks for a private key whose "BEGIN" starts at p, up to and with its
// END line (RFC 7468), or to the end of the value.
func (f *finder) pemBegin(p int) span {
	src := f.src
	start, label, ok := f.pemLine(p, "BEGIN ")
	if !ok || p < f.pemSkip {
		return none
	}
	end := len(src)
	for at := label; ; {
		i := bytes.Index(src[at:], []byte("END "))
		if i < 0 {
			break
		}
		at += i
		// Four dashes without a blank are no END line: go on, which masks more.
		if s, e, ok := f.pemLine(at, "END "); ok && at-s >= 5 {
			end = run(src, e, chDash)
			break
		}
		at += len("END ")
	}
	f.pemSkip = end
	return span{start, end, detPrivateKey}
}

// pemEnd looks for the END line of a private key that has no BEGIN, because the
// head of the value was cut: the match goes back over all that can be its body.
func (f *finder) pemEnd(p int) span {
	start, end, ok := f.pemLine(p, "END ")
	if !ok || p < f.pemSkip {
		return none
	}
	src := f.src
	for start > 0 {
		c := src[start-1]
		if !is(c, chAlnum|chB64) && c != '\n' && c != '\r' && c != '\\' {
			break
		}
		start--
	}
	return span{start, run(src, end, chDash), detPrivateKey}
}

// pemLine checks `-----WORD <label>` with a label that ends in PRIVATE KEY, with
// five dashes or, as in SSH2 files, four and a blank before the word. It returns
// where the dashes start and where the label ends.
func (f *finder) pemLine(p int, word string) (start, end int, ok bool) {
	src := f.src
	if p < 0 || !has(src, p, word) {
		return 0, 0, false
	}
	start = p
	if start > 0 && src[start-1] == ' ' {
		start--
	}
	dashes := start
	for dashes > 0 && src[dashes-1] == '-' && start-dashes < 5 {
		dashes--
	}
	if start-dashes < 4 {
		return 0, 0, false
	}
	end = p + len(word)
	limit := min(len(src), end+48)
	for end < limit && (is(src[end], chUpper|chDigit) || src[end] == ' ') {
		end++
	}
	cutEnd := f.cut && end == len(src) && word == "END " // PRIVATE KEY may have been cut off
	if !cutEnd && !bytes.Contains(src[p:end], []byte("PRIVATE KEY")) {
		return 0, 0, false
	}
	return dashes, end, true
}
