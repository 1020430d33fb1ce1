// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// The loops over what nothing is said about, nearly all of a document.

// members reads keys, and values as long as nothing is said about them.
func (w *jsonWalk) members(i int) (int, jsonStep) {
	s, src := w.s, w.src
	for step := stepKey; step == stepKey; {
		f := w.f
		neutral := f.neutral()
		tag := cacheTag(0, s.env(w.c.place), f.state)
		for {
			start, end := i, -1
			var val packed
			if k := src[i:]; len(k) > 24 {
				// Documents are alike: the key is mostly the one that came next before.
				k = k[1:24:24]
				guess := &s.follow[s.last%followers]
				next := *guess &^ doubtful
				e := &s.short[next%(2*shortSets)]
				n := e.tag >> 1 & 15
				if (binary.LittleEndian.Uint64(k)&lowBytes[n]^e.k0)|(binary.LittleEndian.Uint64(k[8:])&highBytes[n]^e.k1)|(e.tag^tag)&^31 == 0 && k[n] == '"' {
					*guess, s.last, end, val = next, next, i+1+int(n), e.val
				}
			}
			if end < 0 {
				if end, val = w.readKey(i + 1); end < 0 {
					s.truncated(src, start, w.c, `"`)
					return len(src), stepStopped
				}
			}
			if val != 0 && (val&^nameOnly != 0 || end+2 >= len(src) || !bareFirst[src[end+2]]) || !neutral {
				w.keyed(start, end+1, val)
				return w.colon(end + 1)
			}
			if i = end + 1; i+10 > len(src) || src[i] != ':' {
				w.v, w.st, w.keyStart = verdict{}, stateNone, start
				return w.colon(i)
			}
			i++
			b := src[i]
			if b == ' ' {
				i++
				b = src[i]
			}
			if b == '"' {
				end = w.plainString(i + 1)
			} else {
				end = w.scalar(i, b)
			}
			if end != 0 {
				i = end
			} else if b|0x20 == '{' && w.d < len(w.frames)-1 {
				w.push(i, b == '{')
				if i, step = w.inside(i + 1); step != stepKey {
					return i, step
				}
				break
			} else {
				w.v, w.st, w.keyStart = verdict{}, stateNone, start
				return w.value(i)
			}
			if i+1 < len(src) && src[i] == ',' {
				if i++; src[i] != '"' {
					if i = skipSpace(src, i); i >= len(src) || src[i] != '"' {
						return w.key(i)
					}
				}
				continue
			}
			if i, step = w.after(i); step != stepKey {
				return i, step
			}
			break
		}
	}
	return i, stepKey
}

// nameOnly has the bits of what is said about a key that may hold the name of another
// value, which is a string.
const nameOnly = packed(flagNameKey|flagPointer) << 8

// bareFirst has the bytes that numbers and literals begin with.
var bareFirst = [256]bool{
	'-': true, '0': true, '1': true, '2': true, '3': true, '4': true, '5': true, '6': true, '7': true, '8': true, '9': true,
	't': true, 'f': true, 'n': true,
}

// lowBytes and highBytes have the bytes that keys of 0 to 16 bytes fill of the two
// words that begin where they do.
var lowBytes, highBytes = func() (low, high [32]uint64) {
	for n := range low {
		low[n], high[n] = 1<<(8*min(n, 8))-1, 1<<(8*max(0, min(n-8, 8)))-1
	}
	return low, high
}()

// readKey returns where the key at i ends, or -1, and what the rules say about it.
func (w *jsonWalk) readKey(i int) (int, packed) {
	s, src, pl, st := w.s, w.src, w.c.place, w.f.state
	guess := &s.follow[s.last%followers]
	if next := *guess &^ doubtful; next >= 2*shortSets { // a long one came next before
		e := &s.long[next%longSets][0]
		if n := i + len(e.key); n < len(src) && src[n] == '"' && e.tag == cacheTag(len(e.key), s.env(pl), st) && string(src[i:n]) == string(e.key) {
			*guess, s.last = next, next
			return n, e.val
		}
	}
	end, esc := stringEnd(src, i)
	switch {
	case end < 0:
		return -1, 0
	case esc:
		return end, s.escapedKey(src[i:end], pl, st)
	}
	key := src[i:end]
	var next uint16
	var val packed
	if len(key) <= 16 {
		k0, k1 := words(key)
		next = uint16(s.findShort(pl, st, k0, k1, len(key), key))
		val = s.short[next%(2*shortSets)].val
	} else {
		next = 2*shortSets + uint16(longHash(key, cacheTag(len(key), s.env(pl), st))%longSets)
		val = s.lookupKey(pl, st, key)
	}
	if *guess&doubtful == 0 && *guess != 0 {
		*guess |= doubtful // an exception, maybe
	} else {
		*guess = next
	}
	s.last = next
	return end, val
}

// scalar returns the end of the value at i if it is one that cannot hold anything,
// else 0; b is its first byte. No rule selects it.
func (w *jsonWalk) scalar(i int, b byte) int {
	src := w.src
	switch {
	case b == '"':
		return w.plainString(i + 1)
	case b-'0' < 10:
		if i+8 > len(src) {
			break
		}
		x := binary.LittleEndian.Uint64(src[i : i+8 : i+8])
		// Digits and dots up to what ends the number.
		m := notNumeric(x)
		if m == 0 {
			break
		}
		n := bits.TrailingZeros64(m) >> 3
		dots := equalMask(x, '.') & below(m)
		if !behindNumber[src[i+n]] || dots&(dots-1) != 0 || dots&(m>>8) != 0 || b == '0' && n > 1 && src[i+1] != '.' {
			break
		}
		return i + n
	case b == 't' && i+4 < len(src) && string(src[i:i+4]) == "true", b == 'n' && i+4 < len(src) && string(src[i:i+4]) == "null":
		return i + 4
	case b == 'f' && i+5 < len(src) && string(src[i:i+5]) == "false":
		return i + 5
	}
	return 0
}

// behindNumber has what stands behind a number that needs no closer look.
var behindNumber = [256]bool{',': true, '}': true, ']': true}

// plainString is scalar for the string whose content begins at i.
func (w *jsonWalk) plainString(i int) int {
	src := w.src
	var caps uint64
	for e := i; e+8 <= len(src); e += 8 {
		x := binary.LittleEndian.Uint64(src[e : e+8 : e+8])
		m := quoteMask(x) | keyMask(x)
		if m == 0 {
			caps |= equalMask(x, 'J')
			continue
		}
		e += bits.TrailingZeros64(m) >> 3
		if src[e] != '"' || (e-i >= w.short || nestFirst[src[i]] && !shortFirst[src[i]]) && !w.empty(src[i:e], caps|equalMask(x, 'J') != 0) {
			return 0
		}
		return e + 1
	}
	return 0
}

// shortFirst has those bytes of nestFirst that begin no document of fewer than minBase64
// bytes without a byte of keyMask; a quote ends a string that is empty.
var shortFirst = [256]bool{'e': true, 'W': true, 'P': true, '"': true}

// empty reports whether a string without escapes and bytes of keyMask holds nothing;
// jay is set if it may have a J.
func (w *jsonWalk) empty(b []byte, jay bool) bool {
	n := len(b)
	switch {
	case n == 0:
		return true
	case nestFirst[b[0]] && (n >= minBase64 || !shortFirst[b[0]]):
		return false
	case n >= minBase64 && (mayHide(b) || jay && bytes.Contains(b, str(" eyJ"))):
		return false
	}
	return w.plain || n < w.s.p.detMin || !w.s.detects(b)
}

// elements reads the elements of an array, in a loop as long as they are scalars
// that nothing is said about.
func (w *jsonWalk) elements(i int) (int, jsonStep) {
	src, f := w.src, w.f
	if f.state == stateNone && f.neutral() {
		for i+10 < len(src) {
			end := w.scalar(i, src[i])
			if end == 0 {
				if src[i] == '{' && f.v == (verdict{}) && w.d < len(w.frames)-1 {
					f.idx++
					w.push(i, true)
					return w.inside(i + 1)
				}
				break
			}
			// A string at an odd place may name the one behind it.
			if src[i] == '"' && (f.idx&1 == 0 || f.flags&frameNames != 0 || src[i+1] == '-') &&
				(f.flags&frameNames != 0 || src[i+1] == '-' || w.s.nameVerdict(ctx{place: w.c.place}, src[i+1:end-1]).says()) {
				break
			}
			f.idx++
			if i = end; i == len(src) || src[i] != ',' {
				return w.after(i)
			}
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
	if f.flags&frameVariables != 0 && i < len(src) && src[i] != '[' && src[i] != '{' {
		w.v = strongest(w.v, w.s.sqlParameter(int(f.idx)))
	}
	f.idx++
	w.keyStart = i
	return w.value(i)
}
