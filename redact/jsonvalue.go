// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/shape"
)

// jsonString decides over the string with content src[a:b]. It returns where to go
// on if that is not behind the closing quote (a dropped member), else 0.
func (s *Scratch) jsonString(src []byte, a, b int, esc bool, c ctx, f *frame, keyStart int) int {
	if f != nil {
		s.jsonPair(src, a, b, esc, &c, f, keyStart)
	}
	v := c.v
	if v.flags&flagSoft != 0 {
		if s.jsonSpares(src[a:b], esc, &c) {
			v.act = actNone
			c.v.act = actNone
		}
		c.v.flags &^= flagSoft // leaf need not ask again
	}
	switch v.act {
	case actNone, actAllow:
		s.jsonInspect(src[a:b], a, esc, c)
		return 0
	case actHMAC, actEncrypt, actTruncate:
		m := s.mark()
		dec := src[a:b]
		if esc {
			s.arena = appendUnescaped(s.arena, dec)
			dec = s.arena[m:]
		}
		if rep, ef := s.leaf(c, dec, kindString); ef != Unchanged {
			s.jsonQuoted(a-1, b+1, rep)
		}
		return 0
	}
	return s.jsonMask(src, a-1, b+1, kindString, c, f, keyStart)
}

// jsonSpares is spares for a string of the source.
func (s *Scratch) jsonSpares(raw []byte, esc bool, c *ctx) bool {
	if !esc || len(raw) > 6*maxSecretBytes {
		return s.spares(c, raw, kindString)
	}
	m := s.mark()
	s.arena = appendUnescaped(s.arena, raw)
	ok := s.spares(c, s.arena[m:], kindString)
	s.arena = s.arena[:m]
	return ok
}

// jsonScalar decides over the number or literal src[i:end] and returns where to go
// on.
func (s *Scratch) jsonScalar(src []byte, i, end int, k kind, c ctx, f *frame, keyStart int) int {
	if c.v.flags&flagValueKey != 0 && f != nil && f.flags&frameObject != 0 && !f.kv.says() {
		s.pend = append(s.pend, span{int32(i), int32(end), c.v.flags&flagValueOnly != 0})
	}
	if c.v.flags&flagSoft != 0 {
		if s.spares(&c, src[i:end], k) {
			c.v.act = actNone
		}
		c.v.flags &^= flagSoft
	}
	switch c.v.act {
	case actNone, actAllow, actHMAC, actEncrypt, actTruncate:
		if rep, ef := s.leaf(c, src[i:end], k); ef != Unchanged {
			s.jsonQuoted(i, end, rep)
		}
		return end
	}
	if e := s.jsonMask(src, i, end, k, c, f, keyStart); e > 0 {
		return e
	}
	return end
}

// jsonQuoted replaces src[start:end] by rep as a JSON string.
func (s *Scratch) jsonQuoted(start, end int, rep []byte) {
	m := s.mark()
	s.arena = append(s.arena, '"')
	s.arena = appendEscaped(s.arena, rep)
	s.arena = append(s.arena, '"')
	s.replaceFrom(start, end, m)
}

// jsonMask writes the mask for the scalar src[start:end] or drops its member. It
// returns where to go on, 0 for end.
func (s *Scratch) jsonMask(src []byte, start, end int, k kind, c ctx, f *frame, keyStart int) int {
	if c.v.act == actDrop && f != nil {
		s.count(c.place, c.v.rule, actDrop, outcomeRule)
		if k == kindString {
			s.noteSecret(c, src[start+1:end-1])
		}
		return s.jsonDrop(src, end, f, keyStart)
	}
	raw := src[start:end]
	if k == kindString {
		raw = src[start+1 : end-1]
	}
	rep, _ := s.leaf(c, raw, k)
	if len(rep) > 0 && &rep[0] == &s.p.mask[0] { // nearly always
		s.replace(start, end, s.p.maskJSON)
		return 0
	}
	s.jsonQuoted(start, end, rep)
	return 0
}

// jsonReplaceWhole writes the mask for a container or drops its member.
func (s *Scratch) jsonReplaceWhole(src []byte, start, end int, c ctx, f *frame, keyStart int, ok bool) int {
	o := outcomeRule
	if !ok {
		o = outcomeTruncated
	}
	s.count(c.place, c.v.rule, c.v.act, o)
	if c.v.act == actDrop && f != nil && ok {
		return s.jsonDrop(src, end, f, keyStart)
	}
	s.replace(start, end, s.p.maskJSON)
	return end
}

// jsonBroken replaces a value that cannot be read, and all behind it: by the mask
// if a rule masks it anyway, which is what a second pass over the result would do.
func (s *Scratch) jsonBroken(src []byte, i int, c ctx, v verdict, text string) {
	o := outcomeTruncated
	if text == markMalformed {
		o = outcomeMalformed
	}
	if v.act.whole() || v.act == actMiss {
		s.count(c.place, v.rule, v.act, o)
		s.replace(i, len(src), s.p.maskJSON)
		return
	}
	s.fail(src, i, c, `"`, text, o)
}

// jsonDrop removes the member or element from keyStart to end together with one
// comma, and returns where to go on: at the next comma or bracket, or at the next
// key if the comma behind went.
func (s *Scratch) jsonDrop(src []byte, end int, f *frame, keyStart int) int {
	if skipSpace(src, int(f.gone)) != keyStart { // something before it stays
		s.replace(bytes.LastIndexByte(src[:keyStart], ','), end, nil)
		return end
	}
	if i := skipSpace(src, end); i < len(src) && src[i] == ',' {
		s.replace(keyStart, i+1, nil)
		f.gone = int32(i) + 1
	} else {
		s.replace(keyStart, end, nil)
	}
	return end
}

// jsonPair sees to key/value pairs: {"name":"password","value":"x"} in both
// orders, and ["password","x"] as well as flat lists of names and values.
func (s *Scratch) jsonPair(src []byte, a, b int, esc bool, c *ctx, f *frame, keyStart int) {
	if f.flags&frameNames != 0 {
		if b-a <= 64*6 {
			f.kv = s.nameOf(src[a:b], esc, *c)
		}
		return
	}
	if f.flags&frameObject == 0 {
		if b-a > 1 && src[a] == '-' && c.v.act < actMask && s.argument(src, a, b, f, c) {
			return
		}
		option := b-a > 2 && src[a] == '-' && (src[a+1] == '-' || b-a > len("-pass")) && bytes.IndexByte(src[a:b], '=') < 0 // a list of arguments
		if (f.idx&1 == 1 || option) && b-a <= 64 && c.v.act < actMask {                                                     // idx counts this element
			f.kv = s.nameOf(src[a:b], esc, *c)
			if f.kv.flags&flagSoft != 0 && !option && wordFollows(src, b) {
				f.kv = verdict{} // a list of names: ["salt", "pepper"]
			}
		}
		return
	}
	if c.v.flags&flagNameKey != 0 && b-a <= 64*6 {
		kind := c.v.flags&flagPointer != 0 && string(src[keyStart:keyStart+6]) == `"kind"`
		switch name := src[a:b]; {
		case !kind:
			nv := s.nameOf(name, esc, *c)
			nv.flags |= c.v.flags & flagPointer
			s.jsonNamed(src, f, nv, *c)
		case string(name) == "Secret": // of Kubernetes: data and stringData go as a whole
			nv := s.nameOf(name, esc, *c)
			nv.flags &^= flagSoft
			s.jsonNamed(src, f, nv, *c)
		case string(name) == "SecretList": // whose items say nothing of their kind
			nv := s.nameOf(name, esc, *c)
			nv.flags &^= flagSoft
			f.v = strongest(f.v, nv)
		}
	}
	if c.v.flags&flagValueKey != 0 && !f.kv.says() {
		s.pend = append(s.pend, span{int32(a - 1), int32(b + 1), c.v.flags&flagValueOnly != 0})
	}
}

// jsonNamed notes that nv is what the name in an object says about its value, which
// may have come before.
func (s *Scratch) jsonNamed(src []byte, f *frame, nv verdict, c ctx) {
	if nv.act <= f.kv.act && (f.kv.says() || nv.cookie() == 0) {
		return
	}
	f.kv = nv
	kept := s.pend[:f.pend]
	for _, p := range s.pend[f.pend:] {
		if nv.flags&flagPointer != 0 && !p.nameless {
			kept = append(kept, p)
			continue
		}
		s.jsonRetro(src, p, ctx{v: nv, place: c.place, nest: c.nest})
	}
	s.pend = kept
}

// wordFollows reports whether the string that ends at b is followed by one of
// letters only.
func wordFollows(src []byte, b int) bool {
	i := b + 1
	for i < len(src) && (jsonSpace[src[i]] || src[i] == ',') {
		i++
	}
	if i == len(src) || src[i] != '"' {
		return false
	}
	i++
	end := bytes.IndexByte(src[i:min(len(src), i+66)], '"')
	return end > 0 && shape.Words(src[i:i+end])
}

func (s *Scratch) nameOf(raw []byte, esc bool, c ctx) verdict {
	if !esc {
		return s.nameVerdict(c, raw)
	}
	m := s.mark()
	s.arena = appendUnescaped(s.arena, raw)
	v := s.nameVerdict(c, s.arena[m:])
	s.arena = s.arena[:m]
	return v
}

// jsonRetro replaces a value whose name came after it.
func (s *Scratch) jsonRetro(src []byte, p span, c ctx) {
	raw := src[p.start:p.end]
	if c.v.act == actNone { // a cookie field
		switch raw[0] {
		case '"':
			at := int(p.start) + 1
			raw = raw[1 : len(raw)-1]
			s.jsonInspect(raw, at, bytes.IndexByte(raw, '\\') >= 0, c)
		case '{', '[':
			s.sub(int(p.start), (*Scratch).walkJSON, raw, c)
		}
		return
	}
	if c.v.act == actHMAC || c.v.act == actEncrypt {
		k := kindNumber
		switch raw[0] {
		case '{', '[':
			k = kindNull
			c.v.act = actMask
		case '"':
			k = kindString
			raw = raw[1 : len(raw)-1]
			if bytes.IndexByte(raw, '\\') >= 0 {
				m := s.mark()
				s.arena = appendUnescaped(s.arena, raw)
				raw = s.arena[m:]
			}
		}
		if rep, ef := s.leaf(c, raw, k); ef != Unchanged {
			s.jsonQuoted(int(p.start), int(p.end), rep)
		}
		return
	}
	if s.retroSpares(raw, &c) {
		return
	}
	s.count(c.place, c.v.rule, actMask, outcomeRule)
	s.replace(int(p.start), int(p.end), s.p.maskJSON)
}

// retroSpares is spares for a value whose name came after it; one that was found
// to be a container goes as a whole.
func (s *Scratch) retroSpares(raw []byte, c *ctx) bool {
	if c.v.flags&flagSoft == 0 || len(raw) == 0 {
		return false
	}
	switch raw[0] {
	case '{', '[':
		return false
	case '"':
		return len(raw) > 1 && s.jsonSpares(raw[1:len(raw)-1], bytes.IndexByte(raw, '\\') >= 0, c)
	case 't', 'f':
		return s.spares(c, raw, kindLiteral)
	case 'n':
		return s.spares(c, raw, kindNull)
	}
	return s.spares(c, raw, kindNumber)
}

// jsonInspect looks into a string that no key rule selects and moves the edits
// that result from the decoded text into the raw one, so that everything between
// them stays byte for byte.
func (s *Scratch) jsonInspect(raw []byte, at int, esc bool, c ctx) {
	dec := raw
	if esc {
		m := s.mark()
		s.arena = appendUnescaped(s.arena, raw)
		dec = s.arena[m:len(s.arena):len(s.arena)]
		if wideText(dec) { // UTF-16 in escapes: what is read is replaced as a whole
			dec = bytes.ReplaceAll(dec, []byte{0}, nil)
			if _, changed := s.run((*Scratch).inspect, dec, c); changed {
				s.replace(at, at+len(raw), s.p.mask)
			}
			return
		}
	}
	w := (*Scratch).inspect
	if c.v.cookie() != 0 {
		w = (*Scratch).cookieText
	} else if (s.p.det == nil || len(dec) < s.p.detMin && !c.cut) && !structured(dec) {
		return
	}
	pend, fb := len(s.pend), s.frameBase
	es := s.inner(w, dec, c)
	s.pend, s.frameBase = s.pend[:pend], fb
	s.lift(es, raw, at, &jsonCoding, !esc)
}
