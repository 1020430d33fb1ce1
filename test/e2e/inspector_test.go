// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

	"github.com/apispan/apispan/examples/shop/shopdata"
	"github.com/apispan/apispan/test/harness"
	"github.com/apispan/apispan/test/load"
)

// page asks an inspector's HTTP interface.
type page struct {
	base, token string
}

func pageOf(t *testing.T, link string) page {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil || u.Query().Get("t") == "" {
		t.Fatalf("the link %q has no token", link)
	}
	return page{"http://" + u.Host, u.Query().Get("t")}
}

func (p page) get(ctx context.Context, path string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: status %d: %s", path, resp.StatusCode, b)
	}
	if raw, ok := v.(*string); ok {
		*raw = string(b)
		return nil
	}
	return json.Unmarshal(b, v)
}

type inspectedRow struct {
	ID, Route, Consumer, Operation string
	Status, Redacted               int
	Backends                       []struct{ Component, State string }
}

func (r *inspectedRow) state(component string) string {
	for _, b := range r.Backends {
		if b.Component == component {
			return b.State
		}
	}
	return ""
}

type inspectedExchange struct {
	inspectedRow

	Request struct {
		Body struct {
			After  struct{ Text string }
			Leaves []struct{ Path, Decision, Rule string }
		}
	}
	Vendors []struct {
		Component, State, Event string
		Attempts                []struct {
			Method, URL, Body, Outcome string
			Status                     int
			DryRun                     bool `json:"dry_run"`
			Headers                    []struct{ Name, Value string }
		}
	}
}

// find waits for an exchange that the query takes and a backend has got.
func (p page) find(ctx context.Context, c *harness.Process, query, component, state string) (row inspectedRow, err error) {
	err = c.Wait(ctx, "the exchange on the page", func() error {
		var list struct{ Rows []inspectedRow }
		if err := p.get(ctx, "/api/exchanges?q="+url.QueryEscape(query), &list); err != nil {
			return err
		}
		for _, r := range list.Rows {
			if r.state(component) == state {
				row = r
				return nil
			}
		}
		return fmt.Errorf("not among %+v", list.Rows)
	})
	return row, err
}

// TestInspector: a call of the real shop is on the page of the real Collector: the card
// masked, the rule that did it, and the exact request that Moesif has got. No secret of
// the shop's and no credential of a backend is in any answer.
func TestInspector(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the collector")
	}
	t.Parallel()
	bin := programs(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	fakes, collector := startBackends(ctx, t, bin)
	shop, addr, err := harness.StartShop(ctx, ctx, bin.shop, "dropin", collector.HTTPEnv())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = shop.Stop(10 * time.Second) }()
	link, err := collector.Page()
	if err != nil {
		t.Fatal(err)
	}
	p := pageOf(t, link)

	called := time.Now()
	user := shopdata.Users()[0]
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/orders", strings.NewReader(
		`{"items":[{"sku":"MUG-07","quantity":1}],"email":"`+user.Email+`","shipping":{"name":"Ada","street":"1 Example Street","city":"Berlin","zip":"10115"},"payment":{"card":{"card_number":"`+shopdata.CardSpaced+`","cvc":"737","expiry":"12/29","holder":"Ada"}}}`))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+user.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode >= 500 || resp.StatusCode == http.StatusUnauthorized {
		t.Fatalf("the shop answered %d", resp.StatusCode)
	}
	row, err := p.find(ctx, collector.Process, "route:/orders method:POST", "api_analytics/moesif", "sent")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("on the page %v after the call", time.Since(called).Round(10*time.Millisecond))
	for component, want := range map[string]string{"api_analytics/readme": "sent", "api_analytics/metlo": "dry_run", "api_analytics/cerberus": "dry_run", "api_analytics/webhook": "dry_run"} {
		if _, err := p.find(ctx, collector.Process, "route:/orders", component, want); err != nil {
			t.Errorf("%s: %v", component, err)
		}
	}
	var x inspectedExchange
	if err := p.get(ctx, "/api/exchanges/"+row.ID, &x); err != nil {
		t.Fatal(err)
	}
	rules := map[string]string{}
	for _, l := range x.Request.Body.Leaves {
		rules[l.Path] = l.Decision + " " + l.Rule
	}
	for path, want := range map[string]string{"$.payment.card.card_number": "masked ", "$.email": "masked "} {
		if got := rules[path]; !strings.HasPrefix(got, want) || got == want {
			t.Errorf("%s is %q, want masked by a rule: %v", path, got, rules)
		}
	}
	checkMoesifRequest(t, fakes, &x)
	checkNothingLeaks(ctx, t, p, row.ID)
}

// checkMoesifRequest compares what the page shows with what the fake has got.
func checkMoesifRequest(t *testing.T, fakes *harness.Fakes, x *inspectedExchange) {
	t.Helper()
	for _, v := range x.Vendors {
		if v.Component != "api_analytics/moesif" {
			continue
		}
		if len(v.Attempts) != 1 || v.Attempts[0].Outcome != "delivered" || v.Attempts[0].Status != http.StatusCreated || v.Attempts[0].URL != fakes.Moesif+"/v1/events/batch" {
			t.Fatalf("attempts %+v", v.Attempts)
		}
		a := v.Attempts[0]
		hidden := false
		for _, h := range a.Headers {
			hidden = hidden || h.Name == "X-Moesif-Application-Id" && h.Value == "[hidden]"
		}
		if !hidden {
			t.Errorf("headers %+v", a.Headers)
		}
		for _, r := range fakes.Records() {
			// The fake prints an event on one line.
			var shown bytes.Buffer
			if json.Compact(&shown, []byte(a.Body)) == nil && r.Type == "event" && r.Backend == "moesif" && "["+string(r.Event)+"]" == shown.String() {
				return
			}
		}
		t.Errorf("what the page shows is not what Moesif has got: %s", a.Body)
		return
	}
	t.Error("Moesif is not on the page")
}

// checkNothingLeaks looks for every secret in every answer of the interface.
func checkNothingLeaks(ctx context.Context, t *testing.T, p page, id string) {
	t.Helper()
	for _, path := range []string{
		"/api/status", "/api/exchanges", "/api/exchanges/" + id, "/api/exchanges/" + id + ".har", "/api/exchanges/" + id + ".curl",
		"/api/exchanges/" + id + ".http", "/api/exchanges/" + id + ".fixture.json", "/api/export?format=ndjson",
		"/api/endpoints?window=1h", "/api/consumers?window=1h", "/api/fields?window=1h", "/api/rules?window=1h", "/api/delivery",
	} {
		var text string
		if err := p.get(ctx, path, &text); err != nil {
			t.Error(err)
			continue
		}
		secretsAbsent(t, path, text)
		for _, credential := range []string{"demo-application", "demo-key", "demo-metlo-key", "demo-cerberus-key", "ZGVtby1rZXk6"} {
			if strings.Contains(text, credential) {
				t.Errorf("%s holds the credential of a backend", path)
			}
		}
	}
}

// TestPresetInspect: no file, no account; apispan tail and fields as CI uses them.
func TestPresetInspect(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the collector")
	}
	t.Parallel()
	bin := programs(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	collector, err := harness.StartCollector(ctx, ctx, bin.collector, harness.CollectorOptions{Config: "preset:inspect"})
	if err != nil {
		t.Fatal(err)
	}
	link, err := collector.Page()
	if err != nil {
		t.Fatal(err)
	}
	p := pageOf(t, link)
	apispan := filepath.Join(t.TempDir(), "apispan")
	build := exec.CommandContext(ctx, "go", "build", "-o", apispan, "./cmd/apispan")
	build.Dir = repoRoot(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := func(code int, want string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(ctx, apispan, args...)
		cmd.Env = append(os.Environ(), "APISPAN_INSPECTOR="+link)
		out, err := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != code || !strings.Contains(string(out), want) {
			t.Errorf("%q: exit code %d, want %d: %v\n%s", args, got, code, err, out)
		}
		return string(out)
	}
	post := func(body string) {
		t.Helper()
		resp, err := http.Post("http://"+collector.OTLPHTTP+"/v1/traces", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}

	run(0, "", "tail", "--fail-if-any", "--for", "200ms")
	run(1, "one was expected", "tail", "--expect", "any", "--for", "200ms")
	post(inspectorSpan("c174", `{"card":"4111 1111 1111 1111","name":"\u001b[31mAda"}`))
	if _, err := p.find(ctx, collector.Process, "route:/pay", "api_analytics/moesif", "dry_run"); err != nil {
		t.Fatal(err)
	}
	out := run(0, "/pay", "tail", "--for", "1500ms")
	for _, backend := range []string{"moesif", "readme", "metlo", "cerberus", "clickhouse", "cloudevents", "webhook"} {
		if !strings.Contains(out, backend+" dry_run") {
			t.Errorf("%s is not in dry run: %s", backend, out)
		}
	}
	run(0, `"route":"/pay"`, "tail", "--json", "--for", "1500ms")
	run(0, "/pay", "tail", "-q", "method:POST", "--expect", "any", "--for", "20s")
	run(1, "none was expected", "tail", "-q", "req.$.name:*", "--fail-if-any", "--for", "20s")
	run(0, "", "tail", "-q", "req.$.other:*", "--fail-if-any", "--for", "300ms")
	run(2, "the query cannot be used", "tail", "-q", "nope:1", "--fail-if-any", "--for", "300ms")
	run(2, "refuses the token", "tail", "--token", "another", "--for", "1s")
	if n := strings.Count(run(0, "POST", "tail", "--for", "0s", "-n", "5"), "\x1b"); n > 0 {
		t.Error("an escape sequence reaches the terminal")
	}

	// The inventory is looked at after a moment.
	fields := filepath.Join(t.TempDir(), "fields.json")
	err = collector.Wait(ctx, "the inventory", func() error {
		var list string
		if err := p.get(ctx, "/api/fields?window=1h", &list); err != nil {
			return err
		}
		if !strings.Contains(list, "$.name") {
			return errors.New("not there yet")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(fields, []byte(run(0, "$.name", "fields", "get")), 0o600); err != nil {
		t.Fatal(err)
	}
	run(0, "0 differences", "fields", "diff", fields)
	post(inspectorSpan("c175", `{"card":"4111 1111 1111 1111","name":"Ada","added":"later@example.com"}`))
	err = collector.Wait(ctx, "the new field", func() error {
		var list string
		if err := p.get(ctx, "/api/fields?window=1h", &list); err != nil {
			return err
		}
		if !strings.Contains(list, "$.added") {
			return errors.New("not there yet")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	run(1, "new: request body $.added at POST /pay of shop", "fields", "diff", fields)
	if err := collector.Stop(20 * time.Second); err != nil {
		t.Error(err)
	}

	cmd := exec.CommandContext(ctx, bin.collector, "validate", "--config", "preset:inspct")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "did you mean preset:inspect") {
		t.Errorf("an unknown preset: %v\n%s", err, out)
	}
}

func inspectorSpan(id, body string) string {
	quoted, _ := json.Marshal(body)
	return `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"spans":[
		{"traceId":"5b8efff798038103d269b633813f` + id + `","spanId":"eee19b7ec3c1` + id + `","name":"POST /pay","kind":2,
		"startTimeUnixNano":"` + fmt.Sprint(time.Now().UnixNano()) + `","endTimeUnixNano":"` + fmt.Sprint(time.Now().UnixNano()+44_000_000) + `",
		"attributes":[{"key":"http.request.method","value":{"stringValue":"POST"}},{"key":"url.path","value":{"stringValue":"/pay"}},
		{"key":"http.route","value":{"stringValue":"/pay"}},{"key":"http.response.status_code","value":{"intValue":"201"}},
		{"key":"apispan.consumer.id","value":{"stringValue":"acme"}},
		{"key":"http.request.header.content-type","value":{"arrayValue":{"values":[{"stringValue":"application/json"}]}}},
		{"key":"http.request.body.content","value":{"stringValue":` + string(quoted) + `}}]}]}]}]}`
}

// TestHangingPage: pages that ask and never read cost the delivery nothing: all of it
// arrives, and the page of somebody else works.
func TestHangingPage(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the collector")
	}
	t.Parallel()
	bin := programs(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	fakes, collector := startBackends(ctx, t, bin)
	link, err := collector.Page()
	if err != nil {
		t.Fatal(err)
	}
	p := pageOf(t, link)
	for _, path := range slices.Repeat([]string{"/api/stream", "/api/export?format=ndjson", "/api/exchanges?limit=1000"}, 3) {
		conn, err := net.Dial("tcp", collector.Inspector)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", path, collector.Inspector, p.token)
	}
	const n = 8_000
	report, err := load.Send(ctx, load.Options{
		Target: "http://" + collector.OTLPHTTP, Run: 1, Batch: 200, Count: n, Shape: load.Shape{RequestBody: 500, ResponseBody: 500},
	})
	if err != nil || report.Acked != n {
		t.Fatalf("%d of %d were taken: %v", report.Acked, n, err)
	}
	waitForDelivery(ctx, t, collector)
	err = collector.Wait(ctx, "all events", func() error {
		if got := fakes.Count("moesif"); got != n {
			return fmt.Errorf("%d of %d events", got, n)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	var status struct{ Stats struct{ Seen, Kept int64 } }
	if err := p.get(ctx, "/api/status", &status); err != nil {
		t.Error(err)
	}
	if status.Stats.Seen == 0 || status.Stats.Kept == 0 {
		t.Errorf("%+v of %d exchanges", status.Stats, n)
	}
	if err := collector.Stop(20 * time.Second); err != nil {
		t.Error(err)
	}
}
