// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"strings"

	"github.com/apispan/apispan/redact/internal/fold"
)

// matcher finds the rules for a folded key. It is read-only after finish.
type matcher struct {
	exact map[string]exactRules
	globs []glob
	// seen is a filter in front of exact.
	seen [256]uint64
	// grams maps a hashed trigram to the globs whose literal begins with it, as an
	// index into buckets (0 = none). A glob is only tried on keys that have its
	// trigram.
	grams   [gramSize]uint8
	buckets [][]int
	// short are the indexes of globs without a literal of three bytes.
	short []int
}

// exactRules are the rules for one folded key, and what the key says by itself.
type exactRules struct {
	rules []uint16
	flags verdictFlags
}

const gramSize = 4096

// glob is a pattern cut at its stars.
type glob struct {
	head, tail string // anchored
	mid        []string
	minLen     int
	rule       uint16
}

func (m *matcher) addExact(folded string, rule uint16) {
	if m.exact == nil {
		m.exact = map[string]exactRules{}
	}
	e := m.exact[folded]
	e.rules = append(e.rules, rule)
	m.exact[folded] = e
}

func (m *matcher) addGlob(g glob, rule uint16) {
	g.rule = rule
	m.globs = append(m.globs, g)
}

// foldGlob folds the literals of a pattern with stars.
func foldGlob(pattern string) glob {
	parts := strings.Split(pattern, "*")
	for i := range parts {
		parts[i] = fold.Key(parts[i])
	}
	g := glob{head: parts[0], tail: parts[len(parts)-1]}
	g.minLen = len(g.head) + len(g.tail)
	for _, p := range parts[1 : len(parts)-1] {
		if p != "" {
			g.mid = append(g.mid, p)
			g.minLen += len(p)
		}
	}
	return g
}

func (g *glob) match(key []byte) bool {
	if len(key) < g.minLen || !bytes.HasPrefix(key, str(g.head)) || !bytes.HasSuffix(key, str(g.tail)) {
		return false
	}
	key = key[len(g.head) : len(key)-len(g.tail)]
	for _, m := range g.mid {
		i := bytes.Index(key, str(m))
		if i < 0 {
			return false
		}
		key = key[i+len(m):]
	}
	return true
}

func gram(a, b, c byte) uint32 {
	return (uint32(a)<<16 | uint32(b)<<8 | uint32(c)) * 0x9E3779B1 >> 20
}

func (m *matcher) finish() {
	if m.exact == nil {
		m.exact = map[string]exactRules{}
	}
	for k, fl := range keyNameFlags {
		e := m.exact[k]
		e.flags = fl
		m.exact[k] = e
	}
	for k := range m.exact {
		h := exactHash(str(k))
		m.seen[h>>6] |= 1 << (h & 63)
	}
	m.buckets = [][]int{nil}
	for i := range m.globs {
		g := &m.globs[i]
		best := g.head
		for _, p := range append([]string{g.tail}, g.mid...) {
			if len(p) >= len(best) {
				best = p
			}
		}
		if len(best) < 3 {
			m.short = append(m.short, i)
			continue
		}
		h := gram(best[0], best[1], best[2])
		switch b := m.grams[h]; {
		case b != 0:
			m.buckets[b] = append(m.buckets[b], i)
		case len(m.buckets) == 256:
			m.short = append(m.short, i) // many globs: these are always tried
		default:
			m.grams[h] = uint8(len(m.buckets))
			m.buckets = append(m.buckets, []int{i})
		}
	}
}

// exactHash is cheap and good enough to tell most keys from the rules' names.
func exactHash(b []byte) uint32 {
	if len(b) == 0 {
		return 0
	}
	n := len(b)
	return uint32((uint64(b[0]) | uint64(b[n/2])<<8 | uint64(b[n-1])<<16 | uint64(n)<<24) * 0x9E3779B97F4A7C15 >> 50)
}

// part says how a candidate stands in the key.
type part uint8

const (
	partWhole part = iota
	partLast       // the last segment
	partOther      // another segment
)

// find offers every rule that matches the folded candidate and returns what the
// key says by itself.
func (m *matcher) find(s *Scratch, folded []byte, pl place, pt part, best *verdict) verdictFlags {
	var e exactRules
	if h := exactHash(folded); m.seen[h>>6]&(1<<(h&63)) != 0 {
		e = m.exact[string(folded)]
		for _, r := range e.rules {
			s.offer(r, pl, pt, best)
		}
	}
	if len(m.globs) == 0 {
		return e.flags
	}
	var tried [256 / 64]uint64 // buckets: a key may repeat a trigram
	for i := 0; i+2 < len(folded); i++ {
		if b := m.grams[gram(folded[i], folded[i+1], folded[i+2])]; b != 0 && tried[b>>6]&(1<<(b&63)) == 0 {
			tried[b>>6] |= 1 << (b & 63)
			for _, g := range m.buckets[b] {
				if m.globs[g].match(folded) {
					s.offer(m.globs[g].rule, pl, pt, best)
				}
			}
		}
	}
	for _, i := range m.short {
		if m.globs[i].match(folded) {
			s.offer(m.globs[i].rule, pl, pt, best)
		}
	}
	return e.flags
}

// maxShort is how many globs silent tries.
const maxShort = 4

// silent reports whether surely no rule matches a folded phrase, nor its end from one of
// starts on, and neither says something by itself. It may say no where the answer is yes.
func (m *matcher) silent(folded []byte, starts []uint8) bool {
	if len(m.short) > maxShort {
		return false
	}
	for _, at := range starts {
		tail := folded[at:]
		if h := exactHash(tail); m.seen[h>>6]&(1<<(h&63)) != 0 {
			if _, ok := m.exact[string(tail)]; ok {
				return false
			}
		}
		for _, i := range m.short {
			if m.globs[i].match(tail) {
				return false
			}
		}
	}
	for i := 0; i+2 < len(folded); i++ {
		if m.grams[gram(folded[i], folded[i+1], folded[i+2])] != 0 {
			return false
		}
	}
	return true
}
