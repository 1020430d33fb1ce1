// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/shape"
)

// wordy is the filter in front of walkWords: a text or attribute, not a string in a
// document, that may be a command line, a statement or a table.
func wordy(b []byte, c ctx) bool {
	if c.v.act != actMiss { // a filter: password eq 'x', startswith(password,'x')
		if c.place == placeQuery {
			return bytes.Contains(b, str(" '")) || bytes.Contains(b, str(" \"")) || bytes.Contains(b, str(",'"))
		}
		if len(b) < 512 && (bytes.Contains(b, str(" eq '")) || bytes.Contains(b, str(",'")) || bytes.Contains(b, str(", '"))) {
			return true
		}
	}
	if len(b) < 8 { // " --" at most
		for i := 2; i < len(b); i++ {
			if b[i] == '-' && b[i-1] == '-' && b[i-2] == ' ' && c.v.act != actMiss {
				return true
			}
		}
		return false
	}
	dash := bytes.IndexByte(b, '-') >= 0
	if c.v.act != actMiss && (dash && hasOption(b) || sqlStart(b)) {
		return true
	}
	if c.nest > 0 || c.place != placeText && c.place != placeAttribute || c.v.act == actMiss {
		return false
	}
	if bytes.IndexByte(b, ' ') < 0 {
		return bytes.IndexByte(b, '\t') >= 0 || bytes.IndexByte(b, '|') >= 0
	}
	return dash && (bytes.Contains(b, str("--")) || bytes.Contains(b, str(" -"))) || statement(b) || bytes.HasPrefix(b, str("PASS ")) || bytes.HasPrefix(b, str("AUTH ")) ||
		bytes.Contains(b, str("assw")) || bytes.Contains(b, str("ASSW")) || bytes.Contains(b, str("oken ")) || bytes.Contains(b, str("ecret ")) ||
		bytes.Contains(b, str(" IN ('")) || bytes.Contains(b, str(" in ('"))
}

// hasOption reports whether a text has an option of a command line: a long one, or a
// short one of passwordTools.
func hasOption(b []byte) bool {
	for i := 0; ; {
		j := bytes.Index(b[i:], str(" -"))
		if j < 0 || i+j+3 >= len(b) {
			return false
		}
		i += j + 2
		switch b[i] {
		case '-', 'p', 'P', 'a', 'w', 't', 'A', 'X', 'k': // sshpass -pS, docker login -p S
			return true
		}
	}
}

// wordFirst has the first letters of words that walkWords knows.
var wordFirst = func() (t [256]bool) {
	for _, c := range "-pPtTsSaAcCiIE" {
		t[c] = true
	}
	return t
}()

// walkWords reads what stands behind a denied name without a separator: "--token S",
// "machine h login u password S" (netrc), "password<tab>S", "|password|S|",
// "token LIKE 'S'", "PASS S" as protocols have it. The name must be a built-in or
// denied one; a value must look like one unless a mark says that it is.
func (s *Scratch) walkWords(src []byte, c ctx) {
	if len(src) > 64<<10 {
		return
	}
	if bytes.Contains(src, str(",'")) || bytes.Contains(src, str(", '")) {
		s.tuples(src, c)
	}
	if !mayNameWord(src) {
		return
	}
	if statement(src) {
		s.insertedRows(src, c)
	}
	netrc := bytes.Contains(src, str("login ")) || bytes.Contains(src, str("user "))
	quotes := bytes.IndexByte(src, '\'') >= 0 || bytes.IndexByte(src, '"') >= 0
	lineAt := 0
	var tools toolNames
	for pos, lineStart := 0, true; pos < len(src); {
		start := pos
		for pos < len(src) && !wordGaps[src[pos]] {
			pos++
		}
		word := src[start:pos]
		gap := pos
		for pos < len(src) && (src[pos] == ' ' || src[pos] == '\t') {
			pos++
		}
		first := lineStart
		lineStart = false
		if first {
			lineAt = start
		}
		if pos < len(src) && src[pos] == '|' && len(word) > 0 {
			s.wordValue(src, word, pos+1, c, '|', first)
		}
		if pos < len(src) && (src[pos] == '\n' || src[pos] == '\r' || src[pos] == '|') {
			lineStart = src[pos] != '|'
			pos++
			continue
		}
		if len(word) > 1 && word[0] == '-' && word[1] != '-' {
			s.passwordOption(src, &tools, lineAt, start, gap, c)
		}
		if len(word) < 3 || len(word) > 40 || pos == len(src) || gap == pos {
			continue
		}
		if !wordFirst[word[0]] {
			if quotes && sqlFirst[src[pos]] { // u.api_key IN ('S')
				if i := bytes.LastIndexByte(word, '.'); i > 0 {
					s.wordValue(src, word[i+1:], pos, c, ' ', false)
				}
			}
			continue
		}
		switch flag := bytes.TrimLeft(word, "-"); {
		case len(flag) == 0 || len(flag) < len(word) && bytes.IndexByte(flag, '=') >= 0:
		case len(flag) < len(word):
			s.wordValue(src, flag, pos, c, '-', first)
		case src[gap] == '\t':
			s.wordValue(src, word, pos, c, '\t', first)
		case netrc && passwordWord(word) && afterLogin(src[:start]):
			s.wordValue(src, word, pos, c, 'n', first)
		case first && (string(word) == "ENV" || string(word) == "setenv" || string(word) == "set" || string(word) == "setx"):
			s.assigned(src, pos, c)
		case first && (string(word) == "PASS" || string(word) == "AUTH"):
			s.wordValue(src, str("password"), pos, c, 'c', first)
		case len(word) == len("identified") && hasFold(word, "identified"): // IDENTIFIED BY 'S'
			s.wordValue(src, str("password"), identifiedBy(src, pos), c, ' ', first)
		case first && len(word) == len("set") && hasFold(word, "set") && hasFold(src[pos:], "password for "): // SET PASSWORD FOR 'ada' = 'S'
			if i := indexFrom(src, pos, '='); i < len(src) {
				s.wordValue(src, str("password"), i+1, c, ' ', first)
			}
		case cardCode(word, src[pos:]):
			s.wordValue(src, word, pos, c, 'n', first)
		case bytes.HasSuffix(src[:start], str("nexpected ")): // Unexpected token '<', "<!DOCTYPE "... is not valid JSON
		case quotes && (src[pos] == '\'' || src[pos] == '"' || sqlFirst[src[pos]]):
			s.wordValue(src, word, pos, c, ' ', first)
		}
	}
}

// identifiedBy passes over the name of a plugin at i: IDENTIFIED WITH x BY 'S'.
func identifiedBy(src []byte, i int) int {
	if !hasFold(src[i:], "with ") {
		return i
	}
	end := min(len(src), i+96)
	for k := i; k+4 <= end; k++ {
		if src[k] == ' ' && hasFold(src[k+1:end], "by ") {
			return k + 1
		}
	}
	return i
}

func passwordWord(w []byte) bool {
	switch len(w) {
	case 3:
		return hasFold(w, "pwd")
	case 4:
		return hasFold(w, "pass")
	case 6:
		return hasFold(w, "passwd")
	case 8:
		return hasFold(w, "password")
	}
	return false
}

// afterLogin reports whether a text ends with "login NAME" or "user NAME".
func afterLogin(b []byte) bool {
	b = bytes.TrimRight(b, " \t\r\n")
	b = bytes.TrimRight(b[:bytes.LastIndexAny(b, " \t\r\n")+1], " \t\r\n")
	b = b[bytes.LastIndexAny(b, " \t\r\n")+1:]
	return len(b) >= 4 && len(b) <= 8 && (hasFold(b, "login") || hasFold(b, "user"))
}

// mayNameWord is the filter in front of walkWords: it reports whether a text has a mark
// that a value may stand behind, or a word that needs none.
func mayNameWord(src []byte) bool {
	if bytes.IndexByte(src, '|') >= 0 || bytes.IndexByte(src, '\t') >= 0 {
		return true
	}
	if bytes.IndexByte(src, ' ') < 0 {
		return false
	}
	return bytes.IndexByte(src, '\'') >= 0 || bytes.IndexByte(src, '"') >= 0 ||
		beginsOption(src) ||
		markedWord(src, 'v', func(i int) bool { return i > 0 && src[i-1]|0x20 == 'c' || i+1 < len(src) && src[i+1] == ' ' }) || // cvv, setenv
		markedWord(src, 'V', func(i int) bool { return i > 0 && (src[i-1]|0x20 == 'c' || src[i-1] == 'N') }) || // ENV
		bytes.Contains(src, str("PASS")) || bytes.Contains(src, str("AUTH")) || bytes.Contains(src, str("set ")) ||
		mayHoldPassword(src) && (bytes.Contains(src, str("login ")) || bytes.Contains(src, str("user "))) ||
		bytes.IndexByte(src, ')') >= 0 && statement(src)
}

// mayHoldPassword reports whether a text may have a passwordWord.
func mayHoldPassword(src []byte) bool {
	first := func(i int) bool { return i+1 < len(src) && (src[i+1]|0x20 == 'a' || src[i+1]|0x20 == 'w') }
	return markedWord(src, 'p', first) || markedWord(src, 'P', first)
}

// markedWord reports whether ok says so of a byte b of src, or b is so frequent that
// another way to find out is faster.
func markedWord(src []byte, b byte, ok func(int) bool) bool {
	left := len(src)/8 + 4
	for i := 0; ; i++ {
		j := bytes.IndexByte(src[i:], b)
		if j < 0 {
			return false
		}
		i += j
		if left--; left < 0 || ok(i) {
			return true
		}
	}
}

// wordGaps has the bytes between words.
var wordGaps = [256]bool{' ': true, '\t': true, '|': true, '\n': true, '\r': true}

// cardCode reports whether "cvv 123" stands in a text.
func cardCode(word, rest []byte) bool {
	if len(word) < 3 || len(word) > 4 || !hasFold(word, "cvv") && !hasFold(word, "cvc") {
		return false
	}
	n := 0
	for n < len(rest) && rest[n]-'0' < 10 {
		n++
	}
	return (n == 3 || n == 4) && (n == len(rest) || wordGaps[rest[n]] || rest[n] == ',' || rest[n] == '.')
}

// sqlFirst has the first letters of sqlWords.
var sqlFirst = func() (t [256]bool) {
	for _, w := range sqlWords {
		t[w[0]], t[w[0]-32] = true, true
	}
	return t
}()

// sqlWords stand between a column and a text.
var sqlWords = [...]string{"eq ", "ne ", "like ", "ilike ", "in (", "is ", "as ", "by "}

// nameMark has what may stand round a name.
var nameMark = [256]bool{'"': true, '\'': true, '`': true, '*': true}

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
	if nameMark[name[0]] || nameMark[name[len(name)-1]] {
		name = bytes.Trim(name, "\"'`*")
	}
	if c.v == (verdict{}) && c.state == stateNone {
		if v, _ := s.textName(c, name, false).unpack(); !v.strong() {
			return // nearly every name
		}
	}
	vc := s.child(c, name)
	if !vc.v.strong() {
		return
	}
	quote := byte(0)
	if src[pos] == '\'' || src[pos] == '"' {
		quote = src[pos]
		pos++
	}
	end := pos
	for end < len(src) && src[end] != '\n' && src[end] != '\r' && (quote != 0 && src[end] != quote || quote == 0 && !wordGaps[src[end]]) {
		end++
	}
	if how == 'c' {
		for end < len(src) && src[end] == ' ' { // AUTH user password
			for pos = end + 1; end+1 < len(src) && !wordGaps[src[end+1]]; {
				end++
			}
			end++
		}
		if end < len(src) && src[end] != '\n' && src[end] != '\r' {
			return
		}
	}
	v := src[pos:min(end, len(src))]
	if how == ' ' && vc.v.flags&flagSoft != 0 && end < len(src) && told(src[end+1:]) {
		return
	}
	// A word may follow by chance; what has a digit in it does not.
	if how != '-' && how != 'n' && how != ' ' && !shape.Mixed(v) && (how != '\t' || !first || shape.Words(v)) {
		return
	}
	s.textValue(src, pos, pos+len(v), vc)
}
