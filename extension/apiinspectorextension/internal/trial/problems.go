// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
)

var lineOf = regexp.MustCompile(`^(?:[A-Za-z ]+: )*line (\d+)(?:, column \d+)?: `)

// problems are the faults that an error of the policy compiler lists, one a line.
func problems(text string) (out []api.Problem) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, problem(line))
		}
	}
	return out
}

// problem splits a message: its line, what is wrong, and what to do.
func problem(text string) api.Problem {
	var p api.Problem
	text = strings.TrimPrefix(text, "redact: ")
	if m := lineOf.FindStringSubmatch(text); m != nil {
		p.Line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
		if strings.Contains(m[0], "not YAML") {
			text = "this is not YAML: " + text
		}
	}
	p.Text = text
	if what, remedy, ok := strings.Cut(text, "; "); ok {
		p.Text, p.Remedy = what, remedy
	}
	if _, hint, ok := strings.Cut(p.Text, "(did you mean "); ok {
		if name, _, ok := strings.Cut(hint, "?)"); ok {
			p.Text, _, _ = strings.Cut(p.Text, " (did you mean ")
			p.Remedy = strings.TrimSpace("write " + name + "; " + p.Remedy)
			p.Remedy = strings.TrimSuffix(p.Remedy, ";")
		}
	}
	if p.Remedy == "" {
		if i := strings.Index(p.Text, "must be "); i >= 0 {
			p.Remedy = "write " + p.Text[i+len("must be "):]
		} else {
			p.Remedy = "docs/policy.md has every key with an example"
		}
	}
	return p
}
