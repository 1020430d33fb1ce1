// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package agents

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apispan/apispan/test/harness"
)

const config = `
exporters:
  api_analytics/webhook:
    dry_run: false # which it is in the demo
    webhook: { endpoint: "%s" }
    calls: { inner_identity: true } # set on whatever span is active, as is usual in JavaScript
service:
  pipelines:
    traces:
      exporters: [api_analytics/webhook]
`

// call is what one call must be, in one event.
type call struct{ Method, Path, Route, User string }

func (c call) want(status int) event {
	return event{c.Method, c.Path, c.Route, c.User, status}
}

type event struct {
	Method, Path, Route, User string
	Status                    int
}

// calls are made in each framework; 404 has no route that all of them agree on.
var calls = []struct {
	call

	status int
}{
	{call{"GET", "/users/7", "/users/:id", "ada"}, 200},
	{call{"POST", "/orders", "/orders", "ada"}, 201},
	{call{"GET", "/fail", "/fail", ""}, 500},
	{call{"GET", "/missing", "", ""}, 404},
}

// TestAgents: each call is one event with its method, route, status and user, although a
// framework's agent and that of its HTTP server both make a span of it.
func TestAgents(t *testing.T) {
	if os.Getenv("APISPAN_AGENTS") == "" {
		t.Skip("it installs packages of npm: make agents runs it")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 35*time.Minute)
	defer cancel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	node, app := install(ctx, t, filepath.Join(root, ".tmp", "agents"))
	build := &harness.Builder{Root: root, Progress: t.Logf}
	binary, err := build.Collector(ctx, "manifest-demo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	fakeVendor, err := build.Program(ctx, harness.FakeVendor)
	if err != nil {
		t.Fatal(err)
	}
	for _, framework := range []string{"express", "fastify", "hono"} {
		t.Run(framework, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
			defer cancel()
			fakes, err := harness.StartFakes(ctx, fakeVendor, []string{"-webhook", "127.0.0.1:0"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "webhook.yaml")
			if err := os.WriteFile(file, fmt.Appendf(nil, config, address(ctx, t, fakes)), 0o600); err != nil {
				t.Fatal(err)
			}
			collector, err := harness.StartCollector(ctx, ctx, binary, harness.CollectorOptions{
				Config: filepath.Join(root, "collectorbuild", "config", "demo.yaml"),
				State:  t.TempDir(), Moesif: fakes.Moesif, ReadMe: fakes.ReadMe, Args: []string{"--config", file},
			})
			if err != nil {
				t.Fatal(err)
			}
			serve(ctx, t, node, app, framework, collector)
			// All spans are acknowledged when the app has ended; a call too many would follow.
			err = collector.Wait(ctx, "delivery", func() error {
				if got := fakes.Count("webhook"); got < len(calls) {
					return fmt.Errorf("%d of %d events", got, len(calls))
				}
				return nil
			})
			if err != nil {
				t.Fatalf("%v\n%s", err, collector.Log())
			}
			if err := collector.Stop(20 * time.Second); err != nil {
				t.Error(err)
			}
			check(t, framework, fakes.Records())
		})
	}
}

// check compares the events with the calls.
func check(t *testing.T, framework string, records []harness.Record) {
	t.Helper()
	var got []event
	for _, r := range records {
		switch r.Type {
		case "violation":
			t.Errorf("%s: %s", r.Backend, r.Message)
		case "event":
			var e struct {
				Direction, Method, URL, Route string
				Status                        int
				User                          struct{ ID string }
				Service                       struct{ Name string }
			}
			if err := json.Unmarshal(r.Event, &e); err != nil {
				t.Fatal(err)
			}
			if e.Direction != "incoming" || e.Service.Name != framework {
				t.Errorf("%s", r.Event)
			}
			_, path, _ := strings.Cut(strings.TrimPrefix(e.URL, "http://"), "/")
			if path == "missing" {
				e.Route = ""
			}
			got = append(got, event{e.Method, "/" + path, e.Route, e.User.ID, e.Status})
		}
	}
	var want []event
	for _, c := range calls {
		want = append(want, c.want(c.status))
	}
	byPath := func(a, b event) int { return strings.Compare(a.Path, b.Path) }
	slices.SortFunc(got, byPath)
	slices.SortFunc(want, byPath)
	if !slices.Equal(got, want) {
		t.Errorf("events %+v, want %+v", got, want)
	}
}

// serve runs the app in a framework, makes the calls and ends it.
func serve(ctx context.Context, t *testing.T, node, app, framework string, collector *harness.Collector) {
	t.Helper()
	port := make(chan int, 1)
	p, err := harness.Start(ctx, node, harness.StartOptions{
		Args: []string{filepath.Join(app, "app.cjs"), framework},
		Env: append(collector.HTTPEnv(), "OTEL_SERVICE_NAME="+framework, "OTEL_METRICS_EXPORTER=none", "OTEL_LOGS_EXPORTER=none",
			"OTEL_TRACES_EXPORTER=otlp", "PATH="+os.Getenv("PATH")),
		Line: func(line string) {
			var m struct{ Port int }
			if json.Unmarshal([]byte(line), &m) == nil && m.Port > 0 {
				port <- m.Port
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var base string
	select {
	case n := <-port:
		base = fmt.Sprintf("http://127.0.0.1:%d", n)
	case <-p.Done():
		t.Fatalf("the app ended: %v\n%s", p.Err(), p.Log())
	case <-ctx.Done():
		t.Fatalf("the app does not listen:\n%s", p.Log())
	}
	for _, c := range calls {
		body := ""
		if c.Method == http.MethodPost {
			body = `{"item":"tea"}`
		}
		req, err := http.NewRequestWithContext(ctx, c.Method, base+c.Path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%s %s: status %d", c.Method, c.Path, resp.StatusCode)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	if err := p.Stop(30 * time.Second); err != nil {
		t.Errorf("%v\n%s", err, p.Log())
	}
}

// address waits for that of the fake webhook.
func address(ctx context.Context, t *testing.T, fakes *harness.Fakes) (url string) {
	t.Helper()
	err := fakes.Wait(ctx, "the address of the webhook", func() error {
		for _, r := range fakes.Records() {
			if r.Type == "listening" && r.Backend == "webhook" {
				url = r.URL
				return nil
			}
		}
		return errors.New("not listening")
	})
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// unreachable are npm's words for a registry that cannot be asked, or lacks a package.
var unreachable = regexp.MustCompile(`ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT|ENETUNREACH|E40[0-9]|E50[0-9]`)

// install puts the app and its packages into dir, which is kept, and returns the path of
// node. It skips the test where they cannot be had.
func install(ctx context.Context, t *testing.T, dir string) (node, app string) {
	t.Helper()
	node, err := exec.LookPath("node")
	npm, npmErr := exec.LookPath("npm")
	if err != nil || npmErr != nil {
		t.Skip("there is no node, or no npm")
	}
	version, err := exec.CommandContext(ctx, node, "-p", "process.versions.node").Output()
	var major, minor int
	if _, scanErr := fmt.Sscanf(string(version), "%d.%d", &major, &minor); err != nil || scanErr != nil || major < 20 || major == 20 && minor < 6 {
		t.Skipf("node %s is too old: the agents need 20.6", bytes.TrimSpace(version))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	fresh := true
	for _, name := range []string{"package.json", "package-lock.json", "tracing.cjs", "app.cjs"} {
		text, err := os.ReadFile(filepath.Join("app", name))
		if err != nil {
			t.Fatal(err)
		}
		old, _ := os.ReadFile(filepath.Join(dir, name))
		if strings.HasPrefix(name, "package") && !bytes.Equal(old, text) {
			fresh = false
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// npm writes this file last.
	if _, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json")); fresh && err == nil {
		return node, dir
	}
	begin := time.Now()
	cmd := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		_ = os.RemoveAll(filepath.Join(dir, "node_modules"))
		if unreachable.Match(out) {
			t.Skipf("the packages cannot be had here: %.300s", out)
		}
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	t.Logf("npm ci took %s", time.Since(begin).Round(time.Second))
	return node, dir
}
