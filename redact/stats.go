// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

// Stats counts what was done since Begin.
type Stats struct {
	// Masked, Dropped, Hashed, Encrypted and Truncated count values by action;
	// FailedClosed counts values replaced because they could not be read.
	Masked, Dropped, Hashed, Encrypted, Truncated, FailedClosed int
}

// Total is the number of values that a rule changed or removed.
func (s Stats) Total() int {
	return s.Masked + s.Dropped + s.Hashed + s.Encrypted + s.Truncated + s.FailedClosed
}

// Count is how often one rule did one thing since Begin. No field comes from the
// input.
type Count struct {
	// Rule is the rule as the policy writes it, such as "deny:*password*",
	// "pattern:card" or "default:pin"; "" for what no rule asked for.
	Rule string
	// Place is where the value stood: request_header, query, request_body, ...
	Place string
	// Action is mask, drop, hmac, encrypt, truncate or report.
	Action string
	// Outcome is ok, truncated, malformed, unsupported, limit or no_key.
	Outcome string
	N       int

	rule uint16
	pl   place
	act  action
	out  outcome
}

// Stats returns the counts since Begin.
func (s *Scratch) Stats() Stats { return s.stats }

// Counts returns the counts since Begin by rule, place, action and outcome. The
// slice is valid until the next call of Begin.
func (s *Scratch) Counts() []Count {
	s.name(s.counts)
	return s.counts
}

// name fills in the texts of counts.
func (s *Scratch) name(counts []Count) {
	for i := range counts {
		c := &counts[i]
		c.Rule, c.Place, c.Outcome = s.p.rules[c.rule].id, c.pl.String(), c.out.String()
		c.Action = c.act.String()
		if c.act == actReport {
			c.Action = "report"
		}
	}
}

// Totals returns the counts of all exchanges since NewScratch, for those who add them
// up for many exchanges at once. It is valid until the next call of Begin.
func (s *Scratch) Totals() []Count {
	s.addTotals()
	s.counts = s.counts[:0]
	s.name(s.totals)
	return s.totals
}

func (s *Scratch) addTotals() {
next:
	for i := range s.counts {
		c := &s.counts[i]
		for j := range s.totals {
			if t := &s.totals[j]; t.rule == c.rule && t.pl == c.pl && t.act == c.act && t.out == c.out {
				t.N += c.N
				continue next
			}
		}
		if len(s.totals) < maxCounts {
			s.totals = append(s.totals, *c)
		}
	}
}

// maxCounts bounds Counts; what does not fit is in Stats only.
const maxCounts = 256

// count records one decision.
func (s *Scratch) count(p place, rule uint16, a action, o outcome) {
	s.noted++
	switch {
	case o != outcomeRule && o != outcomeNoKey:
		s.stats.FailedClosed++
	case a == actDrop:
		s.stats.Dropped++
	case a == actHMAC:
		s.stats.Hashed++
	case a == actEncrypt:
		s.stats.Encrypted++
	case a == actTruncate:
		s.stats.Truncated++
	case a == actMask || a == actMiss:
		s.stats.Masked++
	}
	if a == actMiss {
		a = actMask
	}
	if s.why != nil {
		s.why.note(p, rule, a, o)
	}
	for i := len(s.counts) - 1; i >= 0; i-- {
		if c := &s.counts[i]; c.rule == rule && c.pl == p && c.act == a && c.out == o {
			c.N++
			return
		}
	}
	if len(s.counts) < maxCounts {
		s.counts = append(s.counts, Count{N: 1, rule: rule, pl: p, act: a, out: o})
	}
}
