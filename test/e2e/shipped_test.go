// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apispan/apispan/test/harness"
)

// TestShippedConfigsShareAHost: every address that a shipped configuration listens on can
// be moved by the environment, so that two of them run on one host.
func TestShippedConfigsShareAHost(t *testing.T) {
	t.Parallel()
	fixed := regexp.MustCompile(`(?m)^\s*(endpoint|port): *["']?(\d|localhost|127\.|0\.0\.0\.0)`)
	for _, file := range yamlFiles(t, "collectorbuild/config") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if m := fixed.Find(text); m != nil {
			t.Errorf("%s: %q is fixed", filepath.Base(file), m)
		}
		if !strings.Contains(string(text), "${env:METRICS_PORT") {
			t.Errorf("%s: the port of the metrics is fixed", filepath.Base(file))
		}
	}
}

// TestReloadValidates: a configuration that is not valid does not reach the process.
func TestReloadValidates(t *testing.T) {
	t.Parallel()
	unit := readFile(t, "collectorbuild/otelcol-apispan.service")
	check, kill := strings.Index(unit, "\nExecReload=/usr/local/bin/otelcol-apispan validate "), strings.Index(unit, "\nExecReload=/bin/kill ")
	if check < 0 || kill < check {
		t.Error("ExecReload does not validate first")
	}
}

// TestDryRunInBetween: what is stored when dry_run is set is delivered when it is unset,
// with the storage of the shipped configuration.
func TestDryRunInBetween(t *testing.T) {
	t.Parallel()
	bin := fullBinary(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var up atomic.Bool
	var events atomic.Int64
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		var list []json.RawMessage
		if z, err := gzip.NewReader(r.Body); err == nil && json.NewDecoder(z).Decode(&list) == nil {
			events.Add(int64(len(list)))
		}
		w.WriteHeader(http.StatusCreated)
	}))
	defer vendor.Close()

	state := t.TempDir()
	run := func(over string, posts int, until func() bool) {
		t.Helper()
		var addr [3]string
		for i := range addr {
			port, err := harness.FreePort()
			if err != nil {
				t.Fatal(err)
			}
			addr[i] = (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}).String()
		}
		p, err := harness.Start(ctx, bin, harness.StartOptions{
			Args: []string{
				"--config", filepath.Join(repoRoot(t), "collectorbuild/config/moesif.yaml"),
				"--config", `yaml:{ receivers: { otlp: { protocols: { http: { endpoint: "` + addr[0] + `" }, grpc: { endpoint: "` + addr[1] + `" } } } }, service: { telemetry: { metrics: { level: none } } } }`,
				"--config", `yaml:{ exporters: { api_analytics/moesif: { endpoint: "` + vendor.URL + `", retry_on_failure: { initial_interval: 200ms, max_interval: 1s }` + over + ` } } }`,
			},
			Env: []string{"HEALTH_LISTEN=" + addr[2], "STATE_DIR=" + state, "MOESIF_APPLICATION_ID=an-id"},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = p.Stop(20 * time.Second) }()
		if err := p.Wait(ctx, "being ready", harness.HTTPReady("http://"+addr[2]+"/status")); err != nil {
			t.Fatal(err)
		}
		for range posts {
			resp, err := http.Post("http://"+addr[0]+"/v1/traces", "application/json", strings.NewReader(otlpSpan))
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("status %d", resp.StatusCode)
			}
		}
		for !until() && ctx.Err() == nil {
			time.Sleep(50 * time.Millisecond)
		}
	}
	at := func(d time.Duration) func() bool {
		end := time.Now().Add(d)
		return func() bool { return time.Now().After(end) }
	}
	run("", 5, at(0))
	run(", dry_run: true", 3, at(2*time.Second))
	up.Store(true)
	run("", 0, func() bool { return events.Load() >= 5 })
	if n := events.Load(); n != 5 {
		t.Errorf("%d events arrived, want the 5 that were stored", n)
	}
}
