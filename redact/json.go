// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"encoding/binary"
	"math/bits"
)

// The JSON walker is one strict state machine over the raw bytes. It is lenient in
// two points that cannot flip string parity: raw control characters and unknown
// escapes inside strings pass.

// frame is one open container.
type frame struct {
	v     verdict // inherited by the values inside
	kv    verdict // for the sibling value of a key/value pair
	state pathState
	start int32 // offset of the bracket
	idx   int32 // next element of an array
	comma int32 // offset of the last comma
	pend  int32 // len(s.pend) when opened
	flags frameFlags
}

// neutral reports whether nothing is said about the values inside so far.
func (f *frame) neutral() bool { return !f.v.says() && !f.kv.says() }

type frameFlags uint8

const (
	frameObject frameFlags = 1 << iota
	// frameKept: a member or element before this one stays, so that its comma can
	// go with a dropped one.
	frameKept
	// frameValue: the container is the value of a value key in its parent.
	frameValue
	// frameNames: the container is an array under a key for names, whose last element
	// names the sibling: {"loc": ["body", "password"], "input": "x"}.
	frameNames
	// frameNameless: and the key says nothing (flagValueOnly).
	frameNameless
)

// span is a value whose name may follow. A nameless one has a key that says
// nothing, and goes if the document ends before the name comes.
type span struct {
	start, end int32
	nameless   bool
}

// maxNameless bounds what is replaced because the name of a pair may have been cut
// off: the value of a pair is short, "value" as the root of a collection is not.
const maxNameless = 1024

// walkJSON walks one or more JSON documents, with blanks, commas of a sequence or
// RFC 7464 record separators between them.
func (s *Scratch) walkJSON(src []byte, c ctx) {
	i, first, scalar := 0, true, -1
	for {
		for i < len(src) && (src[i] <= ' ' && jsonSpace[src[i]] || src[i] == 0x1E) {
			i++
		}
		if i >= len(src) {
			return
		}
		if !first && src[i] != '{' && src[i] != '[' && src[i] != '"' && scalar < 0 {
			s.malformed(src, i, c, `"`)
			return
		}
		// A bare string or number with something unreadable behind it is what the
		// tail of a document looks like: it goes too.
		if src[i] != '{' && src[i] != '[' && scalar < 0 {
			scalar = i
		}
		if scalar >= 0 && jsonStray(src[i]) {
			s.malformed(src, scalar, c, `"`)
			return
		}
		first = false
		end, ok := s.jsonValue(src, i, c)
		if !ok {
			if scalar >= 0 && scalar != i {
				s.malformed(src, scalar, c, `"`)
			}
			return
		}
		i = end
	}
}

// jsonValue walks the document at i. It returns the offset behind it, or false if
// the input ended or was malformed; then everything to the end of src is dealt
// with.
func (s *Scratch) jsonValue(src []byte, i int, c ctx) (int, bool) {
	pend := len(s.pend)
	end, ok := s.jsonScan(src, i, c)
	if !ok {
		for _, p := range s.pend[pend:] {
			if p.nameless {
				s.jsonRetro(src, p, ctx{v: verdict{act: actMask}, place: c.place, nest: c.nest})
			}
		}
	}
	s.pend = s.pend[:pend]
	return end, ok
}

func (s *Scratch) jsonScan(src []byte, i int, c ctx) (int, bool) {
	n := len(src)
	d := 0
	top := c
	c.cut = false
	plain := s.p.det == nil
	base := s.frameBase
	frames := s.frames[base:]
	var f *frame
	v, st := c.v, c.state
	keyStart := i
	depth := len(frames) - 1

value:
	if i < n && src[i] <= ' ' {
		i = skipSpace(src, i)
	}
	if i >= n {
		goto stopped
	}
	switch src[i] {
	case '"':
		a := i + 1
		var b int
		var fl stringFlags
		if a+8 <= n {
			w := binary.LittleEndian.Uint64(src[a:])
			if m := quoteMask(w); m != 0 {
				k := uint(bits.TrailingZeros64(m) >> 3)
				b = a + int(k)
				if src[b] == '"' {
					if keyMask(w)&(1<<(8*k)-1) != 0 {
						fl = stringKeyed
					}
				} else {
					b, fl = scanString(src, a)
				}
			} else {
				b, fl = scanString(src, a)
			}
		} else {
			b, fl = scanString(src, a)
		}
		if b < 0 {
			s.jsonBroken(src, i, c, v, markTruncated)
			goto stopped
		}
		if fl == 0 && v.act == actNone && v.flags == 0 && !nestFirst[src[a]] && f != nil && (f.flags&frameObject != 0 || f.idx&1 == 0 && f.flags&frameNames == 0) &&
			(plain || b-a < s.p.detMin || !s.detects(src[a:b])) {
			f.flags |= frameKept
			i = b + 1
			goto after
		}
		s.frameBase = base + d
		end := s.jsonString(src, a, b, fl&stringEscaped != 0, ctx{v: v, state: st, place: c.place, nest: c.nest}, f, keyStart)
		s.frameBase = base
		i = b + 1
		if end > 0 {
			i = end
		}
		goto after

	case '{', '[':
		if v.flags&flagSoft != 0 && s.guarded(v) == guardKeySet { // its members are strings
			v.act, v.flags = actNone, v.flags&^ruleFlags
		}
		if v.act.whole() && !s.opens(v) || d >= depth {
			end, ok := skipJSON(src, i)
			if d >= depth && !v.act.whole() {
				s.overLimit(i, end, c, `"`)
			} else {
				end = s.jsonReplaceWhole(src, i, end, ctx{v: v, place: c.place}, f, keyStart, ok)
			}
			if !ok {
				goto stopped
			}
			i = end
			goto after
		}
		d++
		nf := &frames[d]
		nf.v = v
		nf.v.flags = v.flags & (flagsInherited | cookieBits)
		nf.kv = verdict{}
		nf.state = st
		nf.start = int32(i)
		nf.idx = 0
		nf.comma = 0
		nf.pend = int32(len(s.pend))
		nf.flags = 0
		if f != nil && f.flags&frameObject != 0 && v.flags&flagValueKey != 0 {
			nf.flags = frameValue
			if v.flags&flagValueOnly != 0 {
				nf.flags |= frameNameless
			}
		}
		if f != nil && f.flags&frameObject != 0 && v.flags&flagNameKey != 0 && src[i] == '[' {
			nf.flags |= frameNames
		}
		f = nf
		if src[i] == '{' {
			f.flags |= frameObject
			i++
			for i < n && jsonSpace[src[i]] {
				i++
			}
			if i < n && src[i] == '}' {
				goto closeContainer
			}
			goto key
		}
		i++
		for i < n && jsonSpace[src[i]] {
			i++
		}
		if i < n && src[i] == ']' {
			goto closeContainer
		}
		goto element

	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		end := i + 1
		var st2 numberState
		for end < n && src[end]-'0' < 10 {
			end++
		}
		if end < n && (src[end] == ',' || src[end] == '}') && src[i] > '0' {
			st2 = numberOK // an integer
		} else {
			end, st2 = numberEnd(src, i)
		}
		if st2 == numberCut && d == 0 && !top.cut {
			st2 = numberOK
		}
		switch st2 {
		case numberBad:
			s.jsonBroken(src, i, c, v, markMalformed)
			goto stopped
		case numberCut:
			s.jsonBroken(src, i, c, v, markTruncated)
			goto stopped
		}
		if v.act == actNone && (plain || end-i < 9) && v.flags&flagValueKey == 0 {
			keep(f)
			i = end
			goto after
		}
		i = s.jsonScalar(src, i, end, kindNumber, ctx{v: v, state: st, place: c.place, nest: c.nest}, f, keyStart)
		goto after

	case 't', 'f', 'n':
		lit, k := "true", kindLiteral
		switch src[i] {
		case 'f':
			lit = "false"
		case 'n':
			lit, k = "null", kindNull
		}
		if n-i < len(lit) && string(src[i:]) == lit[:n-i] {
			s.jsonBroken(src, i, c, v, markTruncated)
			goto stopped
		}
		if n-i < len(lit) || string(src[i:i+len(lit)]) != lit {
			s.jsonBroken(src, i, c, v, markMalformed)
			goto stopped
		}
		if v.act == actNone && v.flags&flagValueKey == 0 {
			keep(f)
			i += len(lit)
			goto after
		}
		i = s.jsonScalar(src, i, i+len(lit), k, ctx{v: v, state: st, place: c.place, nest: c.nest}, f, keyStart)
		goto after
	}
	s.jsonBroken(src, i, c, v, markMalformed)
	goto stopped

key:
	if i >= n {
		goto stopped
	}
	if src[i] != '"' {
		s.malformed(src, i, c, `"`)
		goto stopped
	}

keyQuote:
	keyStart = i
	i++
	{
		var own verdict
		var val packed
		var end int
		var esc bool
		if i+16 <= n {
			w0 := binary.LittleEndian.Uint64(src[i:])
			if m := quoteMask(w0); m != 0 {
				kn := bits.TrailingZeros64(m) >> 3
				end = i + kn
				if src[end] == '"' {
					k0 := w0 & (1<<(8*uint(kn)) - 1)
					tag := cacheTag(kn, s.scopeID<<4|uint16(c.place), f.state)
					if e := &s.short[shortSlot(k0, 0, tag)][0]; e.k0 == k0 && e.k1 == 0 && e.tag == tag {
						val = e.val
					} else {
						val = s.lookupShort(c.place, f.state, k0, 0, kn, src[i:end])
					}
					goto haveKey
				}
			} else {
				w1 := binary.LittleEndian.Uint64(src[i+8:])
				if m := quoteMask(w1); m != 0 {
					kn := bits.TrailingZeros64(m) >> 3
					end = i + 8 + kn
					if src[end] == '"' {
						k1 := w1 & (1<<(8*uint(kn)) - 1)
						tag := cacheTag(8+kn, s.scopeID<<4|uint16(c.place), f.state)
						if e := &s.short[shortSlot(w0, k1, tag)][0]; e.k0 == w0 && e.k1 == k1 && e.tag == tag {
							val = e.val
						} else {
							val = s.lookupShort(c.place, f.state, w0, k1, 8+kn, src[i:end])
						}
						goto haveKey
					}
				}
			}
		}
		end, esc = stringEnd(src, i)
		if end < 0 {
			s.truncated(src, keyStart, c, `"`)
			goto stopped
		}
		val = s.jsonKey(src[i:end], esc, c.place, f.state)
	haveKey:
		i = end + 1
		if val == 0 && f.neutral() {
			v, st = verdict{}, stateNone
			// The usual case: a key and a string that nothing is said about, with no
			// blanks between them.
			if i+10 > n || src[i] != ':' || src[i+1] != '"' {
				goto colon
			}
			a := i + 2
			var b int
			var keyed bool
			w := binary.LittleEndian.Uint64(src[a:])
			if m := quoteMask(w); m != 0 {
				k := uint(bits.TrailingZeros64(m) >> 3)
				b = a + int(k)
				if src[b] != '"' {
					i++
					goto value
				}
				keyed = keyMask(w)&(1<<(8*k)-1) != 0
			} else {
				var fl stringFlags
				b, fl = scanString(src, a)
				if b < 0 {
					i++
					goto value
				}
				keyed = fl != 0
			}
			if keyed || nestFirst[src[a]] || !plain && b-a >= s.p.detMin && s.detects(src[a:b]) {
				i++
				goto value
			}
			f.flags |= frameKept
			i = b + 1
			goto after
		}
		own, st = val.unpack()
		v = own
		if own != (verdict{}) || !f.neutral() {
			if own.flags&flagKeyHit != 0 {
				s.count(c.place, own.rule, actMask, outcomeRule)
				s.replace(keyStart, i, s.p.maskJSON)
			}
			v = strongest(f.v, own)
			if own.flags&flagValueKey != 0 && f.kv.says() && (f.kv.flags&flagPointer == 0 || own.flags&flagValueOnly != 0) {
				v = strongest(v, f.kv)
				v.flags |= own.flags & (flagValueKey | flagValueOnly)
			}
		}
	}
colon:
	if i < n && src[i] == ':' {
		i++
		goto value
	}
	for i < n && jsonSpace[src[i]] {
		i++
	}
	if i >= n {
		goto stopped
	}
	if src[i] != ':' {
		s.malformed(src, i, c, `"`)
		goto stopped
	}
	i++
	goto value

element:
	v, st = f.v, f.state
	if st != stateNone {
		ec := s.elem(ctx{v: v, state: st, place: c.place}, int(f.idx))
		v, st = ec.v, ec.state
	}
	if f.kv.says() && f.flags&frameNames == 0 { // the element before named a denied field
		v = strongest(v, f.kv)
		f.kv = verdict{}
	}
	f.idx++
	keyStart = i
	goto value

closeContainer:
	{
		closed := f
		s.pend = s.pend[:closed.pend]
		d--
		i++
		if d == 0 {
			return i, true
		}
		f = &frames[d]
		f.flags |= frameKept
		if closed.flags&frameNames != 0 && closed.kv.says() {
			s.jsonNamed(src, f, closed.kv, c)
			closed.kv = verdict{}
		}
		if closed.flags&frameValue != 0 && !f.kv.says() {
			s.pend = append(s.pend, span{closed.start, int32(i), closed.flags&frameNameless != 0})
		}
	}

after:
	if d == 0 {
		return i, true
	}
	if i+1 < n && src[i] == ',' && src[i+1] == '"' && f.flags&frameObject != 0 {
		f.comma = int32(i)
		i++
		goto keyQuote
	}
	if i < n && src[i] <= ' ' {
		i = skipSpace(src, i)
	}
	if i >= n {
		goto stopped
	}
	switch b := src[i]; {
	case b == ',':
		f.comma = int32(i)
		i++
		if i < n && src[i] <= ' ' {
			i = skipSpace(src, i)
		}
		if i >= n {
			goto stopped
		}
		if f.flags&frameObject != 0 {
			goto key
		}
		goto element
	case b == '}' && f.flags&frameObject != 0, b == ']' && f.flags&frameObject == 0:
		goto closeContainer
	}
	s.malformed(src, i, c, `"`)
	goto stopped

stopped:
	// The name that an open value belongs to may have been cut off.
	for k := 1; k <= d; k++ {
		if fk := &frames[k]; fk.flags&frameNames != 0 {
			s.jsonNamed(src, &frames[k-1], strongest(fk.kv, verdict{act: actMask}), c)
		}
		if fk := &frames[k]; fk.flags&(frameNameless|frameObject) == frameNameless|frameObject && n-int(fk.start) <= maxNameless {
			s.count(c.place, ruleNone, actMask, outcomeTruncated)
			s.replace(int(frames[k].start), n, s.p.maskJSON)
			break
		}
	}
	return n, false
}

// jsonKey is the slow path for keys: long, escaped, or near the end of src.
func (s *Scratch) jsonKey(raw []byte, esc bool, pl place, st pathState) packed {
	m := s.mark()
	if esc {
		s.arena = appendUnescaped(s.arena, raw)
		raw = s.arena[m:]
	}
	v, to := s.lookup(pl, st, raw)
	s.arena = s.arena[:m]
	return cached{v, to}.pack()
}
