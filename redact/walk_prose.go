// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/shape"
)

// proseValue reports whether what stands behind "key:" in a text is a sentence, as in
// titles and log lines: several words, none of which may be a secret. Behind a word
// for password anything is one, since people use sentences for those.
func proseValue(key, value []byte) bool {
	for _, w := range [...]string{"password", "passwd", "pwd", "pass", "passphrase", "passcode", "pin", "secret", "phrase", "mnemonic"} {
		if n := len(key) - len(w); n >= 0 && hasFold(key[n:], w) {
			return false
		}
	}
	if len(value) > 1024 || bytes.IndexByte(value, '\n') >= 0 || bytes.IndexByte(value, '"') >= 0 {
		return false
	}
	words := 0
	for len(value) > 0 {
		i := bytes.IndexByte(value, ' ')
		if i < 0 {
			i = len(value)
		}
		if w := bytes.Trim(value[:i], ".,;:!?()'"); len(w) > 0 {
			words++
			if len(w) >= 24 || shape.Mixed(w) || len(w) >= 4 && shape.Digits(w) || bytes.IndexByte(w, '=') >= 0 {
				return false
			}
		}
		value = bytes.TrimLeft(value[i:], " ")
	}
	return words >= 2
}

// wordy is the filter in front of walkWords: a text or attribute, not a string in a
// document, that may be a command line, a statement or a table.
func wordy(b []byte, c ctx) bool {
	if c.place == placeQuery && len(b) >= 8 && c.v.act != actMiss { // a filter: password eq 'x'
		return bytes.Contains(b, str(" '")) || bytes.Contains(b, str(" \""))
	}
	if c.nest > 0 || c.place != placeText && c.place != placeAttribute || len(b) < 8 || c.v.act == actMiss {
		return false
	}
	if bytes.IndexByte(b, ' ') < 0 {
		return bytes.IndexByte(b, '\t') >= 0 || bytes.IndexByte(b, '|') >= 0
	}
	return bytes.Contains(b, str("--")) || bytes.HasPrefix(b, str("PASS ")) || bytes.HasPrefix(b, str("AUTH ")) ||
		bytes.Contains(b, str("assw")) || bytes.Contains(b, str("ASSW")) || bytes.Contains(b, str("oken ")) || bytes.Contains(b, str("ecret "))
}

// wordFirst has the first letters of words that walkWords knows.
var wordFirst = func() (t [256]bool) {
	for _, c := range "-pPtTsSaAcCiI" {
		t[c] = true
	}
	return t
}()

// walkWords reads what stands behind a denied name without a separator: "--token S",
// "machine h login u password S" (netrc), "password<tab>S", "|password|S|",
// "token LIKE 'S'", "PASS S" as protocols have it. The name must be a built-in or
// denied one; a value must look like one unless a mark says that it is.
func (s *Scratch) walkWords(src []byte, c ctx) {
	if len(src) > 64<<10 || !bytes.ContainsAny(src, " \t|") {
		return
	}
	netrc := bytes.Contains(src, str("machine ")) || bytes.Contains(src, str("login "))
	for pos, lineStart := 0, true; pos < len(src); {
		start := pos
		for pos < len(src) && !wordGap(src[pos]) {
			pos++
		}
		word := src[start:pos]
		gap := pos
		for pos < len(src) && (src[pos] == ' ' || src[pos] == '\t') {
			pos++
		}
		first := lineStart
		lineStart = false
		if pos < len(src) && src[pos] == '|' && len(word) > 0 {
			s.wordValue(src, word, pos+1, c, '|', first)
		}
		if pos < len(src) && (src[pos] == '\n' || src[pos] == '\r' || src[pos] == '|') {
			lineStart = src[pos] != '|'
			pos++
			continue
		}
		if len(word) < 3 || len(word) > 40 || !wordFirst[word[0]] || pos == len(src) || gap == pos {
			continue
		}
		switch flag := bytes.TrimLeft(word, "-"); {
		case len(flag) == 0:
		case len(flag) < len(word):
			s.wordValue(src, flag, pos, c, '-', first)
		case src[gap] == '\t':
			s.wordValue(src, word, pos, c, '\t', first)
		case netrc && (len(word) == 8 && hasFold(word, "password") || len(word) == 6 && hasFold(word, "passwd")):
			s.wordValue(src, word, pos, c, 'n', first)
		case first && (string(word) == "PASS" || string(word) == "AUTH"):
			s.wordValue(src, str("password"), pos, c, 'c', first)
		default:
			s.wordValue(src, word, pos, c, ' ', first)
		}
	}
}

func wordGap(b byte) bool { return b == ' ' || b == '\t' || b == '|' || b == '\n' || b == '\r' }

// sqlWords stand between a column and a text.
var sqlWords = [...]string{"eq ", "ne ", "like ", "ilike ", "in (", "is ", "as ", "by "}

// wordValue decides over the value at pos behind a name. how is the mark between
// them.
func (s *Scratch) wordValue(src, name []byte, pos int, c ctx, how byte, first bool) {
	for pos < len(src) && (src[pos] == ' ' || src[pos] == '\t') {
		pos++
	}
	if how == ' ' {
		for _, w := range sqlWords {
			if hasFold(src[pos:], w) {
				pos += len(w)
				break
			}
		}
		if pos == len(src) || src[pos] != '\'' && src[pos] != '"' {
			return
		}
	}
	if pos == len(src) || how == '-' && src[pos] == '-' {
		return
	}
	vc := s.child(c, bytes.Trim(name, "\"'`*"))
	if !vc.v.strong() {
		return
	}
	quote := byte(0)
	if src[pos] == '\'' || src[pos] == '"' {
		quote = src[pos]
		pos++
	}
	end := pos
	for end < len(src) && src[end] != '\n' && src[end] != '\r' && (quote != 0 && src[end] != quote || quote == 0 && !wordGap(src[end])) {
		end++
	}
	if how == 'c' {
		for end < len(src) && src[end] == ' ' { // AUTH user password
			for pos = end + 1; end+1 < len(src) && !wordGap(src[end+1]); {
				end++
			}
			end++
		}
		if end < len(src) && src[end] != '\n' && src[end] != '\r' {
			return
		}
	}
	v := src[pos:min(end, len(src))]
	// A word may follow by chance; what has a digit in it does not.
	if how != '-' && how != 'n' && how != ' ' && !shape.Mixed(v) && (how != '\t' || !first || shape.Words(v)) {
		return
	}
	s.textValue(src, pos, pos+len(v), vc)
}
