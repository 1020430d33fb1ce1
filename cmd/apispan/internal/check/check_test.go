// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const secret = "SECRET-0f4a-SECRET"

// good is a configuration without findings; %s is the exporter's endpoint.
const good = `
receivers:
  otlp: { protocols: { http: { endpoint: 127.0.0.1:4318 } } }
processors:
  memory_limiter: { limit_mib: 500 }
  http_redaction: { preset: default }
exporters:
  api_analytics/moesif:
    endpoint: %s
    moesif: { application_id: "${env:DOCTOR_KEY}" }
    sending_queue: { storage: file_storage, sizer: bytes, queue_size: 50000000 }
extensions:
  file_storage: { directory: ".", fsync: true }
service:
  extensions: [file_storage]
  pipelines:
    traces: { receivers: [otlp], processors: [memory_limiter, http_redaction], exporters: [api_analytics/moesif] }
`

func examine(t *testing.T, offline bool, configs ...string) (*Report, string) {
	t.Helper()
	var files []string
	for i, c := range configs {
		name := filepath.Join(t.TempDir(), fmt.Sprintf("c%d.yaml", i))
		if err := os.WriteFile(name, []byte(c), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, name)
	}
	r := Examine(context.Background(), Options{Files: files, Offline: offline, Timeout: 2 * time.Second, Collector: "none"})
	var out bytes.Buffer
	if err := r.Write(&out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "SECRET") {
		t.Errorf("the report holds a secret:\n%s", out.String())
	}
	return r, out.String()
}

func TestGood(t *testing.T) {
	t.Setenv("DOCTOR_KEY", secret)
	r, out := examine(t, true, fmt.Sprintf(good, `"https://api.example.com"`))
	for _, f := range r.Findings() {
		if f.Level == Warn && f.Check != 12 || f.Level == Fail {
			t.Errorf("%d %v %s: %s", f.Check, f.Level, f.About, f.Text)
		}
	}
	for n := range checks {
		if n < 13 && !strings.Contains(out, fmt.Sprintf("%2d  ", n)) {
			t.Errorf("check %d says nothing:\n%s", n, out)
		}
	}
}

// TestFindings lays one file over the good one for each thing that can be wrong.
func TestFindings(t *testing.T) {
	t.Setenv("DOCTOR_KEY", secret)
	exporter := func(s string) string { return "exporters: { api_analytics/moesif: { " + s + " } }" }
	traces := func(s string) string { return "service: { pipelines: { traces: { " + s + " } } }" }
	for name, tc := range map[string]struct {
		overlay string
		check   int
		level   Level
		text    string
	}{
		"no YAML":              {"a: [" + secret, 1, Fail, "is no YAML"},
		"variable not set":     {exporter(`moesif: { application_id: "${env:DOCTOR_NO_SUCH}" }`), 2, Fail, "DOCTOR_NO_SUCH"},
		"file not there":       {exporter(`moesif: { application_id: "${file:/no/such/file-17}" }`), 2, Fail, "file-17"},
		"no redaction":         {traces("processors: [memory_limiter]"), 3, Warn, "no http_redaction before"},
		"redaction waived":     {traces("processors: [memory_limiter]") + "\n" + exporter("require_redaction: false"), 3, Fail, "everything that was captured leaves"},
		"unknown preset":       {"processors: { http_redaction: { preset: defautl } }", 17, Fail, "c1.yaml:1: processors::http_redaction::preset: `preset` takes one of allowlist, default"},
		"bad policy":           {"processors:\n  http_redaction:\n    preset:\n    policy:\n      keys:\n        allow: [a]\n        dney: [" + secret + "]\n", 4, Fail, "c1.yaml:7: http_redaction: the policy is refused: keys.dney: unknown field (did you mean deny?)"},
		"policy without key":   {"processors: { http_redaction: { preset: , policy: { keys: { hmac: [user_id] }, hmac: { active: k1, keys: [{ id: k1, env: DOCTOR_NO_SUCH }] } } } }", 4, Fail, "key k1"},
		"dry run":              {"processors: { http_redaction: { dry_run: true } }", 4, Fail, "nothing is redacted"},
		"secret in the file":   {exporter("moesif: { application_id: " + secret + " }"), 5, Warn, "application_id"},
		"no storage":           {exporter("sending_queue: { storage: }"), 6, Fail, "is not set"},
		"storage not started":  {"service: { extensions: [] }", 6, Fail, "not among"},
		"no fsync":             {"extensions: { file_storage: { fsync: false } }", 6, Warn, "power cut"},
		"waits for the result": {exporter("sending_queue: { wait_for_result: true }"), 6, OK, "senders wait"},
		"gives up":             {exporter("retry_on_failure: { max_elapsed_time: 5m }"), 7, Warn, "5m"},
		"no retry":             {exporter("retry_on_failure: { enabled: false }"), 7, Fail, "one failed request"},
		"batch processor":      {traces("processors: [memory_limiter, http_redaction, batch]"), 8, Fail, "batch processor"},
		"tail sampling":        {traces("processors: [memory_limiter, tail_sampling, http_redaction]"), 8, Warn, "tail_sampling"},
		"queue too small":      {exporter("sending_queue: { queue_size: 1000000 }"), 9, Fail, "twice"},
		"limiter not first":    {traces("processors: [http_redaction, memory_limiter]"), 9, Warn, "not the first"},
		"no limiter":           {traces("processors: [http_redaction]"), 9, Warn, "no memory_limiter"},
		"open receiver":        {`receivers: { otlp: { protocols: { http: { endpoint: "0.0.0.0:4318" } } } }`, 10, Warn, "without TLS"},
		"TLS for everyone":     {`receivers: { otlp: { protocols: { http: { endpoint: "0.0.0.0:4318", tls: { cert_file: a } } } } }`, 10, Warn, "anyone"},
		"clear text":           {exporter(`endpoint: "http://api.example.com"`), 11, Fail, "unencrypted"},
		"certificate ignored":  {exporter("tls: { insecure_skip_verify: true }"), 11, Fail, "insecure_skip_verify"},
		"no directory":         {"extensions: { file_storage: { directory: /no/such/dir } }", 12, Fail, "does not exist"},
		"disk too small":       {exporter("sending_queue: { queue_size: 900000000000000 }"), 12, Warn, "free"},
	} {
		t.Run(name, func(t *testing.T) {
			_, out := examine(t, true, fmt.Sprintf(good, `"https://api.example.com"`), tc.overlay)
			for line := range strings.Lines(out) {
				if strings.HasPrefix(line, fmt.Sprintf("%2d  %-4s  ", tc.check, tc.level)) && strings.Contains(line, tc.text) {
					return
				}
			}
			t.Errorf("no finding %d %v with %q:\n%s", tc.check, tc.level, tc.text, out)
		})
	}
}

func TestSDK(t *testing.T) {
	t.Setenv("DOCTOR_KEY", secret)
	t.Setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "64")
	t.Setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "255")
	t.Setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5000")
	t.Setenv("OTEL_TRACES_SAMPLER", "traceidratio")
	_, out := examine(t, true, fmt.Sprintf(good, `"https://api.example.com"`))
	if n := strings.Count(out, "\n16  "); n != 4 {
		t.Errorf("%d findings of check 16, want 4:\n%s", n, out)
	}
}

// TestShippedConfigurations: what we recommend must not worry the doctor.
func TestShippedConfigurations(t *testing.T) {
	for _, name := range []string{
		"MOESIF_APPLICATION_ID", "README_API_KEY", "METLO_API_KEY", "METLO_ENCRYPTION_KEY", "CERBERUS_TOKEN", "WEBHOOK_TOKEN", "METER_TOKEN", "TLS_DIR", "KAFKA_BROKERS",
	} {
		t.Setenv(name, secret)
	}
	for _, name := range []string{"GATEWAY", "OTLP_BACKEND", "METLO_ENDPOINT", "CERBERUS_ENDPOINT", "CERBERUS_BACKEND_URL", "WEBHOOK_ENDPOINT", "METER_ENDPOINT"} {
		t.Setenv(name, "https://example.com")
	}
	files, err := filepath.Glob("../../../../collectorbuild/config/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no configurations", err)
	}
	for _, file := range files {
		if filepath.Base(file) == "demo.yaml" {
			continue // has its addresses from whoever starts it
		}
		for _, f := range Examine(context.Background(), Options{Files: []string{file}, Offline: true, Collector: "none"}).Findings() {
			if f.Level == Fail {
				t.Errorf("%s: %d %s: %s", filepath.Base(file), f.Check, f.About, f.Text)
			}
		}
	}
}

func TestBackends(t *testing.T) {
	t.Setenv("DOCTOR_KEY", secret)
	status, skew := http.StatusOK, time.Duration(0)
	page := ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/v1/config" || r.Header.Get("X-Moesif-Application-Id") != secret {
			t.Errorf("%s %s", r.Method, r.URL.Path)
		}
		w.Header().Set("Date", time.Now().Add(skew).UTC().Format(http.TimeFormat))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, page)
	}))
	defer srv.Close()
	want := func(check int, level Level) {
		t.Helper()
		r, out := examine(t, false, fmt.Sprintf(good, srv.URL))
		for _, f := range r.Findings() {
			if f.Check == check && f.Level == level {
				return
			}
		}
		t.Errorf("no finding %d %v:\n%s", check, level, out)
	}
	want(13, OK)
	want(14, OK)
	want(15, OK)
	page = "\n<!doctype html><title>Sign in</title>"
	want(14, Warn)
	page = ""
	skew = time.Hour
	want(15, Warn)
	status = http.StatusUnauthorized
	want(14, Fail)
	status = http.StatusNotFound
	want(14, Warn)
	srv.Close()
	want(13, Fail)
}
