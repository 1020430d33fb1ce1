// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/apispan/apispan/internal/httpattr"
)

// corpusFile selects an outside corpus; testdata/README.md describes the format.
var corpusFile = flag.String("corpus", "", "corpus `file` in JSON lines, relative to the package or to the repository root (default testdata/*.jsonl)")

// minContain is the share of must_contain strings that has to survive.
const minContain = 0.99

type corpusCase struct {
	ID             string   `json:"id"`
	ContentType    string   `json:"content_type"`
	Where          string   `json:"where"`
	Input          string   `json:"input"`
	Policy         corpPol  `json:"policy"`
	MustNotContain []string `json:"must_not_contain"`
	MustContain    []string `json:"must_contain"`
	Note           string   `json:"note"`

	file string
	line int
}

type corpPol struct {
	Deny     []string `json:"deny"`
	Allow    []string `json:"allow"`
	HMAC     []string `json:"hmac"`
	Patterns []string `json:"patterns"`
}

func (c *corpusCase) stretch() bool { return strings.HasPrefix(c.Note, "stretch") }

func (c *corpusCase) raw() (string, error) {
	enc, ok := strings.CutPrefix(c.Input, "b64:")
	if !ok {
		return c.Input, nil
	}
	b, err := base64.StdEncoding.DecodeString(enc)
	return string(b), err
}

func loadCorpus(t testing.TB) []corpusCase {
	t.Helper()
	files, err := filepath.Glob("testdata/*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if *corpusFile != "" {
		f := *corpusFile
		if _, err := os.Stat(f); err != nil {
			f = filepath.Join("..", f)
		}
		files = []string{f}
	}
	var out []corpusCase
	ids := map[string]bool{}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		sc := bufio.NewScanner(f)
		sc.Buffer(nil, 64<<20)
		for line := 1; sc.Scan(); line++ {
			text := strings.TrimSpace(sc.Text())
			if text == "" || strings.HasPrefix(text, "//") {
				continue
			}
			c := corpusCase{file: name, line: line}
			if err := json.Unmarshal([]byte(text), &c); err != nil {
				t.Fatalf("%s:%d: %v", name, line, err)
			}
			if ids[c.ID] {
				t.Errorf("%s:%d: id %q is taken", name, line, c.ID)
			}
			ids[c.ID] = true
			out = append(out, c)
		}
		if err := sc.Err(); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	if len(out) == 0 {
		t.Fatal("no cases")
	}
	return out
}

// policy compiles the policy of a case: its rules and nothing else.
func (c *corpusCase) policy() (*Policy, error) {
	cfg := Config{
		HMAC:     HMAC{Keys: []HMACKey{{ID: "k1", Value: "0123456789abcdef0123456789abcdef"}}},
		Patterns: map[string]string{},
	}
	rules := func(names []string) (out []KeyRule) {
		for _, n := range names {
			out = append(out, KeyRule{Name: n})
		}
		return out
	}
	cfg.Keys = Keys{Deny: rules(c.Policy.Deny), Allow: rules(c.Policy.Allow), HMAC: rules(c.Policy.HMAC)}
	for i, p := range c.Policy.Patterns {
		if re, ok := strings.CutPrefix(p, "re:"); ok {
			cfg.Regex = append(cfg.Regex, Regex{ID: fmt.Sprintf("re%d", i), Regex: re, Action: "mask"})
			continue
		}
		cfg.Patterns[p] = "mask"
	}
	return CompileConfig(cfg)
}

// redact runs a case through the exported methods, as a span processor would.
func (c *corpusCase) redact(p *Policy) (string, error) {
	in, err := c.raw()
	if err != nil {
		return "", err
	}
	s := p.NewScratch()
	defer s.Release()
	s.Begin(Exchange{RequestContentType: c.ContentType, ResponseContentType: c.ContentType})
	get := func(v string, ef Effect) string {
		if ef == Removed {
			return ""
		}
		return v
	}
	switch c.Where {
	case "request_body":
		return get(s.Attribute(httpattr.RequestBody, in)), nil
	case "response_body":
		return get(s.Attribute(httpattr.ResponseBody, in)), nil
	case "query":
		return get(s.Attribute(httpattr.URLQuery, in)), nil
	case "path":
		if strings.Contains(in, ":") || strings.Contains(in, "?") || strings.HasPrefix(in, "//") {
			return get(s.Attribute(httpattr.URLFull, in)), nil
		}
		return get(s.Attribute(httpattr.URLPath, in)), nil
	case "cookie":
		side, name, v := Request, "cookie", in
		if rest, ok := strings.CutPrefix(in, "Set-Cookie:"); ok {
			side, name, v = Response, "set-cookie", strings.TrimSpace(rest)
		}
		return get(s.Header(side, name, v)), nil
	case "client_ip":
		if !strings.Contains(in, ": ") {
			return get(s.Attribute(httpattr.ClientAddress, in)), nil
		}
		return redactHeaderLines(s, in), nil
	case "header":
		return redactHeaderLines(s, in), nil
	}
	return "", fmt.Errorf("unknown where %q", c.Where)
}

func redactHeaderLines(s *Scratch, in string) string {
	var out strings.Builder
	for _, line := range strings.Split(in, "\r\n") {
		name, v, ok := strings.Cut(line, ":")
		if !ok {
			out.WriteString("\r\n")
			continue
		}
		key := httpattr.RequestHeaderPrefix + strings.ToLower(strings.TrimSpace(name))
		if s.AttributeKey(key) == Removed {
			continue
		}
		got, ef := s.Attribute(key, strings.TrimSpace(v))
		if ef == Removed {
			continue
		}
		fmt.Fprintf(&out, "%s: %s\r\n", name, got)
	}
	return out.String()
}

type corpusScore struct{ cases, leaks, want, kept, lost int }

// TestCorpus is the leak harness: no case may leak, and nearly everything that a
// case wants to keep must be there.
func TestCorpus(t *testing.T) {
	var normal, stretch corpusScore
	var problems []string
	for _, c := range loadCorpus(t) {
		sc := &normal
		if c.stretch() {
			sc = &stretch
		}
		sc.cases++
		p, err := c.policy()
		if err != nil {
			t.Errorf("%s:%d: %s: policy: %v", c.file, c.line, c.ID, err)
			continue
		}
		out, err := c.redact(p)
		if err != nil {
			t.Errorf("%s:%d: %s: %v", c.file, c.line, c.ID, err)
			continue
		}
		enc := base64.StdEncoding.EncodeToString([]byte(out))
		leaked := false
		for _, m := range c.MustNotContain {
			if m != "" && (strings.Contains(out, m) || strings.Contains(enc, m)) {
				leaked = true
			}
		}
		missing := 0
		for _, m := range c.MustContain {
			sc.want++
			if strings.Contains(out, m) {
				sc.kept++
			} else {
				missing++
			}
		}
		if leaked {
			sc.leaks++
			problems = append(problems, fmt.Sprintf("LEAK  %s (%s)\n      -> %q", c.ID, c.Note, clip(out)))
		} else if missing > 0 {
			sc.lost++
			problems = append(problems, fmt.Sprintf("lost  %s (%s)\n      -> %q", c.ID, c.Note, clip(out)))
		}
	}
	sort.Strings(problems)
	for _, p := range problems {
		t.Log(p)
	}
	report := func(name string, s corpusScore) {
		t.Logf("%s: %d cases, %d leaks, kept %d of %d strings (%d cases lost one)", name, s.cases, s.leaks, s.kept, s.want, s.lost)
	}
	report("corpus", normal)
	report("stretch", stretch)
	if normal.leaks > 0 {
		t.Errorf("%d cases leak", normal.leaks)
	}
	if float64(normal.kept) < minContain*float64(normal.want) {
		t.Errorf("only %d of %d wanted strings survive", normal.kept, normal.want)
	}
}

func clip(s string) string {
	if len(s) > 300 {
		return s[:300] + "…"
	}
	return s
}
