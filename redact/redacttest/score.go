// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redacttest

import (
	"fmt"

	"github.com/apispan/apispan/redact"
)

// MinKept is the share of MustContain strings that has to survive for a corpus to
// pass: without it dropping everything would.
const MinKept = 0.99

// Score sums up results.
type Score struct {
	Cases int
	// Leaks counts cases with a leak.
	Leaks int
	// Wanted and Kept count MustContain strings; Lost counts cases without a leak
	// that lost one.
	Wanted, Kept, Lost int
}

// Pass reports whether nothing leaked and nearly everything that had to survive
// did.
func (s Score) Pass() bool { return s.Leaks == 0 && float64(s.Kept) >= MinKept*float64(s.Wanted) }

func (s Score) String() string {
	return fmt.Sprintf("%d cases, %d leaks, kept %d of %d strings (%d cases lost one)", s.Cases, s.Leaks, s.Kept, s.Wanted, s.Lost)
}

// Add counts one result.
func (s *Score) Add(c *Case, leaked, lost []int) {
	s.Cases++
	s.Wanted += len(c.MustContain)
	s.Kept += len(c.MustContain) - len(lost)
	switch {
	case len(leaked) > 0:
		s.Leaks++
	case len(lost) > 0:
		s.Lost++
	}
}

// Result is what became of one case.
type Result struct {
	Case *Case
	// Output is what would leave.
	Output string
	// Leaked and Lost are indices into MustNotContain and MustContain.
	Leaked, Lost []int
	// Counts are the decisions.
	Counts []redact.Count
	Err    error
}

// Run runs cases, each under its own policy, or all under p if it is not nil. It
// calls report, which may be nil, for each. Stretch cases are scored apart. The
// error is the first one that kept a case from running.
func Run(cases []Case, p *redact.Policy, ex redact.Exchange, report func(Result)) (normal, stretch Score, err error) {
	for i := range cases {
		r := run(&cases[i], p, ex)
		if r.Err != nil && err == nil {
			err = r.Err
		}
		if r.Err == nil {
			sc := &normal
			if r.Case.Stretch() {
				sc = &stretch
			}
			sc.Add(r.Case, r.Leaked, r.Lost)
		}
		if report != nil {
			report(r)
		}
	}
	return normal, stretch, err
}

func run(c *Case, p *redact.Policy, ex redact.Exchange) Result {
	r := Result{Case: c}
	if p == nil {
		if p, r.Err = c.Compile(); r.Err != nil {
			r.Err = fmt.Errorf("redacttest: %s: %w", c.ID, r.Err)
			return r
		}
	}
	s := p.NewScratch()
	defer s.Release()
	if r.Output, r.Err = c.Redact(s, ex); r.Err != nil {
		return r
	}
	r.Leaked, r.Lost = c.Check(r.Output)
	r.Counts = append(r.Counts, s.Counts()...)
	return r
}
