// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"hash/maphash"
	"strings"

	"github.com/apispan/apispan/redact/internal/detect"
	"github.com/apispan/apispan/redact/internal/edit"
	"github.com/apispan/apispan/redact/internal/token"
)

// Scratch is the working memory of one goroutine. Take it from
// Policy.NewScratch, call Begin for each exchange, and Release it when done. It
// is not safe for concurrent use.
//
// Attribute is the one entry that span attributes go through in the wrapper and
// in the Collector alike; it sorts by key and calls the specific methods, which
// are exported for values that are not attributes.
type Scratch struct {
	p  *Policy
	ex Exchange

	// scopes has a bit for each selected scope; scopeID numbers the combination.
	scopes    uint64
	scopeID   uint16
	scopeSets []uint64
	roots     [numPlaces]verdict // verdict of a value before any key

	lv    level
	edits edit.List
	arena []byte
	// nestLeft is how many bytes may still be decoded for inner documents.
	nestLeft int
	// removed is set by a walker whose whole value is to be deleted.
	removed bool
	// dirty is how much of the arena has held values.
	dirty int

	frames []frame
	// frameBase is how many frames the documents around the current one use.
	frameBase int
	pend      []span
	elements  []element // open elements of all running markup walks
	columns   []ctx     // columns of a CSV
	secrets   []secretSpan
	foldBuf   []byte
	matches   []detect.Match
	tokens    *token.Hasher
	dfa       dfa

	seed  maphash.Seed
	short [shortSets][2]shortEntry
	long  [longSets][2]longEntry
	names [nameSets]nameEntry

	stats  Stats
	counts []Count
}

// maxScopeSets bounds the combinations of scopes that the caches tell apart.
const maxScopeSets = 1 << 12

func newScratch(p *Policy) *Scratch {
	s := &Scratch{p: p, seed: maphash.MakeSeed(), frames: make([]frame, p.cfg.Limits.Depth+1)}
	if p.ring != nil {
		s.tokens = p.ring.NewHasher()
	}
	s.dfa.reset(&p.paths)
	s.selectScopes(Exchange{})
	return s
}

// NewScratch returns working memory from a pool.
func (p *Policy) NewScratch() *Scratch {
	s := p.pool.Get().(*Scratch)
	s.Begin(Exchange{})
	return s
}

// maxKeptBytes is the largest buffer that goes back to the pool.
const maxKeptBytes = 1 << 20

// Release gives the memory back. The Scratch must not be used afterwards.
func (s *Scratch) Release() {
	s.ex = Exchange{}
	s.lv = level{}
	// The arena held decoded values: do not keep them for longer than needed.
	clear(s.arena[:min(s.dirty, cap(s.arena))])
	s.arena, s.dirty = s.arena[:0], 0
	if cap(s.arena) > maxKeptBytes {
		s.arena = nil
	}
	s.edits.Shrink(maxKeptBytes / 16)
	s.p.pool.Put(s)
}

// Begin starts an exchange: it selects the scoped rules and clears Stats.
func (s *Scratch) Begin(ex Exchange) {
	s.ex = ex
	s.stats = Stats{}
	s.counts = s.counts[:0]
	if len(s.p.scopes) > 0 {
		s.selectScopes(ex)
	}
}

// selectScopes finds the scopes of an exchange and the verdicts that hold for all
// values of a place.
func (s *Scratch) selectScopes(ex Exchange) {
	var set uint64
	for i := range s.p.scopes {
		if s.p.scopes[i].selects(ex) {
			set |= 1 << uint(i)
		}
	}
	if len(s.scopeSets) > 0 && set == s.scopes {
		return
	}
	s.scopes = set
	id := -1
	for i, v := range s.scopeSets {
		if v == set {
			id = i
		}
	}
	if id < 0 {
		if len(s.scopeSets) >= maxScopeSets {
			s.scopeSets = s.scopeSets[:0]
			s.clearCaches()
		}
		id = len(s.scopeSets)
		s.scopeSets = append(s.scopeSets, set)
	}
	s.scopeID = uint16(id)
	for pl := range s.roots {
		s.roots[pl] = s.rootOf(place(pl))
	}
}

func (s *Scratch) rootOf(pl place) verdict {
	v := verdict{}
	closed := false // values that no key rule frees are masked
	for i := range s.p.rules {
		r := &s.p.rules[i]
		if !s.active(r, pl) {
			continue
		}
		if r.whole && r.act > v.act {
			v = verdict{act: r.act, rule: uint16(i), flags: r.flags}
			if r.act == actMask && (pl == placeRequestBody || pl == placeResponseBody) {
				v.act = actMiss // every value goes, the structure stays
			}
		}
		if !r.whole && r.act == actAllow && strings.HasPrefix(r.id, "allow:") {
			closed = true
		}
		if r.star && r.act > actAllow {
			closed = true
		}
	}
	if closed && v.act == actNone {
		v.act = actMiss
	}
	return v
}

// root is the context of a value that stands in a place.
func (s *Scratch) root(pl place) ctx {
	c := ctx{v: s.roots[pl], place: pl}
	if pl == placeRequestBody || pl == placeResponseBody {
		if len(s.p.paths.pats) > 0 {
			c.state = stateRoot
		}
	}
	return c
}

func (w *When) selects(ex Exchange) bool {
	switch {
	case w.Direction == "incoming" && ex.Direction == Outgoing, w.Direction == "outgoing" && ex.Direction == Incoming:
		return false
	}
	return anyGlob(w.Host, strings.ToLower(ex.Host), true) && anyGlob(w.Route, ex.Route, false) && anyGlob(w.Method, ex.Method, true)
}

// anyGlob reports whether v, if known, matches one of the patterns, if any.
func anyGlob(patterns []string, v string, foldCase bool) bool {
	if len(patterns) == 0 || v == "" {
		return true
	}
	for _, p := range patterns {
		if foldCase {
			p = strings.ToLower(p)
			v = strings.ToLower(v)
		}
		if globText(p, v) {
			return true
		}
	}
	return false
}

// globText matches text against a pattern in which * stands for anything.
func globText(p, v string) bool {
	head, rest, star := strings.Cut(p, "*")
	if !star {
		return p == v
	}
	if !strings.HasPrefix(v, head) {
		return false
	}
	v = v[len(head):]
	for {
		mid, next, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(v, mid)
		}
		i := strings.Index(v, mid)
		if i < 0 {
			return false
		}
		v, rest = v[i+len(mid):], next
	}
}
