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

// checks are the expectations of the command line.
type checks struct {
	absent, present []string
	detectors       []detectorCheck
}

// detectorCheck finds what a detector still sees in an output.
type detectorCheck struct {
	name   string
	policy *redact.Policy
}

func newChecks(absent, present list) (*checks, error) {
	c := &checks{present: present}
	for _, a := range absent {
		name, ok := strings.CutPrefix(a, "detector:")
		if !ok {
			if a == "" {
				return nil, fmt.Errorf("-expect-absent is empty")
			}
			c.absent = append(c.absent, a)
			continue
		}
		p, err := redact.CompileConfig(redact.Config{Patterns: map[string]string{name: "mask"}})
		if err != nil {
			return nil, fmt.Errorf("-expect-absent detector:%s: %w", name, err)
		}
		c.detectors = append(c.detectors, detectorCheck{name, p})
	}
	return c, nil
}

// check returns what an output fails: numbers of expectations, never their text.
func (c *checks) check(out string) (fails []string) {
	view := redacttest.Case{MustNotContain: c.absent, MustContain: c.present}
	leaked, lost := view.Check(out)
	for _, i := range leaked {
		fails = append(fails, fmt.Sprintf("expect-absent #%d is present", i+1))
	}
	for _, i := range lost {
		fails = append(fails, fmt.Sprintf("expect-present #%d is absent", i+1))
	}
	for _, d := range c.detectors {
		s := d.policy.NewScratch()
		s.Begin(redact.Exchange{})
		if _, ef := s.Text(out); ef != redact.Unchanged {
			fails = append(fails, fmt.Sprintf("detector %s still finds something", d.name))
		}
		s.Release()
	}
	return fails
}

// line is one object of a JSON report.
type line struct {
	ID     string   `json:"id"`
	Where  string   `json:"where,omitempty"`
	Status string   `json:"status"` // ok, leak, lost, failed, error
	Counts []count  `json:"counts,omitempty"`
	Fails  []string `json:"fails,omitempty"`
	Before *string  `json:"before,omitempty"`
	After  *string  `json:"after,omitempty"`
}

type count struct {
	Place   string `json:"place"`
	Rule    string `json:"rule"`
	Action  string `json:"action"`
	Outcome string `json:"outcome"`
	N       int    `json:"n"`
}

func (f *redactFlags) runCases(cases []redacttest.Case, p *redact.Policy, c *checks, s streams) error {
	failed := 0
	normal, stretch, err := redacttest.Run(cases, p, f.ex, func(r redacttest.Result) {
		l := f.line(r, c)
		if l.Status != "ok" && (!r.Case.Stretch() || l.Status == "failed") {
			failed++
		}
		switch {
		case f.output:
			if r.Err == nil {
				_, _ = io.WriteString(s.out, r.Output)
			}
			if l.Status != "ok" {
				writeText(s.err, l)
			}
		case f.quiet && l.Status == "ok":
		case f.report == "json":
			b, err := json.Marshal(l)
			if err == nil {
				fmt.Fprintf(s.out, "%s\n", b)
			}
		default:
			writeText(s.out, l)
		}
	})
	if err != nil {
		return err
	}
	if !f.output && f.report == "text" {
		fmt.Fprintf(s.out, "%v; %d failed\n", normal, failed)
		if stretch.Cases > 0 {
			fmt.Fprintf(s.out, "stretch: %v\n", stretch)
		}
		if p != nil {
			fmt.Fprintf(s.out, "policy %s\n", p.Hash())
			if !p.Ready() {
				fmt.Fprintln(s.err, "apispan redact: the active hmac key is not loaded: values that need it were masked")
			}
		}
	}
	// A corpus passes with 99 % of what has to survive; expectations are exact.
	if f.corpus != "" && p == nil && len(c.absent)+len(c.present)+len(c.detectors) == 0 {
		if !normal.Pass() {
			return errFailed
		}
		return nil
	}
	if failed > 0 {
		return errFailed
	}
	return nil
}

func (f *redactFlags) line(r redacttest.Result, c *checks) line {
	l := line{ID: r.Case.ID, Where: r.Case.Where, Status: "ok"}
	if r.Err != nil {
		l.Status = "error"
		return l
	}
	for _, n := range r.Counts {
		l.Counts = append(l.Counts, count{n.Place, n.Rule, n.Action, n.Outcome, n.N})
	}
	sort.Slice(l.Counts, func(i, j int) bool { return fmt.Sprint(l.Counts[i]) < fmt.Sprint(l.Counts[j]) })
	for _, i := range r.Lost {
		l.Status = "lost"
		l.Fails = append(l.Fails, fmt.Sprintf("must_contain[%d] is absent", i))
	}
	for _, i := range r.Leaked {
		l.Status = "leak"
		l.Fails = append(l.Fails, fmt.Sprintf("must_not_contain[%d] is present", i))
	}
	if fails := c.check(r.Output); len(fails) > 0 {
		l.Fails = append(l.Fails, fails...)
		if l.Status == "ok" {
			l.Status = "failed"
		}
	}
	if f.showValues {
		before, _ := r.Case.Raw()
		before, after := printable(before), printable(r.Output)
		l.Before, l.After = &before, &after
	}
	return l
}

// printable keeps binary values off the terminal.
func printable(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return fmt.Sprintf("%q", s)
}

func writeText(w io.Writer, l line) {
	var b strings.Builder
	fmt.Fprintf(&b, "%-6s %s", l.Status, l.ID)
	if l.Where != "" {
		fmt.Fprintf(&b, " (%s)", l.Where)
	}
	b.WriteByte('\n')
	for _, c := range l.Counts {
		rule := c.Rule
		if rule == "" {
			rule = "-"
		}
		fmt.Fprintf(&b, "       %-16s %-8s %-12s %3d x  %s\n", c.Place, c.Action, c.Outcome, c.N, rule)
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
