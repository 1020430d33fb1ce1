// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Level is how bad a finding is.
type Level int

const (
	// OK: the check holds.
	OK Level = iota
	// Skip: the check could not be made or does not apply.
	Skip
	// Warn: it works, with a risk that should be a decision.
	Warn
	// Fail: data will be lost, leaked or not delivered.
	Fail
)

func (l Level) String() string { return [...]string{"ok", "skip", "WARN", "FAIL"}[l] }

// Finding is the result of one check for one thing.
type Finding struct {
	// Check is the number of the check, as in the README.
	Check int
	Level Level
	// About is the key or the component.
	About string
	// File and Line say where it stands; empty and 0 if nowhere.
	File string
	Line int
	// Text says what is wrong and what to do.
	Text string
}

// checks names the checks by number.
var checks = map[int]string{
	1:  "the configuration can be read",
	2:  "environment variables and files exist",
	3:  "redaction stands before every backend",
	4:  "the policy compiles and has its keys",
	5:  "secrets are not in the configuration",
	6:  "the queue outlives the process",
	7:  "nothing is given up",
	8:  "nothing acknowledges what is only in memory",
	9:  "limits fit each other",
	10: "receivers are not open to everyone",
	11: "connections to backends are encrypted",
	12: "the volume of the queue has room",
	13: "backends can be reached",
	14: "backends accept the credential",
	15: "the clock is right",
	16: "the SDK's limits leave bodies whole",
	17: "keys are known, and those that are required are there",
	18: "what is named is defined, and what is defined is used",
	19: "the Collector itself accepts the configuration",
}

// Report collects findings.
type Report struct {
	findings []Finding
	places   map[string]place
}

func (r *Report) addf(check int, level Level, about, format string, args ...any) {
	f := Finding{Check: check, Level: level, About: about, Text: fmt.Sprintf(format, args...)}
	if level > Skip {
		at := r.place(about, f.Text)
		f.File, f.Line = at.file, at.line
	}
	r.findings = append(r.findings, f)
}

// quoted is a key that a text names.
var quoted = regexp.MustCompile("`([a-z0-9_:]+)`")

// place is where a path or a component stands: if the text names a key of it, there.
func (r *Report) place(about, text string) place {
	if about == "" {
		return place{}
	}
	for _, above := range []string{"", "exporters", "processors", "receivers", "connectors", "extensions", "service::pipelines"} {
		path := join(above, about)
		if _, ok := r.places[path]; !ok {
			continue
		}
		if m := quoted.FindStringSubmatch(text); m != nil {
			for key := m[1]; key != ""; {
				if at, ok := r.places[join(path, key)]; ok {
					return at
				}
				i := strings.LastIndex(key, "::")
				key = key[:max(i, 0)]
			}
		}
		return r.places[path]
	}
	// The nearest that is above it.
	if i := strings.LastIndex(about, "::"); i > 0 {
		return r.place(about[:i], "")
	}
	return place{}
}

// Worst is the worst level found.
func (r *Report) Worst() Level {
	worst := OK
	for _, f := range r.findings {
		worst = max(worst, f.Level)
	}
	return worst
}

// Findings are all findings in the order of their checks.
func (r *Report) Findings() []Finding {
	slices.SortStableFunc(r.findings, func(a, b Finding) int { return cmp.Compare(a.Check, b.Check) })
	return r.findings
}

// Write prints the findings, one or two lines each.
func (r *Report) Write(w io.Writer) error {
	count := map[Level]int{}
	for _, f := range r.Findings() {
		count[f.Level]++
		about := f.About
		if about != "" {
			about += ": "
		}
		if f.Line > 0 {
			about = fmt.Sprintf("%s:%d: %s", f.File, f.Line, about)
		}
		text := cmp.Or(f.Text, checks[f.Check])
		if _, err := fmt.Fprintf(w, "%2d  %-4s  %s%s\n", f.Check, f.Level, about, text); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%d ok, %d warnings, %d failures, %d skipped\n", count[OK], count[Warn], count[Fail], count[Skip])
	return err
}
