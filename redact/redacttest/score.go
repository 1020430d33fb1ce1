// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redacttest

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/apispan/apispan/redact"
)

// MinKept is the share of must_contain texts that has to survive a corpus: a
// policy engine that drops everything leaks nothing and is of no use.
const MinKept = 0.99

// Verdict is how an output compares with what its case expects. The numbers are
// positions in the case's lists.
type Verdict struct {
	Leaked []int // in MustNotContain
	Lost   []int // in MustContain
}

// OK reports that nothing leaked and nothing was lost.
func (v Verdict) OK() bool { return len(v.Leaked)+len(v.Lost) == 0 }

// Judge compares an output with the expectations of the case. Secrets are looked
// for in the output and in the base64 of it.
func (c *Case) Judge(out string) Verdict {
	var v Verdict
	enc := ""
	for i, m := range c.MustNotContain {
		if m == "" {
			continue
		}
		if enc == "" {
			enc = base64.StdEncoding.EncodeToString([]byte(out))
		}
		if strings.Contains(out, m) || strings.Contains(enc, m) {
			v.Leaked = append(v.Leaked, i)
		}
	}
	for i, m := range c.MustContain {
		if !strings.Contains(out, m) {
			v.Lost = append(v.Lost, i)
		}
	}
	return v
}

// Score counts verdicts.
type Score struct {
	Cases int
	// Leaks is the number of cases that leak.
	Leaks int
	// Want and Kept count must_contain texts; LostIn is the number of cases that do
	// not leak but miss one.
	Want, Kept, LostIn int
}

// Add returns the score with one more case.
func (s Score) Add(c *Case, v Verdict) Score {
	s.Cases++
	s.Want += len(c.MustContain)
	s.Kept += len(c.MustContain) - len(v.Lost)
	switch {
	case len(v.Leaked) > 0:
		s.Leaks++
	case len(v.Lost) > 0:
		s.LostIn++
	}
	return s
}

func (s Score) String() string {
	return fmt.Sprintf("%d cases, %d leaks, kept %d of %d strings (%d cases lost one)", s.Cases, s.Leaks, s.Kept, s.Want, s.LostIn)
}

// Problems are the reasons why a corpus with this score fails.
func (s Score) Problems() []string {
	var out []string
	if s.Leaks > 0 {
		out = append(out, fmt.Sprintf("%d cases leak", s.Leaks))
	}
	if float64(s.Kept) < MinKept*float64(s.Want) {
		out = append(out, fmt.Sprintf("only %d of %d wanted strings survive", s.Kept, s.Want))
	}
	return out
}

// Outcome is a case of a corpus that was run.
type Outcome struct {
	Case    *Case
	Result  Result
	Verdict Verdict
	// Err says why the case could not be run.
	Err error
}

// RunCorpus runs cases, each under its own rules, and hands each outcome to
// report. Stretch cases are scored apart. The error counts the cases that could
// not be run.
func RunCorpus(cases []Case, report func(Outcome)) (normal, stretch Score, err error) {
	return runAll(cases, (*Case).Compile, report)
}

// RunUnder is RunCorpus with one policy for all cases.
func RunUnder(p *redact.Policy, cases []Case, report func(Outcome)) (normal, stretch Score, err error) {
	return runAll(cases, func(*Case) (*redact.Policy, error) { return p, nil }, report)
}

func runAll(cases []Case, policy func(*Case) (*redact.Policy, error), report func(Outcome)) (normal, stretch Score, err error) {
	failed := 0
	for i := range cases {
		c := &cases[i]
		o := Outcome{Case: c}
		var p *redact.Policy
		if p, o.Err = policy(c); o.Err == nil {
			o.Result, o.Err = c.Run(p)
		}
		if o.Err != nil {
			failed++
		} else {
			o.Verdict = c.Judge(o.Result.Output)
			if c.Stretch() {
				stretch = stretch.Add(c, o.Verdict)
			} else {
				normal = normal.Add(c, o.Verdict)
			}
		}
		report(o)
	}
	if failed > 0 {
		err = fmt.Errorf("%d of %d cases could not be run", failed, len(cases))
	}
	return normal, stretch, err
}
