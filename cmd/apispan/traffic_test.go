// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// policy check lists the rules that hit nothing in traffic, whatever form it has.
func TestPolicyCheckTraffic(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		f := filepath.Join(dir, name)
		if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return f
	}
	policy := write("p.yaml", `keys:
  deny: [card_holder, never_sent, $.order.note]
  except: [page_token, other_token]
patterns: { email: report, iban: mask }
in: { request_headers: { deny: [x-tenant] } }
rules:
  - when: { status: 5xx }
    keys: { deny: [stack] }
  - when: { status: 404 }
    keys: { deny: [stack] }
`)
	const body = `{"card_holder":"S3CR3T","order":{"note":"S3CR3T"},"page_token":"S3CR3T","mail":"ada@example.test","stack":"S3CR3T"}`
	const event = `{"schema":"apispan.event/1","direction":"incoming","method":"POST","url":"https://h/x","request":{"headers":{"content-type":["application/json"],"x-tenant":["S3CR3T"]},"body":{"json":` + body + `}},"status":503,"response":{"headers":{}},"weight":1}`
	for name, text := range map[string]string{
		"events.ndjson": event + "\n",
		"dry.http":      "### 1 item\nPOST https://hook.test/\nContent-Type: application/x-ndjson\n\n" + event + "\n",
		"log.har": `{"log":{"version":"1.2","entries":[{"request":{"method":"POST","url":"https://h/x","headers":[{"name":"Content-Type","value":"application/json"},{"name":"X-Tenant","value":"S3CR3T"}],"postData":{"text":` +
			jsonString(body) + `}},"response":{"status":503,"headers":[],"content":{}}}]}}`,
		"fixtures.jsonl": `{"where":"request_body","content_type":"application/json","exchange":{"status":503},"input":` + jsonString(body) + `}` + "\n" +
			`{"where":"header","input":"X-Tenant: S3CR3T"}` + "\n",
	} {
		r := apispan(t, "", "policy", "check", policy, "--traffic", write(name, text))
		if r.code != exitOK {
			t.Fatalf("%s: %+v", name, r)
		}
		out := r.out
		for _, want := range []string{"never hit: deny:never_sent (keys.deny[1])", "never hit: except:other_token", "never hit: pattern:iban"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s", name, want, out)
			}
		}
		for _, not := range []string{"never hit: deny:card_holder", "never hit: except:page_token", "pattern:email (", "x-tenant", "deny:$.order.note", "rules[0]", "S3CR3T"} {
			if strings.Contains(out, not) {
				t.Errorf("%s: %q in\n%s", name, not, out)
			}
		}
		if name != "fixtures.jsonl" && !strings.Contains(out, "never hit: deny:stack (rules[1].keys.deny[0])") {
			t.Errorf("%s: the rule of a scope that no exchange has is not listed:\n%s", name, out)
		}
	}
	if r := apispan(t, "", "policy", "check", policy, "--traffic", write("x.txt", "hello")); r.code != exitUsage || !strings.Contains(r.err, "no traffic") {
		t.Errorf("%+v", r)
	}
}

func jsonString(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}
