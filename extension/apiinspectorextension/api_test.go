// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apiinspectorextension

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/keep"
	"github.com/apispan/apispan/internal/inspect"
	"github.com/apispan/apispan/redact"
	"github.com/apispan/apispan/redact/redacttest"
)

func idOf(k inspect.Key) string { return keep.FormatID(k) }

// complete waits until everything of an exchange is there.
func (r *rig) complete(k inspect.Key) {
	r.t.Helper()
	eventually(r.t, "the exchange is complete", func() bool {
		rec := r.Get(k)
		return rec != nil && len(rec.Backends) > 0 && len(rec.Backends[0].Attempts) > 0
	})
}

// TestDetail is the promise of the page: before, after, the vendor's bytes and the rule
// together.
func TestDetail(t *testing.T) {
	t.Parallel()
	for _, raw := range []bool{true, false} {
		r := start(t, func(c *Config) { c.ShowRaw = raw })
		r.attachAll(false)
		k := r.shown(1, nil)
		r.complete(k)
		d := get[api.Detail](r, "/api/exchanges/"+idOf(k))
		if !d.HasBefore || d.Raw != raw || d.Policy != "59b3f65a" || len(d.Decisions) != 2 || d.Redacted != 2 {
			t.Errorf("raw %v: %+v", raw, d.Row)
		}
		auth := d.Request.Headers[slices.IndexFunc(d.Request.Headers, func(v api.Value) bool { return v.Name == "authorization" })]
		if auth.Decision != "masked" || auth.Rule != "default:authorization" || *auth.After.Text != masked || (auth.Before.Text != nil) != raw {
			t.Errorf("raw %v: authorization %+v", raw, auth)
		}
		kind := d.Request.Headers[slices.IndexFunc(d.Request.Headers, func(v api.Value) bool { return v.Name == "content-type" })]
		if kind.Decision != "kept" || kind.Rule != "" {
			t.Errorf("raw %v: content-type %+v", raw, kind)
		}
		b := d.Request.Body
		if b.After == nil || b.Before == nil || (b.Before.Text != nil) != raw || len(b.Leaves) != 3 {
			t.Fatalf("raw %v: body %+v", raw, b)
		}
		for _, l := range b.Leaves {
			want := api.Leaf{Path: l.Path, Type: l.Type, Decision: "kept"}
			if l.Path == "$.card" {
				want.Decision, want.Rule = "masked", "pattern:card"
			}
			if l != want {
				t.Errorf("raw %v: %+v", raw, l)
			}
		}
		v := d.Vendors[0]
		if v.State != "sent" || v.Backend != "moesif" || v.Target != "api.moesif.net" || len(v.Attempts) != 1 {
			t.Fatalf("%+v", v)
		}
		a := v.Attempts[0]
		if a.Status != 201 || a.Body != "["+v.Event+"]" || !json.Valid([]byte(a.Body)) || a.URL != "https://api.moesif.net/v1/events/batch" {
			t.Errorf("%+v", a)
		}
		origins := map[string]string{}
		for _, o := range v.Origins {
			origins[o.Path] = o.From
		}
		for path, from := range map[string]string{
			"$.request.verb": "http.request.method", "$.request.uri": "url.full", "$.request.body.card": "http.request.body.content $.card",
			"$.request.body.n": "http.request.body.content $.n", "$.user_id": "user.id", "$.metadata.plan": "apispan.metadata.plan",
		} {
			if origins[path] != from {
				t.Errorf("%s comes from %q, want %q", path, origins[path], from)
			}
		}
		if res, _ := r.do("GET", "/api/exchanges/"+idOf(keyOf(99)), ""); res.StatusCode != http.StatusNotFound {
			t.Errorf("one that is not there: %d", res.StatusCode)
		}
		if res, _ := r.do("GET", "/api/exchanges/nonsense", ""); res.StatusCode != http.StatusBadRequest {
			t.Errorf("nonsense: %d", res.StatusCode)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.attachAll(true)
	var last inspect.Key
	for n := range 30 {
		last = r.shown(n, func(x *inspect.Exchange) {
			if n%3 == 0 {
				x.Status = 503
			}
		})
	}
	r.complete(last)
	var seen []string
	before := ""
	for {
		l := get[api.List](r, "/api/exchanges?limit=7&q=status:5xx+-path:/pay/0&before="+before)
		if l.Total != 30 || l.Match != 9 || len(l.Query.Terms) != 2 || l.Query.Terms[0].Match != 10 || l.Query.Terms[1].Match != 29 {
			t.Fatalf("total %d, match %d, %+v", l.Total, l.Match, l.Query)
		}
		for _, row := range l.Rows {
			seen = append(seen, row.Path)
			if row.Status != 503 || row.Redacted != 2 || row.Consumer != "acme" || row.Direction != "in" || len(row.Backends) != 1 || row.Backends[0].State != "sent" {
				t.Errorf("%+v", row)
			}
		}
		if before = l.Next; before == "" {
			break
		}
	}
	if len(seen) != 9 || seen[0] != "/pay/27?a=1" || seen[8] != "/pay/3?a=1" {
		t.Errorf("%v", seen)
	}
	// A bad term says why, and the others still filter.
	l := get[api.List](r, "/api/exchanges?q="+url.QueryEscape("𝄞 statu:5 route:/pay"))
	if p := l.Query.Terms[1]; p.Problem == "" || p.From != 3 || p.To != 10 || l.Query.Terms[0].Match != 0 {
		t.Errorf("%+v", l.Query.Terms)
	}
	for _, bad := range []string{"limit=0", "limit=1001", "limit=x", "before=x"} {
		if res, body := r.do("GET", "/api/exchanges?"+bad, ""); res.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), `"error"`) {
			t.Errorf("%s: %d %s", bad, res.StatusCode, body)
		}
	}
	// Pins.
	res, body := r.do("POST", "/api/exchanges/"+idOf(last)+"/pin", "")
	if res.StatusCode != http.StatusOK || !strings.Contains(string(body), `"pinned":true`) {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if n := matches(r, "/api/exchanges?q=is:pinned"); n != 1 {
		t.Errorf("%d pinned", n)
	}
	if res, _ := r.do("DELETE", "/api/exchanges/"+idOf(last)+"/pin", ""); res.StatusCode != http.StatusOK {
		t.Errorf("unpinned: %d", res.StatusCode)
	}
	if res, _ := r.do("DELETE", "/api/exchanges", ""); res.StatusCode != http.StatusNoContent {
		t.Errorf("cleared: %d", res.StatusCode)
	}
	if n := matches(r, "/api/exchanges"); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// TestDownloads: each file is what other programs read.
func TestDownloads(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *Config) { c.ShowRaw = true })
	r.attachAll(true)
	k := r.shown(1, nil)
	binary := r.shown(2, func(x *inspect.Exchange) {
		x.Request.Body = inspect.Body{Data: []byte("\x89PNG\xff\x00"), Captured: true, Binary: true, Truncated: true, Size: 99}
		x.Status, x.Query, x.Path = 0, "q=%00&x=\"><script>", "/a b\x01"
		x.UserID = masked
	})
	r.complete(binary)
	schemaFile := filepath.Join("..", "..", "exporter", "apianalyticsexporter", "internal", "backend", "webhook", "schema", "event.schema.json")
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	res, body := r.do("GET", "/api/export?format=ndjson", "")
	if res.Header.Get("Content-Type") != "application/x-ndjson" || !strings.HasPrefix(res.Header.Get("Content-Disposition"), "attachment;") {
		t.Errorf("%v", res.Header)
	}
	n := 0
	for line := range bytes.Lines(body) {
		n++
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if n != 2 {
		t.Errorf("%d lines", n)
	}
	for _, path := range []string{"/api/export?format=har", "/api/exchanges/" + idOf(k) + ".har"} {
		res, body := r.do("GET", path, "")
		var har struct {
			Log struct {
				Version string
				Entries []struct {
					StartedDateTime string
					Request         struct {
						Method, URL string
						PostData    struct{ Text string }
					}
					Response struct{ Status int }
					Apispan  map[string]any `json:"_apispan"`
				}
			}
		}
		if err := json.Unmarshal(body, &har); err != nil || har.Log.Version != "1.2" || len(har.Log.Entries) == 0 || !strings.HasPrefix(res.Header.Get("Content-Disposition"), "attachment;") {
			t.Fatalf("%s: %v %s", path, err, body)
		}
		e := har.Log.Entries[0]
		if e.Request.Method != http.MethodPost || e.Request.URL != "https://shop.example.com/pay/1?a=1" || e.Response.Status != 201 || e.Apispan["direction"] != "incoming" || !strings.Contains(e.Request.PostData.Text, masked) {
			t.Errorf("%+v", e)
		}
	}
	_, raw := r.do("GET", "/api/exchanges/"+idOf(k)+".http", "")
	for _, want := range []string{"POST /pay/1?a=1 HTTP/1.1\r\nhost: shop.example.com\r\n", "\r\nauthorization: " + masked + "\r\n", "HTTP/1.1 201 Created\r\n", `{"ok":true}`} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("no %q in %s", want, raw)
		}
	}
	// A fixture with what stood before says what must not come out, and a good policy passes.
	_, fixture := r.do("GET", "/api/exchanges/"+idOf(k)+".fixture.json", "")
	cases, err := redacttest.Read(bytes.NewReader(fixture), "fixture", redacttest.Strict)
	if err != nil || len(cases) == 0 {
		t.Fatal(err, string(fixture))
	}
	p, err := redact.Compile([]byte("version: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	secrets := 0
	for i := range cases {
		out, err := cases[i].Redact(p)
		if err != nil {
			t.Error(err)
		}
		for _, s := range cases[i].MustNotContain {
			if secrets++; strings.Contains(out, s) {
				t.Errorf("%s: %s", cases[i].Name(), out)
			}
		}
	}
	if secrets < 2 {
		t.Errorf("%d values must not come out: %s", secrets, fixture)
	}
	if res, _ := r.do("GET", "/api/exchanges/"+idOf(k)+".exe", ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown file: %d", res.StatusCode)
	}
	for _, bad := range []string{"format=xml", "format=har&q=statu:1"} {
		if res, _ := r.do("GET", "/api/export?"+bad, ""); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, res.StatusCode)
		}
	}
}

// TestCurlIsHarmless runs the commands with a shell in which curl prints its arguments:
// whatever was captured is an argument, and nothing runs.
func TestCurlIsHarmless(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash")
	}
	dir := t.TempDir()
	script := filepath.Join(dir, "curl")
	if err := os.WriteFile(script, []byte("#!"+bash+"\nprintf '%s\\0' \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := start(t, nil)
	r.attachAll(true)
	hostile := []string{
		"'; touch owned; '", "$(touch owned)", "`touch owned`", "\"; touch owned #", "a\ntouch owned\n", "\\'; touch owned #", "$'\\'; touch owned", "\x1b]0;x\x07 touch", "x\u202e'y", "é'ü\u200b\\", "!!", "~", "*",
		"@/etc/passwd", "-o owned", "{a,b}", "\xff'",
	}
	for n, text := range hostile {
		k := r.shown(n, func(x *inspect.Exchange) {
			x.Path, x.Query, x.Host, x.Method = "/"+text, text, "h"+text, text
			x.Request.Headers = []inspect.Header{{Name: "x-a", Values: []string{text}}, {Name: text, Values: []string{"v"}}, {Name: "@file", Values: []string{"v"}}, {Name: "x-empty", Values: []string{""}}}
			x.Request.Body.Data = []byte(text)
		})
		r.complete(k)
		_, command := r.do("GET", "/api/exchanges/"+idOf(k)+".curl", "")
		cmd := exec.CommandContext(t.Context(), bash, "-c", string(command))
		cmd.Dir, cmd.Env = dir, []string{"PATH=" + dir + ":/usr/bin:/bin", "HOME=/home/x"}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%q: %v %s\n%s", text, err, out, command)
			continue
		}
		args := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
		if _, err := os.Stat(filepath.Join(dir, "owned")); err == nil {
			t.Fatalf("%q runs a command:\n%s", text, command)
		}
		for i, a := range args {
			switch {
			case a == "-X" || a == "-H" || a == "--data-raw" || a == "--globoff", strings.HasPrefix(a, "https://h"):
			case i > 0 && slices.Contains([]string{"-X", "-H", "--data-raw", "--data-binary", "@body"}, args[i-1]):
				if strings.HasPrefix(a, "@") && args[i-1] == "-H" {
					t.Errorf("%q: curl would read a file: %q", text, a)
				}
				if args[i-1] == "--data-raw" && a != text {
					t.Errorf("the body is %q, was %q", a, text)
				}
			case a == "--data-binary" || a == "@body":
			default:
				t.Errorf("%q: an argument of its own: %q", text, a)
			}
		}
		if bytes.ContainsAny(command, "\x1b\x07") || strings.Contains(string(command), "\u202e") {
			t.Errorf("%q: the command has controls", text)
		}
	}
}

// TestHostileText: whatever is captured, every answer of the API is JSON that holds no
// markup, and no answer but the page itself is HTML.
func TestHostileText(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *Config) { c.ShowRaw = true; c.Learning = 0 })
	hostile := []string{
		"<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", "\u202egnp.exe", "a\x00b", "\xff\xfe", strings.Repeat("x", inspect.MaxValue), "\x1b[2J", "\u2028\u2029", "=1+1", "\r\nevent: reset\r\n",
	}
	var last inspect.Key
	for n, text := range hostile {
		last = r.shown(n, func(x *inspect.Exchange) {
			x.Method, x.Route, x.Path, x.Query, x.Host, x.Service, x.Operation = text, text, text, text, text, text, text
			x.UserID, x.CompanyID, x.ConsumerID, x.Label, x.BlockedBy = text, text, text, text, text
			x.Request.Headers = []inspect.Header{{Name: text, Values: []string{text}}}
			quoted, _ := json.Marshal(map[string]string{text: text})
			x.Request.Body.Data = quoted
			x.Response.Body.Data = []byte(text)
			x.Metadata = map[string]any{text: text}
		})
	}
	r.Attach(inspect.Source{Component: "<b>", Backend: "<i>", Target: "<u>", Warnings: []string{"<script>"}})
	r.Attach(inspect.Source{Component: policyComponent, Text: "<script>\xff", Rules: []string{"<x>"}})
	r.complete(last)
	eventually(t, "fields are looked at", func() bool { return get[api.Fields](r, "/api/fields").Looked > 0 })
	paths := []string{"/api/status", "/api/exchanges", "/api/endpoints", "/api/consumers", "/api/fields", "/api/rules", "/api/delivery", "/api/fields?format=json", "/api/fields?format=csv", "/api/fields?format=html", "/api/export?format=har", "/api/export?format=ndjson", "/api/exchanges?q=" + url.QueryEscape(hostile[0])}
	for n := range hostile {
		for _, suffix := range []string{"", ".har", ".http", ".curl", ".fixture.json"} {
			paths = append(paths, "/api/exchanges/"+idOf(keyOf(n))+suffix)
		}
	}
	for _, e := range get[api.Endpoints](r, "/api/endpoints").Rows {
		paths = append(paths, "/api/endpoints/"+e.ID)
	}
	for _, path := range paths {
		res, body := r.do("GET", path, "")
		kind, file := res.Header.Get("Content-Type"), strings.HasPrefix(res.Header.Get("Content-Disposition"), "attachment; filename=\"")
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %.200s", path, res.StatusCode, body)
		}
		if strings.Contains(kind, "html") && !file {
			t.Errorf("%s is a page", path)
		}
		if !file {
			if kind != "application/json" || !json.Valid(body) || bytes.ContainsAny(body, "<>&") {
				t.Errorf("%s: %s %.200s", path, kind, body)
			}
		}
		secure(t, path, res)
		if strings.HasSuffix(path, "format=html") && (bytes.Contains(body, []byte("<img")) || bytes.Contains(body, []byte("<script>"))) {
			t.Errorf("%s has markup of a caller's", path)
		}
		if strings.HasSuffix(path, "format=csv") {
			rows, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
			if err != nil || len(rows) < 10 {
				t.Errorf("%s: %v, %d rows", path, err, len(rows))
			}
			for _, row := range rows {
				for _, cell := range row {
					if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
						t.Errorf("a formula: %q", cell)
					}
				}
			}
		}
	}
	for _, l := range r.logs.All() {
		text := fmt.Sprint(l.Message, l.ContextMap())
		for _, h := range hostile {
			if strings.Contains(text, h) {
				t.Errorf("the log has a value: %.100q", text)
			}
		}
	}
}

// TestSandbox: a policy is tried over what is in memory; problems have a line and a remedy.
func TestSandbox(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *Config) { c.ShowRaw = true })
	r.attachAll(true)
	k := r.shown(1, nil)
	r.complete(k)
	try := func(policy, query string) (out api.Sandbox) {
		body, _ := json.Marshal(api.SandboxRequest{Policy: policy, Query: query})
		eventually(t, "the policy is tried", func() bool { // on a busy machine it may take too long
			res, b := r.do("POST", "/api/sandbox", string(body))
			if res.StatusCode == http.StatusServiceUnavailable {
				return false
			}
			if res.StatusCode != http.StatusOK {
				t.Fatalf("%d %s", res.StatusCode, b)
			}
			out = api.Sandbox{}
			if err := json.Unmarshal(b, &out); err != nil {
				t.Fatal(err)
			}
			return !out.Stopped
		})
		return out
	}
	s := try("version: 1\nkeys:\n  deny: [name]\npatterns: { card: mask }\n", "")
	if len(s.Problems) != 0 || s.Looked != 1 || s.Changed != 1 || !s.Raw || len(s.Rows) != 1 || s.Policy == "" {
		t.Fatalf("%+v", s)
	}
	if v := s.Rows[0].Values; len(v) != 1 || v[0].Name != "request body $.name" || *v[0].Before.Text != "Ada <script>" || *v[0].After.Text != masked || v[0].Rule != "deny:name" || v[0].Decision != "masked" {
		t.Errorf("%+v", v)
	}
	// A policy that lets through what the present one hides shows it, as it has the values.
	s = try("version: 1\ndefaults: false\n", "")
	if s.Changed != 1 || len(s.Rows[0].Values) != 2 {
		t.Errorf("%+v", s.Rows)
	}
	s = try("version: 1\n", "status:404")
	if s.Looked != 0 {
		t.Errorf("looked at %d", s.Looked)
	}
	s = try("version: 1\nkeys:\n  deni: [a]\npatterns: { crd: mask }\n", "")
	if len(s.Problems) != 2 || s.Problems[0].Line != 3 || !strings.HasPrefix(s.Problems[0].Remedy, "write deny") || s.Problems[1].Line != 4 || !strings.HasPrefix(s.Problems[1].Remedy, "write card") {
		t.Errorf("%+v", s.Problems)
	}
	for _, bad := range []string{"a: [", "version: 9", "\x00", "keys: 7", "rules: [{when: {}}]", "in: {bodi: {}}", "hmac: {keys: [{id: k}]}", "mask: 7"} {
		s := try(bad, "")
		if len(s.Problems) == 0 {
			t.Errorf("%q is taken", bad)
		}
		for _, p := range s.Problems {
			if p.Text == "" || p.Remedy == "" {
				t.Errorf("%q: %+v", bad, p)
			}
		}
	}
	// A policy opens no file, and shows no variable.
	secret := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(secret, []byte(strings.Repeat("s", 40)), 0o600); err != nil {
		t.Fatal(err)
	}
	s = try("version: 1\nkeys: {hmac: [name]}\nhmac: {keys: [{id: a, file: "+secret+"}, {id: b, env: HOME}, {id: c, file: /no/such/file}]}\n", "")
	if len(s.Problems) != 0 || s.Changed != 1 {
		t.Errorf("%+v", s)
	}
	p, err := redact.Compile([]byte("version: 1\nhmac: {keys: [{id: a, file: " + secret + "}]}\nkeys: {hmac: [x]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	token, err := p.Token("a", "", []byte("Ada <script>"))
	if err != nil {
		t.Fatal(err)
	}
	if all, _ := json.Marshal(s); strings.Contains(string(all), token) {
		t.Error("the key in the file was used")
	}
	if res, _ := r.do("POST", "/api/sandbox", "{"); res.StatusCode != http.StatusBadRequest {
		t.Errorf("no JSON: %d", res.StatusCode)
	}
	// Nothing was changed by all that.
	if d := get[api.Detail](r, "/api/exchanges/"+idOf(k)); *d.Request.Body.After.Text != fmt.Sprintf(`{"card":%q,"name":"Ada <script>","n":1}`, masked) {
		t.Errorf("%s", *d.Request.Body.After.Text)
	}
}

// TestNewFields: a field that appears after the learning time is marked, counted, listed.
// TestNestedMetadata: what leaves within an array or a map is said to come from it, and to leave.
func TestNestedMetadata(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.attachAll(false)
	k := r.shown(1, func(x *inspect.Exchange) {
		x.Metadata = map[string]any{"flags": []any{"new-cart", "fast"}, "tenant": map[string]any{"region": "eu", "size": int64(7)}, "plan": "gold"}
	})
	r.complete(k)
	origins := map[string]string{}
	for _, o := range get[api.Detail](r, "/api/exchanges/"+idOf(k)).Vendors[0].Origins {
		origins[o.Path] = o.From
	}
	for path, from := range map[string]string{
		"$.metadata.flags[0]": "apispan.metadata.flags", "$.metadata.flags[1]": "apispan.metadata.flags", "$.metadata.tenant.region": "apispan.metadata.tenant",
		"$.metadata.tenant.size": "apispan.metadata.tenant", "$.metadata.plan": "apispan.metadata.plan",
	} {
		if origins[path] != from {
			t.Errorf("%s comes from %q, want %q", path, origins[path], from)
		}
	}
	var f api.Fields
	eventually(t, "it is looked at", func() bool { f = get[api.Fields](r, "/api/fields"); return f.Looked == 1 })
	for _, name := range []string{"flags", "tenant", "plan"} {
		i := slices.IndexFunc(f.Rows, func(r api.Field) bool { return r.Location == "metadata" && r.Path == name })
		if i < 0 || len(f.Rows[i].Leaves) != 1 || !f.Rows[i].Unchanged {
			t.Errorf("%s: %+v", name, f.Rows)
		}
	}
}

// TestRedactedBefore: what an application has masked or turned into a token itself is not said to
// leave unchanged, in no place, although the Collector did nothing to it.
func TestRedactedBefore(t *testing.T) {
	t.Parallel()
	const token = "hmac:k1:abcdefghijklmnopqrstuv"
	for _, raw := range []bool{false, true} {
		r := start(t, func(c *Config) { c.ShowRaw = raw })
		r.attachAll(false)
		k := r.shown(1, func(x *inspect.Exchange) {
			x.UserID, x.Metadata = token, map[string]any{"plan": masked}
			x.Response.Body.Data = []byte(`{"mail":"` + masked + `","who":"` + token + `","n":1}`)
		})
		r.complete(k)
		d := get[api.Detail](r, "/api/exchanges/"+idOf(k))
		got := map[string]string{}
		for _, l := range d.Response.Body.Leaves {
			got[l.Path] = l.Decision
		}
		for _, v := range append(d.Identity, d.Metadata...) {
			got[v.Name] = v.Decision
		}
		for name, want := range map[string]string{"$.mail": "masked", "$.who": "hashed", "$.n": "kept", "plan": "masked", "user id": "hashed", "consumer id": "kept"} {
			if raw { // it is known that nothing was done
				want = "kept"
			}
			if got[name] != want {
				t.Errorf("raw %v: %s is %q, want %q", raw, name, got[name], want)
			}
		}
		var f api.Fields
		eventually(t, "it is looked at", func() bool { f = get[api.Fields](r, "/api/fields"); return f.Looked == 1 })
		for _, row := range f.Rows {
			if slices.Contains([]string{"$.mail", "$.who", "plan", "user id"}, row.Path) && (row.Unchanged || row.Decision == "kept") {
				t.Errorf("raw %v: %+v", raw, row)
			}
		}
	}
}

func TestNewFields(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *Config) { c.Learning = 0 })
	r.attachAll(false)
	r.complete(r.shown(1, nil))
	looked := func(n int64) api.Fields {
		var f api.Fields
		eventually(t, "it is looked at", func() bool { f = get[api.Fields](r, "/api/fields"); return f.Looked >= n })
		return f
	}
	f := looked(1)
	row := func(f api.Fields, path string) *api.Field {
		if i := slices.IndexFunc(f.Rows, func(r api.Field) bool { return r.Path == path }); i >= 0 {
			return &f.Rows[i]
		}
		return nil
	}
	if c := row(f, "$.card"); c == nil || c.Decision != "masked" || c.Rules[0] != "pattern:card" || c.Leaves[0] != vendor || c.Unchanged || c.New || c.Endpoint != "POST /pay/{id}" {
		t.Errorf("%+v", c)
	}
	if c := row(f, "$.name"); c == nil || c.Decision != "kept" || !c.Unchanged || c.Count != 1 {
		t.Errorf("%+v", c)
	}
	if n := get[api.Status](r, "/api/status").Stats.NewFields; n != 0 {
		t.Errorf("%d new fields", n)
	}
	k := r.shown(2, func(x *inspect.Exchange) {
		x.Request.Body.Data = []byte(`{"card":"` + masked + `","contacts":[{"mail":"ada@example.com"},{"mail":"b@example.com"}],"1234567":{"a":1}}`)
	})
	r.complete(k)
	f = looked(2)
	m := row(f, "$.contacts[*].mail")
	if m == nil || !m.New || m.Suspicious != "email" || !m.Unchanged || m.Leaves[0] != vendor || m.Example != idOf(k) || f.Rows[0].Path != m.Path {
		t.Errorf("%+v", m)
	}
	if row(f, "$.*.a") == nil {
		t.Errorf("a key that is data is in the inventory: %+v", f.Rows)
	}
	eventually(t, "the row says so", func() bool { return r.Get(k).NewFields == 2 })
	if n := matches(r, "/api/exchanges?q=is:new"); n != 1 {
		t.Errorf("%d exchanges have new fields", n)
	}
	d := get[api.Detail](r, "/api/exchanges/"+idOf(k))
	marked := 0
	for _, l := range d.Request.Body.Leaves {
		if l.New {
			marked++
		}
	}
	if marked != 3 {
		t.Errorf("%d values are marked: %+v", marked, d.Request.Body.Leaves)
	}
	st := get[api.Status](r, "/api/status")
	if st.Stats.NewFields != 2 || !slices.ContainsFunc(st.Notices, func(n api.Notice) bool { return n.Code == "new_fields" }) {
		t.Errorf("%+v", st.Notices)
	}
}

// TestRules: what hit, and what never did.
func TestRules(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.attachAll(true)
	for n := range 3 {
		r.complete(r.shown(n, nil))
	}
	rules := get[api.Rules](r, "/api/rules").Rows
	i := slices.IndexFunc(rules, func(r api.Rule) bool { return r.Rule == "pattern:card" })
	j := slices.IndexFunc(rules, func(r api.Rule) bool { return r.Rule == "deny:never" })
	if i < 0 || j < 0 || rules[i].Hits != 3 || rules[i].Places[0].Name != "request_body $.card" || rules[i].Last == nil || rules[j].Hits != 0 || rules[j].Last != nil {
		t.Errorf("%+v", rules)
	}
}

// stream is a listener.
type stream struct {
	t    *testing.T
	res  *http.Response
	scan *bufio.Reader
}

func (r *rig) listen2(path, last string) *stream {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	r.t.Cleanup(cancel)
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.addr+path, nil)
	req.Header.Set("Authorization", "Bearer "+r.token)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { res.Body.Close() })
	return &stream{r.t, res, bufio.NewReader(res.Body)}
}

// next reads the next event of a kind.
func (s *stream) next(kind string) (id, data string) {
	s.t.Helper()
	event := ""
	for {
		line, err := s.scan.ReadString('\n')
		if err != nil {
			s.t.Fatalf("no event %s: %v", kind, err)
		}
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "id: "):
			id = line[4:]
		case strings.HasPrefix(line, "event: "):
			event = line[7:]
		case strings.HasPrefix(line, "data: "):
			data = line[6:]
		case line == "" && event == kind:
			return id, data
		}
	}
}

// TestStream: what is new is told; who comes again gets what was missed, or a reset.
func TestStream(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.attachAll(true)
	r.complete(r.shown(0, nil))
	s := r.listen2("/api/stream?q=status:201", "")
	if s.res.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("%v", s.res.Header)
	}
	secure(t, "stream", s.res)
	s.next("status")
	s.next("stats")
	r.shown(1, func(x *inspect.Exchange) { x.Status = 404 })
	r.complete(r.shown(2, nil))
	var row api.Row
	id, data := s.next("exchange")
	for ; row.Path != "/pay/2?a=1" || len(row.Backends) == 0 || row.Backends[0].State != "sent"; id, data = s.next("exchange") {
		if err := json.Unmarshal([]byte(data), &row); err != nil || row.Status == 404 {
			t.Fatalf("%v %s", err, data)
		}
		if len(row.Backends) > 0 && row.Backends[0].State == "sent" {
			break
		}
	}
	var sent api.Sent
	if _, data := s.next("sent"); json.Unmarshal([]byte(data), &sent) != nil || sent.ID != row.ID || sent.Component != vendor || sent.State != "sent" || sent.Status != 201 || sent.Attempt != 1 || sent.Took != 30 {
		t.Errorf("%s", data)
	}
	_ = s.res.Body.Close()
	r.complete(r.shown(3, nil))
	s = r.listen2("/api/stream", id)
	if _, data = s.next("exchange"); !strings.Contains(data, "/pay/3?a=1") {
		t.Errorf("resumed with %s", data)
	}
	s = r.listen2("/api/stream?after="+id, "")
	if _, data = s.next("exchange"); !strings.Contains(data, "/pay/3?a=1") {
		t.Errorf("resumed with %s", data)
	}
	// Between a list and the stream that goes on behind it nothing is missed.
	list := get[api.List](r, "/api/exchanges")
	r.complete(r.shown(4, nil))
	eventually(t, "it is there", func() bool { return get[api.List](r, "/api/exchanges").Total == list.Total+1 })
	if _, data = r.listen2("/api/stream?after="+list.Event, "").next("exchange"); !strings.Contains(data, "/pay/4?a=1") {
		t.Errorf("after the list came %s", data)
	}
	for _, unknown := range []string{"x", "other-1", strings.SplitN(id, "-", 2)[0] + "-999999", "\"><"} {
		r.listen2("/api/stream", unknown).next("reset")
	}
	r.do("DELETE", "/api/exchanges", "")
	s.next("reset")
	r.listen2("/api/stream", id).next("reset")
	// Components come and go.
	r.Attach(inspect.Source{Component: "api_analytics/late", Backend: "readme", Target: "metrics.readme.io"})
	if _, data := s.next("status"); !strings.Contains(data, "metrics.readme.io") {
		t.Errorf("%s", data)
	}
}

// TestTooManyStreams are refused, and make room again.
func TestTooManyStreams(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *Config) { c.MaxStreams = 2 })
	a := r.listen2("/api/stream", "")
	b := r.listen2("/api/stream", "")
	if c := r.listen2("/api/stream", ""); c.res.StatusCode != http.StatusServiceUnavailable || c.res.Header.Get("Retry-After") == "" {
		t.Errorf("the third: %d", c.res.StatusCode)
	}
	_ = a.res.Body.Close()
	eventually(t, "there is room again", func() bool { return r.listen2("/api/stream", "").res.StatusCode == http.StatusOK })
	_ = b.res.Body.Close()
}

// TestHangingPage: a page that does not read holds nobody up, and costs no memory that
// grows; components notice nothing.
func TestHangingPage(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *Config) { c.DetailsPerSecond = 1000 })
	r.attachAll(true)
	for range 4 {
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.(*net.TCPConn).SetReadBuffer(1024)
		fmt.Fprintf(c, "GET /api/stream HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", r.addr, r.token)
	}
	slowest := time.Duration(0)
	for n := range 3000 {
		start := time.Now()
		k := r.shown(n, nil)
		slowest = max(slowest, time.Since(start))
		if n%100 == 99 {
			r.complete(k)
		}
	}
	if slowest > 2*time.Second {
		t.Errorf("an exchange took %s to show", slowest)
	}
	if n := matches(r, "/api/exchanges?limit=1"); n != 1000 {
		t.Errorf("%d are kept", n)
	}
	s := r.listen2("/api/stream", "")
	s.next("stats")
}

// TestStatus: what the one who looks must know is said.
func TestStatus(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	codes := func() (out []string) {
		for _, n := range get[api.Status](r, "/api/status").Notices {
			out = append(out, n.Code)
			if n.Text == "" || n.Level == "" {
				t.Errorf("%+v", n)
			}
		}
		return out
	}
	has := func(want string) {
		t.Helper()
		if got := codes(); !slices.Contains(got, want) {
			t.Errorf("notices %v, want %s", got, want)
		}
	}
	has("nothing_yet")
	has("no_exporter")
	r.Arrived("a", map[string]int{"internal": 30, "client without http.request.method": 7})
	r.Arrived("b", map[string]int{"internal": 30}) // the same spans
	has("not_http")
	if got, want := get[api.Status](r, "/api/status").Notices, "37 spans arrived, none was an HTTP exchange (kinds: internal 30, client 7 without http.request.method)."; !slices.ContainsFunc(got, func(n api.Notice) bool { return n.Text == want }) {
		t.Errorf("%+v, want %s", got, want)
	}
	if n := get[api.Status](r, "/api/status").Stats.Arrived["internal"]; n != 30 {
		t.Errorf("%d internal spans", n)
	}
	r.Attach(inspect.Source{Component: vendor, Backend: "moesif", Target: "api.moesif.net", DryRun: true})
	has("no_redaction")
	has("dry_run")
	if st := get[api.Status](r, "/api/status"); st.Live || len(st.Targets) != 0 || len(st.DryRun) != 1 {
		t.Errorf("%+v", st)
	}
	r.Attach(inspect.Source{Component: vendor, Backend: "moesif", Target: "api.moesif.net"})
	if st := get[api.Status](r, "/api/status"); !st.Live || st.Targets[0] != "api.moesif.net" || len(st.DryRun) != 0 {
		t.Errorf("%+v", st)
	}
	r.Attach(inspect.Source{Component: policyComponent, PolicyDryRun: true})
	has("policy_dry_run")
	for n := range 5 {
		k := keyOf(n)
		sum := inspect.Summary{Key: k, Method: "GET", Route: "/", Weight: 1}
		r.Saw(vendor, []inspect.Tally{inspect.NewNames(nil).Tally(&sum)})
		r.Read(k, vendor, &inspect.Exchange{Summary: sum})
		r.Left(k, vendor, "sampled")
	}
	eventually(t, "they are kept", func() bool { return r.Usage().Exchanges == 5 })
	has("no_bodies")
	has("sampled_out")
	// Whatever leaves everything out is named by its key.
	said := func(code string) string {
		for _, n := range get[api.Status](r, "/api/status").Notices {
			if n.Code == code {
				return n.Text
			}
		}
		return ""
	}
	for reason, want := range map[string]string{"sampled": "sampling::percent", "hosts": "key hosts", "skip": "key skip", "direction": "key direction", "nested": "calls::nested", "requested": "apispan.skip", "no_identity": "identity"} {
		for n := range 5 {
			r.Left(keyOf(n), vendor, reason)
		}
		code := map[bool]string{true: "sampled_out", false: "gated"}[reason == "sampled"]
		eventually(t, reason+" is said with "+want, func() bool { return strings.Contains(said(code), want) })
		if row := get[api.List](r, "/api/exchanges").Rows[0]; row.Backends[0].State != code {
			t.Errorf("%s is shown as %s", reason, row.Backends[0].State)
		}
	}
	// What does not fit into memory is counted and said.
	large := []inspect.Attribute{{Key: "k", Value: strings.Repeat("x", 6<<20)}}
	for i := range 8 {
		r.After(keyOf(100), &inspect.Span{Attributes: large}, fmt.Sprint("r", i), nil)
		r.Flush()
	}
	eventually(t, "it is counted", func() bool { return get[api.Status](r, "/api/status").Stats.TooLarge > 0 })
	has("too_large")
	if n := matches(r, "/api/exchanges"); n != 6 {
		t.Errorf("%d exchanges are left of 6", n)
	}
}

// TestNumbersOverHTTP: endpoints, consumers, delivery.
func TestNumbersOverHTTP(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.attachAll(false)
	var last inspect.Key
	for n := range 20 {
		last = r.shown(n, func(x *inspect.Exchange) {
			if n%4 == 0 {
				x.Status, x.ConsumerID, x.UserID = 500, "", "u-"+string(rune('a'+n/4))
			}
		})
	}
	r.complete(last)
	r.Delivery(vendor, inspect.Delivery{Sent: 20, Waiting: 3, LastProblem: "the backend answered 503", LastProblemAt: time.Now(), Dropped: map[string]int64{"too_large": 1}, QueueBytes: -1})
	e := get[api.Endpoints](r, "/api/endpoints?window=1d")
	if len(e.Rows) != 1 || e.Rows[0].Calls != 20 || e.Rows[0].Consumers != 6 || e.Rows[0].Status != [5]int64{0, 15, 0, 0, 5} || e.Total.Calls != 20 || e.Rows[0].Share != 1 || e.Rows[0].P50 < 11 || e.Rows[0].P50 > 12 {
		t.Fatalf("%+v", e)
	}
	one := get[api.Endpoint](r, "/api/endpoints/"+e.Rows[0].ID)
	if len(one.Exchanges) != 20 || len(one.Statuses) != 2 || one.Statuses[0] != (api.Count{Name: "201", N: 15}) || one.Top[0].ID != "acme" || one.Top[0].Calls != 15 || len(one.Latency) != 1 {
		t.Errorf("%+v", one)
	}
	c := get[api.Consumers](r, "/api/consumers")
	if len(c.Rows) != 6 || c.Rows[0].ID != "acme" {
		t.Fatalf("%+v", c.Rows)
	}
	for _, row := range c.Rows {
		if n := matches(r, "/api/exchanges?q="+url.QueryEscape(row.Query)); int64(n) != row.Calls {
			t.Errorf("%s takes %d, and has %d calls", row.Query, n, row.Calls)
		}
	}
	d := get[api.Delivery](r, "/api/delivery").Rows
	if len(d) != 1 || d[0].State != "failing" || d[0].Runbook != "the-backend-is-down" || d[0].LastProblemAt == nil || d[0].Dropped[0].N != 1 {
		t.Errorf("%+v", d)
	}
	ops, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, anchor := range []string{"the-backend-refuses-us", "the-backend-is-down", "events-are-dropped", "the-queue-fills", "unredacted-data-arrives"} {
		heading := strings.ToLower(strings.ReplaceAll(anchor, "-", " "))
		if !strings.Contains(strings.ToLower(string(ops)), "### "+heading+"\n") {
			t.Errorf("docs/operations.md has no heading %q", heading)
		}
	}
	for _, path := range []string{"/api/endpoints?window=x", "/api/consumers?window=1s", "/api/fields?window=8d", "/api/rules?window=-1h", "/api/fields?format=pdf"} {
		if res, body := r.do("GET", path, ""); res.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), `"error"`) {
			t.Errorf("%s: %d %s", path, res.StatusCode, body)
		}
	}
	if res, _ := r.do("GET", "/api/endpoints/zzz", ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("no such endpoint: %d", res.StatusCode)
	}
}

// A list that is empty is [], never null: programs need not ask. null is said of what is not
// known, and where that may be is known.
func TestNoListIsNull(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	var missing func(path string, v any)
	may := []string{"before", "after", "text", "last", "last_problem_at", "tree"}
	missing = func(path string, v any) {
		switch v := v.(type) {
		case nil:
			if !slices.Contains(may, path[strings.LastIndexByte(path, '.')+1:]) {
				t.Errorf("%s is null", path)
			}
		case []any:
			for _, e := range v {
				missing(path, e)
			}
		case map[string]any:
			for k, e := range v {
				missing(path+"."+k, e)
			}
		}
	}
	look := func(paths ...string) {
		for _, p := range paths {
			missing(p, get[any](r, p))
		}
	}
	all := []string{"/api/status", "/api/exchanges", "/api/endpoints", "/api/consumers", "/api/fields", "/api/rules", "/api/delivery"}
	look(all...)
	r.attachAll(false)
	look(all...)
	k := r.shown(1, nil)
	r.complete(k)
	bare := keyOf(2) // of which nothing but its summary is known
	r.Read(bare, vendor, &inspect.Exchange{Summary: inspect.Summary{Key: bare, Method: "GET", Weight: 1}})
	eventually(t, "both are there", func() bool { return r.Get(bare) != nil && len(get[api.Endpoints](r, "/api/endpoints").Rows) > 0 })
	look(append(all, "/api/exchanges/"+idOf(k), "/api/exchanges/"+idOf(bare), "/api/endpoints/"+get[api.Endpoints](r, "/api/endpoints").Rows[0].ID)...)
	for _, policy := range []string{"version: 1\n", "nonsense: [\n", "version: 1\nkeys:\n  deny: [name]\n"} {
		body, _ := json.Marshal(api.SandboxRequest{Policy: policy})
		_, b := r.do(http.MethodPost, "/api/sandbox", string(body))
		var v any
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatal(err)
		}
		missing("/api/sandbox", v)
	}
}

// What a guard in shadow would have refused is marked, and found by the rule.
func TestWouldBlock(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.attachAll(true)
	r.complete(r.shown(1, func(x *inspect.Exchange) { x.GuardAction, x.GuardRule = "would_block", "quota-7" }))
	r.complete(r.shown(2, func(x *inspect.Exchange) { x.GuardAction, x.GuardRule = "would_annotate", "quota-8" }))
	r.complete(r.shown(3, func(x *inspect.Exchange) { x.GuardAction, x.GuardRule, x.BlockedBy = "block", "quota-9", "quota-9" }))
	for q, want := range map[string]string{"would_block:*": "quota-7", "would_block:quota-7": "quota-7", "would_block:quota-9": "", "blocked:quota-9": "", "would_block:quota-8": ""} {
		list := get[api.List](r, "/api/exchanges?q="+q)
		if n := len(list.Rows); want == "" && q != "blocked:quota-9" && n != 0 || q == "blocked:quota-9" && (n != 1 || list.Rows[0].BlockedBy != "quota-9") || want != "" && (n != 1 || list.Rows[0].WouldBlock != want) {
			t.Errorf("%s: %+v", q, list.Rows)
		}
	}
}

// How long a policy is in force is counted from when it was first seen; a key that comes or
// goes does not make it a new one.
func TestPolicySince(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	since := func() time.Time { return get[api.Status](r, "/api/status").Redactor[0].Since }
	begin := time.Now()
	r.Attach(inspect.Source{Component: policyComponent, Policy: "a"})
	first := since()
	if first.Before(begin.Add(-time.Second)) || first.After(time.Now()) {
		t.Errorf("attached at %v, in force since %v", begin, first)
	}
	r.Attach(inspect.Source{Component: policyComponent, Policy: "a", Warnings: []string{"a key is missing"}})
	if got := since(); !got.Equal(first) {
		t.Errorf("the same policy is in force since %v, was %v", got, first)
	}
	r.Attach(inspect.Source{Component: policyComponent, Policy: "b"})
	if got := since(); !got.After(first) {
		t.Errorf("another policy is in force since %v, as the one before", got)
	}
	stated := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	r.Attach(inspect.Source{Component: policyComponent, Policy: "b", Since: stated})
	if got := since(); !got.Equal(stated) {
		t.Errorf("in force since %v, it says %v", got, stated)
	}
}

// An address that was truncated is as long as it was, and the policy has no name for it: it is
// said all the same, in the exchange and among the fields.
func TestTruncatedAddress(t *testing.T) {
	t.Parallel()
	for _, raw := range []bool{false, true} {
		r := start(t, func(c *Config) { c.ShowRaw = raw })
		r.attachAll(true)
		k := keyOf(1)
		x := &inspect.Exchange{Summary: inspect.Summary{Key: k, Service: "shop", Method: "GET", Route: "/", Host: "198.51.100.7", Status: 200, Weight: 1}, ClientAddress: "203.0.113.0", RedactionPolicy: "a"}
		span := func(ip string) *inspect.Span {
			return &inspect.Span{Name: "GET /", Kind: "server", Attributes: []inspect.Attribute{attr("http.request.method", "GET"), attr("client.address", ip), attr("server.address", "198.51.100.7")}}
		}
		before := span("203.0.113.9")
		if !raw {
			before.Attributes[1].Value = nil
		}
		r.Before(k, before)
		r.After(k, span(x.ClientAddress), policyComponent, []inspect.Decision{{Rule: "default:client_ip", Place: "client_ip", Action: "truncate", Outcome: "ok", N: 1}})
		r.Saw(vendor, []inspect.Tally{inspect.NewNames(nil).Tally(&x.Summary)})
		r.Read(k, vendor, x)
		event := []byte(`{"ip":"203.0.113.0","host":"198.51.100.7"}`)
		r.Encoded(k, vendor, &inspect.Event{ID: "e", Item: inspect.Fingerprint(event), Data: event, Media: "application/json"})
		r.Sent(vendor, &inspect.Request{Items: []uint64{inspect.Fingerprint(event)}, Outcome: "dry_run", DryRun: true})
		r.complete(k)
		d := get[api.Detail](r, "/api/exchanges/"+idOf(k))
		if len(d.Identity) != 1 || d.Identity[0].Decision != "truncated" || d.Identity[0].Rule != "default:client_ip" {
			t.Errorf("raw %v: %+v", raw, d.Identity)
		}
		var list api.Fields
		eventually(t, "fields are looked at", func() bool { list = get[api.Fields](r, "/api/fields"); return list.Looked > 0 })
		for _, f := range list.Rows {
			if f.Location == "identity" && (f.Path != "client address" || f.Decision != "truncated" || f.Unchanged) {
				t.Errorf("raw %v: %+v", raw, f)
			}
			if f.Suspicious != "" { // the service's own address is nobody's secret
				t.Errorf("raw %v: %s %s looks like %s", raw, f.Location, f.Path, f.Suspicious)
			}
		}
	}
}

// What a dry run has shown is not lost, and what is left out on purpose is no loss either:
// neither leads to the runbook.
func TestDelivery(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.attachAll(true)
	row := func(d inspect.Delivery) api.DeliveryRow {
		r.Delivery(vendor, d)
		return get[api.Delivery](r, "/api/delivery").Rows[0]
	}
	got := row(inspect.Delivery{Dropped: map[string]int64{"dry_run": 5, "direction": 2, "no_identity": 1}, Skipped: map[string]int64{"requested": 4}})
	if want := []api.Count{{Name: "requested", N: 4}, {Name: "direction", N: 2}, {Name: "no_identity", N: 1}}; got.Sent != 5 || len(got.Dropped) != 0 || !slices.Equal(got.Skipped, want) || got.Runbook != "" {
		t.Errorf("%+v", got)
	}
	got = row(inspect.Delivery{Sent: 7, Dropped: map[string]int64{"too_large": 3, "sampled": 9}})
	if got.Sent != 7 || !slices.Equal(got.Dropped, []api.Count{{Name: "too_large", N: 3}}) || !slices.Equal(got.Skipped, []api.Count{{Name: "sampled", N: 9}}) || got.Runbook != "events-are-dropped" {
		t.Errorf("%+v", got)
	}
}
