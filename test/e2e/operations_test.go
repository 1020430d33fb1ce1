// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apispan/apispan/test/harness"
)

// operated is what one run of the real collector showed, in a shipped configuration
// with one backend that takes everything, one that refuses us, senders above the
// limits, and an exporter that is not ours.
type operated struct {
	metrics map[string]map[string]bool // the Collector's own: name to labels
	status  string                     // GET /status?verbose
	code    int                        // of /status
	modes   map[string]fs.FileMode     // of everything below the state directory
	log     string
}

var operation struct {
	once sync.Once
	got  operated
	err  error
}

// overlay is what the run adds to all-backends.yaml.
const overlay = `
receivers:
  otlp:
    protocols:
      grpc: { endpoint: "${env:OTLP_GRPC}" }
      http: { endpoint: "${env:OTLP_HTTP}" }
  otlp/limited:
    protocols: { http: { endpoint: "${env:OTLP_LIMITED}" } }
processors:
  memory_limiter/full: { check_interval: 50ms, limit_mib: 1 }
exporters:
  otlp_http/down:
    endpoint: http://127.0.0.1:1
    retry_on_failure: { enabled: false }
    sending_queue: { enabled: false }
  api_analytics/moesif:
    endpoint: ${env:MOESIF_ENDPOINT}
    retry_on_failure: { initial_interval: 100ms, max_interval: 200ms }
    sending_queue: { sizer: items, queue_size: 1 }
  api_analytics/readme:
    endpoint: ${env:README_ENDPOINT}
  api_analytics/dry:
    dry_run: true
    dry_run_file: ${env:STATE_DIR}/dry.http
    moesif: { application_id: "an-id" }
service:
  telemetry:
    metrics:
      readers:
        - pull:
            exporter:
              prometheus:
                host: 127.0.0.1
                port: ${env:METRICS_PORT}
                without_scope_info: true
                without_units: true
                without_type_suffix: true
  pipelines:
    traces:
      exporters: [api_analytics/moesif, api_analytics/readme, api_analytics/dry]
    traces/other:
      receivers: [otlp]
      processors: [http_redaction]
      exporters: [otlp_http/down]
    traces/limited:
      receivers: [otlp/limited]
      processors: [memory_limiter/full]
      exporters: [otlp_http/down]
    logs/limited:
      receivers: [otlp/limited]
      processors: [memory_limiter/full]
      exporters: [otlp_http/down]
`

const (
	otlpSpan = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10",` +
		`"spanId":"0102030405060708","kind":2,"name":"GET /","startTimeUnixNano":"1700000000000000000",` +
		`"endTimeUnixNano":"1700000001000000000","attributes":[` +
		`{"key":"http.request.method","value":{"stringValue":"GET"}},{"key":"url.path","value":{"stringValue":"/"}},` +
		`{"key":"http.response.status_code","value":{"intValue":"200"}},` +
		`{"key":"apispan.consumer.id","value":{"stringValue":"c"}}]}]}]}]}`
	otlpRecord = `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"eventName":"apispan.user.update",` +
		`"attributes":[{"key":"user.id","value":{"stringValue":"u"}}]}]}]}]}`
)

// operate runs the collector once for all tests of the package.
func operate(t *testing.T) operated {
	t.Helper()
	bin := fullBinary(t)
	operation.once.Do(func() { operation.got, operation.err = runOperated(t, bin) })
	if operation.err != nil {
		t.Fatal(operation.err)
	}
	return operation.got
}

func runOperated(t *testing.T, bin string) (got operated, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	taking := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer taking.Close()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer refusing.Close()

	dir := t.TempDir()
	state := filepath.Join(dir, "state")
	over := filepath.Join(dir, "overlay.yaml")
	if err := os.WriteFile(over, []byte(overlay), 0o600); err != nil {
		return got, err
	}
	// The most careless umask: what is private must not be so by luck.
	careless := filepath.Join(dir, "careless")
	if err := os.WriteFile(careless, []byte("#!/bin/sh\numask 000\nexec '"+bin+"' \"$@\"\n"), 0o700); err != nil {
		return got, err
	}
	limited, err := harness.FreePort()
	if err != nil {
		return got, err
	}
	healthPort, err := harness.FreePort()
	if err != nil {
		return got, err
	}
	c, err := harness.StartCollector(ctx, ctx, careless, harness.CollectorOptions{
		Config: filepath.Join(repoRoot(t), "collectorbuild", "config", "all-backends.yaml"),
		State:  state, Moesif: refusing.URL, ReadMe: taking.URL,
		Args: []string{"--config", over},
		Env: []string{
			fmt.Sprintf("OTLP_LIMITED=127.0.0.1:%d", limited), fmt.Sprintf("HEALTH_LISTEN=127.0.0.1:%d", healthPort),
			"MOESIF_APPLICATION_ID=an-id", "README_API_KEY=a-key",
		},
	})
	if err != nil {
		return got, err
	}
	post := func(addr, path, body string) error {
		resp, err := http.Post("http://"+addr+path, "application/json", strings.NewReader(body))
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.Body.Close()
	}
	// Again and again, until every counter has counted: some need a full queue, one
	// that the limiter has looked.
	err = c.Wait(ctx, "all metrics of interest, and the outage in the status", func() error {
		for _, addr := range []string{c.OTLPHTTP, fmt.Sprintf("127.0.0.1:%d", limited)} {
			if err := post(addr, "/v1/traces", otlpSpan); err != nil {
				return err
			}
			if err := post(addr, "/v1/logs", otlpRecord); err != nil {
				return err
			}
		}
		text, err := c.ScrapeMetrics(ctx)
		if err != nil {
			return err
		}
		got.metrics = parseScrape(text)
		for _, name := range []string{
			"otelcol_processor_memory_limiter_refused_spans", "otelcol_processor_memory_limiter_refused_log_records",
			"otelcol_exporter_enqueue_failed_spans", "otelcol_exporter_enqueue_failed_log_records",
			"otelcol_exporter_send_failed_spans", "otelcol_exporter_api_analytics_events_sent",
		} {
			if got.metrics[name] == nil {
				return fmt.Errorf("%s is not there", name)
			}
		}
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/status?verbose", healthPort))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		got.status, got.code = string(b), resp.StatusCode
		if err != nil {
			return err
		}
		if s := moesifStatus(got.status); s != "StatusRecoverableError" {
			return fmt.Errorf("the exporter's status is %q: %s", s, b)
		}
		return nil
	})
	if err != nil {
		return got, err
	}
	if err := c.Stop(30 * time.Second); err != nil {
		return got, err
	}
	got.log = c.Log()
	got.modes = map[string]fs.FileMode{}
	return got, filepath.WalkDir(state, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		got.modes[name] = info.Mode()
		return err
	})
}

var sample = regexp.MustCompile(`(?m)^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? \S+$`)
var sampleLabel = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)="(?:[^"\\]|\\.)*"`)

// parseScrape returns the names and labels in a scrape.
func parseScrape(text string) map[string]map[string]bool {
	out := map[string]map[string]bool{}
	for _, m := range sample.FindAllStringSubmatch(text, -1) {
		if out[m[1]] == nil {
			out[m[1]] = map[string]bool{}
		}
		for _, l := range sampleLabel.FindAllStringSubmatch(m[2], -1) {
			out[m[1]][l[1]] = true
		}
	}
	return out
}

// health is what healthcheckv2 tells of the Collector, a pipeline or a component.
type health struct {
	Status     string
	Error      string
	Components map[string]health
}

func moesifStatus(verbose string) string {
	var all health
	if json.Unmarshal([]byte(verbose), &all) != nil {
		return ""
	}
	return all.Components["pipeline:traces"].Components["exporter:api_analytics/moesif"].Status
}

// TestHealthShowsAnOutage: the status names the exporter whose backend refuses us,
// and stays 200, so that no probe restarts or isolates what holds the queue.
func TestHealthShowsAnOutage(t *testing.T) {
	t.Parallel()
	got := operate(t)
	if got.code != http.StatusOK {
		t.Errorf("status %d in an outage of a backend", got.code)
	}
	var all health
	if err := json.Unmarshal([]byte(got.status), &all); err != nil {
		t.Fatal(err)
	}
	traces := all.Components["pipeline:traces"].Components
	moesif, readme := traces["exporter:api_analytics/moesif"], traces["exporter:api_analytics/readme"]
	if moesif.Status != "StatusRecoverableError" || !strings.Contains(moesif.Error, "401") {
		t.Errorf("moesif: %+v", moesif)
	}
	if readme.Status != "StatusOK" {
		t.Errorf("readme: %+v", readme)
	}
	if strings.Contains(got.status, "an-id") || strings.Contains(got.status, "a-key") {
		t.Error("the status holds a secret")
	}
}

// TestFilesArePrivate: the queue and the file of a dry run hold what was captured.
// Nobody else may read them, whatever the umask.
func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	got := operate(t)
	files := 0
	for name, mode := range got.modes {
		if mode.Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", name, mode)
		}
		if mode.IsRegular() {
			files++
		}
	}
	if files < 4 || got.modes[filepath.Join("state", "dry.http")] == 0 {
		t.Errorf("the collector left only %v", got.modes)
	}
}
