// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"hash/maphash"

	"github.com/apispan/apispan/redact/internal/detect"
	"github.com/apispan/apispan/redact/internal/edit"
	"github.com/apispan/apispan/redact/internal/textkv"
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

	// scopes are the selected scopes; scopeID numbers the combination.
	scopes    scopeSet
	scopeID   uint16
	scopeSets []scopeSet
	// frees has a bit for each scope whose allow rules hold in a place.
	frees [numPlaces]uint64
	roots [numPlaces]verdict // verdict of a value before any key

	lv    level
	edits edit.List
	arena []byte
	// nestLeft is how many bytes may still be decoded for inner documents.
	nestLeft int
	// wordsLeft is how many words of texts may still be decoded, which costs far more
	// than their bytes.
	wordsLeft int
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
	table     tableCells
	secrets   []secretSpan
	foldBuf   []byte
	offered   []offer // rules for the key that is looked at
	// judged is the key, or the segment of it, that decide asks rules about;
	// judgedKey is all of it.
	judged, judgedKey []byte
	// doc is the whole value of the running apply.
	doc  []byte
	docs uint64 // answers to questions about doc, two bits each: 1 asked, 2 yes
	// docBound are the variables of GraphQL in doc, bound those in the running
	// document and the ones around it.
	docBound, bound []boundVariable
	docParams       []verdict // of the parameters of SQL in doc, by position
	matches         []detect.Match
	// block is set if a block of YAML under a built-in rule was left to walkOutline.
	block  bool
	tokens *token.Hasher
	dfa    dfa

	seed    maphash.Seed
	hashKey uint64 // odd, for foldHash
	short   [2 * shortSets]shortEntry
	// follow has for each place of a key, in short or behind that of a set of long, that
	// of the key that came next the last time; last is the place of the last key.
	follow  [followers]uint16
	last    uint16
	long    [longSets][2]longEntry
	phrases [phraseSets]shortEntry
	names   [nameSets]nameEntry
	quiet   textkv.Quiet
	unmet   unmet
	leaves  quietLeaves

	stats  Stats
	counts []Count
	noted  uint64 // calls of count
	asked  uint64 // calls of offer and replaceFrom, and questions about doc or that lead to one
	// totals are the counts of the exchanges before; see Totals.
	totals  []Count
	matched []bool // by rule; nil: nobody asks
	why     *why   // nil: nothing is explained
	runs    int    // documents around the one that is walked
}

func newScratch(p *Policy) *Scratch {
	s := &Scratch{p: p, seed: maphash.MakeSeed(), frames: make([]frame, p.cfg.Limits.Depth+1)}
	s.hashKey = s.secret(0) | 1
	s.quiet.Reset(s.secret(1), s.secret(2))
	s.unmet.keys = [4]uint64{s.secret(3), s.secret(4), s.secret(5), s.secret(6)}
	if p.ring != nil {
		s.tokens = p.ring.NewHasher()
	}
	s.dfa.reset(&p.paths)
	s.selectScopes(Exchange{})
	return s
}

// secret is the n-th secret number.
func (s *Scratch) secret(n byte) uint64 { return maphash.Bytes(s.seed, []byte{n}) }

// NewScratch returns working memory from a pool.
func (p *Policy) NewScratch() *Scratch {
	s := p.pool.Get().(*Scratch)
	s.Begin(Exchange{})
	s.totals = s.totals[:0]
	if p.cfg.Audit == "rules" {
		s.Explain()
	}
	return s
}

// maxKeptBytes is the largest buffer that goes back to the pool.
const maxKeptBytes = 1 << 20

// Release gives the memory back. The Scratch must not be used afterwards.
func (s *Scratch) Release() {
	s.ex, s.why, s.matched = Exchange{}, nil, nil
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
	s.addTotals()
	s.counts = s.counts[:0]
	if s.why != nil {
		s.why.begin()
	}
	if len(s.p.scopes) > 0 {
		s.selectScopes(ex)
		s.ex.Fields = nil
	}
}

// root is the context of a value that stands in a place.
func (s *Scratch) root(pl place) ctx {
	c := ctx{v: s.roots[pl], place: pl}
	if pl == placeRequestBody || pl == placeResponseBody || pl == placeQuery {
		if len(s.p.paths.pats) > 0 {
			c.state = stateRoot
		}
	}
	return c
}
