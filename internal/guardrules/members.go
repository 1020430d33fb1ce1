// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guardrules

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// entry is a rule whose cohort somebody stands in, and the values of its placeholders.
type entry struct{ rule, values int32 } // -1: there is none

type span struct {
	from uint32
	n    uint16
}

// members is who stands in cohorts. Values that many have alike, such as the name of a
// plan, are kept once.
type members struct {
	of     map[string]span
	list   []entry
	values [][]pair
}

func (m *members) entries(id string) []entry {
	s, ok := m.of[id]
	if !ok {
		return nil
	}
	return m.list[s.from : s.from+uint32(s.n)]
}

// cohorts are memberships, before the rules are known.
type cohorts struct {
	members

	names   []string         // of rules, by the number that entries have for now
	numbers map[string]int32 // of names
	sets    map[string]int32 // of values, by their text
	key     []byte
}

// members reads an object, whose begin is read, to its end.
func (b *Builder) members(dec *json.Decoder) error {
	seen := false
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return errDocument
		}
		name, _ := t.(string)
		seen = seen || known[name]
		switch name {
		case "rules", "wafConfig":
			err = b.listed(dec)
		case "user_rules":
			err = b.cohort(dec, &b.cohorts[kindUser], "user_rules")
		case "company_rules":
			err = b.cohort(dec, &b.cohorts[kindCompany], "company_rules")
		case "authenticationConfig":
			err = b.authentication(dec)
		case "hostMap":
			err = b.hostMap(dec)
		default:
			if err := skip(dec); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		b.read = true
	}
	if !seen {
		return errDocument
	}
	return end(dec)
}

// vendorEntry is a membership as the vendor writes it.
type vendorEntry struct {
	Rule   string                     `json:"rules"`
	Values map[string]json.RawMessage `json:"values"`
}

func (b *Builder) cohort(dec *json.Decoder, c *cohorts, key string) error {
	ok, err := open(dec, '{', key)
	if !ok {
		return err
	}
	var list []vendorEntry
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return errDocument
		}
		id, _ := t.(string)
		list = list[:0]
		err = dec.Decode(&list)
		switch {
		case err != nil && !errors.As(err, new(*json.UnmarshalTypeError)):
			return errDocument
		case err != nil:
			b.problem("moesif", "", key, "holds somebody whose rules are no list of objects with a rules: they are left out")
		case len(c.of) >= MaxMembers || len(id) > maxID || len(list) > maxEntries:
			b.problem("moesif", "", key, fmt.Sprintf("holds too much: %d ids of %d bytes with %d rules each at most; the rest is left out", MaxMembers, maxID, maxEntries))
		case len(list) > 0:
			c.add(id, list)
		}
	}
	return end(dec)
}

func (c *cohorts) add(id string, list []vendorEntry) {
	s := span{from: uint32(len(c.list))} //nolint:gosec // MaxMembers times maxEntries fits
	for _, e := range list {
		n, ok := c.numbers[e.Rule]
		if !ok {
			if len(c.names) >= MaxRules {
				continue
			}
			n = int32(len(c.names)) //nolint:gosec // at most MaxRules
			c.numbers[e.Rule] = n
			c.names = append(c.names, e.Rule)
		}
		c.list = append(c.list, entry{n, c.intern(e.Values)})
		s.n++
	}
	c.of[id] = s
}

// intern keeps a set of values once.
func (c *cohorts) intern(values map[string]json.RawMessage) int32 {
	if len(values) == 0 {
		return -1
	}
	pairs := make([]pair, 0, len(values))
	for name, raw := range values {
		var v any
		if json.Unmarshal(raw, &v) != nil {
			continue
		}
		text, ok := scalar(v)
		if _, number := v.(float64); number {
			text = string(raw) // as it is written
		}
		if ok && len(text) <= maxValue && len(name) <= maxID {
			pairs = append(pairs, pair{name, text})
		}
	}
	sortPairs(pairs)
	c.key = c.key[:0]
	for _, p := range pairs {
		c.key = append(strconv.AppendInt(c.key, int64(len(p.name)), 10), ':')
		c.key = append(strconv.AppendInt(append(c.key, p.name...), int64(len(p.value)), 10), ':')
		c.key = append(c.key, p.value...)
	}
	if n, ok := c.sets[string(c.key)]; ok {
		return n
	}
	if len(c.values) >= maxValueSets {
		return -1
	}
	n := int32(len(c.values)) //nolint:gosec // at most maxValueSets
	c.sets[string(c.key)] = n
	c.values = append(c.values, pairs)
	return n
}

// resolve replaces the names of rules by their numbers: -1 for rules that are not there, or
// of another kind.
func (b *Builder) resolve(k kind) members {
	c := &b.cohorts[k]
	rules := make([]int32, len(c.names))
	for i, name := range c.names {
		n, ok := b.set.byID[name]
		if !ok || b.set.rules[n].kind != k {
			n = -1
		}
		rules[i] = n
	}
	for i := range c.list {
		c.list[i].rule = rules[c.list[i].rule]
	}
	return c.members
}
