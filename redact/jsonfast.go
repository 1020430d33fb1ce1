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
			if src[e] != '"' || acc|keyMask(x)&(1<<(8*k)-1) != 0 || nestFirst[src[i+1]] || e-i > minBase64 && hideFirst[src[i+1]] && mayHide(src[i+1:e]) ||
				!w.plain && e-i-1 >= w.s.p.detMin && w.s.detects(src[i+1:e]) ||
				e-i-1 > minBase64+4 && bytes.IndexByte(src[i+1:e], 'J') >= 0 && bytes.Contains(src[i+1:e], str(" eyJ")) {
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
	if f.flags&frameVariables != 0 && i < len(src) && src[i] != '[' && src[i] != '{' {
		w.v = strongest(w.v, w.s.sqlParameter(int(f.idx)))
	}
	f.idx++
	w.keyStart = i
	return w.value(i)
}
