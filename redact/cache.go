// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
)

// The verdict cache makes folding, globs, paths and detectors on keys cost the
// price of a plain name: (place, scopes, path state, key bytes) -> verdict and
// next path state, compared in full. It is two-way associative and holds keys
// only, never values.

const (
	shortBits = 9
	shortSets = 1 << shortBits // two ways each; keys up to 16 bytes
	longSets  = 128            // two ways each; keys up to maxLongKey
	// phraseSets are for phrases of up to 16 bytes.
	phraseSets = 256
	followers  = 4 * shortSets
	// doubtful marks a follower that was wrong the last time.
	doubtful = 1 << 15
	// maxLongKey bounds what is remembered of a key.
	maxLongKey = 256
)

// shortEntry is 32 bytes: two share a cache line.
type shortEntry struct {
	k0, k1 uint64
	tag    uint64 // length, env, state; 0 = empty
	val    packed
}

// packed is a cached in one word; 0 says nothing at all. States fit 16 bits, see
// maxStates.
type packed uint64

func (c cached) pack() packed {
	return packed(c.v.act) | packed(c.v.flags)<<8 | packed(c.v.rule)<<24 | packed(uint16(c.state))<<48
}

func (p packed) unpack() (verdict, pathState) {
	return verdict{act: action(p), flags: verdictFlags(p >> 8), rule: uint16(p >> 24)}, pathState(int16(p >> 48))
}

type cached struct {
	v     verdict
	state pathState
}

type longEntry struct {
	key []byte
	tag uint64
	val packed
}

// nameEntry remembers that a value was tested as the name of a sibling. It holds
// a seeded hash, not the value.
type nameEntry struct {
	hash uint64
	tag  uint64
	val  cached
}

const nameSets = 256

func cacheTag(n int, env uint16, st pathState) uint64 {
	return uint64(uint32(st))<<32 | uint64(env)<<16 | uint64(n)<<1 | 1
}

// env is what a verdict depends on besides key and path: place and scopes.
func (s *Scratch) env(pl place) uint16 { return s.scopeID<<4 | uint16(pl) }

func shortSlot(k0, k1, tag uint64) uint64 {
	return (k0*0x9E3779B97F4A7C15 ^ (k1^tag)*0xC2B2AE3D27D4EB4F) >> (64 - shortBits)
}

// lookup returns the verdict of the rules for a decoded key.
func (s *Scratch) lookup(pl place, st pathState, key []byte) (verdict, pathState) {
	return s.lookupKey(pl, st, key).unpack()
}

func (s *Scratch) lookupKey(pl place, st pathState, key []byte) packed {
	if len(key) <= 16 {
		k0, k1 := words(key)
		return s.lookupShort(pl, st, k0, k1, len(key), key)
	}
	if len(key) > maxLongKey { // is not remembered
		v, to := s.decide(pl, st, key)
		return cached{v, to}.pack()
	}
	tag := cacheTag(len(key), s.env(pl), st)
	set := &s.long[longHash(key, tag)%longSets]
	if e := &set[0]; e.tag == tag && string(e.key) == string(key) {
		return e.val
	}
	return s.lookupLong(set, tag, key, pl, st, (*Scratch).decide)
}

// lookupLong looks for a long key in the second way of its set, and remembers it.
func (s *Scratch) lookupLong(set *[2]longEntry, tag uint64, key []byte, pl place, st pathState,
	decide func(*Scratch, place, pathState, []byte) (verdict, pathState),
) packed {
	if e := &set[1]; e.tag == tag && string(e.key) == string(key) {
		return e.val
	}
	v, to := decide(s, pl, st, key)
	val := cached{v, to}.pack()
	if len(key) > maxLongKey {
		return val
	}
	e := &set[1]
	if bytes.IndexByte(key, '"') < 0 && bytes.IndexByte(key, '\\') < 0 { // see readKey
		set[0], set[1] = set[1], set[0]
		e = &set[0]
	}
	e.key = append(e.key[:0], key...)
	e.tag, e.val = tag, val
	return val
}

// tagEscaped marks a short key with a quote or a backslash, which is not what stands
// between the quotes of a document. It is in the second way.
const tagEscaped = 1 << 6

// phraseTag tells a phrase from a key of the same bytes.
const phraseTag = 1 << 15

// lookupPhrase is the strongest verdict of the last word of a phrase, of its last
// two words, and so on: words have one blank between them. The answer is
// remembered for the phrase as a whole.
func (s *Scratch) lookupPhrase(pl place, st pathState, phrase []byte) packed {
	n := len(phrase)
	tag := cacheTag(n, s.env(pl), st)
	if n <= 16 {
		k0, k1 := words(phrase)
		e := &s.phrases[shortSlot(k0, k1, tag)%phraseSets]
		if e.k0 != k0 || e.k1 != k1 || e.tag != tag {
			v, to := s.decidePhrase(pl, st, phrase)
			*e = shortEntry{k0, k1, tag, cached{v, to}.pack()}
		}
		return e.val
	}
	tag |= phraseTag
	set := &s.long[longHash(phrase, tag)%longSets]
	if e := &set[0]; e.tag == tag && string(e.key) == string(phrase) {
		return e.val
	}
	return s.lookupLong(set, tag, phrase, pl, st, (*Scratch).decidePhrase)
}

func (s *Scratch) decidePhrase(pl place, st pathState, phrase []byte) (verdict, pathState) {
	i := bytes.LastIndexByte(phrase, ' ')
	best, to := s.lookup(pl, st, phrase[i+1:])
	for i >= 0 {
		i = bytes.LastIndexByte(phrase[:i], ' ')
		best, to = s.strongerPhrase(pl, st, phrase[i+1:], best, to)
	}
	return best, to
}

// strongerPhrase is the stronger one of a verdict and that of another spelling.
func (s *Scratch) strongerPhrase(pl place, st pathState, key []byte, best verdict, to pathState) (verdict, pathState) {
	if v, vto := s.lookup(pl, st, key); v.act > best.act && v.act != actMiss || best.act == actMiss {
		return v, vto
	}
	return best, to
}

func (s *Scratch) lookupShort(pl place, st pathState, k0, k1 uint64, n int, key []byte) packed {
	return s.short[s.findShort(pl, st, k0, k1, n, key)%(2*shortSets)].val
}

// findShort returns the place of a key in short.
func (s *Scratch) findShort(pl place, st pathState, k0, k1 uint64, n int, key []byte) uint64 {
	tag := cacheTag(n, s.env(pl), st)
	i := 2 * shortSlot(k0, k1, tag)
	set := s.short[i : i+2 : i+2]
	if e := &set[0]; e.k0 == k0 && e.k1 == k1 && e.tag == tag {
		return i
	}
	if e := &set[1]; e.k0 == k0 && e.k1 == k1 && e.tag&^tagEscaped == tag {
		return i + 1
	}
	v, to := s.decide(pl, st, key)
	val := cached{v, to}.pack()
	if quoteMask(k0)|quoteMask(k1) != 0 {
		set[1] = shortEntry{k0, k1, tag | tagEscaped, val}
		return i + 1
	}
	set[0], set[1] = shortEntry{k0, k1, tag, val}, set[0]
	return i
}

// words packs up to 16 bytes, zero-padded.
func words(key []byte) (k0, k1 uint64) {
	if len(key) >= 8 {
		k0 = binary.LittleEndian.Uint64(key)
		if n := len(key) - 8; n > 0 {
			k1 = binary.LittleEndian.Uint64(key[n:]) >> (64 - 8*uint(n))
		}
		return k0, k1
	}
	// Loads that overlap put the same bytes in the same place.
	if n := len(key); n >= 4 {
		return uint64(binary.LittleEndian.Uint32(key)) | uint64(binary.LittleEndian.Uint32(key[n-4:]))<<(8*uint(n-4)), 0
	} else if n > 0 {
		return uint64(key[0]) | uint64(key[n>>1])<<(8*uint(n>>1)) | uint64(key[n-1])<<(8*uint(n-1)), 0
	}
	return 0, 0
}

func longHash(key []byte, tag uint64) uint64 {
	h := tag
	n := len(key)
	if n < 8 {
		k0, _ := words(key)
		return (h ^ k0) * 0xC2B2AE3D27D4EB4F >> 32
	}
	for i := 0; i+8 < n; i += 8 {
		h = (h ^ binary.LittleEndian.Uint64(key[i:])) * 0x9E3779B97F4A7C15
		h ^= h >> 32
	}
	return (h ^ binary.LittleEndian.Uint64(key[n-8:])) * 0xC2B2AE3D27D4EB4F >> 32
}

// nameVerdict tests a string value as the name of another value: the "password"
// of {"name":"password","value":...}. Values longer than any sensible name are
// not.
func (s *Scratch) nameVerdict(c ctx, name []byte) verdict {
	if len(name) == 0 || len(name) > 64 && !bytes.Contains(name[:min(len(name), 128)], str("/secrets/")) || len(name) > 4 && bytes.Contains(name, str(": ")) {
		return verdict{} // "Accept: a/b" is a line of a header
	}
	h := maphash.Bytes(s.seed, name)
	tag := cacheTag(len(name), s.env(c.place), c.state)
	e := &s.names[h%nameSets]
	if e.hash != h || e.tag != tag {
		v, to := verdict{}, stateNone
		if c.state != stateNone || len(name) > 16 || !s.silent(c.place, name) {
			v, to = s.decide(c.place, c.state, name)
		}
		*e = nameEntry{h, tag, cached{v, to}}
	}
	v := e.val.v
	v.flags &^= flagNameKey | flagValueKey | flagValueOnly | flagKeyHit | flagPointer
	if v.act == actAllow {
		v = verdict{}
	}
	return v
}

func (s *Scratch) clearCaches() {
	clear(s.short[:])
	clear(s.phrases[:])
	clear(s.names[:])
	clear(s.leaves[:])
	s.quiet.Reset(s.secret(1), s.secret(2))
	for i := range s.long {
		for j := range s.long[i] {
			s.long[i][j].tag = 0
		}
	}
}
