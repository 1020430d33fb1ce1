// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/redact/internal/fold"
)

// offer makes rule r the verdict if it applies and is stronger.
func (s *Scratch) offer(r uint16, pl place, pt part, best *verdict) {
	s.asked++
	ru := &s.p.rules[r]
	if !s.active(ru, pl) {
		return
	}
	flags := ru.flags
	if flags&flagSoft != 0 {
		switch s.judge(ru, pl, pt) {
		case nameInnocent:
			return
		case nameDescribes:
			flags |= flagDescribes
		}
	}
	if s.matched != nil {
		s.matched[r] = true
	}
	// An allow rule frees a value only by the whole key or its last segment.
	if ru.act == actAllow && pt == partOther {
		return
	}
	if s.p.exempts {
		s.offered = append(s.offered, offer{r, pt, flags})
		return
	}
	s.take(best, r, flags)
}

// take makes rule r the verdict if it is stronger. A built-in rule spares nothing
// if a rule of the policy wants the value too.
func (s *Scratch) take(best *verdict, r uint16, flags verdictFlags) {
	ru := &s.p.rules[r]
	soft := best.flags&flagSoft != 0
	if flags&flagSoft != 0 && best.strong() && !soft {
		flags &^= flagSoft
	}
	if ru.act > best.act {
		best.act, best.rule = ru.act, r
		best.flags = best.flags&^ruleFlags | flags
		return
	}
	switch {
	case !soft:
	case flags&flagSoft == 0:
		if ru.act >= actTruncate {
			best.flags &^= flagSoft
		}
	case ru.act == best.act:
		if ru.guard < s.p.rules[best.rule].guard {
			best.rule = r // the stricter one of two built-in rules
		}
		best.flags &= flags | ^flagDescribes
	}
}

// judge tells what the words of the key say besides the name of a built-in rule.
func (s *Scratch) judge(ru *rule, pl place, pt part) nameClass {
	if ru.guard == guardCard {
		return nameSecret // "exp" is the last word of each
	}
	if k := s.judgedKey; bytes.HasPrefix(k, str("node_modules/")) || len(k) > 2 && k[0] == '@' && bytes.IndexByte(k, '/') > 1 { // passport is a package, too
		return nameInnocent
	}
	if ru.glob == nil && pt != partOther {
		return nameSecret
	}
	header := pl == placeRequestHeader || pl == placeResponseHeader
	if pt != partOther {
		return judgeName(s.judged, header)
	}
	if judgeName(s.judgedKey, header) == nameDescribes { // "auth.type", "user.password.expires"
		return nameDescribes
	}
	return nameSecret
}

// strongest joins the inherited verdict with the one of the key itself.
func strongest(inh, own verdict) verdict {
	if own.flags&cookieBits == 0 {
		own.flags |= inh.flags & cookieBits
	}
	switch {
	case own.except() && inh.flags&flagPlace != 0:
		return own
	case own.flags&flagPlace != 0 && inh.except(): // "*" below an exception
		own.act = actNone
	}
	if own.act == actNone || own.act < inh.act && inh.act != actMiss {
		flags := inh.flags & flagsInherited
		if own.strong() {
			flags &^= flagSoft // a weaker rule of the policy, see spares
		}
		own.act, own.rule = inh.act, inh.rule
		own.flags = own.flags&^flagsInherited | flags
	} else if inh.act >= actTruncate {
		if inh.flags&flagSoft == 0 {
			own.flags &^= flagSoft
		} else {
			own.flags |= flagWithin
		}
	}
	return own
}

// child returns the context of the value under key: key rules of the place and of
// the selected scopes, paths, and the verdict inherited through c, the strongest
// first. key is decoded but not folded. Call it once per key.
//
// If the result has flagKeyHit, a detector found a secret in the key itself and
// the walker writes maskText in place of the key.
func (s *Scratch) child(c ctx, key []byte) ctx {
	val := s.lookupKey(c.place, c.state, key)
	if val == 0 && c.v == (verdict{}) { // nearly always
		c.state = stateNone
		return c
	}
	own, st := val.unpack()
	soft := c.v.flags&flagSoft != 0
	c.v = strongest(c.v, own)
	if soft {
		c.v.describe(own, key)
	}
	c.state = st
	return c
}

// describe notes that a member of a container under a built-in rule says something
// about the secret and is not the secret.
func (v *verdict) describe(own verdict, key []byte) {
	if own.act != actNone || v.flags&flagSoft == 0 {
		return
	}
	if i := bytes.LastIndexByte(key, ':'); i > 0 { // of a namespace
		key = key[i+1:]
	}
	if memberPublic[string(key)] {
		v.act, v.flags = actNone, v.flags&^ruleFlags
		return
	}
	if memberDescribes[string(key)] || own.flags&flagValueKey == 0 && judgeName(key, false) == nameDescribes {
		v.flags |= flagDescribes
		if memberNumbers[string(key)] {
			v.flags |= flagMember
		}
	}
}

// decide is the slow path of lookup.
func (s *Scratch) decide(pl place, st pathState, key []byte) (verdict, pathState) {
	var best verdict
	if fold.Oversize(key) {
		// Nobody names a field like this; whatever it holds is not kept.
		return verdict{act: actMask}, stateNone
	}
	p := s.p
	m := len(s.foldBuf)
	s.foldBuf = fold.AppendKey(s.foldBuf, key)
	whole := s.foldBuf[m:]
	s.judged, s.judgedKey = key, key
	own := p.keys.find(s, whole, pl, partWhole, &best)
	best.flags |= own
	if len(p.paths.pats) > 0 {
		from := st
		st = s.stepKey(st, whole, pl, &best)
		if from != stateNone && bytes.ContainsAny(key, ".[") {
			if to := s.stepKeys(from, key, pl, &best); st == stateNone {
				st = to
			}
		}
		if i := bytes.LastIndexByte(key, ':'); i > 0 && st == stateNone && from != stateNone { // the local name of an element
			m := len(s.foldBuf)
			s.foldBuf = fold.AppendKey(s.foldBuf, key[i+1:])
			st = s.stepKey(from, s.foldBuf[m:], pl, &best)
			s.foldBuf = s.foldBuf[:m]
		}
	}
	if pl == placeCookie || pl == placeSetCookie {
		s.cookieName(key, pl, &best)
	}
	if !fold.IsPlain(key) {
		segments := key
		if pl == placeAttribute {
			// Our own namespace says nothing about a value, and a rule such as
			// "*pan" would match it.
			segments = bytes.TrimPrefix(key, []byte(httpattr.OwnPrefix))
		}
		for seg, rest := fold.NextSegment(segments); seg != nil && len(seg) < len(key); {
			next, after := fold.NextSegment(rest)
			pt := partOther
			if next == nil {
				pt = partLast
			}
			fl := s.candidate(seg, pl, pt, &best)
			if next == nil {
				best.flags |= fl & (cookieBits | flagValueOnly)
			}
			seg, rest = next, after
		}
	}
	if p.det != nil && len(key) >= p.detMin {
		s.matches = p.det.Find(s.matches[:0], key, false)
		for _, h := range s.matches {
			if p.rules[p.detRule[h.Rule]].act != actReport {
				best.flags |= flagKeyHit
			}
		}
	}
	if len(key) > 12 && bytes.IndexByte(key, '?') > 0 && looksURL(key) && s.secretQuery(key) {
		best.flags |= flagKeyHit
	}
	if best.flags&flagSoft != 0 && pl == placeAttribute && bytes.HasPrefix(key, str(httpattr.OwnPrefix)) {
		best.flags &^= flagSoft // what is ours has a form of its own; anything else was forged
	}
	s.foldBuf = s.foldBuf[:m]
	s.settle(&best)
	return best, st
}

// secretQuery reports whether a key that is a URL has a denied name in its query.
func (s *Scratch) secretQuery(key []byte) bool {
	_, query, _ := bytes.Cut(key, []byte("?"))
	for len(query) > 0 {
		var pair []byte
		pair, query, _ = bytes.Cut(query, []byte("&"))
		name, value, _ := bytes.Cut(pair, []byte("="))
		var v verdict
		if s.candidate(name, placeQuery, partWhole, &v); v.strong() && len(value) >= 6 {
			return true
		}
	}
	return false
}

// segmentSalt tells segments of keys from what else s.quiet knows.
const segmentSalt = 3 << 40

// candidate offers the rules for a part of a key. A short one about which there is none
// is remembered: the same words stand in many keys.
func (s *Scratch) candidate(key []byte, pl place, pt part, best *verdict) verdictFlags {
	var hash uint64
	if len(key) <= 16 {
		k0, k1 := words(key)
		var known bool
		if hash, known = s.quiet.Known(k0, k1, segmentSalt|uint64(len(key))); known {
			return 0
		}
	}
	m, asked := len(s.foldBuf), s.asked
	s.foldBuf = fold.AppendKey(s.foldBuf, key)
	s.judged = key
	fl := s.p.keys.find(s, s.foldBuf[m:], pl, pt, best)
	s.foldBuf = s.foldBuf[:m]
	if hash != 0 && fl == 0 && s.asked == asked {
		s.quiet.Note(hash)
	}
	return fl
}

// cookieName also tests a cookie without its security prefix and without the
// number of its chunk.
func (s *Scratch) cookieName(key []byte, pl place, best *verdict) {
	k := fold.Cookie(key)
	if len(k) != len(key) {
		s.candidate(k, pl, partWhole, best)
	}
	if stem, ok := fold.CookieStem(k); ok {
		s.candidate(stem, pl, partWhole, best)
	}
}
