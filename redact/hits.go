// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

// RuleInfo describes a rule that a policy, or the preset under it, writes.
type RuleInfo struct {
	// ID is the rule as counts have it, Where its place in the policy.
	ID, Where string
	// Hit is how many values the rule acted on, or 1 if it matched a key whose value
	// another rule or none has taken.
	Hit int
}

// Track makes the Scratch remember which rules match a key or value; see Hits. It is
// for those who test a policy with traffic.
func (s *Scratch) Track() {
	s.clearCaches()
	s.matched = make([]bool, len(s.p.rules))
}

// Hits returns the rules of the policy, without the built-in ones, in its order, with
// what they hit since Track.
func (s *Scratch) Hits() []RuleInfo {
	acted := map[uint16]int{}
	s.addTotals()
	s.counts = s.counts[:0]
	for _, t := range s.totals {
		acted[t.rule] += t.N
	}
	var out []RuleInfo
	for i := range s.p.rules {
		r := &s.p.rules[i]
		if i == int(ruleNone) || r.builtin || r.where == "" {
			continue
		}
		n := acted[uint16(i)]
		if n == 0 && s.matched != nil && s.matched[i] {
			n = 1
		}
		out = append(out, RuleInfo{r.id, r.where, n})
	}
	return out
}
