// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redacttest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apispan/apispan/redact"
)

// The shared cases pass through this package too.
func TestSharedCases(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no case files: %v", err)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		cases, err := Read(f, name)
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		normal, stretch, err := Run(cases, nil, redact.Exchange{}, func(r Result) {
			if len(r.Leaked) > 0 && !r.Case.Stretch() {
				t.Errorf("%s:%d: %s leaks", name, r.Case.Line, r.Case.ID)
			}
		})
		if err != nil || !normal.Pass() {
			t.Errorf("%s: %v, stretch %v, error %v", name, normal, stretch, err)
		}
	}
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"\n{\"id\":\"a\"}\n{\"id\":\"a\"}":    `f:3: id "a" is taken`,
		`{"id": S3CR3T}`:                      "f:1: not a case",
		"// c\n{\"id\":\"a\",\"where\":7}":    "f:2: not a case: field \"where\" must be string",
		`{"id":"a","must_contain":"S3CR3T!"}`: "must_contain",
	} {
		_, err := Read(strings.NewReader(in), "f")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "S3CR3T") {
			t.Errorf("%q: error %v, want one with %q", in, err, want)
		}
	}
}

func TestReadStrict(t *testing.T) {
	t.Parallel()
	const misspelt = `{"id":"a","must_not_contian":["S3CR3T"]}`
	if _, err := Read(strings.NewReader(misspelt), "f"); err != nil {
		t.Errorf("Read: %v", err)
	}
	_, err := ReadStrict(strings.NewReader(misspelt), "f")
	if err == nil || !strings.Contains(err.Error(), `f:1: not a case: unknown field "must_not_contian"`) || strings.Contains(err.Error(), "S3CR3T") {
		t.Errorf("ReadStrict: %v", err)
	}
	if _, err := ReadStrict(strings.NewReader(`{"id":"a"} {"id":"b"}`), "f"); err == nil {
		t.Error("two values on a line")
	}
}

func TestRunTellsLeaksAndLosses(t *testing.T) {
	t.Parallel()
	p, err := redact.Compile([]byte("defaults: true"))
	if err != nil {
		t.Fatal(err)
	}
	cases := []Case{
		{ID: "ok", Where: "query", Input: "password=S3CR3T&a=1", MustNotContain: []string{"S3CR3T"}, MustContain: []string{"a=1"}},
		{ID: "leak", Where: "query", Input: "shoe=S3CR3T", MustNotContain: []string{"S3CR3T"}},
		{ID: "lost", Where: "query", Input: "password=S3CR3T", MustContain: []string{"S3CR3T"}},
		{ID: "b64 leak", Where: "text", Input: "b64:aGVsbG8=", MustNotContain: []string{"aGVsbG8="}},
		{ID: "stretch", Where: "text", Input: "x", MustNotContain: []string{"x"}, Note: "stretch: may fail"},
	}
	var seen []string
	normal, stretch, err := Run(cases, p, redact.Exchange{}, func(r Result) { seen = append(seen, r.Case.ID) })
	if err != nil {
		t.Fatal(err)
	}
	if want := (Score{Cases: 4, Leaks: 2, Wanted: 2, Kept: 1, Lost: 1}); normal != want || normal.Pass() {
		t.Errorf("normal %+v, want %+v", normal, want)
	}
	if stretch.Leaks != 1 || len(seen) != 5 {
		t.Errorf("stretch %+v, %v", stretch, seen)
	}
	_, _, err = Run([]Case{{ID: "x", Where: "nowhere"}, {ID: "y", Where: "text", Input: "b64:%"}}, p, redact.Exchange{}, nil)
	if err == nil || !strings.Contains(err.Error(), `where "nowhere"`) {
		t.Errorf("error %v", err)
	}
	_, _, err = Run([]Case{{ID: "x", Where: "text", Policy: CasePolicy{Patterns: []string{"nope"}}}}, nil, redact.Exchange{}, nil)
	if err == nil {
		t.Error("bad policy gave no error")
	}
}

func TestHeaderLineWithoutColonDoesNotPass(t *testing.T) {
	t.Parallel()
	p, err := redact.Compile([]byte("defaults: true"))
	if err != nil {
		t.Fatal(err)
	}
	r := run(&Case{ID: "x", Where: "header", Input: "S3CR3T without a colon\nA: b"}, p, redact.Exchange{})
	if r.Err != nil || strings.Contains(r.Output, "S3CR3T") || !strings.Contains(r.Output, "A: b") {
		t.Errorf("%q, %v", r.Output, r.Err)
	}
}
