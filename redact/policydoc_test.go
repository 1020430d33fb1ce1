// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/apispan/apispan/redact"
	"github.com/apispan/apispan/redact/redacttest"
)

const policyDoc = "../docs/policy.md"

// The examples of docs/policy.md: each yaml block compiles, and each example block
// after it is what the policy does.
//
//	```example
//	request_body application/json method=POST
//	in:  {"a":1}
//	out: {"a":1}
//	```
//
// The first line is a place of redacttest, a content type and options; "out~:" is
// a regular expression; "out:" alone means removed.
func TestPolicyDocExamples(t *testing.T) {
	// The keys that the examples name.
	t.Setenv("REDACT_K1", "0123456789abcdef0123456789abcdef")
	t.Setenv("REDACT_K2", "fedcba9876543210fedcba9876543210")
	var policy *redact.Policy
	yamls, examples := 0, 0
	text, all := policyDocBlocks(t)
	for _, b := range all {
		name := fmt.Sprintf("docs/policy.md:%d", b.line)
		switch b.kind {
		case "yaml":
			yamls++
			var err error
			if policy, err = redact.Compile([]byte(b.text)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case "yaml collector":
			checkCollector(t, name, b.text)
		case "yaml-error", "yaml-mistake": // the latter fits the schema
			if _, err := redact.Compile([]byte(b.text)); err == nil {
				t.Errorf("%s: compiles", name)
			} else {
				policy = nil
				for l := range strings.SplitSeq(err.Error(), "\n") {
					if !strings.Contains(text, l) {
						t.Errorf("%s: the document does not show the error %q", name, l)
					}
				}
			}
		case "example", "exchange": // the latter with more facts about the exchange
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

func policyDocBlocks(t *testing.T) (text string, all []block) {
	t.Helper()
	b, err := os.ReadFile(policyDoc)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), blocks(string(b))
}

func checkExample(t *testing.T, name string, p *redact.Policy, text string) {
	t.Helper()
	head, rest, _ := strings.Cut(text, "\n")
	fields := strings.Fields(head)
	c := redacttest.Case{ID: name, Where: fields[0]}
	for _, f := range fields[1:] {
		k, v, ok := strings.Cut(f, "=")
		switch {
		case f == "truncated":
			c.Truncated = true
		case !ok:
			c.ContentType = f
		case k == "host":
			c.Exchange.Host = v
		case k == "method":
			c.Exchange.Method = v
		case k == "route":
			c.Exchange.Route = v
		case k == "path":
			c.Exchange.Path = v
		case k == "tenant":
			c.Exchange.Tenant = v
		case k == "status":
			c.Exchange.Status, _ = strconv.Atoi(v)
		case strings.HasPrefix(k, "header."):
			c.Exchange.Header = map[string]string{strings.TrimPrefix(k, "header."): v}
		case k == "direction":
			c.Exchange.Direction = v
		default:
			t.Fatalf("%s: option %q", name, f)
		}
	}
	in, want, ok := strings.Cut(rest, "\nout")
	if !ok || !strings.HasPrefix(in, "in:") {
		t.Fatalf("%s: no in: and out:", name)
	}
	c.Input = strings.TrimSpace(strings.TrimPrefix(in, "in:"))
	got, err := c.Redact(p)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	got = strings.TrimSpace(got)
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

// checkCollector compiles the inline policies of a Collector configuration.
func checkCollector(t *testing.T, name, text string) {
	t.Helper()
	var conf struct {
		Processors map[string]struct {
			Policy map[string]any
			Preset string
		}
	}
	if err := yaml.Unmarshal([]byte(text), &conf); err != nil || len(conf.Processors) == 0 {
		t.Fatalf("%s: not a Collector configuration with processors: %v", name, err)
	}
	for id, p := range conf.Processors {
		if p.Preset != "" {
			if _, ok := redact.Preset(p.Preset); !ok {
				t.Errorf("%s: %s: no preset %q", name, id, p.Preset)
			}
		}
		b, err := yaml.Marshal(p.Policy)
		if err == nil {
			_, err = redact.Compile(b)
		}
		if err != nil {
			t.Errorf("%s: %s: %v", name, id, err)
		}
	}
}

// Every rule of the language has an example: each field of the schema stands in a
// policy of the document that an example follows, or, where a single value shows
// nothing, in some policy.
func TestPolicyDocIsComplete(t *testing.T) {
	t.Parallel()
	noExample := map[string]bool{
		".version": true, ".preset": true, ".audit": true, ".dry_run": true, ".hmac.active": true, ".hmac.rotate": true,
		".limits.nested": true, ".limits.body": true,
	}
	// Not for policies that run: the value of a key, and its file, which a test has not.
	never := map[string]bool{".hmac.keys.value": true, ".hmac.keys.file": true}
	shown, mentioned := map[string]bool{}, map[string]bool{}
	_, all := policyDocBlocks(t)
	for i, b := range all {
		if b.kind != "yaml" {
			continue
		}
		var v any
		if err := yaml.Unmarshal([]byte(b.text), &v); err != nil {
			t.Fatal(err)
		}
		yamlPaths(v, "", mentioned)
		if i+1 < len(all) && all[i+1].kind == "example" {
			yamlPaths(v, "", shown)
		}
	}
	var schema map[string]any
	if err := json.Unmarshal(redact.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	schemaPaths(schema, schema, "", want)
	if len(want) < 60 {
		t.Fatalf("%d fields: the schema is not read right", len(want))
	}
	for p := range want {
		// Rules by action are shown once, under keys.
		if never[p] || strings.HasPrefix(p, ".rules.keys.") || strings.HasPrefix(p, ".rules.in.") || strings.Count(p, ".") > 2 && strings.HasPrefix(p, ".in.") && !strings.HasPrefix(p, ".in.client_ip.truncate") {
			continue
		}
		if strings.HasPrefix(p, ".patterns.") && p != ".patterns.re" && !strings.HasPrefix(p, ".patterns.re.") {
			continue // the table of detectors
		}
		if !shown[p] && !(noExample[p] && mentioned[p]) {
			t.Errorf("%s has no example", p)
		}
	}
	for _, action := range []string{"keep", "mask", "drop", "hmac", "encrypt"} {
		if !shown[".in.*.action="+action] {
			t.Errorf("in.*.action: %s has no example", action)
		}
	}
	for _, action := range []string{"mask", "drop", "hmac", "report", "off"} {
		if !shown[".patterns.*="+action] {
			t.Errorf("patterns.*: %s has no example", action)
		}
	}
}

// yamlPaths collects the fields of a policy, and actions with their values.
func yamlPaths(v any, at string, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			into[at+"."+k] = true
			if s, ok := e.(string); ok && k == "action" && strings.HasPrefix(at, ".in.") {
				into[".in.*.action="+s] = true
			} else if ok && at == ".patterns" {
				into[".patterns.*="+s] = true
			}
			yamlPaths(e, at+"."+k, into)
		}
	case []any:
		for _, e := range v {
			yamlPaths(e, at, into)
		}
	}
}

func schemaPaths(root, s map[string]any, at string, into map[string]bool) {
	if ref, ok := s["$ref"].(string); ok {
		def, _ := root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
		schemaPaths(root, def, at, into)
	}
	if items, ok := s["items"].(map[string]any); ok {
		schemaPaths(root, items, at, into)
	}
	alts, _ := s["oneOf"].([]any)
	for _, a := range alts {
		schemaPaths(root, a.(map[string]any), at, into)
	}
	props, _ := s["properties"].(map[string]any)
	for k, p := range props {
		if k == "name" {
			continue // a rule written as a mapping
		}
		into[at+"."+k] = true
		schemaPaths(root, p.(map[string]any), at+"."+k, into)
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
	for title, want := range map[string][]string{
		"Keys denied everywhere": everywhere, "Keys denied in queries": query,
		"Keys denied in header fields": redact.DefaultHeaderKeys(), "Keys denied in content": redact.DefaultBodyKeys(),
	} {
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
