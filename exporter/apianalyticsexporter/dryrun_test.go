// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/moesif/moesiftest"
	"github.com/apispan/apispan/internal/queueguard/storagetest"
)

// captured is a request as it arrived, its content coding undone.
type captured struct {
	line    string
	headers []string // names
	body    string
}

// capture records requests and takes all.
func capture(t *testing.T) (*httptest.Server, func() []captured) {
	t.Helper()
	var mu sync.Mutex
	var got []captured
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		c := captured{line: fmt.Sprintf("%s http://%s%s %s", r.Method, r.Host, r.URL, r.Proto)}
		var src io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			gz, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			src = gz
		}
		b, err := io.ReadAll(src)
		if err != nil {
			t.Error(err)
		}
		c.body = string(b)
		for name := range r.Header {
			c.headers = append(c.headers, name)
		}
		slices.Sort(c.headers)
		mu.Lock()
		defer mu.Unlock()
		got = append(got, c)
	}))
	t.Cleanup(srv.Close)
	return srv, func() []captured { mu.Lock(); defer mu.Unlock(); return slices.Clone(got) }
}

// parseDryRun reads the file of a dry run.
func parseDryRun(t *testing.T, path string) (out []captured, raw string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(b), "### ")[1:] {
		_, rest, _ := strings.Cut(part, "\n")
		head, body, ok := strings.Cut(rest, "\n\n")
		if !ok || !strings.HasSuffix(body, "\n\n") {
			t.Fatalf("a request without head and content: %q", part)
		}
		lines := strings.Split(head, "\n")
		c := captured{line: lines[0], body: strings.TrimSuffix(body, "\n\n")}
		for _, l := range lines[1:] {
			name, value, _ := strings.Cut(l, ": ")
			if value == "" {
				t.Errorf("header line %q", l)
			}
			c.headers = append(c.headers, name)
		}
		out = append(out, c)
	}
	return out, string(b)
}

// TestDryRunFile: what the file shows is what a real run sends, without the
// credentials.
func TestDryRunFile(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{"moesif": "SECRETmoesif", "readme": "SECRETreadme"}
	for name, change := range map[string]func(*Config){
		"moesif": func(cfg *Config) { cfg.Moesif.Get().ApplicationID = configopaque.String(secrets["moesif"]) },
		"readme": func(cfg *Config) {
			cfg.Moesif = createDefaultConfig().(*Config).Moesif
			cfg.ReadMe = configoptional.Some(ReadMeConfig{APIKey: configopaque.String(secrets["readme"]), Development: "auto", Gates: all()})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, sent := capture(t)
			path := filepath.Join(t.TempDir(), "dry.http")
			run := func(dry bool) *rig {
				cfg := testConfig(srv.URL)
				withoutQueue(cfg)
				change(cfg)
				cfg.ClientConfig.Headers = configopaque.MapList{{Name: "X-Tenant", Value: "SECRETtenant"}}
				if cfg.DryRun = dry; dry {
					cfg.DryRunFile = path
				}
				r := newRig(t, cfg).start()
				if err := r.exp.ConsumeTraces(context.Background(), traces(0, 250)); err != nil {
					t.Fatal(err)
				}
				r.shutdown()
				return r
			}
			run(false)
			r := run(true)
			if c := r.checkBooks(); c.Dropped["dry_run"] != 250 || c.Sent != 0 {
				t.Errorf("counts %+v", c)
			}
			want := sent()
			for i := range want {
				// The HTTP client's own.
				want[i].headers = slices.DeleteFunc(want[i].headers, func(h string) bool { return h == "Accept-Encoding" || h == "Traceparent" || h == "Content-Length" })
			}
			got, raw := parseDryRun(t, path)
			for i := range got {
				got[i].headers = slices.DeleteFunc(got[i].headers, func(h string) bool { return h == "Content-Length" })
			}
			if d := cmp.Diff(want, got, cmp.AllowUnexported(captured{})); d != "" || len(got) < 2 {
				t.Errorf("%d requests (-sent +shown)\n%.2000s", len(got), d)
			}
			if strings.Contains(raw, "SECRETmoesif") || strings.Contains(raw, "SECRETtenant") || strings.Contains(raw, "Basic ") {
				t.Error("the file holds a credential")
			}
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			checkSilence(t, r, srv.URL)
			run(true)
			if again, _ := parseDryRun(t, path); len(again) != 2*len(got) {
				t.Errorf("%d requests after two runs of %d", len(again), len(got))
			}
		})
	}
}

// TestDryRunHidesTheKey even in content.
func TestDryRunHidesTheKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "dry.http")
	cfg := testConfig("http://127.0.0.1:1")
	withoutQueue(cfg)
	cfg.DryRun, cfg.DryRunFile = true, path
	r := newRig(t, cfg).start()
	td := traces(0, 1)
	spanAt(td, 0).Attributes().PutStr("http.request.body.content", `{"key":"`+appID+`"}`)
	if err := r.exp.ConsumeTraces(context.Background(), td); err != nil {
		t.Fatal(err)
	}
	r.shutdown()
	if _, raw := parseDryRun(t, path); strings.Contains(raw, appID) || !strings.Contains(raw, `{"key":"[hidden]"}`) {
		t.Error("the key is in the file")
	}
}

func TestDryRunFileIsBounded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "dry.http")
	cfg := testConfig("http://127.0.0.1:1")
	withoutQueue(cfg)
	cfg.DryRun, cfg.DryRunFile = true, path
	r := newRig(t, cfg)
	r.exp.rehearsal.limit = 5000
	r.start()
	for i := range 10 {
		if err := r.exp.ConsumeTraces(context.Background(), traces(i, 1)); err != nil {
			t.Fatal(err)
		}
	}
	r.shutdown()
	got, raw := parseDryRun(t, path)
	if len(raw) > 5000 || len(got) == 0 || len(got) > 9 {
		t.Errorf("%d requests in %d bytes", len(got), len(raw))
	}
	if c := r.checkBooks(); c.Dropped["dry_run"] != 10 || r.logs.FilterMessageSnippet("is full").Len() != 1 {
		t.Errorf("counts %+v", c)
	}
}

func TestDryRunFileRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	public := filepath.Join(dir, "public")
	if err := os.WriteFile(public, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		public:                          "api_analytics: `dry_run_file` cannot be used: others may read the file, and it would hold captured content: set its mode to 0600, or write the name of a new file",
		dir:                             "api_analytics: `dry_run_file` cannot be opened: open " + dir + ": is a directory",
		filepath.Join(dir, "no", "dir"): "api_analytics: `dry_run_file` cannot be opened: open " + filepath.Join(dir, "no", "dir") + ": no such file or directory",
	} {
		cfg := testConfig("http://127.0.0.1:1")
		cfg.DryRun, cfg.DryRunFile = true, path
		r := newRig(t, cfg)
		if err := r.exp.Start(context.Background(), componenttest.NewNopHost()); err == nil || err.Error() != want {
			t.Errorf("error %v", err)
		}
		if err := r.exp.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// TestShownURL: of a URL that is the user's whole, only the host is shown.
func TestShownURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://h.example/a/token?key=1": "https://h.example/[hidden]",
		"https://h.example?key=1":         "https://h.example/[hidden]",
		"wss://h.example:8443/":           "wss://h.example:8443",
		"::":                              "[hidden]",
	} {
		if got := shownURL(in); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}

// TestDryRunLeavesTheStorage: what an exporter has stored is neither sent nor dropped by
// a dry run in between, even if its queue is full, and is delivered afterwards.
func TestDryRunLeavesTheStorage(t *testing.T) {
	t.Parallel()
	fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
	fake.Script(backendtest.Fault{Status: 503, Count: -1})
	srv := httptest.NewServer(fake)
	defer srv.Close()
	store := storagetest.New(nil)
	small := func(cfg *Config) {
		cfg.QueueConfig.Get().Sizer, cfg.QueueConfig.Get().QueueSize = itemsSizer, 100
	}

	before := durableRig(t, srv.URL, store, func(cfg *Config) { slowRetry(cfg); small(cfg) })
	for i := range 10 {
		if err := before.exp.ConsumeTraces(context.Background(), traces(10*i, 10)); err != nil {
			t.Fatal(err)
		}
	}
	before.shutdown()
	held := store.Data()

	dry := durableRig(t, srv.URL, store, func(cfg *Config) { cfg.DryRun = true; small(cfg) })
	if err := dry.exp.ConsumeTraces(context.Background(), traces(1000, 10)); err != nil {
		t.Fatal(err)
	}
	dry.shutdown()
	if c := dry.checkBooks(); c.Dropped["dry_run"] != 10 || c.droppedAll() != 10 {
		t.Errorf("dry run: counts %+v", c)
	}
	if !maps.EqualFunc(held, store.Data(), bytes.Equal) {
		t.Error("the dry run changed the storage")
	}

	fake.Heal()
	after := durableRig(t, srv.URL, store, small)
	waitFor(t, "all are delivered", func() bool { return after.counts().Sent == 100 })
}

// TestDryRunFindsTheStorage: a storage that is not there is found by a rehearsal, too.
func TestDryRunFindsTheStorage(t *testing.T) {
	t.Parallel()
	cfg := testConfig("https://moesif.example.com")
	id := component.MustNewID("not_there")
	cfg.DryRun, cfg.QueueConfig.Get().StorageID = true, &id
	err := newRig(t, cfg).exp.Start(context.Background(), &testHost{})
	if err == nil || !strings.Contains(err.Error(), "`sending_queue::storage` names not_there") {
		t.Errorf("got %v", err)
	}
}

// TestDryRunOtherTransport: what would go over another transport is shown as a frame.
func TestDryRunOtherTransport(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "dry.http")
	r := wordRig(t, wordEncoder{}, "script://host/x", func(cfg *Config, c *choice) {
		cfg.DryRun, cfg.DryRunFile = true, path
		c.Transports = map[string]backend.NewTransport{"script": func(string, backend.Endpoint) backend.Transport {
			return closingTransport{&scriptedTransport{}}
		}}
	})
	if err := r.words("a", "b"); err != nil {
		t.Fatal(err)
	}
	r.shutdown()
	got, _ := parseDryRun(t, path)
	if len(got) != 1 || got[0].line+"|"+got[0].body != "SEND script://host/[hidden]|[a b]" {
		t.Errorf("got %+v", got)
	}
}

// TestStalledInstance: an exporter whose backend hangs, with a full queue, takes
// nothing from another one in the same pipeline.
func TestStalledInstance(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	hang := httptest.NewServer(hanging(http.NotFoundHandler(), "", release))
	defer hang.Close()
	srv, _ := capture(t)

	cfg := testConfig(hang.URL)
	q := cfg.QueueConfig.Get()
	q.NumConsumers, q.Sizer, q.QueueSize = 1, itemsSizer, 40
	cfg.RetryConfig.Enabled = false
	stalled := newRig(t, cfg).start()
	healthy := newRig(t, testConfig(srv.URL)).start()

	// As a pipeline fans out: one after the other, with the same data.
	refused := 0
	for i := range 50 {
		td := traces(10*i, 10)
		td.MarkReadOnly()
		for _, r := range []*rig{stalled, healthy} {
			if err := r.exp.ConsumeTraces(context.Background(), td); err != nil {
				if r == healthy {
					t.Fatal(err)
				}
				refused++
			}
		}
	}
	waitFor(t, "the healthy one has delivered all", func() bool { return healthy.counts().Sent == 500 })
	if c := stalled.counts(); refused == 0 || c.Dropped["refused"] != int64(10*refused) || c.Sent != 0 {
		t.Errorf("refused %d, counts %+v", refused, c)
	}
	close(release)
	stalled.shutdown()
	stalled.checkBooks()
	healthy.shutdown()
	if c := healthy.checkBooks(); c.droppedAll() != 0 {
		t.Errorf("counts %+v", c)
	}
}
