// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/apispan/apispan/redact/redacttest"
)

// checks are the expectations of the command line. Failures name them by number:
// their texts are secrets.
type checks struct {
	absent, present, detectors []string
	// met[i] is set once absent[i] was in an input.
	met []bool
}

func newChecks(absent, present []string) (*checks, error) {
	c := &checks{present: present}
	if slices.Contains(present, "") {
		return nil, errors.New("--expect-present is empty")
	}
	for _, a := range absent {
		if file, ok := strings.CutPrefix(a, "@"); ok {
			b, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("--expect-absent: %w", err)
			}
			for l := range strings.SplitSeq(string(b), "\n") {
				if l = strings.TrimSuffix(l, "\r"); l == "" {
					continue
				}
				if err := c.add(l); err != nil {
					return nil, err
				}
			}
			continue
		}
		if err := c.add(a); err != nil {
			return nil, err
		}
	}
	c.met = make([]bool, len(c.absent))
	return c, nil
}

func (c *checks) add(a string) error {
	if a == "" {
		return errors.New("--expect-absent is empty")
	}
	name, ok := strings.CutPrefix(a, "detector:")
	if !ok {
		c.absent = append(c.absent, a)
		return nil
	}
	if _, err := (&redacttest.Case{Where: "text"}).Detects(name, ""); err != nil {
		return fmt.Errorf("--expect-absent detector:%s: %s", name, strings.TrimPrefix(err.Error(), "redact: "))
	}
	c.detectors = append(c.detectors, name)
	return nil
}

func (c *checks) any() bool { return len(c.absent)+len(c.present)+len(c.detectors) > 0 }

// check returns what an output fails.
func (c *checks) check(tc *redacttest.Case, r redacttest.Result) (fails []string) {
	for i, a := range c.absent {
		c.met[i] = c.met[i] || redacttest.Appears(r.Input, a)
		if redacttest.Appears(r.Output, a) {
			fails = append(fails, fmt.Sprintf("expect-absent #%d is present", i+1))
		}
	}
	for i, p := range c.present {
		if !strings.Contains(r.Output, p) {
			fails = append(fails, fmt.Sprintf("expect-present #%d is absent", i+1))
		}
	}
	for _, d := range c.detectors {
		if found, err := tc.Detects(d, r.Output); err != nil || found {
			fails = append(fails, fmt.Sprintf("detector %s still finds something", d))
		}
	}
	return fails
}

// idle returns the expectations that no input could have failed: a misspelt secret
// is absent from everything.
func (c *checks) idle() (fails []string) {
	for i, met := range c.met {
		if !met {
			fails = append(fails, fmt.Sprintf("expect-absent #%d is in no input, so that its absence proves nothing; check its spelling", i+1))
		}
	}
	return fails
}
