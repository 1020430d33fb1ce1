// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/apispan/apispan/redact"
)

// The tests run the command as users do: binary is the real program.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "apispan")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "apispan")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

type result struct {
	code     int
	out, err string
}

func apispan(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = append(os.Environ(), "REDACT_TEST_K1="+key1, "REDACT_TEST_K2="+key2)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errOut.String()}
}

const (
	key1 = "0123456789abcdef0123456789abcdef"
	key2 = "fedcba9876543210fedcba9876543210"
)

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "p.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

const policy = `
version: 1
keys:
  hmac: [user_id]
  encrypt: [note]
hmac:
  keys:
    - {id: k2, env: REDACT_TEST_K2}
    - {id: k1, env: REDACT_TEST_K1}
rules:
  - when: {host: [internal.test]}
    keys: {deny: [city]}
`

const body = `{"user_id":"ada","password":"S3CR3T","city":"Paris","card":"4111 1111 1111 1111"}`

func TestRedactText(t *testing.T) {
	t.Parallel()
	p := file(t, policy)
	r := apispan(t, body, "redact", "-policy", p, "-host", "shop.test", "-content-type", "application/json",
		"-expect-absent", "S3CR3T", "-expect-absent", "detector:card", "-expect-present", "Paris")
	if r.code != 0 || !strings.Contains(r.out, "request_body") || !strings.Contains(r.out, "hmac") || !strings.Contains(r.out, "ok     stdin (request_body)") {
		t.Errorf("%+v", r)
	}
	for _, secret := range []string{"S3CR3T", "4111", "ada", "Paris"} {
		if strings.Contains(r.out+r.err, secret) {
			t.Errorf("the report holds %s:\n%s%s", secret, r.out, r.err)
		}
	}
	shown := apispan(t, body, "redact", "-policy", p, "-show-values")
	if shown.code != 0 || !strings.Contains(shown.out, "before: "+body) || !strings.Contains(shown.out, `"user_id":"hmac:k2:`) {
		t.Errorf("-show-values: %+v", shown)
	}
	only := apispan(t, body, "redact", "-policy", p, "-output")
	if only.code != 0 || !strings.HasPrefix(only.out, `{"user_id":"hmac:k2:`) || !json.Valid([]byte(only.out)) {
		t.Errorf("-output: %+v", only)
	}
	scoped := apispan(t, body, "redact", "-policy", p, "-host", "internal.test", "-expect-absent", "Paris")
	if scoped.code != 0 {
		t.Errorf("scoped rule: %+v", scoped)
	}
	// Without a host the rule applies: what is unknown may match.
	if unknown := apispan(t, body, "redact", "-policy", p, "-expect-absent", "Paris"); unknown.code != 0 {
		t.Errorf("unknown host: %+v", unknown)
	}
}

func TestRedactFailures(t *testing.T) {
	t.Parallel()
	p := file(t, policy)
	for name, args := range map[string][]string{
		"absent":   {"-expect-absent", "Paris"},
		"detector": {"-expect-absent", "detector:email"},
		"present":  {"-expect-present", "nowhere"},
	} {
		r := apispan(t, `{"city":"Paris","mail":"ada@example.test"}`, append([]string{"redact", "-policy", p, "-host", "shop.test"}, args...)...)
		if r.code != 1 || !strings.Contains(r.out, "FAIL") || strings.Contains(r.out, "Paris") || strings.Contains(r.out, "example.test") {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestRedactCases(t *testing.T) {
	t.Parallel()
	p := file(t, policy)
	good := `// a comment
{"id":"q","where":"query","input":"password=S3CR3T&a=1","must_not_contain":["S3CR3T"],"must_contain":["a=1"]}
{"id":"h","where":"header","input":"Authorization: Bearer S3CR3T","must_not_contain":["S3CR3T"]}
{"id":"b","where":"request_body","content_type":"application/json","input":"b64:eyJwYXNzd29yZCI6IlMzQ1IzVCJ9","must_not_contain":["S3CR3T"]}
`
	if r := apispan(t, good, "redact", "-policy", p); r.code != 0 || !strings.Contains(r.out, "3 cases, 3 changed, 3 values redacted, 0 failed") {
		t.Errorf("%+v", r)
	}
	bad := good + `{"id":"leaky","where":"query","input":"shoe=S3CR3T","must_not_contain":["S3CR3T"]}` + "\n"
	r := apispan(t, bad, "redact", "-policy", p, "-quiet")
	if r.code != 1 || !strings.Contains(r.out, "leak   leaky") || strings.Contains(r.out, "S3CR3T") || strings.Contains(r.out, "ok  ") {
		t.Errorf("%+v", r)
	}
	r = apispan(t, bad, "redact", "-policy", "preset:default", "-format", "json")
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	if r.code != 1 || len(lines) != 5 || strings.Contains(r.out, "S3CR3T") {
		t.Fatalf("%+v", r)
	}
	var last line
	var sum struct{ Summary totals }
	if err := errors.Join(json.Unmarshal([]byte(lines[3]), &last), json.Unmarshal([]byte(lines[4]), &sum)); err != nil {
		t.Fatal(err)
	}
	want := line{ID: "leaky", Where: "query", Status: "leak", BeforeBytes: 11, AfterBytes: 11, Fails: []string{"must_not_contain[0] is present"}}
	if diff := cmp.Diff(want, last); diff != "" {
		t.Errorf("last case (-want +got):\n%s", diff)
	}
	if s := sum.Summary; s.Cases != 4 || s.Changed != 3 || s.Values != 3 || s.Failed != 1 || s.Leaks != 1 || len(s.Policy) != 16 {
		t.Errorf("summary: %+v", s)
	}
}

func TestRedactFiles(t *testing.T) {
	t.Parallel()
	p := file(t, policy)
	one := file(t, `{"id":"one","where":"query","input":"password=S3CR3T"}`)
	two := file(t, `{"id":"two","where":"text","input":"x","exchange":{"host":"h.test"}}`)
	value := file(t, "Authorization: Bearer S3CR3T-abcdef\nAccept: */*\n")
	// Flags may stand anywhere.
	r := apispan(t, "not read", "redact", one, "-policy", p, two, "-expect-absent", "S3CR3T")
	if r.code != 0 || !strings.Contains(r.out, "one (query) 15 -> 19 bytes") || !strings.Contains(r.out, "two (text) 1 bytes, nothing to redact") {
		t.Errorf("%+v", r)
	}
	r = apispan(t, "", "redact", "-policy", p, "-where", "header", "-output", value)
	if r.code != 0 || r.out != "Authorization: [REDACTED]\r\nAccept: */*\r\n" {
		t.Errorf("%+v", r)
	}
	typo := file(t, `{"id":"one","where":"query","input":"password=S3CR3T","must_not_contains":["S3CR3T"]}`)
	r = apispan(t, "", "redact", "-policy", p, typo)
	if r.code != 2 || !strings.Contains(r.err, `unknown field "must_not_contains"`) || strings.Contains(r.err, "S3CR3T") {
		t.Errorf("%+v", r)
	}
}

func TestExpectations(t *testing.T) {
	t.Parallel()
	p := file(t, policy)
	secrets := file(t, "S3CR3T\r\n\ndetector:card\n")
	for name, tt := range map[string]struct {
		in   string
		args []string
		code int
		want string
	}{
		"file":               {body, []string{"-expect-absent", "@" + secrets}, 0, "0 failed"},
		"encoded":            {`{"city":"S3\u0043R3T"}`, []string{"-expect-absent", "S3CR3T"}, 1, "expect-absent #1 is present"},
		"detector in a form": {"city=4111%201111%201111%201111", []string{"-expect-absent", "detector:card"}, 0, "0 failed"},
		"detector":           {`{"city":"ada@example.test"}`, []string{"-expect-absent", "detector:email"}, 1, "detector email still finds"},
		"nothing to find":    {`{"city":"x"}`, []string{"-expect-absent", "S3CR3T"}, 1, "#1 is in no input"},
		"present":            {`{"city":"x"}`, []string{"-expect-present", "S3CR3T"}, 1, "expect-present #1 is absent"},
	} {
		r := apispan(t, tt.in, append([]string{"redact", "-policy", p, "-host", "shop.test"}, tt.args...)...)
		if r.code != tt.code || !strings.Contains(r.out, tt.want) || strings.Contains(r.out+r.err, "S3CR3T") {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestNotes(t *testing.T) {
	t.Parallel()
	noKey := file(t, "keys: {hmac: [user_id]}\nhmac: {keys: [{id: k1, env: REDACT_TEST_NOT_SET}]}")
	r := apispan(t, `{"user_id":"S3CR3T"}`, "redact", "-policy", noKey, "-expect-absent", "S3CR3T")
	if r.code != 0 || !strings.Contains(r.out, "no_key") || !strings.Contains(r.err, "not loaded") {
		t.Errorf("%+v", r)
	}
	dry := file(t, "dry_run: true")
	r = apispan(t, `{"password":"S3CR3T"}`, "redact", "-policy", dry, "-expect-absent", "S3CR3T")
	if r.code != 1 || !strings.Contains(r.err, "dry_run") {
		t.Errorf("%+v", r)
	}
}

func TestRedactCorpus(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../redact/testdata/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	for _, f := range files[:min(3, len(files))] {
		if r := apispan(t, "", "redact", "-corpus", f, "-quiet"); r.code != 0 || !strings.Contains(r.out, " 0 leaks") {
			t.Errorf("%s: exit %d\n%s%s", f, r.code, r.out, r.err)
		}
	}
	leaky := file(t, `{"id":"x","where":"query","input":"a=S3CR3T","policy":{"deny":["b"]},"must_not_contain":["S3CR3T"]}`)
	if r := apispan(t, "", "redact", "-corpus", leaky); r.code != 1 || !strings.Contains(r.out, "1 leaks") {
		t.Errorf("%+v", r)
	}
}

func TestUsageErrors(t *testing.T) {
	t.Parallel()
	p := file(t, policy)
	badPolicy := file(t, "keys:\n  dney: [password]\n")
	shortKey := file(t, "hmac: {keys: [{id: k1, value: S3CR3T-too-short}]}")
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "Usage"},
		{[]string{"nope"}, `unknown command "nope"`},
		{[]string{"redact"}, "no policy"},
		{[]string{"redact", "-nope"}, "unknown flag --nope"},
		{[]string{"redact", "-policy", "missing.yaml"}, "missing.yaml"},
		{[]string{"redact", "-policy", badPolicy}, badPolicy + ":2: keys.dney: unknown field (did you mean deny?)"},
		{[]string{"redact", "-policy", shortKey}, "openssl rand -base64 32"},
		{[]string{"redact", "-policy", p, "-preset", "pci"}, "exclude each other"},
		{[]string{"redact", "-preset", "nope"}, "nope"},
		{[]string{"redact", "-policy", p, "-format", "xml"}, "-format"},
		{[]string{"redact", "-policy", p, "-input", "xml"}, "-input"},
		{[]string{"redact", "-policy", "preset:nope"}, "use one of allowlist"},
		{[]string{"redact", "-policy", p, "-expect-absent", ""}, "is empty"},
		{[]string{"redact", "-policy", p, "-expect-absent", "@missing.txt"}, "missing.txt"},
		{[]string{"redact", "-policy", p, "-direction", "up"}, "-direction"},
		{[]string{"redact", "-policy", p, "-where", "moon"}, `where "moon"`},
		{[]string{"redact", "-policy", p, "-input", "cases"}, "no cases"},
		{[]string{"redact", "-policy", p, "-expect-absent", "detector:nope"}, "nope"},
		{[]string{"redact", "-policy", p, "missing.jsonl"}, "missing.jsonl"},
		{[]string{"redact", "-corpus", "c.jsonl", "extra"}, `unexpected argument "extra"`},
		{[]string{"redact", "-corpus", "missing.jsonl"}, "missing.jsonl"},
		{[]string{"policy"}, "no command given"},
		{[]string{"policy", "hash", badPolicy}, ":2: "},
		{[]string{"policy", "print"}, "needs an argument"},
		{[]string{"policy", "print", "nope"}, "use one of"},
		{[]string{"policy", "list", "x"}, "unexpected argument"},
		{[]string{"policy", "check", badPolicy}, "did you mean deny"},
		{[]string{"token"}, "no policy"},
		{[]string{"token", "-policy", p}, "empty"},
		{[]string{"token", "-policy", p, "-kid", "k9"}, `no key "k9"`},
		{[]string{"decrypt", "-policy", p}, "not an encrypted value"},
		{[]string{"decrypt"}, "no policy"},
	} {
		r := apispan(t, "", tt.args...)
		if r.code != 2 || !strings.Contains(r.err, tt.want) || strings.Contains(r.err, "S3CR3T") {
			t.Errorf("%q: exit %d, want 2 and %q in:\n%s", tt.args, r.code, tt.want, r.err)
		}
	}
}

func TestTokenAndDecrypt(t *testing.T) {
	t.Parallel()
	p := file(t, policy)
	out := apispan(t, `{"user_id":"ada","note":"S3CR3T"}`, "redact", "-policy", p, "-output").out
	var got struct {
		UserID string `json:"user_id"`
		Note   string `json:"note"`
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if r := apispan(t, "ada\n", "token", "-policy", p); r.code != 0 || strings.TrimSpace(r.out) != got.UserID {
		t.Errorf("token %+v, want %s", r, got.UserID)
	}
	old := apispan(t, "ADA", "token", "-policy", p, "-kid", "k1", "-lower")
	if old.code != 0 || !strings.HasPrefix(old.out, "hmac:k1:") {
		t.Errorf("retired key: %+v", old)
	}
	if r := apispan(t, got.Note+"\n", "decrypt", "-policy", p); r.code != 0 || r.out != "S3CR3T\n" {
		t.Errorf("decrypt %q: %+v", got.Note, r)
	}
}

// The token of an address is the same however the address is written.
func TestTokenOfAddresses(t *testing.T) {
	t.Parallel()
	p := file(t, policy)
	for _, a := range []string{"192.0.2.7", "::ffff:192.0.2.7", "2001:DB8:0:0::7", "fe80::1%eth0", "ADA", "1.2.3"} {
		out := apispan(t, `{"user_id":"`+a+`"}`, "redact", "-policy", p, "-output").out
		var got struct {
			UserID string `json:"user_id"`
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil || !strings.HasPrefix(got.UserID, "hmac:k2:") {
			t.Fatalf("%s: %v, %s", a, err, out)
		}
		if r := apispan(t, a, "token", "-policy", p); strings.TrimSpace(r.out) != got.UserID {
			t.Errorf("%s: token %+v, want %s", a, r, got.UserID)
		}
	}
}

func TestSeveralLines(t *testing.T) {
	t.Parallel()
	p := file(t, policy)
	r := apispan(t, "ada\r\n\nbob\n", "token", "-policy", p)
	one, two := apispan(t, "ada", "token", "-policy", p), apispan(t, "bob", "token", "-policy", p)
	if r.code != 2 || r.out != one.out+two.out || !strings.Contains(r.err, "line 2: the value is empty") {
		t.Errorf("%+v", r)
	}
	if raw := apispan(t, "ada\n", "token", "-policy", p, "-raw"); raw.code != 0 || raw.out == one.out {
		t.Errorf("-raw: %+v", raw)
	}
	r = apispan(t, "S3CR3T\nenc:v1:k2:AAAA\nenc:v1:k9:AAAA\n", "decrypt", "-policy", p)
	if r.code != 2 || r.out != "" || strings.Contains(r.err, "S3CR3T") || strings.Count(r.err, "apispan decrypt: line ") != 3 {
		t.Errorf("%+v", r)
	}
}

func TestPolicyCommands(t *testing.T) {
	t.Parallel()
	p := file(t, policy)
	list := apispan(t, "", "policy", "list")
	for _, n := range redact.PresetNames() {
		if !strings.Contains(list.out, n) {
			t.Errorf("list lacks %s", n)
		}
		printed := apispan(t, "", "policy", "print", n)
		if want, _ := redact.Preset(n); printed.code != 0 || printed.out != string(want) {
			t.Errorf("print %s: %+v", n, printed)
		}
		if r := apispan(t, "", "policy", "check", file(t, printed.out)); r.code != 0 {
			t.Errorf("printed %s does not compile: %+v", n, r)
		}
	}
	if r := apispan(t, "", "policy", "check", p); r.code != 0 || !strings.Contains(r.out, `key k2 from environment variable "REDACT_TEST_K2": loaded, active`) {
		t.Errorf("check: %+v", r)
	}
	if r := apispan(t, "", "policy", "schema"); r.code != 0 || !json.Valid([]byte(r.out)) {
		t.Errorf("schema: %+v", r)
	}
	for _, args := range [][]string{{"policy", "defaults"}, {"redact", "-print-defaults"}} {
		if r := apispan(t, "", args...); r.code != 0 || !strings.Contains(r.out, "*password*") || !strings.Contains(r.out, "private_key") || strings.Contains(r.out, "e-mail") {
			t.Errorf("%v: %+v", args, r)
		}
	}
	if r := apispan(t, "", "policy", "detectors"); r.code != 0 || !strings.Contains(r.out, "iban             off") {
		t.Errorf("detectors: %+v", r)
	}
}
