// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apiinspectorextension

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
	"github.com/apispan/apispan/internal/inspect"
)

// TestCurlMakesTheSameRequest runs the command: what arrives is what the exchange was.
func TestCurlMakesTheSameRequest(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("no curl here")
	}
	type request struct{ method, target, header, body string }
	got := make(chan request, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Length", "11") // which an answer to HEAD has without a body
		got <- request{r.Method, r.URL.RequestURI(), r.Header.Get("X-Odd"), string(b)}
	}))
	defer server.Close()
	r := start(t, nil)
	r.attachAll(true)
	n := 0
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "get"} {
		for _, body := range []string{"", `{"a":"it's [x] \\ {y}"}`, "@/etc/passwd"} {
			if method == "HEAD" && body != "" {
				continue // which no server reads
			}
			n++
			want := request{method, "/pay/%7Bid%7D/[1]?a=1&b={2}", "it's \"x\"", body}
			k := r.shown(n, func(x *inspect.Exchange) {
				x.Method, x.Scheme, x.Host, x.Path, x.Query = method, "http", strings.TrimPrefix(server.URL, "http://"), "/pay/%7Bid%7D/[1]", "a=1&b={2}"
				x.Request.Headers = []inspect.Header{{Name: "x-odd", Values: []string{want.header}}}
				x.Request.Body = inspect.Body{Data: []byte(body), Captured: body != "", Size: int64(len(body))}
			})
			r.complete(k)
			_, command := r.do(http.MethodGet, "/api/exchanges/"+idOf(k)+".curl", "")
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			out, err := exec.CommandContext(ctx, "sh", "-c", strings.Replace(string(command), "curl ", "curl -sS --noproxy '*' --max-time 5 ", 1)).CombinedOutput()
			cancel()
			select {
			case is := <-got:
				if is != want {
					t.Errorf("%s\nmakes %q, want %q", command, is, want)
				}
			default:
				t.Errorf("%s\nmakes no request: %v %s", command, err, out)
			}
			if method == "HEAD" && err != nil {
				t.Errorf("%s\nends with %v: %s", command, err, out)
			}
		}
	}
}

// TestOrder: what is told in another order, as after another start of the Collector, looks the same; keys of the page
// and inventories that are compared depend on it.
func TestOrder(t *testing.T) {
	t.Parallel()
	names := []string{"api_analytics/a", "api_analytics/b", "api_analytics/c", "api_analytics/d"}
	backwards := slices.Clone(names)
	slices.Reverse(backwards)
	look := func(order []string) (out []string) {
		r := start(t, nil)
		for _, name := range order {
			r.Attach(inspect.Source{Component: name, Backend: "webhook", Target: "x.example", DryRun: true})
		}
		k := keyOf(1)
		for i, name := range order {
			x := &inspect.Exchange{Summary: inspect.Summary{Key: k, Service: "shop", Method: "POST", Route: "/pay", Weight: 1}, Request: inspect.Message{
				Headers: []inspect.Header{{Name: "x-a", Values: []string{"it"}}}, Body: inspect.Body{Data: []byte(`{"a":"some text"}`), Captured: true, Size: 17},
			}}
			r.Read(k, name, x)
			event := []byte(fmt.Sprintf(`{"header":"it","body":{"a":"some text"},"n":%d}`, i))
			r.Encoded(k, name, &inspect.Event{ID: "e", Item: inspect.Fingerprint(event), Data: event, Media: "application/json"})
		}
		eventually(t, "all is there", func() bool { rec := r.Get(k); return rec != nil && len(rec.Backends) == len(order) })
		st, d := get[api.Status](r, "/api/status"), get[api.Detail](r, "/api/exchanges/"+idOf(k))
		for i := range order {
			out = append(out, st.Backends[i].Component, st.DryRun[i], d.Vendors[i].Component, d.Backends[i].Component, get[api.Delivery](r, "/api/delivery").Rows[i].Component)
		}
		eventually(t, "its fields are looked at", func() bool { return get[api.Fields](r, "/api/fields").Looked == 1 })
		for _, f := range get[api.Fields](r, "/api/fields").Rows {
			out = append(out, fmt.Sprint(f.Location, f.Path, f.Leaves))
		}
		return out
	}
	one, other := look(names), look(backwards)
	if !slices.Equal(one, other) {
		t.Errorf("%q\n%q", one, other)
	}
	if !strings.Contains(strings.Join(one, "\n"), "[api_analytics/a api_analytics/b api_analytics/c api_analytics/d]") {
		t.Errorf("no field leaves to all: %q", one)
	}
}

// TestSandboxLines: whatever is wrong with a policy has a line to go to and a remedy.
func TestSandboxLines(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for policy, line := range map[string]int{
		"version: 1\nkeys:\n  dney: [a]\n": 3, "version: 1\nkeys: [\n": 3, "version: 1\n\tkeys: 1\n": 2, "version: 1\ndefaults: perhaps\n": 2, "version: [": 1, "version: 1\nkeys: {deny: [a]}}\n": 2,
	} {
		res, b := r.do(http.MethodPost, "/api/sandbox?q=", fmt.Sprintf(`{"policy":%s}`, quoted(policy)))
		var s api.Sandbox
		if err := json.Unmarshal(b, &s); err != nil || res.StatusCode != http.StatusOK || len(s.Problems) == 0 {
			t.Fatalf("%q: %v %s %v", policy, res.Status, b, err)
		}
		for _, p := range s.Problems {
			// A parser may find out at the end of a line, or of all, what is wrong with one before.
			if p.Line < 1 || p.Line > line || p.Remedy == "" || strings.Contains(p.Text, "line ") {
				t.Errorf("%q: %+v, want line %d", policy, p, line)
			}
		}
	}
}

func quoted(s string) string { b, _ := json.Marshal(s); return string(b) }

// TestWords: what is unknown is not told as 0, one is not many, text is as it came, and a reason names its key.
func TestWords(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.attachAll(true)
	for _, n := range []api.Numbers{get[api.Endpoints](r, "/api/endpoints").Total, get[api.Consumers](r, "/api/consumers").Total} {
		if n.P50 != -1 || n.P95 != -1 || n.P99 != -1 || n.Max != -1 {
			t.Errorf("without a call: %+v", n)
		}
	}
	k := r.shown(1, func(x *inspect.Exchange) { x.Metadata = map[string]any{"many": []any{"<b>", "a & b"}} })
	r.complete(k)
	d := get[api.Detail](r, "/api/exchanges/"+idOf(k))
	if v := d.Metadata; len(v) != 1 || v[0].After.Text == nil || *v[0].After.Text != `["<b>","a & b"]` {
		t.Errorf("%+v", v)
	}
	r.Left(k, vendor, "no_identity")
	eventually(t, "the key is named", func() bool {
		v := get[api.Detail](r, "/api/exchanges/"+idOf(k)).Vendors[0]
		return v.State == "gated" && strings.HasPrefix(v.Reason, "no_identity (") && strings.Contains(v.Reason, "identity of http_redaction")
	})
	creator := func(path string) string {
		_, b := r.do(http.MethodGet, path, "")
		return regexp.MustCompile(`"creator":\{[^}]*\}`).FindString(string(b))
	}
	if one, all := creator("/api/exchanges/"+idOf(k)+".har"), creator("/api/export?format=har"); one != all || !strings.Contains(one, "apispan") {
		t.Errorf("a HAR is of %s, all of %s", one, all)
	}
}

// TestDocumentedWords: what the documentation says that the page says is on the page or in an answer.
func TestDocumentedWords(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "inspector.md"))
	if err != nil {
		t.Fatal(err)
	}
	said := ""
	for _, pattern := range []string{"internal/page/files/*", "internal/serve/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			said += string(b)
		}
	}
	_, table, ok := strings.Cut(string(doc), "| the page says | because |\n|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := strings.Split(table, "\n")
	if !ok || len(rows) < 5 {
		t.Fatalf("no table of what the page says: %q", rows)
	}
	for _, row := range rows {
		if text := strings.TrimSpace(strings.Split(row, "|")[1]); !strings.Contains(said, text) {
			t.Errorf("docs/inspector.md: the page never says %q", text)
		}
	}
	_, states, _ := strings.Cut(string(doc), "| `outcome` | ")
	states, _, _ = strings.Cut(states, " |")
	for _, state := range regexp.MustCompile(`\w+`).FindAllString(states, -1) {
		if !strings.Contains(said, `id="dot-`+state+`"`) {
			t.Errorf("docs/inspector.md: there is no outcome %s", state)
		}
	}
}
