// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/apispan/apispan/redact"
	"github.com/apispan/apispan/redact/redacttest"
)

// line is one object of a JSON report. The last one is a summary.
type line struct {
	ID          string  `json:"id"`
	Where       string  `json:"where,omitempty"`
	Status      string  `json:"status"` // ok, leak, lost, failed, error
	BeforeBytes int     `json:"before_bytes"`
	AfterBytes  int     `json:"after_bytes"`
	Removed     bool    `json:"removed,omitempty"`
	Counts      []count `json:"counts,omitempty"`
	// Fails name expectations by their position, never by their text.
	Fails  []string `json:"fails,omitempty"`
	Before *string  `json:"before,omitempty"`
	After  *string  `json:"after,omitempty"`
}

type count struct {
	Place   string `json:"place"`
	Path    string `json:"path,omitempty"`
	Rule    string `json:"rule"`
	Action  string `json:"action"`
	Outcome string `json:"outcome"`
	N       int    `json:"n"`
}

// totals end a report.
type totals struct {
	Policy  string   `json:"policy,omitempty"` // hash; empty if each case has its own
	Cases   int      `json:"cases"`
	Changed int      `json:"changed"`
	Values  int      `json:"values"` // masked, dropped, tokenised, encrypted, truncated
	Failed  int      `json:"failed"`
	Leaks   int      `json:"leaks"`
	Fails   []string `json:"fails,omitempty"`
	Notes   []string `json:"notes,omitempty"`
	Corpus  string   `json:"corpus,omitempty"`
	Stretch string   `json:"stretch,omitempty"`
}

func (f *redactFlags) runCases(cases []redacttest.Case, p *redact.Policy, c *checks, out, errOut io.Writer) error {
	var sum totals
	report := func(o redacttest.Outcome) {
		l := f.line(o, c)
		sum.add(o, l)
		f.write(out, errOut, o, l)
	}
	var normal, stretch redacttest.Score
	var err error
	if p == nil {
		normal, stretch, err = redacttest.RunCorpus(cases, report)
	} else {
		normal, stretch, err = redacttest.RunUnder(p, cases, report)
	}
	sum.finish(p, c, normal, stretch)
	if p == nil && !c.any() {
		// A corpus passes with 99 % of what has to survive; expectations are exact.
		sum.Fails = normal.Problems()
		sum.Failed = len(sum.Fails)
	}
	if !f.output {
		sum.write(f, out)
	}
	for _, n := range sum.Notes {
		sayf(errOut, "apispan redact: %s\n", n)
	}
	switch {
	case err != nil:
		return err
	case sum.Failed > 0:
		return errFailed
	}
	return nil
}

func (f *redactFlags) write(out, errOut io.Writer, o redacttest.Outcome, l line) {
	switch {
	case f.output:
		_, _ = io.WriteString(out, o.Result.Output)
		if l.Status != statusOK {
			writeText(errOut, l)
		}
	case f.quiet && l.Status == statusOK:
	case f.format == formatJSON:
		writeJSON(out, l)
	default:
		writeText(out, l)
	}
}

func (f *redactFlags) line(o redacttest.Outcome, c *checks) line {
	l := line{ID: o.Case.Name(), Where: o.Case.Where, Status: statusOK}
	if o.Err != nil {
		l.Status, l.Fails = "error", []string{o.Err.Error()}
		return l
	}
	r := o.Result
	l.BeforeBytes, l.AfterBytes, l.Removed = len(r.Input), len(r.Output), r.Removed
	for _, n := range r.Decisions {
		l.Counts = append(l.Counts, count{n.Place, n.Path, n.Rule, n.Action, n.Outcome, n.N})
	}
	sort.Slice(l.Counts, func(i, j int) bool { return fmt.Sprint(l.Counts[i]) < fmt.Sprint(l.Counts[j]) })
	for _, i := range o.Verdict.Lost {
		l.Status = "lost"
		l.Fails = append(l.Fails, fmt.Sprintf("must_contain[%d] is absent", i))
	}
	for _, i := range o.Verdict.Leaked {
		l.Status = "leak"
		l.Fails = append(l.Fails, fmt.Sprintf("must_not_contain[%d] is present", i))
	}
	if fails := c.check(o.Case, r); len(fails) > 0 {
		l.Fails = append(l.Fails, fails...)
		if l.Status == statusOK {
			l.Status = "failed"
		}
	}
	if f.showValues {
		before, after := printable(r.Input), printable(r.Output)
		l.Before, l.After = &before, &after
	}
	return l
}

func (s *totals) add(o redacttest.Outcome, l line) {
	s.Cases++
	s.Values += o.Result.Stats.Total()
	if o.Result.Removed || o.Result.Output != o.Result.Input {
		s.Changed++
	}
	if l.Status != statusOK && (!o.Case.Stretch() || l.Status == "failed") {
		s.Failed++
	}
	if l.Status == "leak" && !o.Case.Stretch() {
		s.Leaks++
	}
}

func (s *totals) finish(p *redact.Policy, c *checks, normal, stretch redacttest.Score) {
	s.Fails = c.idle()
	s.Failed += len(s.Fails)
	if stretch.Cases > 0 {
		s.Stretch = stretch.String()
	}
	if p == nil {
		s.Corpus = normal.String()
		return
	}
	s.Policy = p.Hash()
	if !p.Ready() {
		s.Notes = append(s.Notes, "the active hmac key is not loaded: values that need it were masked (outcome no_key)")
	}
	if p.Config().DryRun {
		s.Notes = append(s.Notes, "the policy has dry_run: true: it counts and changes nothing")
	}
}

func (s *totals) write(f *redactFlags, w io.Writer) {
	if f.format == formatJSON {
		writeJSON(w, struct {
			Summary *totals `json:"summary"`
		}{s})
		return
	}
	if s.Corpus != "" {
		sayf(w, "corpus: %s\n", s.Corpus)
	} else {
		sayf(w, "policy %s: %d cases, %d changed, %d values redacted, %d failed\n", s.Policy, s.Cases, s.Changed, s.Values, s.Failed)
	}
	if s.Stretch != "" {
		sayf(w, "stretch: %s\n", s.Stretch)
	}
	for _, fail := range s.Fails {
		sayf(w, "FAIL: %s\n", fail)
	}
}

// printable keeps binary values off the terminal.
func printable(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return fmt.Sprintf("%q", s)
}

func writeJSON(w io.Writer, v any) {
	if b, err := json.Marshal(v); err == nil {
		sayf(w, "%s\n", b)
	}
}

func writeText(w io.Writer, l line) {
	var b strings.Builder
	fmt.Fprintf(&b, "%-6s %s", l.Status, l.ID)
	if l.Where != "" {
		fmt.Fprintf(&b, " (%s)", l.Where)
	}
	switch {
	case l.Status == "error":
	case l.Removed:
		fmt.Fprintf(&b, " %d bytes, removed", l.BeforeBytes)
	case len(l.Counts) == 0 && l.BeforeBytes == l.AfterBytes:
		fmt.Fprintf(&b, " %d bytes, nothing to redact", l.BeforeBytes)
	default:
		fmt.Fprintf(&b, " %d -> %d bytes", l.BeforeBytes, l.AfterBytes)
	}
	b.WriteByte('\n')
	for _, c := range l.Counts {
		rule := c.Rule
		if rule == "" {
			rule = "-"
		}
		fmt.Fprintf(&b, "       %-16s %-8s %-12s %3d x  %s", c.Place, c.Action, c.Outcome, c.N, rule)
		if c.Path != "" {
			fmt.Fprintf(&b, "  at %s", c.Path)
		}
		b.WriteByte('\n')
	}
	for _, f := range l.Fails {
		fmt.Fprintf(&b, "       FAIL: %s\n", f)
	}
	if l.Before != nil {
		fmt.Fprintf(&b, "       before: %s\n       after:  %s\n", indent(*l.Before), indent(*l.After))
	}
	_, _ = io.WriteString(w, b.String())
}

func indent(s string) string { return strings.ReplaceAll(s, "\n", "\n               ") }
