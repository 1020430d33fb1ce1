// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"net/netip"
	"unicode"
	"unicode/utf8"

	"github.com/apispan/apispan/redact/internal/token"
)

// leaf decides over one scalar. dec is its decoded value. Unchanged: keep the raw
// bytes. Changed: write rep, encoded, instead of the value; rep lives in the arena
// and must be written as a string of the syntax (quotes and all, even for a
// number). Removed: remove key and value if the syntax allows it, else write
// maskText.
//
// Under no rule or an allow rule it looks for a document inside the string (JSON,
// form, URL, base64 of JSON, text with key=value) and then runs the detectors, so
// rep may be the old value with small replacements. It counts.
//
// Set c.cut if dec ends where the capture ends (then hmac and encrypt mask).
func (s *Scratch) leaf(c ctx, dec []byte, k kind) (rep []byte, ef Effect) {
	if c.v.flags&flagSoft != 0 && s.spares(&c, dec, k) {
		c.v.act = actNone
	}
	switch c.v.act {
	case actNone, actAllow:
		return s.inspectLeaf(c, dec, k)
	case actHMAC, actEncrypt:
		if k == kindNull || len(dec) == 0 {
			return nil, Unchanged
		}
		return s.tokenOf(c, dec)
	case actTruncate:
		return s.truncateIP(c, dec)
	default:
		keep := s.keepOf(c)
		if keep != (Keep{}) && s.partlyMasked(dec, keep) {
			return dec, Changed // an edit that changes nothing is not recorded
		}
		s.count(c.place, c.v.rule, c.v.act, outcomeRule)
		if k == kindString && c.v.act != actMiss && !c.cut {
			s.noteSecret(c, dec)
		}
		if c.v.act == actDrop {
			return s.p.mask, Removed
		}
		if keep != (Keep{}) {
			return s.partly(dec, keep), Changed
		}
		if s.p.cfg.MaskByType {
			return s.typedMask(k), Changed
		}
		return s.p.mask, Changed
	}
}

// maskOf counts one replaced subtree under c.v and returns what to write for it:
// Changed with the mask, or Removed. For c.v.act.whole() verdicts.
func (s *Scratch) maskOf(c ctx) (rep []byte, ef Effect) {
	s.count(c.place, c.v.rule, c.v.act, outcomeRule)
	if c.v.act == actDrop {
		return s.p.mask, Removed
	}
	return s.p.mask, Changed
}

// maskText is the mask of this policy. It needs no escaping in any syntax; in
// forms and URLs it stays readable, that is, unescaped.
func (s *Scratch) maskText() []byte { return s.p.mask }

func (s *Scratch) typedMask(k kind) []byte {
	m := s.mark()
	t := s.p.cfg.Mask
	tail := ""
	if n := len(t); t[n-1] == ']' || t[n-1] == ')' {
		t, tail = t[:n-1], t[n-1:]
	}
	s.arena = append(append(append(append(s.arena, t...), ':'), [...]string{"string", "number", "bool", "null"}[k]...), tail...)
	return s.arena[m:]
}

// tokenOf applies hmac or encrypt.
func (s *Scratch) tokenOf(c ctx, dec []byte) ([]byte, Effect) {
	if c.cut {
		s.count(c.place, c.v.rule, c.v.act, outcomeTruncated)
		return s.p.mask, Changed
	}
	return s.tokenWith(c.place, c.v, dec), Changed
}

// tokenWith returns the token or the encrypted form of a value, or the mask when
// there is no key.
func (s *Scratch) tokenWith(pl place, v verdict, dec []byte) []byte {
	if s.tokens == nil {
		s.count(pl, v.rule, v.act, outcomeNoKey)
		return s.p.mask
	}
	if v.flags&flagLower != 0 {
		dec = s.lower(dec)
	}
	if v.act == actHMAC {
		dec = s.canonicalIP(pl, dec)
	}
	m := s.mark()
	var ok bool
	if v.act == actHMAC {
		s.arena, ok = s.tokens.AppendToken(s.arena, s.p.rules[v.rule].tokenScope, dec)
	} else {
		s.arena, ok = s.tokens.AppendEncrypted(s.arena, dec)
	}
	if !ok {
		s.arena = s.arena[:m]
		s.count(pl, v.rule, v.act, outcomeNoKey)
		return s.p.mask
	}
	s.count(pl, v.rule, v.act, outcomeRule)
	return s.arena[m:len(s.arena):len(s.arena)]
}

func (s *Scratch) lower(b []byte) []byte {
	m := s.mark()
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf {
			c := b[i]
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			s.arena = append(s.arena, c)
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			s.arena = append(s.arena, b[i])
		} else {
			s.arena = utf8.AppendRune(s.arena, unicode.ToLower(r))
		}
		i += n
	}
	return s.arena[m:]
}

// canonicalIP brings an address into the text that its token is made of, so that
// the token is the same wherever the address stands.
func (s *Scratch) canonicalIP(pl place, b []byte) []byte {
	if pl != placeClientIP && !maybeIP(b) {
		return b
	}
	a, ok := token.ParseIP(b)
	if !ok || pl != placeClientIP && !plainIP(b) {
		return b
	}
	m := s.mark()
	s.arena = token.AppendIP(s.arena, a)
	return s.arena[m:]
}

// maybeIP is a cheap filter in front of plainIP.
func maybeIP(b []byte) bool {
	if len(b) < 2 || len(b) > 45 {
		return false
	}
	dots, colons := 0, 0
	for _, c := range b {
		switch {
		case c == '.':
			dots++
		case c == ':':
			colons++
		case '0' <= c && c <= '9', 'a' <= c|0x20 && c|0x20 <= 'f':
		default:
			return false
		}
	}
	return dots == 3 || colons >= 2
}

// plainIP reports whether b is an address and nothing else (no port).
func plainIP(b []byte) bool {
	_, err := netip.ParseAddr(view(b))
	return err == nil
}

func (s *Scratch) truncateIP(c ctx, dec []byte) ([]byte, Effect) {
	if len(dec) == 0 && c.place != placeClientIP {
		return nil, Unchanged
	}
	m := s.mark()
	ok := !c.cut && s.appendTruncated(dec, c.v.rule)
	switch {
	case !ok:
		s.arena = s.arena[:m]
		s.count(c.place, c.v.rule, actMask, outcomeRule)
		return s.p.mask, Changed
	case string(s.arena[m:]) == string(dec):
		return nil, Unchanged
	}
	s.count(c.place, c.v.rule, actTruncate, outcomeRule)
	return s.arena[m:], Changed
}

// appendTruncated appends the prefixes of an address, or of a list of them, to the
// arena. It reports false for anything else.
func (s *Scratch) appendTruncated(list []byte, rule uint16) bool {
	r := &s.p.rules[rule]
	for {
		one, rest, more := bytes.Cut(list, str(","))
		a, ok := token.ParseIP(bytes.TrimSpace(one))
		if !ok {
			return false
		}
		s.arena = token.AppendTruncated(s.arena, a, r.v4, r.v6)
		if !more {
			return true
		}
		s.arena = append(s.arena, ',')
		trimmed := bytes.TrimLeft(rest, " ")
		s.arena = append(s.arena, rest[:len(rest)-len(trimmed)]...)
		list = rest
	}
}

// inspectLeaf looks into a value that no key rule selects.
func (s *Scratch) inspectLeaf(c ctx, dec []byte, k kind) ([]byte, Effect) {
	switch k {
	case kindNull, kindLiteral:
		return nil, Unchanged
	case kindNumber:
		return s.inspectNumber(c, dec)
	}
	if len(dec) < 3 && !c.cut && (s.p.det == nil || len(dec) < s.p.detMin) && c.v.cookie() == 0 {
		return nil, Unchanged // neither structured nor wordy
	}
	w := (*Scratch).inspect
	if c.v.cookie() != 0 {
		w = (*Scratch).cookieText
	} else if keys := structured(dec); !wordy(dec, c) && (s.p.det == nil || !c.cut && (len(dec) < s.p.detMin || !s.detects(dec))) &&
		(!keys || s.tinyLeaf(dec, c)) {
		return nil, Unchanged
	}
	hash, known := s.quietLeaf(dec, c)
	if known {
		return nil, Unchanged
	}
	before := s.effects()
	out, changed := s.run(w, dec, c)
	if !changed {
		s.noteLeaf(hash, before)
		return nil, Unchanged
	}
	return out, Changed
}

// inspectNumber runs the detectors over a number; a hit replaces all of it.
func (s *Scratch) inspectNumber(c ctx, dec []byte) ([]byte, Effect) {
	if s.p.det == nil {
		return nil, Unchanged
	}
	s.matches = s.p.det.Find(s.matches[:0], dec, c.cut)
	for _, h := range s.matches {
		id := s.p.detRule[h.Rule]
		r := &s.p.rules[id]
		switch r.act {
		case actReport:
			s.count(c.place, id, actReport, outcomeRule)
		case actHMAC, actEncrypt:
			c.v = verdict{act: r.act, rule: id, flags: r.flags}
			return s.tokenOf(c, dec)
		default:
			s.count(c.place, id, actMask, outcomeRule)
			if r.keep != (Keep{}) && !c.cut {
				return s.partly(dec, r.keep), Changed
			}
			return s.p.mask, Changed
		}
	}
	return nil, Unchanged
}

// detects reports whether any detector matches.
func (s *Scratch) detects(b []byte) bool {
	hash, known := s.unmet.hash(b)
	if known {
		return false
	}
	if !s.p.det.Quiet(b) {
		var option bool
		if s.matches, option = s.p.det.FindOption(s.matches[:0], b, false); len(s.matches) > 0 || option {
			return true
		}
	}
	s.unmet.note(hash)
	return false
}

// patterns runs the detectors over src, decoded text at the current level. What a
// key rule has replaced already stays replaced.
func (s *Scratch) patterns(src []byte, c ctx) {
	if s.p.det == nil || len(src) == 0 || len(src) < s.p.detMin && !c.cut {
		return
	}
	s.matches = s.p.det.Find(s.matches[:0], src, c.cut)
	for i := range s.matches {
		h := s.matches[i]
		id := s.p.detRule[h.Rule]
		r := &s.p.rules[id]
		if r.act == actReport {
			s.count(c.place, id, actReport, outcomeRule)
			continue
		}
		if s.covered(h.Start, h.End) {
			continue
		}
		if r.act == actHMAC || r.act == actEncrypt {
			v := verdict{act: r.act, rule: id, flags: r.flags}
			if c.cut && h.End == len(src) {
				s.count(c.place, id, r.act, outcomeTruncated)
				s.replace(h.Start, h.End, s.p.mask)
				continue
			}
			s.replace(h.Start, h.End, s.tokenWith(c.place, v, src[h.Start:h.End]))
			continue
		}
		if r.act == actTruncate {
			tc := ctx{v: verdict{act: actTruncate, rule: id}, place: c.place, cut: c.cut && h.End == len(src)}
			if rep, ef := s.truncateIP(tc, src[h.Start:h.End]); ef == Changed {
				s.replace(h.Start, h.End, rep)
			}
			continue
		}
		s.count(c.place, id, r.act, outcomeRule)
		if r.act == actDrop {
			s.replace(h.Start, h.End, nil)
			continue
		}
		if r.keep != (Keep{}) && !(c.cut && h.End == len(src)) {
			s.replace(h.Start, h.End, s.partly(src[h.Start:h.End], r.keep))
			continue
		}
		s.replace(h.Start, h.End, s.p.mask)
	}
}
