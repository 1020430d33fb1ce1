// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

// Exceptions keep values that other rules would take. An exception wins over a rule
// that is weaker by how it names its key, never over one of the same strength:
//
//	path          $.usage.token, $.items[*].sku     one place in a document
//	name          token; $..token, $.*.token        one key
//	glob          *token; $.a.*_token               a family of keys
//	place         "*", in.query.action              everything
//	built-in      the shipped lists and presets
//
// Of two globs the one is stronger that matches a part of what the other does.
// docs/policy.md has the table, TestExceptTable holds it.

import "strings"

// strength is that of a rule; what the user has not written is weaker than all.
type strength uint8

const (
	levelPlace strength = iota
	levelGlob
	levelName
	levelPath
)

// offer is a rule that matches the key that is looked at.
type offer struct {
	rule  uint16
	pt    part
	flags verdictFlags // of the rule, as the key leaves them
}

// settle makes a verdict of the rules that were offered for one key.
func (s *Scratch) settle(best *verdict) {
	if len(s.offered) == 0 {
		return
	}
	offers := s.offered
	s.offered = s.offered[:0]
	free, all := ruleNone, ruleNone
	for _, o := range offers {
		r := &s.p.rules[o.rule]
		if r.except {
			if free == ruleNone || s.p.rules[free].level < r.level {
				free = o.rule
			}
			continue
		}
		switch {
		case s.beaten(offers, o):
		case r.star && r.act == actMask:
			all = o.rule
		default:
			s.take(best, o.rule, o.flags)
		}
	}
	if all != ruleNone && best.act < actMask {
		// Containers are entered, because an exception may follow.
		best.act, best.rule = actMiss, all
		best.flags = best.flags&^ruleFlags | flagPlace
		return
	}
	if free != ruleNone && best.act <= actAllow {
		best.act, best.rule = actAllow, free
		best.flags = best.flags&^ruleFlags | flagPlace
	}
}

func (s *Scratch) beaten(offers []offer, o offer) bool {
	if o.pt == partOther { // the rule is for something around the value
		return false
	}
	r := &s.p.rules[o.rule]
	for _, e := range offers {
		if x := &s.p.rules[e.rule]; x.except && x.beats(r) {
			return true
		}
	}
	return false
}

// beats reports whether exception x wins over rule r.
func (x *rule) beats(r *rule) bool {
	switch {
	case r.builtin, x.level > r.level:
		return true
	case x.level == levelGlob && r.level == levelGlob:
		return r.glob.covers(x.glob) && !x.glob.covers(r.glob)
	}
	return false
}

// covers reports whether g matches all that o matches.
func (g *glob) covers(o *glob) bool {
	const other = "\xFF" // in no key: only a star of g matches it
	var text strings.Builder
	text.WriteString(o.head + other)
	for _, m := range o.mid {
		text.WriteString(m + other)
	}
	return g.match([]byte(text.String() + o.tail))
}

// pathLevel is the strength of a path: that of its last step if the steps before it
// may be any.
func pathLevel(steps []step) (strength, *glob) {
	last := &steps[len(steps)-1]
	if last.kind == stepGlob {
		return levelGlob, &last.glob
	}
	for i := range steps {
		if steps[i].descend || steps[i].kind == stepGlob {
			return levelName, nil
		}
	}
	return levelPath, nil
}
