// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"testing"

	"github.com/apispan/apispan/redact/redacttest"
)

// corpusFile selects an outside corpus; redacttest.Case describes the format.
var corpusFile = flag.String("corpus", "", "corpus `file` in JSON lines, relative to the package or to the repository root (default testdata/*.jsonl)")

func loadCorpus(t testing.TB) []redacttest.Case {
	t.Helper()
	files, err := filepath.Glob("testdata/*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	how := redacttest.Strict
	if *corpusFile != "" {
		f := *corpusFile
		if _, err := os.Stat(f); err != nil {
			f = filepath.Join("..", f)
		}
		files, how = []string{f}, redacttest.Lenient
	}
	cases, err := redacttest.Load(how, files...)
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

// TestCorpus is the leak harness: no case may leak, and nearly everything that a
// case wants to keep must be there.
func TestCorpus(t *testing.T) {
	var problems []string
	normal, stretch, err := redacttest.RunCorpus(loadCorpus(t), func(o redacttest.Outcome) {
		c := o.Case
		switch v := o.Verdict; {
		case o.Err != nil:
			t.Errorf("%s:%d: %s: %v", c.File, c.Line, c.ID, o.Err)
		case len(v.Leaked) > 0:
			problems = append(problems, fmt.Sprintf("LEAK  %s (%s)\n      -> %q", c.ID, c.Note, clip(o.Result.Output)))
		case len(v.Lost) > 0:
			problems = append(problems, fmt.Sprintf("lost  %s (%s)\n      -> %q", c.ID, c.Note, clip(o.Result.Output)))
		}
	})
	if err != nil {
		t.Error(err)
	}
	sort.Strings(problems)
	for _, p := range problems {
		t.Log(p)
	}
	t.Logf("corpus: %v", normal)
	t.Logf("stretch: %v", stretch)
	for _, p := range normal.Problems() {
		t.Error(p)
	}
}

func clip(s string) string {
	if len(s) > 300 {
		return s[:300] + "…"
	}
	return s
}
