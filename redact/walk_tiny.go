// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"hash/maphash"

	"github.com/apispan/apispan/redact/internal/textkv"
)

// maxTiny bounds the texts that tinyText looks at.
const maxTiny = 64

// tinyText reports whether walkText finds nothing in a short text, because it has names
// and values without any mark but separators, and no rule takes one of the names.
func (s *Scratch) tinyText(b []byte, c ctx) bool {
	if c.v != (verdict{}) || c.cut || c.state != stateNone {
		return false
	}
	var hash uint64
	if len(b) <= 16 {
		k0, k1 := words(b)
		var known bool
		if hash, known = s.quiet.Known(k0, k1, tinySalt|uint64(s.env(c.place))<<16|uint64(len(b))); known {
			return true
		}
	}
	run := 0
	for _, x := range b {
		if !tinyByte[x] {
			return false
		}
		if run++; !base64Byte[x] {
			run = 0
		} else if run == minBase64 {
			return false
		}
	}
	sc := textkv.Scan(b)
	for cand := &sc.Candidate; sc.Next(); {
		if !cand.Plain || cand.Secret != 0 {
			return false
		}
		if v, _ := s.textVerdict(b, cand, c); v.strong() || v.cookie() != 0 {
			return false
		}
	}
	if hash != 0 {
		s.quiet.Note(hash)
	}
	return true
}

// tinySalt tells tiny texts from what else s.quiet knows.
const tinySalt = 1 << 40

// tinyLeaf reports whether a short value that is structured surely is a text without a
// name that a rule takes; it is inspect for nearly all of them.
func (s *Scratch) tinyLeaf(b []byte, c ctx) bool {
	c.state = s.restart(c.state) // as in a document inside
	if len(b) > maxTiny || !pairByte[b[0]] || b[0] == '-' || c.nest >= uint8(s.p.cfg.Limits.Nested) || s.nestLeft < len(b) || !s.tinyText(b, c) {
		return false
	}
	// Those are read as a form or a URL.
	if bytes.IndexByte(b, ' ') < 0 && (bytes.IndexByte(b, '=') >= 0 || bytes.IndexByte(b, '/') >= 0) {
		return false
	}
	s.nestLeft -= len(b)
	return true
}

// quietLeaves remembers short values in which inspect found nothing, by a seeded hash, and
// what reading them took of the limits, which is taken again.
type quietLeaves [512]struct {
	hash         uint64
	bytes, words uint16
}

// leafRoom is what of the limits must be left so that none of them had a say.
const leafRoom = 2 * maxTiny

// quietLeaf reports whether a short value without a rule is known as one in which nothing
// is found. hash is what to note; 0 if more may be found in it the next time.
func (s *Scratch) quietLeaf(b []byte, c ctx) (hash uint64, known bool) {
	if len(b) == 0 || len(b) > maxTiny || c.v.act != actNone || c.cut || c.state != stateNone || s.matched != nil ||
		s.yes(docTable) { // the columns of a table have a say in lists
		return 0, false
	}
	hash = maphash.Bytes(s.seed, b) ^ (uint64(s.env(c.place))<<32|uint64(c.v.flags)<<8|uint64(c.nest)+1)*s.hashKey
	e := &s.leaves[hash>>55]
	if e.hash != hash || s.nestLeft < int(e.bytes)+leafRoom || s.wordsLeft < int(e.words) {
		return hash, false
	}
	s.nestLeft -= int(e.bytes)
	s.wordsLeft -= int(e.words)
	return hash, true
}

// noteLeaf remembers a value that did not change. effects are those before it was read: it
// must not have counted, come to a limit or asked a rule that goes by the document, too.
func (s *Scratch) noteLeaf(hash uint64, before effects) {
	now := s.effects()
	n, w := before.nestLeft-now.nestLeft, before.wordsLeft-now.wordsLeft
	if hash == 0 || now.noted != before.noted || now.asked != before.asked || now.nestLeft < leafRoom || now.wordsLeft < 0 || n > 1<<12 || w > 1<<8 {
		return
	}
	e := &s.leaves[hash>>55]
	e.hash, e.bytes, e.words = hash, uint16(n), uint16(w) //nolint:gosec // small
}

// effects is what reading a value does: what it takes of the limits, what it counts, and
// whether it replaced something or asked what goes by the document, too.
type effects struct {
	nestLeft, wordsLeft int
	noted, asked        uint64
}

func (s *Scratch) effects() effects { return effects{s.nestLeft, s.wordsLeft, s.noted, s.asked} }

// tinyByte has what names and values in a tinyText are made of, and what separates
// them.
var tinyByte = withBytes(pairByte, " :=,;/+@")

// withBytes is a set of bytes with some more.
func withBytes(set [256]bool, more string) [256]bool {
	for _, c := range []byte(more) {
		set[c] = true
	}
	return set
}
