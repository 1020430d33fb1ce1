// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/apispan/apispan/redact"
)

const policyDoc = "../docs/policy.md"

// The examples of docs/policy.md: each yaml block compiles, and each example block
// after it is what the policy does.
//
//	```example
//	request_body application/json
//	in:  {"a":1}
//	out: {"a":1}
//	```
//
// The first line is a place, a content type and host= or method=; "out~:" is a regular
// expression; "out:" alone means removed.
func TestPolicyDocExamples(t *testing.T) {
	// The keys that the examples name.
	t.Setenv("REDACT_K1", "0123456789abcdef0123456789abcdef")
	t.Setenv("REDACT_K2", "fedcba9876543210fedcba9876543210")
	text, err := os.ReadFile(policyDoc)
	if err != nil {
		t.Fatal(err)
	}
	var policy *redact.Policy
	yamls, examples := 0, 0
	for _, b := range blocks(string(text)) {
		name := fmt.Sprintf("docs/policy.md:%d", b.line)
		switch b.kind {
		case "yaml":
			yamls++
			if policy, err = redact.Compile([]byte(b.text)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case "yaml-error":
			if _, err := redact.Compile([]byte(b.text)); err == nil {
				t.Errorf("%s: compiles", name)
			} else {
				policy = nil
				for _, l := range strings.Split(err.Error(), "\n") {
					if !strings.Contains(string(text), l) {
						t.Errorf("%s: the document does not show the error %q", name, l)
					}
				}
			}
		case "example":
			examples++
			if policy == nil {
				t.Errorf("%s: no policy before it", name)
				continue
			}
			checkExample(t, name, policy, b.text)
		}
	}
	if yamls < 15 || examples < 20 {
		t.Errorf("%d yaml blocks and %d examples: the document is not read right", yamls, examples)
	}
}

func checkExample(t *testing.T, name string, p *redact.Policy, text string) {
	t.Helper()
	head, rest, _ := strings.Cut(text, "\n")
	fields := strings.Fields(head)
	var ex redact.Exchange
	for _, f := range fields[1:] {
		k, v, ok := strings.Cut(f, "=")
		switch {
		case !ok:
			ex.RequestContentType = f
		case k == "host":
			ex.Host = v
		case k == "method":
			ex.Method = v
		default:
			t.Fatalf("%s: option %q", name, f)
		}
	}
	in, want, ok := strings.Cut(rest, "\nout")
	if !ok || !strings.HasPrefix(in, "in:") {
		t.Fatalf("%s: no in: and out:", name)
	}
	in = strings.TrimSpace(strings.TrimPrefix(in, "in:"))
	s := p.NewScratch()
	defer s.Release()
	s.Begin(ex)
	var got string
	switch fields[0] {
	case "request_body":
		got, _ = s.Body(redact.Request, in)
	case "query":
		got, _ = s.Query(in)
	case "cookie":
		got, _ = s.Header(redact.Request, "cookie", in)
	case "client_ip":
		got, _ = s.ClientIP(in)
	case "text":
		got, _ = s.Text(in)
	case "header":
		field, v, _ := strings.Cut(in, ": ")
		var ef redact.Effect
		if got, ef = s.Header(redact.Request, strings.ToLower(field), v); ef != redact.Removed {
			got = field + ": " + got
		}
	default:
		t.Fatalf("%s: place %q", name, fields[0])
	}
	if re, ok := strings.CutPrefix(want, "~:"); ok {
		if !regexp.MustCompile(`^(?:` + strings.TrimSpace(re) + `)$`).MatchString(got) {
			t.Errorf("%s:\n got  %s\n want %s", name, got, re)
		}
		return
	}
	if want = strings.TrimSpace(strings.TrimPrefix(want, ":")); got != want {
		t.Errorf("%s:\n got  %s\n want %s", name, got, want)
	}
}

type block struct {
	kind, text string
	line       int
}

// blocks returns the fenced blocks of a Markdown text.
func blocks(text string) (out []block) {
	var b *block
	var lines []string
	for i, l := range strings.Split(text, "\n") {
		switch {
		case b == nil && strings.HasPrefix(l, "```"):
			b = &block{kind: strings.TrimPrefix(l, "```"), line: i + 1}
			lines = nil
		case b != nil && l == "```":
			b.text = strings.Join(lines, "\n")
			out = append(out, *b)
			b = nil
		case b != nil:
			lines = append(lines, l)
		}
	}
	return out
}

// The lists of the document are those of the code.
func TestPolicyDocLists(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(policyDoc)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	section := func(title string) string {
		_, rest, ok := strings.Cut(text, "\n### "+title+"\n")
		if !ok {
			t.Fatalf("no section %q", title)
		}
		body, _, _ := strings.Cut(rest, "\n#")
		return body
	}
	names := func(in string) (out []string) {
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(in, -1) {
			out = append(out, m[1])
		}
		return out
	}
	everywhere, query := redact.DefaultKeys()
	for title, want := range map[string][]string{"Keys denied everywhere": everywhere, "Keys denied in queries": query} {
		if got := strings.Join(names(section(title)), ", "); got != strings.Join(want, ", ") {
			t.Errorf("%s:\n document %s\n code     %s", title, got, strings.Join(want, ", "))
		}
	}
	var rows []string
	for _, d := range redact.Detectors() {
		state := "off"
		if d.Default {
			state = "on"
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |", d.Name, state, d.Doc))
	}
	if want := strings.Join(rows, "\n"); !strings.Contains(section("List of detectors"), want) {
		t.Errorf("the table of detectors must be:\n%s", want)
	}
	for _, p := range redact.PresetNames() {
		if !strings.Contains(text, "`"+p+"`") {
			t.Errorf("preset %s is not mentioned", p)
		}
	}
	for _, p := range redact.Places() {
		if !strings.Contains(section("Places"), "`"+p+"`") {
			t.Errorf("place %s is not mentioned", p)
		}
	}
}
