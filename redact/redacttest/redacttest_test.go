// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redacttest

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/apispan/apispan/redact"
)

func TestReadErrors(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"id": S3CR3T}`:                      "f:1: not a JSON object",
		`{"id": "S3CR3T`:                      "f:1: not a JSON object",
		`["S3CR3T"]`:                          "f:1: the line: must be a struct",
		"// c\n\n{\"id\":\"a\",\"where\":7}":  "f:3: where: must be a string",
		`{"id":"a","must_contain":"S3CR3T!"}`: "f:1: must_contain: must be a slice",
		`{"id":"a"} {"id":"S3CR3T"}`:          "f:1: more than one JSON value",
		`{"id":"a","must_not_contains":[]}`:   `f:1: unknown field "must_not_contains"`,
	} {
		_, err := Read(strings.NewReader(in), "f", Strict)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "S3CR3T") {
			t.Errorf("%q: error %v, want one with %q", in, err, want)
		}
	}
	got, err := Read(strings.NewReader(`{"id":"a","severity":3}`), "f", Lenient)
	if err != nil || len(got) != 1 {
		t.Errorf("lenient: %v, %v", got, err)
	}
}

func TestLoadRejectsRepeatedIDsAndNothing(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"testdata/twice.jsonl": `testdata/twice.jsonl:2: id "a" is taken by testdata/twice.jsonl:1`,
		"testdata/empty.jsonl": "no cases in testdata/empty.jsonl",
		"testdata/none.jsonl":  "testdata/none.jsonl",
	} {
		if _, err := Load(Strict, file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", file, err, want)
		}
	}
}

func TestScoring(t *testing.T) {
	t.Parallel()
	deny := Rules{Deny: []string{"password"}}
	cases := []Case{
		{ID: "ok", Where: "query", Policy: deny, Input: "password=S3CR3T&a=1", MustNotContain: []string{"S3CR3T"}, MustContain: []string{"a=1"}},
		{ID: "leak", Where: "query", Policy: deny, Input: "shoe=S3CR3T", MustNotContain: []string{"other", "S3CR3T"}},
		{ID: "lost", Where: "query", Policy: deny, Input: "password=S3CR3T", MustContain: []string{"S3CR3T"}},
		{ID: "in base64 of output", Where: "text", Input: "b64:aGVsbG8=", MustNotContain: []string{"aGVsbG8="}},
		{ID: "stretch", Where: "text", Input: "x", MustNotContain: []string{"x"}, Note: "stretch: may fail"},
	}
	verdicts := map[string]Verdict{}
	normal, stretch, err := RunCorpus(cases, func(o Outcome) { verdicts[o.Case.ID] = o.Verdict })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Score{Cases: 4, Leaks: 2, Want: 2, Kept: 1, LostIn: 1}, normal); diff != "" {
		t.Errorf("score (-want +got):\n%s", diff)
	}
	if stretch.Leaks != 1 || stretch.Cases != 1 {
		t.Errorf("stretch: %v", stretch)
	}
	if got := len(normal.Problems()); got != 2 {
		t.Errorf("problems: %q", normal.Problems())
	}
	want := map[string]Verdict{"ok": {}, "leak": {Leaked: []int{1}}, "lost": {Lost: []int{0}}, "in base64 of output": {Leaked: []int{0}}, "stretch": {Leaked: []int{0}}}
	if diff := cmp.Diff(want, verdicts); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
}

func TestCasesThatCannotRun(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]Case{
		`unknown where "moon"`:             {ID: "x", Where: "moon"},
		"not base64":                       {ID: "x", Where: "text", Input: "b64:%"},
		"unknown detector":                 {ID: "x", Where: "text", Policy: Rules{Patterns: []string{"nope"}}},
		"exchange.direction: \"sideways\"": {ID: "x", Where: "text", Exchange: Exchange{Direction: "sideways"}},
	} {
		var got error
		_, _, err := RunCorpus([]Case{c}, func(o Outcome) { got = o.Err })
		if err == nil || got == nil || !strings.Contains(got.Error(), want) {
			t.Errorf("error %v, %v; want one with %q", err, got, want)
		}
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	p, err := redact.Compile([]byte("in: {response_headers: {deny: [x-only-response]}, text: {deny: [word]}}"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ where, in, want string }{
		{"request_body", "password=x", "password=[REDACTED]"},
		{"response_body", "password=x", "password=[REDACTED]"},
		{"query", "password=x", "password=[REDACTED]"},
		{"path", "/token/abcdefgh12345", "/token/[REDACTED]"},
		{"url", "https://u:p@h.test/a?sig=1", "https://[REDACTED]@h.test/a?sig=1"}, // a count signs nothing
		{"url", "https://u:p@h.test/a?sig=3q2-7wEv", "https://[REDACTED]@h.test/a?sig=[REDACTED]"},
		{"cookie", "sid=1; theme=dark", "sid=[REDACTED]; theme=[REDACTED]"},
		{"cookie", "Set-Cookie: sid=1; Path=/", "sid=[REDACTED]; Path=/"},
		{"header", "Authorization: x\r\nAccept: */*", "Authorization: [REDACTED]\r\nAccept: */*\r\n"},
		{"header", "X-Only-Response: x\nno colon", "X-Only-Response: x\r\n[REDACTED:malformed]\r\n"},
		{"response_header", "X-Only-Response: x", "X-Only-Response: [REDACTED]\r\n"},
		{"client_ip", "192.0.2.7", "192.0.2.0"},
		{"attribute", "user.password: x\nuser.id: y", "user.password: [REDACTED]\r\nuser.id: y\r\n"},
		{"text", "word: x", "word: [REDACTED]"},
	} {
		c := Case{ID: "x", Where: tt.where, Input: tt.in}
		got, err := c.Redact(p)
		if err != nil || got != tt.want {
			t.Errorf("%s %q: %q, %v; want %q", tt.where, tt.in, got, err, tt.want)
		}
	}
}

func TestAppears(t *testing.T) {
	t.Parallel()
	const v = `p4ss "w/rd+ä`
	b64 := base64.StdEncoding.EncodeToString([]byte(v))
	for _, text := range []string{
		v,
		"x=" + url.QueryEscape(v),
		"x=" + url.QueryEscape(url.QueryEscape(v)),
		`{"a":"p4ss \"w\/rd+\u00e4"}`,
		`{"a":"{\"b\":\"p4ss \\\"w/rd+\\u00e4\"}"}`,
		"<a>p4ss &quot;w/rd+&#228;</a>",
		b64,
		base64.StdEncoding.EncodeToString([]byte("a" + v + "bc")),
		base64.URLEncoding.EncodeToString([]byte("ab" + v + "c")),
		"a " + base64.RawStdEncoding.EncodeToString([]byte("abc"+v)) + " b",
	} {
		if !Appears(text, v) {
			t.Errorf("not found in %q", text)
		}
	}
	for _, text := range []string{"", "p4ss", `p4ss \"w/rd`, "%%%+\\u", b64[:8]} {
		if Appears(text, v) {
			t.Errorf("found in %q", text)
		}
	}
	if Appears("anything", "") {
		t.Error("nothing appears")
	}
}

func TestDetects(t *testing.T) {
	t.Parallel()
	c := Case{ID: "x", Where: "request_body", ContentType: "application/json"}
	for text, want := range map[string]bool{
		`{"a":"4111 1111 1111 1111"}`:         true,
		`{"4111111111111111":1}`:              true,
		`{"a":"4111 1111 1111 1112"}`:         false,
		`{"a":"[REDACTED]","b":`:              false,
		`{"a":"[REDACTED:malformed]"`:         false,
		`{"a":"x=4111%201111%201111%201111"}`: true,
	} {
		if got, err := c.Detects("card", text); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", text, got, err, want)
		}
	}
	if _, err := c.Detects("nope", ""); err == nil {
		t.Error("no error for an unknown detector")
	}
}
