// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guardrules

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Problem is a rule, or a part of one, that is left out.
type Problem struct { //nolint:errname // a finding first, which is also an error
	// Source is "moesif" or "metlo"; Rule is the id of the rule, empty if it has none.
	Source, Rule string
	// Field is the key in the rule, and Text what is wrong with it and what is possible.
	Field, Text string
}

func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Source)
	if p.Rule != "" {
		fmt.Fprintf(&b, " rule %q", p.Rule)
	} else {
		b.WriteString(" rule without id")
	}
	if p.Field != "" {
		b.WriteString(": " + p.Field)
	}
	return b.String() + ": " + p.Text
}

// Limits of a set.
const (
	MaxRules   = 10_000
	MaxMembers = 8_000_000
	// MaxDocument bounds one document, in bytes. A million users of /v1/config take about
	// 100 MB.
	MaxDocument  = 1 << 30
	maxProblems  = 100
	maxEntries   = 64 // rules that one user stands in
	maxValueSets = 1_000_000
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

// Builder makes a Set of the vendors' documents, in any order: Moesif's array of rules,
// its configuration, Metlo's agent configuration, its wafConfig alone, or all of their
// members in one object, with Moesif's rules as "rules". Documents are read as a stream.
type Builder struct {
	set      *Set
	problems []error // Problem
	more     int

	cohorts [2]cohorts // user, company
	read    bool
}

// cohorts are memberships, before the rules are known.
type cohorts struct {
	members

	names   []string         // of rules, by the number that entries have for now
	numbers map[string]int32 // of names
	sets    map[string]int32 // of values, by their text
	key     []byte
}

// NewBuilder returns a Builder without rules.
func NewBuilder() *Builder {
	b := &Builder{set: &Set{byID: map[string]int32{}}}
	for i := range b.cohorts {
		b.cohorts[i] = cohorts{members: members{of: map[string]span{}}, numbers: map[string]int32{}, sets: map[string]int32{}}
	}
	return b
}

func (b *Builder) problem(source, id, field, text string) {
	if len(b.problems) == maxProblems {
		b.more++
		return
	}
	b.problems = append(b.problems, Problem{source, id, field, text})
}

// errDocument says that a document as a whole cannot be used. It quotes nothing of it.
var errDocument = errors.New("is no JSON of rules: Moesif's /v1/rules or /v1/config, or Metlo's agent-config, is expected")

// Read adds a document. An error means that it cannot be used at all; then the Builder
// must not be used, so that half a document never takes the place of a whole one.
func (b *Builder) Read(r io.Reader) error {
	limited := &io.LimitedReader{R: r, N: MaxDocument + 1}
	dec := json.NewDecoder(bufio.NewReaderSize(limited, 64<<10))
	err := b.document(dec)
	if limited.N == 0 {
		return fmt.Errorf("is longer than %d bytes", MaxDocument)
	}
	if err == nil {
		if _, end := dec.Token(); end != io.EOF { //nolint:errorlint // Token returns it as it is
			err = errDocument
		}
	}
	return err
}

func (b *Builder) document(dec *json.Decoder) error {
	t, err := dec.Token()
	if err != nil {
		return errDocument
	}
	switch t {
	case json.Delim('['):
		b.read = true
		return b.rules(dec)
	case json.Delim('{'):
		return b.members(dec)
	}
	return errDocument
}

// known are members by which a document of a vendor is told from an answer that only looks
// like one: what says nothing must not take the place of rules.
var known = map[string]bool{
	"rules": true, "user_rules": true, "company_rules": true, "org_id": true, "app_id": true, "sample_rate": true,
	"user_sample_rate": true, "company_sample_rate": true, "regex_config": true, "block_bot_traffic": true,
	"ip_addresses_blocked_by_name": true, "billing_config_jsons": true,
	"wafConfig": true, "authenticationConfig": true, "hostMap": true, "hostBlockList": true, "pathBlockList": true,
	"sensitiveDataList": true, "endpoints": true, "specs": true, "globalFullTraceCapture": true, "encryptionPublicKey": true,
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

// end reads the end of an object or array.
func end(dec *json.Decoder) error {
	if _, err := dec.Token(); err != nil {
		return errDocument
	}
	return nil
}

// skip reads a value without keeping it.
func skip(dec *json.Decoder) error {
	for depth := 0; ; {
		t, err := dec.Token()
		if err != nil {
			return errDocument
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// open reads the begin of a value that is expected to be an object or array; null is
// empty.
func open(dec *json.Decoder, want json.Delim, what string) (bool, error) {
	t, err := dec.Token()
	switch {
	case err != nil:
		return false, errDocument
	case t == nil:
		return false, nil
	case t != want:
		return false, fmt.Errorf("holds %s of another type than the vendor's", what)
	}
	return true, nil
}

func (b *Builder) listed(dec *json.Decoder) error {
	if ok, err := open(dec, '[', "rules"); !ok {
		return err
	}
	return b.rules(dec)
}

// rules reads an array of rules of either vendor, whose begin is read.
func (b *Builder) rules(dec *json.Decoder) error {
	elements, named := 0, 0
	for dec.More() {
		var raw json.RawMessage
		if dec.Decode(&raw) != nil {
			return errDocument
		}
		elements++
		if idOf(raw) != "" {
			named++
		}
		if b.set.Rules() >= MaxRules {
			b.problem("", idOf(raw), "", fmt.Sprintf("is one of more than %d", MaxRules))
			continue
		}
		var which struct {
			UUID     json.RawMessage `json:"uuid"`
			RuleType json.RawMessage `json:"ruleType"`
		}
		_ = json.Unmarshal(raw, &which)
		if which.UUID != nil || which.RuleType != nil {
			b.wafRule(raw)
			continue
		}
		r, id, faults, ok := compileRule(raw)
		for _, f := range faults {
			b.problem("moesif", id, f.field, f.text)
		}
		if !ok {
			continue
		}
		if _, twice := b.set.byID[r.id]; twice {
			b.problem("moesif", r.id, "_id", "stands there twice: the first is applied")
			continue
		}
		b.set.byID[r.id] = int32(len(b.set.rules)) //nolint:gosec // at most MaxRules
		b.set.rules = append(b.set.rules, r)
	}
	if elements > 0 && named == 0 {
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

// Build returns the set, and what was left out, each a Problem. An error means that no document said
// anything about rules.
func (b *Builder) Build() (*Set, []error, error) {
	if !b.read {
		return nil, nil, errDocument
	}
	s := b.set
	for i := range s.rules {
		r, n := s.rules[i], int32(i) //nolint:gosec // at most MaxRules
		if r.kind == kindRegex {
			s.regexes = append(s.regexes, n)
		} else {
			if r.notMatching {
				s.unlisted[r.kind] = append(s.unlisted[r.kind], n)
			}
			if r.unidentified {
				s.unknowns[r.kind] = append(s.unknowns[r.kind], n)
			}
		}
		for _, g := range r.groups {
			for _, c := range g {
				s.bodies = s.bodies || c.where == whereBody && !c.broken
				s.addresses = s.addresses || c.where == whereIP
			}
		}
	}
	s.users, s.companies = b.resolve(kindUser), b.resolve(kindCompany)
	if b.more > 0 {
		b.problems = append(b.problems, Problem{Text: fmt.Sprintf("and %d problems more", b.more)})
	}
	return s, b.problems, nil
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
