// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guardrules

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
