// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/apispan/apispan/redact/internal/fold"
)

// Paths are a subset of JSONPath (RFC 9535) with folded names:
//
//	$.a.b  $['a b'].c  $.a.*  $.a[*].b  $.a[0]  $.a..b  $..b  $.a..
//
// A name step also passes through arrays, so $.items.name selects the name of
// every item; [*] and [n] stand for elements only. A path selects the whole
// subtree at its end. A trailing ".." is allowed and means the same.
//
// The set of paths is a nondeterministic automaton; states of the deterministic
// one are made on demand, per Scratch, and at most maxStates of them.

type stepKind uint8

const (
	stepName stepKind = iota
	stepGlob
	stepElem
	stepIndex
)

type step struct {
	kind    stepKind
	descend bool // ".." before it
	name    string
	glob    glob
	index   int
}

type pathSet struct {
	pats  [][]step
	rules []uint16
	// nodes numbers (path, position) pairs; first[p] is the node of position 0.
	first []int
	nodes []pathNode
}

type pathNode struct {
	pat, pos int
}

const (
	maxPathSteps = 32
	maxPathNodes = 1024
	maxStates    = 1024
	// stateNone: no path can match below. stateLost: too many states were needed;
	// everything below is masked.
	stateNone pathState = 0
	stateRoot pathState = 1
	stateLost pathState = -1
)

func parsePath(s string) ([]step, error) {
	var out []step
	i, descend := 1, false
	for i < len(s) {
		switch {
		case strings.HasPrefix(s[i:], ".."):
			if descend {
				return nil, errors.New("has three dots in a row")
			}
			descend = true
			i += 2
			if i == len(s) { // trailing "..": the subtree, which is meant anyway
				return checkPath(out)
			}
			if s[i] == '[' {
				continue
			}
		case s[i] == '.':
			i++
		case s[i] == '[':
			end := strings.IndexByte(s[i:], ']')
			if end < 0 {
				return nil, errors.New("has a [ without ]")
			}
			st, err := bracket(s[i+1 : i+end])
			if err != nil {
				return nil, err
			}
			st.descend = descend
			descend = false
			out = append(out, st)
			i += end + 1
			continue
		default:
			return nil, fmt.Errorf("needs '.' or '[' at character %d", i+1)
		}
		end := strings.IndexAny(s[i:], ".[")
		if end < 0 {
			end = len(s) - i
		}
		name := s[i : i+end]
		i += end
		if name == "" {
			return nil, errors.New("has an empty step")
		}
		st := nameStep(name)
		st.descend = descend
		descend = false
		out = append(out, st)
	}
	return checkPath(out)
}

func checkPath(out []step) ([]step, error) {
	if len(out) == 0 {
		return nil, errors.New("selects the whole body; use in.body.action instead")
	}
	if len(out) > maxPathSteps {
		return nil, fmt.Errorf("has %d steps, the limit is %d", len(out), maxPathSteps)
	}
	return out, nil
}

func nameStep(name string) step {
	if strings.Contains(name, "*") {
		return step{kind: stepGlob, glob: foldGlob(name)}
	}
	return step{kind: stepName, name: fold.Key(name)}
}

func bracket(in string) (step, error) {
	in = strings.TrimSpace(in)
	if in == "*" {
		return step{kind: stepElem}, nil
	}
	if n := len(in); n >= 3 && (in[0] == '\'' || in[0] == '"') && in[n-1] == in[0] {
		return step{kind: stepName, name: fold.Key(in[1 : n-1])}, nil
	}
	i, err := strconv.Atoi(in)
	if err != nil || i < 0 || i > 1<<30 {
		return step{}, fmt.Errorf("[%s] is not supported; write [*], [0] or ['name']", in)
	}
	return step{kind: stepIndex, index: i}, nil
}

func (p *pathSet) add(steps []step, rule uint16) error {
	if len(p.nodes)+len(steps) > maxPathNodes {
		return fmt.Errorf("the paths have more than %d steps in all", maxPathNodes)
	}
	p.first = append(p.first, len(p.nodes))
	for i := range steps {
		p.nodes = append(p.nodes, pathNode{len(p.pats), i})
	}
	p.pats = append(p.pats, steps)
	p.rules = append(p.rules, rule)
	return nil
}

// dfa is the part of the deterministic automaton that one Scratch has met.
type dfa struct {
	ids   map[string]pathState
	sets  [][]uint16 // by state: sorted nodes
	elems []elemStep // by state: cached step into an element without index steps
	buf   []byte
	set   []uint16
}

type elemStep struct {
	known, indexed bool
	to             pathState
	v              verdict
}

func (d *dfa) reset(p *pathSet) {
	d.ids = map[string]pathState{}
	d.sets = append(d.sets[:0], nil)
	d.elems = append(d.elems[:0], elemStep{known: true})
	d.set = d.set[:0]
	for _, f := range p.first {
		d.set = append(d.set, uint16(f))
	}
	if len(d.set) > 0 {
		d.intern()
	}
}

// intern returns the state of d.set.
func (d *dfa) intern() pathState {
	if len(d.set) == 0 {
		return stateNone
	}
	d.buf = d.buf[:0]
	for _, n := range d.set {
		d.buf = append(d.buf, byte(n), byte(n>>8))
	}
	if id, ok := d.ids[string(d.buf)]; ok {
		return id
	}
	if len(d.sets) >= maxStates {
		return stateLost
	}
	id := pathState(len(d.sets))
	d.ids[string(d.buf)] = id
	d.sets = append(d.sets, append([]uint16(nil), d.set...))
	d.elems = append(d.elems, elemStep{})
	return id
}

// addNode keeps d.set sorted and without repeats.
func (d *dfa) addNode(n uint16) {
	i := len(d.set)
	for i > 0 && d.set[i-1] > n {
		i--
	}
	if i > 0 && d.set[i-1] == n {
		return
	}
	d.set = append(d.set, 0)
	copy(d.set[i+1:], d.set[i:])
	d.set[i] = n
}

// stepKey follows a folded key.
func (s *Scratch) stepKey(st pathState, folded []byte, pl place, best *verdict) pathState {
	if st == stateNone {
		return stateNone
	}
	if st == stateLost {
		*best = verdict{act: actMask}
		return st
	}
	d := &s.dfa
	d.set = d.set[:0]
	for _, n := range d.sets[st] {
		node := s.p.paths.nodes[n]
		pat := s.p.paths.pats[node.pat]
		sp := &pat[node.pos]
		if sp.descend {
			d.addNode(n)
		}
		if sp.kind == stepName && sp.name == string(folded) || sp.kind == stepGlob && sp.glob.match(folded) {
			s.advance(n, node, pat, pl, best)
		}
	}
	return d.intern()
}

// stepKeys follows a key that is written as a path itself, as forms, CSV columns
// and properties have it: user.name, user[name], items[0].name.
func (s *Scratch) stepKeys(st pathState, key []byte, pl place, best *verdict) pathState {
	m := len(s.foldBuf)
	for i := 0; i < len(key) && st != stateNone; {
		j := i
		for j < len(key) && key[j] != '[' && key[j] != ']' && key[j] != '.' {
			j++
		}
		switch n, digits := index(key[i:j]); {
		case digits, j == i && j < len(key) && key[j] == ']': // items[0], items[]
			c := s.elem(ctx{state: st, place: pl}, n)
			if c.v.act > best.act {
				best.act, best.rule = c.v.act, c.v.rule
			}
			st = c.state
		case j > i:
			s.foldBuf = fold.AppendKey(s.foldBuf[:m], key[i:j])
			st = s.stepKey(st, s.foldBuf[m:], pl, best)
		}
		i = j + 1
	}
	s.foldBuf = s.foldBuf[:m]
	return st
}

// index reads a number of an element.
func index(b []byte) (n int, ok bool) {
	for _, c := range b {
		if c-'0' > 9 || n > 1<<24 {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, len(b) > 0
}

// restart is the state at the root of a document that stands inside a string: its
// own paths begin there, and those of the document around it go on.
func (s *Scratch) restart(st pathState) pathState {
	switch {
	case len(s.p.paths.pats) == 0 || st == stateRoot || st == stateLost:
		return st
	case st == stateNone:
		return stateRoot
	}
	d := &s.dfa
	d.set = append(d.set[:0], d.sets[st]...)
	for _, n := range d.sets[stateRoot] {
		d.addNode(n)
	}
	return d.intern()
}

func (s *Scratch) advance(n uint16, node pathNode, pat []step, pl place, best *verdict) {
	if node.pos+1 == len(pat) {
		s.offer(s.p.paths.rules[node.pat], pl, partWhole, best)
		return
	}
	s.dfa.addNode(n + 1)
}

// elem returns the context of the i-th element of an array (a repeated form field,
// an XML sibling). Only paths care.
func (s *Scratch) elem(c ctx, i int) ctx {
	if c.state == stateNone {
		return c
	}
	if c.state == stateLost {
		c.v = strongest(c.v, verdict{act: actMask})
		return c
	}
	e := s.dfa.elems[c.state]
	if !e.known || e.indexed {
		e = s.stepElem(c.state, i, c.place)
	}
	c.v = strongest(c.v, e.v)
	c.state = e.to
	return c
}

func (s *Scratch) stepElem(st pathState, i int, pl place) elemStep {
	d := &s.dfa
	e := elemStep{known: true}
	d.set = d.set[:0]
	for _, n := range d.sets[st] {
		node := s.p.paths.nodes[n]
		pat := s.p.paths.pats[node.pat]
		sp := &pat[node.pos]
		switch sp.kind {
		case stepName, stepGlob:
			d.addNode(n) // arrays are transparent to names
			continue
		case stepIndex:
			e.indexed = true
			if sp.index == i {
				s.advance(n, node, pat, pl, &e.v)
			}
		case stepElem:
			s.advance(n, node, pat, pl, &e.v)
		}
		if sp.descend {
			d.addNode(n)
		}
	}
	s.settle(&e.v)
	e.to = d.intern()
	// Rules depend on place and scopes, so only steps that select nothing are kept.
	if e.v == (verdict{}) && !e.indexed {
		hit := false
		for _, n := range d.sets[st] {
			node := s.p.paths.nodes[n]
			pat := s.p.paths.pats[node.pat]
			hit = hit || pat[node.pos].kind == stepElem && node.pos+1 == len(pat)
		}
		if !hit {
			d.elems[st] = e
		}
	}
	return e
}
