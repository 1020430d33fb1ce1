// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/field"
	"github.com/apispan/apispan/redact/internal/form"
	"github.com/apispan/apispan/redact/internal/markup"
	"github.com/apispan/apispan/redact/internal/shape"
	"github.com/apispan/apispan/redact/internal/textkv"
)

// walkText reads text of no fixed grammar: it takes what stands behind a denied
// key in any of the usual notations, and JSON documents as such. The detectors run
// over the text afterwards, see inspect. Under an allowlist only the values of
// allowed keys stay.
func (s *Scratch) walkText(src []byte, c ctx) {
	if c.v.act == actMiss {
		s.allowedText(src, c)
		return
	}
	src = s.withoutColors(src)
	if s.base64Text(src, c) {
		return
	}
	outer := s.block
	s.block = false
	s.textFields(src, c)
	s.otherReadings(src, c)
	s.block = outer
}

// withoutColors is src with blanks for the escape sequences of terminals, which may
// stand between a name and its mark. Offsets stay what they are.
func (s *Scratch) withoutColors(src []byte) []byte {
	if bytes.IndexByte(src, 0x1B) < 0 {
		return src
	}
	m := s.mark()
	s.arena = append(s.arena, src...)
	dec := s.arena[m:len(s.arena):len(s.arena)]
	for i := 0; i+1 < len(dec); i++ {
		if dec[i] != 0x1B || dec[i+1] != '[' {
			continue
		}
		end := i + 2
		for end < len(dec) && (dec[end]-'0' < 10 || dec[end] == ';') {
			end++
		}
		for ; i < len(dec) && i <= end; i++ {
			dec[i] = ' '
		}
		i--
	}
	return dec
}

// textFields takes the values behind keys.
func (s *Scratch) textFields(src []byte, c ctx) {
	s.base64Words(src, c)
	if csvLike(src) {
		if s.headerDenied(src, c) {
			s.walkCSV(src, c)
			return
		}
		if n := bytes.Count(src, []byte{'"'}); n > 0 && n%2 == 0 {
			s.walkCSV(src, withoutCut(c)) // cells may be documents
		}
	}
	if cutTable(src) {
		cc := c
		cc.cut = true
		s.walkCSV(src, cc)
	}
	limit := len(src)
	if c.cut {
		// The last word may be the beginning of a longer one.
		for limit > 0 && src[limit-1] > ' ' {
			limit--
		}
		s.truncated(src, limit, c, "")
	}
	json := jsonFinder{s: s, c: c, src: src, brace: -1, bracket: -1}
	jsonAt, jsonEnd := json.next(0)
	patience := textkv.Patience(src)
	sc := textkv.Scan(src)
	cand := &sc.Candidate
	if c.v == (verdict{}) && c.state == stateNone {
		sc.Hush(&s.quiet, uint64(s.env(c.place)))
	}
	for {
		sc.Until = jsonAt
		ok := sc.Next()
		for jsonAt >= 0 && (!ok || jsonAt < cand.KeyEnd) {
			if jsonAt < limit {
				s.sub(jsonAt, (*Scratch).walkEmbedded, src[jsonAt:jsonEnd], withoutCut(c))
				if !json.broken {
					sc.SkipTo(jsonEnd)
				}
			}
			at, again := jsonEnd, json.broken
			jsonAt, jsonEnd = json.next(at)
			if ok && cand.KeyEnd < at && !again {
				ok = sc.Next()
			}
		}
		if !ok {
			return
		}
		var vc ctx
		if cand.Secret == 0 && (cand.Plain || plainKey(src[cand.Key:cand.KeyEnd])) {
			v, st := s.textVerdict(src, cand, c)
			if !v.strong() && v.cookie() == 0 && c.v == (verdict{}) {
				sc.Quieten()
				continue // nearly every key
			}
			if v = strongest(c.v, v); !v.strong() && v.cookie() == 0 {
				continue
			}
			vc = c
			vc.v, vc.state = v, st
		} else {
			vc = s.textKey(src, cand, c)
		}
		if !vc.v.strong() {
			if vc.v.cookie() != 0 {
				start, end, next := cand.Line(src)
				vc.cut = c.cut && end == len(src)
				s.sub(start, (*Scratch).cookieText, src[start:end], vc)
				sc.SkipTo(next)
				continue
			}
			if cand.Secret == 0 {
				sc.Quieten()
				continue
			}
			if vc = s.child(c, str("password")); !vc.v.strong() {
				continue
			}
			cand.Password()
		}
		start, end, next := cand.Value(src)
		if start == end && cand.Sep == ':' {
			start, end = secretLine(src, start)
			next = max(next, end)
		}
		// What follows looks at values that may have keys of their own, which are read
		// again. A text of nothing but such values is masked when that was often enough.
		if patience -= end - start; patience > 0 {
			soft, key := vc.v.flags&flagSoft != 0, src[cand.Key:cand.KeyEnd]
			if cand.Sep == ':' && soft && (proseValue(key, src[start:end]) || toldOf(src, start) || // "INFO auth: user logged in"
				cand.KeyEnd+1 == start && (permission(src[start:end]) || sourceLine(key, src[start:end]))) { // "secrets:read", "Password.java:42)"
				continue
			}
			if cand.Sep == ':' && s.opens(vc.v) && mapping(src[start:end]) {
				s.block = true // walkOutline judges its lines one by one
				continue
			}
			if soft && inert(src, key, start, end) {
				continue
			}
		}
		if cand.Sep == ':' && vc.v.flags&flagSoft != 0 {
			if n := codeOfSentence(src[start:end]); n > 0 {
				end = start + n
				next = end
			}
		}
		s.textValue(src, start, end, vc)
		sc.SkipTo(next)
		for jsonAt >= 0 && jsonAt < next {
			jsonAt, jsonEnd = json.next(next)
		}
	}
}

// mapping reports whether a value of several lines is a mapping or a sequence of YAML.
func mapping(b []byte) bool {
	if bytes.IndexByte(b, '\n') < 0 || b[0] == '|' || b[0] == '>' {
		return false
	}
	for len(b) > 0 {
		line, rest, _ := bytes.Cut(b, str("\n"))
		line = bytes.Trim(line, " \r")
		b = rest
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if _, _, ok := outlineKey(bytes.TrimPrefix(line, str("- "))); !ok && line[0] != '-' {
			return false
		}
	}
	return true
}

// textValue decides over the value src[start:end] of a denied key.
func (s *Scratch) textValue(src []byte, start, end int, vc ctx) {
	if start >= end {
		return
	}
	vc.cut = end == len(src) && vc.cut
	rep, ef := s.leaf(vc, src[start:end], kindString)
	switch ef {
	case Changed:
		s.replace(start, end, rep)
	case Removed:
		s.replace(start, end, nil)
	}
}

// textKey tests the spellings of a possible key: decoded, and as a phrase of
// several words.
func (s *Scratch) textKey(src []byte, cand *textkv.Candidate, c ctx) ctx {
	key := src[cand.Key:cand.KeyEnd]
	best, st := s.textVerdict(src, cand, c)
	vc := c
	vc.v, vc.state = strongest(c.v, best), st
	if cand.Plain || plainKey(key) {
		return vc
	}
	if bytes.IndexByte(key, '\\') >= 0 {
		vc = stronger(vc, s.child(c, s.unbackslash(key)))
	}
	if bytes.IndexByte(key, '%') >= 0 {
		vc = stronger(vc, s.encodedChild(c, key, false))
	}
	if markup.HasRef(key) {
		vc = stronger(vc, s.child(c, s.references(key)))
	}
	return vc
}

func plainKey(key []byte) bool {
	for _, b := range key {
		if keyEscape[b] {
			return false
		}
	}
	return true
}

// keyEscape has what an escape or a reference in a key begins with.
var keyEscape = [256]bool{'\\': true, '%': true, '&': true}

// unbackslash decodes \uXXXX, \xXX and one-letter escapes into the arena.
func (s *Scratch) unbackslash(key []byte) []byte {
	m := s.mark()
	for i := 0; i < len(key); i++ {
		if key[i] != '\\' || i+1 >= len(key) {
			s.arena = append(s.arena, key[i])
			continue
		}
		i++
		switch n := map[byte]int{'u': 4, 'x': 2}[key[i]]; {
		case n > 0 && i+n < len(key) && allHex(key[i+1:i+1+n]):
			// As a character reference: the decoder is there already.
			ref := append(append([]byte("&#x"), key[i+1:i+1+n]...), ';')
			s.arena = markup.Decode(s.arena, ref)
			i += n
		default:
			s.arena = append(s.arena, key[i])
		}
	}
	return s.arena[m:len(s.arena):len(s.arena)]
}

func allHex(b []byte) bool {
	for _, c := range b {
		if !form.IsHex(c) {
			return false
		}
	}
	return true
}

// allowedText is walkText under an allowlist: what is not the value of an allowed
// key goes, the keys of other values with it.
func (s *Scratch) allowedText(src []byte, c ctx) {
	from := 0
	sc := textkv.Scan(src)
	for cand := &sc.Candidate; sc.Next(); {
		vc := s.textKey(src, cand, c)
		if vc.v.act == actMiss || vc.v.act == actNone {
			continue
		}
		start, end, next := cand.Value(src)
		if !vc.v.strong() {
			// The widest reading is the wrong one for a value that stays.
			start, end, next = narrow(src, start, end, next)
		}
		s.unlisted(src, from, cand.Key, c)
		s.textValue(src, start, end, vc)
		from = next
		sc.SkipTo(next)
	}
	s.unlisted(src, from, len(src), c)
}

// unlisted masks src[start:end] but for blanks and marks round it.
func (s *Scratch) unlisted(src []byte, start, end int, c ctx) {
	word := func(b byte) bool { return b >= 0x80 || form.IsHex(b) || 'a' <= b|32 && b|32 <= 'z' }
	for start < end && !word(src[start]) {
		start++
	}
	for end > start && !word(src[end-1]) {
		end--
	}
	if start < end {
		s.replaceLeaf(start, end, src[start:end], c)
	}
}

// narrow cuts a value at the first byte that may end it.
func narrow(src []byte, start, end, next int) (int, int, int) {
	if start > 0 && next > end { // quoted
		return start, end, next
	}
	if i := bytes.IndexAny(src[start:end], " \t\r\n,;&|\"'`{}[]()<>"); i >= 0 {
		end = start + i
	}
	return start, end, end
}

// csvLike reports whether the first two lines have the same number of cells, more
// than one, and the first looks like names.
func csvLike(src []byte) bool {
	if len(src) > 0 && (src[0] == '#' || src[0] == 's') {
		src = src[textkv.Preamble(src):]
	}
	i := bytes.IndexByte(src, '\n')
	if i < 3 || i > 4096 || i+1 >= len(src) {
		return false
	}
	for _, b := range src[:i] {
		if b == '=' || b == ':' || b == '{' || b == '<' {
			return false
		}
	}
	delim, n := textkv.Delimiter(src)
	if n < 2 {
		return false
	}
	k := 0
	for pos, last := i+1, false; !last && pos < len(src); k++ {
		cell := textkv.ReadCell(src, pos, delim)
		pos, last = cell.Next, cell.Last
	}
	return k == n
}

// headerDenied reports whether a cell of the first line is a denied key.
func (s *Scratch) headerDenied(src []byte, c ctx) bool {
	src = src[textkv.Preamble(src):]
	delim, _ := textkv.Delimiter(src)
	for pos, last := 0, false; !last; {
		cell := textkv.ReadCell(src, pos, delim)
		if s.child(c, bytes.TrimSpace(src[cell.Start:cell.End])).v.strong() {
			return true
		}
		pos, last = cell.Next, cell.Last
	}
	return false
}

// secretLine is the line behind an empty "key:" if it is one word of letters and
// digits, as in mails that tell a password.
func secretLine(src []byte, i int) (start, end int) {
	start = i
	for start < len(src) && start-i < 4 && (src[start] == '\r' || src[start] == '\n') {
		start++
	}
	if start == i {
		return i, i
	}
	end, _ = field.EndOfLine(src[:min(len(src), start+maxSecretBytes+1)], start)
	word := src[start:end]
	if len(word) < 6 || len(word) > maxSecretBytes || bytes.ContainsAny(word, " \t:=") || !shape.Mixed(word) {
		return i, i
	}
	return start, end
}
