// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/apispan/apispan/test/harness"
)

// answers is a collector that answers a request when the exchanges are in the table.
const answers = `
receivers:
  otlp: { protocols: { http: { endpoint: "${env:OTLP}", max_request_body_size: 67108864 } } }
exporters:
  api_analytics/clickhouse:
    clickhouse:
      endpoint: ${env:CLICKHOUSE_ENDPOINT}
      database: ${env:DATABASE}
      create_schema: ${env:CREATE}
      retention: 0
      body_retention: 0
      async_insert: ${env:ASYNC}
    timeout: 60s
    sending_queue: { wait_for_result: true }
service:
  telemetry: { metrics: { level: none } }
  pipelines:
    traces: { receivers: [otlp], exporters: [api_analytics/clickhouse] }
`

// collector is a running otelcol-apispan.
type collector struct {
	t    testing.TB
	otlp string
	bin  string
	opt  harness.StartOptions
	proc *harness.Process
}

// newCollector runs the collector with a configuration that is a file, or a text in YAML.
func newCollector(t testing.TB, e *engine, config string, env ...string) *collector {
	t.Helper()
	root, err := harness.FindRoot()
	if err != nil {
		t.Fatal(err)
	}
	b := &harness.Builder{Root: root, Progress: t.Logf}
	bin, err := b.Collector(context.Background(), "manifest.yaml")
	if err != nil {
		t.Fatal(err)
	}
	local := func() string {
		port, err := harness.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	args := []string{"--config", filepath.Join(root, "collectorbuild", "config", config)}
	otlp, grpc := local(), local()
	if config == answers {
		args = []string{"--config", "yaml:" + config}
	} else {
		args = append(args, "--config", `yaml:{ receivers: { otlp: { protocols: { http: { endpoint: "`+otlp+`" }, grpc: { endpoint: "`+grpc+`" } } } }, service: { telemetry: { metrics: { level: none } } } }`)
	}
	c := &collector{t: t, otlp: "http://" + otlp, bin: bin, opt: harness.StartOptions{
		Args: args,
		Env:  append([]string{"OTLP=" + otlp, "CLICKHOUSE_ENDPOINT=" + e.url, "ASYNC=false", "DATABASE=api", "CREATE=true", "STATE_DIR=" + t.TempDir(), "HEALTH_LISTEN=" + local()}, env...),
	}}
	c.start()
	t.Cleanup(func() { _ = c.proc.Stop(30 * time.Second) })
	return c
}

func (c *collector) start() {
	c.t.Helper()
	var err error
	if c.proc, err = harness.Start(context.Background(), c.bin, c.opt); err != nil {
		c.t.Fatal(err)
	}
}

// ready waits until the collector takes OTLP.
func (c *collector) ready() *collector {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := c.proc.Wait(ctx, "taking OTLP", func() error {
		resp, err := http.Post(c.otlp+"/v1/traces", "application/json", bytes.NewReader([]byte("{}")))
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return c
}

// send posts spans and wants them to be taken.
func (c *collector) send(td ptrace.Traces) {
	c.t.Helper()
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		c.t.Fatal(err)
	}
	resp, err := http.Post(c.otlp+"/v1/traces", "application/x-protobuf", bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		c.t.Fatalf("the collector answered %d", resp.StatusCode)
	}
}

func readDir(t testing.TB, dir string) map[string]string {
	t.Helper()
	root, err := harness.FindRoot()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, dir, "*.sql"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no SQL in %s (%v)", dir, err)
	}
	out := map[string]string{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(file)] = string(b)
	}
	return out
}
