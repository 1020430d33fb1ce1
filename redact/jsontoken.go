// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

// The steps of the walk: keys, values, containers, what is between them.

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
		if x := w.s.variable(w.src[keyStart+1 : i-1]); x.says() {
			kept := w.v.flags & (flagNameKey | flagValueKey | flagValueOnly | flagPointer)
			w.v = strongest(w.v, x)
			w.v.flags |= kept
		}
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
	if fl == 0 && w.v.act == actNone && w.v.flags == 0 && src[a] != '-' && f != nil &&
		(f.flags&frameObject != 0 || f.idx&1 == 0 && f.flags&frameNames == 0) && w.empty(src[a:b], true) {
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
	if v.act.whole() && !s.opens(v) && !(v.flags&flagSoft != 0 && emptyJSON(src, i)) || w.d >= len(w.frames)-1 {
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
	f.gone = f.start + 1
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
	const rows = flagColumns | flagVariables
	switch { // of a table
	case object || v.flags&flagColumns == 0:
	case v.flags&rows == flagColumns:
		s.tableColumns(src, i, w.c)
	case s.yes(docTable) && s.yes(docParameters) && (parent != nil && parent.flags&frameVariables != 0 || startsContainer(src, i+1)):
		f.flags |= frameVariables
	}
	if !object && (v.flags&rows == flagVariables && s.parametersOf(w.c) || parent == nil && s.besideStatement(w.c)) || parent != nil && parent.flags&(frameVariables|frameObject) == frameVariables {
		f.flags |= frameVariables
	}
	if object {
		f.flags |= frameObject
		if v.flags&rows == flagVariables && s.variablesOf(w.c) {
			f.flags |= frameVariables
		}
	}
	return w.inside(i + 1)
}

// push opens the container at i in one of which nothing is said, and nothing is said
// about this one either. There must be a frame left.
func (w *jsonWalk) push(i int, object bool) {
	w.d++
	f := &w.frames[w.d]
	*f = frame{start: int32(i), gone: int32(i) + 1, pend: int32(len(w.s.pend))}
	if object {
		f.flags = frameObject
	}
	w.f = f
}

// inside reads what is behind the bracket of a container.
func (w *jsonWalk) inside(i int) (int, jsonStep) {
	src := w.src
	if i < len(src) && src[i] <= ' ' {
		i = skipSpace(src, i)
	}
	if w.f.flags&frameObject != 0 {
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

// emptyJSON reports whether the container at i has nothing in it.
func emptyJSON(src []byte, i int) bool {
	end := skipSpace(src, i+1)
	return end < len(src) && (src[end] == ']' || src[end] == '}')
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
		return i + len(lit), stepAfter
	}
	return w.s.jsonScalar(src, i, i+len(lit), k, w.ctx(), w.f, w.keyStart), stepAfter
}

// close leaves the container that ends before i.
func (w *jsonWalk) close(i int) {
	s, closed := w.s, w.f
	if len(s.pend) > int(closed.pend) {
		s.pend = s.pend[:closed.pend]
	}
	w.d--
	if w.d == 0 {
		w.f = nil
		return
	}
	f := &w.frames[w.d]
	w.f = f
	if closed.flags&(frameNames|frameValue) == 0 { // nearly always
		return
	}
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
