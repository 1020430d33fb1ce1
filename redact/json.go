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
func (f *frame) neutral() bool { return !f.v.says() && !f.kv.says() && f.flags&frameVariables == 0 }

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
	// frameVariables: members are variables of a GraphQL operation that gives some of
	// them to denied arguments.
	frameVariables
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

// jsonWalk is one walk over a document. What it reads most, members and elements
// that nothing is said about, it reads in loops of their own (members, elements);
// all else goes through value and after, one step at a time.
type jsonWalk struct {
	s   *Scratch
	src []byte
	c   ctx // of the document, but for cut
	// cut is set if the end of the document may be where the capture stopped.
	cut    bool
	plain  bool // no detectors
	frames []frame
	base   int // Scratch.frameBase of the document
	d      int // how many containers are open
	f      *frame
	// v and st belong to the value that is read next; keyStart is where its key
	// starts, or the element itself.
	v        verdict
	st       pathState
	keyStart int
}

// jsonStep is what stands at the current offset.
type jsonStep uint8

const (
	stepValue   jsonStep = iota // a value, maybe behind blanks
	stepKey                     // the quote of a key
	stepElement                 // an element of an array
	stepAfter                   // what is behind a value
	stepDone                    // the document has ended
	stepStopped                 // the input has ended, or could not be read on
)

func (s *Scratch) jsonScan(src []byte, i int, c ctx) (int, bool) {
	w := jsonWalk{s: s, src: src, c: c, cut: c.cut, plain: s.p.det == nil, base: s.frameBase, v: c.v, st: c.state, keyStart: i}
	w.c.cut = false
	w.frames = s.frames[w.base:]
	step := stepValue
	for {
		switch step {
		case stepValue:
			i, step = w.value(i)
		case stepKey:
			i, step = w.members(i)
		case stepElement:
			i, step = w.elements(i)
		case stepAfter:
			i, step = w.after(i)
		case stepDone:
			return i, true
		default:
			w.stopped()
			return len(src), false
		}
	}
}

// ctx is the context of the value that is read next.
func (w *jsonWalk) ctx() ctx {
	return ctx{v: w.v, state: w.st, place: w.c.place, nest: w.c.nest}
}

// members reads keys, and values as long as nothing is said about them.
func (w *jsonWalk) members(i int) (int, jsonStep) {
	s, src, f := w.s, w.src, w.f
	n := len(src)
	neutral := f.neutral()
	tag0 := cacheTag(0, s.env(w.c.place), f.state)
	for {
		keyStart := i
		i++
		var val packed
		end, from := -1, i
		if i+16 <= n {
			w0 := binary.LittleEndian.Uint64(src[i:])
			if m := quoteMask(w0); m != 0 {
				kn := bits.TrailingZeros64(m) >> 3
				if src[i+kn] == '"' {
					end = i + kn
					k0 := w0 & (1<<(8*uint(kn)) - 1)
					tag := tag0 | uint64(kn)<<1
					if e := &s.short[shortSlot(k0, 0, tag)][0]; e.k0 == k0 && e.k1 == 0 && e.tag == tag {
						val = e.val
					} else {
						val = s.lookupShort(w.c.place, f.state, k0, 0, kn, src[i:end])
					}
				}
			} else {
				w1 := binary.LittleEndian.Uint64(src[i+8:])
				if m := quoteMask(w1); m != 0 {
					kn := 8 + bits.TrailingZeros64(m)>>3
					if src[i+kn] == '"' {
						end = i + kn
						k1 := w1 & (1<<(8*uint(kn-8)) - 1)
						tag := tag0 | uint64(kn)<<1
						if e := &s.short[shortSlot(w0, k1, tag)][0]; e.k0 == w0 && e.k1 == k1 && e.tag == tag {
							val = e.val
						} else {
							val = s.lookupShort(w.c.place, f.state, w0, k1, kn, src[i:end])
						}
					}
				} else {
					from = i + 16
				}
			}
		}
		if end < 0 {
			var esc bool
			if end, esc = stringEnd(src, from); end < 0 {
				s.truncated(src, keyStart, w.c, `"`)
				return n, stepStopped
			}
			if esc {
				val = s.escapedKey(src[i:end], w.c.place, f.state)
			} else {
				val = s.lookupKey(w.c.place, f.state, src[i:end])
			}
		}
		i = end + 1
		if val != 0 || !neutral {
			w.keyed(keyStart, i, val)
			return w.colon(i)
		}
		if i+10 > n || src[i] != ':' {
			w.v, w.st, w.keyStart = verdict{}, stateNone, keyStart
			return w.colon(i)
		}
		i++
		if src[i] == ' ' {
			i++
		}
		e := w.scalar(i)
		if e == 0 {
			w.v, w.st, w.keyStart = verdict{}, stateNone, keyStart
			if src[i] == '{' || src[i] == '[' {
				return w.open(i)
			}
			return w.value(i)
		}
		i = e
		f.flags |= frameKept
		if i+1 >= n || src[i] != ',' {
			return w.after(i)
		}
		f.comma = int32(i)
		i++
		if src[i] <= ' ' {
			i = skipSpace(src, i)
		}
		if i >= n || src[i] != '"' {
			return w.key(i)
		}
	}
}

// scalar returns the end of the value at i if it is one that cannot hold anything,
// else 0. No rule selects it.
func (w *jsonWalk) scalar(i int) int {
	src := w.src
	switch b := src[i]; {
	case b == '"':
		var acc uint64
		for e := i + 1; e+8 <= len(src); e += 8 {
			x := binary.LittleEndian.Uint64(src[e:])
			m := quoteMask(x)
			if m == 0 {
				acc |= keyMask(x)
				continue
			}
			k := uint(bits.TrailingZeros64(m) >> 3)
			e += int(k)
			if src[e] != '"' || acc|keyMask(x)&(1<<(8*k)-1) != 0 || nestFirst[src[i+1]] ||
				!w.plain && e-i-1 >= w.s.p.detMin && w.s.detects(src[i+1:e]) {
				return 0
			}
			return e + 1
		}
	case b-'0' < 10:
		end := i + 1
		for end < len(src) && src[end]-'0' < 10 {
			end++
		}
		whole := end
		if end+1 < len(src) && src[end] == '.' && src[end+1]-'0' < 10 {
			for end += 2; end < len(src) && src[end]-'0' < 10; {
				end++
			}
		}
		if end < len(src) && (b > '0' || whole == i+1) && (src[end] == ',' || src[end] == '}' || src[end] == ']') && (w.plain || end-i < 9) {
			return end
		}
	case b == 't' && i+4 < len(src) && string(src[i:i+4]) == "true", b == 'n' && i+4 < len(src) && string(src[i:i+4]) == "null":
		return i + 4
	}
	return 0
}

// keyed takes in what the rules say about a key that ends at i.
func (w *jsonWalk) keyed(keyStart, i int, val packed) {
	w.keyStart = keyStart
	own, st := val.unpack()
	w.v, w.st = own, st
	if own == (verdict{}) && w.f.neutral() {
		return
	}
	if own.flags&flagKeyHit != 0 {
		w.s.count(w.c.place, own.rule, actMask, outcomeRule)
		w.s.replace(keyStart, i, w.s.p.maskJSON)
	}
	w.v = strongest(w.f.v, own)
	if w.f.v.flags&flagSoft != 0 {
		w.v.describe(own, w.src[keyStart+1:i-1])
	}
	if w.f.flags&frameVariables != 0 {
		w.v = strongest(w.v, w.s.variable(w.src[keyStart+1:i-1]))
	}
	if kv := w.f.kv; own.flags&flagValueKey != 0 && kv.says() && (kv.flags&flagPointer == 0 || own.flags&flagValueOnly != 0) {
		w.v = strongest(w.v, kv)
		w.v.flags |= own.flags & (flagValueKey | flagValueOnly)
	}
}

// key expects a key at i.
func (w *jsonWalk) key(i int) (int, jsonStep) {
	switch {
	case i >= len(w.src):
		return i, stepStopped
	case w.src[i] != '"':
		w.s.malformed(w.src, i, w.c, `"`)
		return i, stepStopped
	}
	return i, stepKey
}

// colon expects what is behind a key, and reads the value.
func (w *jsonWalk) colon(i int) (int, jsonStep) {
	i = skipSpace(w.src, i)
	switch {
	case i >= len(w.src):
		return i, stepStopped
	case w.src[i] != ':':
		w.s.malformed(w.src, i, w.c, `"`)
		return i, stepStopped
	}
	return w.value(i + 1)
}

// elements reads the elements of an array, in a loop as long as they are scalars
// that nothing is said about.
func (w *jsonWalk) elements(i int) (int, jsonStep) {
	src, f := w.src, w.f
	if f.state == stateNone && f.neutral() {
		for i+10 < len(src) {
			end := w.scalar(i)
			if end == 0 {
				break
			}
			// A string at an odd place may name the one behind it.
			if src[i] == '"' && (f.idx&1 == 0 || f.flags&frameNames != 0 || src[i+1] == '-') &&
				(f.flags&frameNames != 0 || w.s.nameVerdict(ctx{place: w.c.place}, src[i+1:end-1]).says()) {
				break
			}
			f.idx++
			f.flags |= frameKept
			if i = end; i == len(src) || src[i] != ',' {
				return w.after(i)
			}
			f.comma = int32(i)
			if i++; i < len(src) && src[i] <= ' ' {
				i = skipSpace(src, i)
			}
		}
		if i >= len(src) {
			return i, stepStopped
		}
	}
	w.v, w.st = f.v, f.state
	if w.st != stateNone {
		ec := w.s.elem(ctx{v: w.v, state: w.st, place: w.c.place}, int(f.idx))
		w.v, w.st = ec.v, ec.state
	}
	if f.kv.says() && f.flags&frameNames == 0 { // the element before named a denied field
		w.v = strongest(w.v, f.kv)
		f.kv = verdict{}
	}
	f.idx++
	w.keyStart = i
	return w.value(i)
}

// value reads the value at i.
func (w *jsonWalk) value(i int) (int, jsonStep) {
	src := w.src
	if i < len(src) && src[i] <= ' ' {
		i = skipSpace(src, i)
	}
	if i >= len(src) {
		return i, stepStopped
	}
	switch src[i] {
	case '"':
		return w.stringValue(i)
	case '{', '[':
		return w.open(i)
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return w.number(i)
	case 't', 'f', 'n':
		return w.literal(i)
	}
	w.s.jsonBroken(src, i, w.c, w.v, markMalformed)
	return i, stepStopped
}

func (w *jsonWalk) stringValue(i int) (int, jsonStep) {
	s, src, f := w.s, w.src, w.f
	a := i + 1
	b, fl := scanString(src, a)
	if b < 0 {
		s.jsonBroken(src, i, w.c, w.v, markTruncated)
		return i, stepStopped
	}
	if fl == 0 && w.v.act == actNone && w.v.flags == 0 && !nestFirst[src[a]] && f != nil && (f.flags&frameObject != 0 || f.idx&1 == 0 && f.flags&frameNames == 0) &&
		(w.plain || b-a < s.p.detMin || !s.detects(src[a:b])) {
		f.flags |= frameKept
		return b + 1, stepAfter
	}
	s.frameBase = w.base + w.d
	end := s.jsonString(src, a, b, fl&stringEscaped != 0, w.ctx(), f, w.keyStart)
	s.frameBase = w.base
	if end == 0 {
		end = b + 1
	}
	return end, stepAfter
}

// open enters the container at i, or passes over it if it goes as a whole.
func (w *jsonWalk) open(i int) (int, jsonStep) {
	s, src := w.s, w.src
	if w.v.flags&flagSoft != 0 && s.guarded(w.v) == guardKeySet { // its members are strings
		w.v.act, w.v.flags = actNone, w.v.flags&^ruleFlags
	}
	v := w.v
	if v.act.whole() && !s.opens(v) || w.d >= len(w.frames)-1 {
		end, ok := skipJSON(src, i)
		if !v.act.whole() {
			s.overLimit(i, end, w.c, `"`)
		} else {
			end = s.jsonReplaceWhole(src, i, end, ctx{v: v, place: w.c.place}, w.f, w.keyStart, ok)
		}
		if !ok {
			return end, stepStopped
		}
		return end, stepAfter
	}
	parent := w.f
	w.d++
	f := &w.frames[w.d]
	w.f = f
	f.v = v
	f.v.flags = v.flags & (flagsInherited | cookieBits)
	f.kv = verdict{}
	f.state = w.st
	f.start = int32(i)
	f.idx = 0
	f.comma = 0
	f.pend = int32(len(s.pend))
	f.flags = 0
	if v.flags&flagValueKey != 0 && parent != nil && parent.flags&frameObject != 0 {
		f.flags = frameValue
		if v.flags&flagValueOnly != 0 {
			f.flags |= frameNameless
		}
	}
	object := src[i] == '{'
	if !object && parent != nil && parent.flags&frameObject != 0 && v.flags&flagNameKey != 0 {
		f.flags |= frameNames
	}
	i++
	if i < len(src) && src[i] <= ' ' {
		i = skipSpace(src, i)
	}
	if object {
		f.flags |= frameObject
		if v.flags&flagVariables != 0 && s.variablesOf(w.c) {
			f.flags |= frameVariables
		}
		if i < len(src) && src[i] == '}' {
			return i, stepAfter
		}
		return w.key(i)
	}
	if i < len(src) && src[i] == ']' {
		return i, stepAfter
	}
	return i, stepElement
}

func (w *jsonWalk) number(i int) (int, jsonStep) {
	src := w.src
	end, st := numberEnd(src, i)
	if st == numberCut && w.d == 0 && !w.cut {
		st = numberOK
	}
	switch st {
	case numberBad:
		w.s.jsonBroken(src, i, w.c, w.v, markMalformed)
		return i, stepStopped
	case numberCut:
		w.s.jsonBroken(src, i, w.c, w.v, markTruncated)
		return i, stepStopped
	}
	if w.v.act == actNone && (w.plain || end-i < 9) && w.v.flags&flagValueKey == 0 {
		keep(w.f)
		return end, stepAfter
	}
	return w.s.jsonScalar(src, i, end, kindNumber, w.ctx(), w.f, w.keyStart), stepAfter
}

func (w *jsonWalk) literal(i int) (int, jsonStep) {
	src := w.src
	lit, k := "true", kindLiteral
	switch src[i] {
	case 'f':
		lit = "false"
	case 'n':
		lit, k = "null", kindNull
	}
	if rest := src[i:]; len(rest) < len(lit) || string(rest[:len(lit)]) != lit {
		mark := markMalformed
		if len(rest) < len(lit) && string(rest) == lit[:len(rest)] {
			mark = markTruncated
		}
		w.s.jsonBroken(src, i, w.c, w.v, mark)
		return i, stepStopped
	}
	if w.v.act == actNone && w.v.flags&flagValueKey == 0 {
		keep(w.f)
		return i + len(lit), stepAfter
	}
	return w.s.jsonScalar(src, i, i+len(lit), k, w.ctx(), w.f, w.keyStart), stepAfter
}

// close leaves the container that ends before i.
func (w *jsonWalk) close(i int) {
	s, closed := w.s, w.f
	s.pend = s.pend[:closed.pend]
	w.d--
	if w.d == 0 {
		w.f = nil
		return
	}
	f := &w.frames[w.d]
	w.f = f
	f.flags |= frameKept
	if closed.flags&frameNames != 0 && closed.kv.says() {
		s.jsonNamed(w.src, f, closed.kv, w.c)
		closed.kv = verdict{}
	}
	if closed.flags&frameValue != 0 && !f.kv.says() {
		s.pend = append(s.pend, span{closed.start, int32(i), closed.flags&frameNameless != 0})
	}
}

// after reads what is behind a value.
func (w *jsonWalk) after(i int) (int, jsonStep) {
	src := w.src
	for f := w.f; f != nil; f = w.f {
		if i < len(src) && src[i] <= ' ' {
			i = skipSpace(src, i)
		}
		if i >= len(src) {
			return i, stepStopped
		}
		object := f.flags&frameObject != 0
		switch b := src[i]; {
		case b == ',':
			f.comma = int32(i)
			i++
			if i < len(src) && src[i] <= ' ' {
				i = skipSpace(src, i)
			}
			if object {
				return w.key(i)
			}
			if i >= len(src) {
				return i, stepStopped
			}
			return i, stepElement
		case b == '}' && object, b == ']' && !object:
			i++
			w.close(i)
			continue
		}
		w.s.malformed(src, i, w.c, `"`)
		return i, stepStopped
	}
	return i, stepDone
}

// stopped is the end of a document that was not read to its end: the name that an
// open value belongs to may have been cut off.
func (w *jsonWalk) stopped() {
	n := len(w.src)
	for k := 1; k <= w.d; k++ {
		if fk := &w.frames[k]; fk.flags&frameNames != 0 {
			w.s.jsonNamed(w.src, &w.frames[k-1], strongest(fk.kv, verdict{act: actMask}), w.c)
		}
		if fk := &w.frames[k]; fk.flags&(frameNameless|frameObject) == frameNameless|frameObject && n-int(fk.start) <= maxNameless {
			w.s.count(w.c.place, ruleNone, actMask, outcomeTruncated)
			w.s.replace(int(fk.start), n, w.s.p.maskJSON)
			return
		}
	}
}

// escapedKey is lookupKey for a key with escapes.
func (s *Scratch) escapedKey(raw []byte, pl place, st pathState) packed {
	m := s.mark()
	s.arena = appendUnescaped(s.arena, raw)
	val := s.lookupKey(pl, st, s.arena[m:])
	s.arena = s.arena[:m]
	return val
}
