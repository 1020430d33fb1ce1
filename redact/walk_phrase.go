// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"github.com/apispan/apispan/redact/internal/fold"
	"github.com/apispan/apispan/redact/internal/textkv"
)

// textVerdict tests a key as it stands, and as a phrase.
func (s *Scratch) textVerdict(src []byte, cand *textkv.Candidate, c ctx) (verdict, pathState) {
	switch {
	case cand.N == 0:
		return s.textName(c, src[cand.Key:cand.KeyEnd], false).unpack()
	case cand.Words[0] < cand.Key:
		return s.textName(c, src[cand.Words[cand.N-1]:cand.KeyEnd], true).unpack()
	}
	best, st := s.lookup(c.place, c.state, src[cand.Key:cand.KeyEnd])
	for _, start := range cand.Words[:cand.N] {
		best, st = s.strongerPhrase(c.place, c.state, src[start:cand.KeyEnd], best, st)
	}
	return best, st
}

// textName is lookupPhrase or lookupKey. Texts have more names than they repeat: of a
// short one that is not known it is first seen whether it says anything at all.
func (s *Scratch) textName(c ctx, name []byte, phrase bool) packed {
	if len(name) <= 16 && c.state == stateNone {
		k0, k1 := words(name)
		tag := cacheTag(len(name), s.env(c.place), stateNone)
		slot := shortSlot(k0, k1, tag)
		e := &s.short[2*slot]
		if phrase {
			e = &s.phrases[slot%phraseSets]
		}
		if e.k0 == k0 && e.k1 == k1 && e.tag == tag {
			return e.val
		}
		if s.silent(c.place, name) {
			return 0
		}
	}
	if phrase {
		return s.lookupPhrase(c.place, c.state, name)
	}
	return s.lookupKey(c.place, c.state, name)
}

// silent reports whether a short phrase of a text surely says nothing, nor its last
// words.
func (s *Scratch) silent(pl place, phrase []byte) bool {
	if pl == placeCookie || pl == placeSetCookie {
		return false
	}
	m := len(s.foldBuf)
	var starts [4]uint8
	folded, n, ok := fold.AppendPhrase(s.foldBuf, phrase, &starts)
	s.foldBuf = folded[:m]
	return ok && s.p.keys.silent(folded[m:], starts[:n])
}
