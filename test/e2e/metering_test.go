// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

const meterConfig = `
exporters:
  api_analytics/meter:
    cloudevents: { endpoint: "%s/api/v1/events", subject: company }
    sending_queue: { storage: file_storage/queue }
    retry_on_failure: { initial_interval: 100ms, max_interval: 500ms, max_elapsed_time: 0 }
service:
  pipelines:
    traces:
      exporters: [api_analytics/meter]
`

// usage is what a customer is billed for.
type usage struct{ Calls, Bytes, Tokens int64 }

// TestMetering: a hundred batches come in, every tenth twice, while the collector is killed
// with SIGKILL again and again and the meter takes events and loses its answer. Counted by
// source and id, as the meter does, the usage of each customer is exact.
func TestMetering(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the collector")
	}
	const batches, perBatch, kills = 100, 20, 5
	bin := programs(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var args []string
	for range 12 {
		// "count=3" is three proper answers.
		for _, fault := range []string{"take,reset", "count=3", "status=503", "count=3"} {
			args = append(args, "-cloudevents-fault", fault)
		}
	}
	fakes, url := startFake(ctx, t, bin, "cloudevents", args...)
	file := filepath.Join(t.TempDir(), "meter.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, meterConfig, url), 0o600); err != nil {
		t.Fatal(err)
	}
	collector := startCollector(ctx, t, bin, fakes, "--config", file)
	target := "http://" + collector.OTLPHTTP + "/v1/traces"
	want := map[string]usage{}
	delivered := make(chan error, 1)
	go func() {
		for b := range batches {
			td := calls(b, perBatch, want)
			for range 1 + (b%10)/9 {
				if err := deliver(ctx, target, td); err != nil {
					delivered <- err
					return
				}
			}
			time.Sleep(20 * time.Millisecond)
		}
		delivered <- nil
	}()
	rng := rand.New(rand.NewPCG(16, 100))
	for range kills {
		time.Sleep(200*time.Millisecond + time.Duration(rng.IntN(600))*time.Millisecond)
		collector.Kill()
		if err := collector.Restart(ctx, ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-delivered; err != nil {
		t.Fatal(err)
	}
	err := collector.Wait(ctx, "delivery", func() error {
		if got := fakes.Count("cloudevents"); got < batches*perBatch {
			return fmt.Errorf("%d of %d events", got, batches*perBatch)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := collector.Stop(30 * time.Second); err != nil {
		t.Error(err)
	}

	got, seen, repeats := map[string]usage{}, map[string]bool{}, 0
	for _, r := range fakes.Records() {
		switch {
		case r.Type == "violation":
			t.Errorf("%s: %s", r.Backend, r.Message)
		case r.Type != "event":
			continue
		}
		var e struct {
			ID, Source, Subject string
			Data                struct {
				RequestBytes int64 `json:"request_bytes"`
				Weight       int64
				Metadata     struct {
					Tokens int64 `json:"gen_ai_usage_output_tokens"`
				}
			}
		}
		if err := json.Unmarshal(r.Event, &e); err != nil {
			t.Fatal(err)
		}
		key := e.Source + " " + e.ID
		if seen[key] {
			repeats++
			continue
		}
		seen[key] = true
		u := got[e.Subject]
		got[e.Subject] = usage{u.Calls + e.Data.Weight, u.Bytes + e.Data.RequestBytes, u.Tokens + e.Data.Metadata.Tokens}
	}
	if !maps.Equal(got, want) {
		t.Errorf("usage %v, want %v", got, want)
	}
	if repeats == 0 {
		t.Error("nothing came twice, so the test says nothing")
	}
	t.Logf("%d events, %d came again, %d kills", len(seen), repeats, kills)
}

// calls are batch b, and adds to the usage what it is.
func calls(b, n int, sum map[string]usage) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "chat:api")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		span := spans.AppendEmpty()
		span.SetTraceID([16]byte{3, byte(b), byte(i)})
		span.SetSpanID([8]byte{3, byte(b), byte(i)})
		span.SetKind(ptrace.SpanKindServer)
		span.SetStartTimestamp(1_760_000_000_000_000_000)
		span.SetEndTimestamp(1_760_000_000_001_000_000)
		company, size, tokens := fmt.Sprintf("company-%d", (b+i)%7), int64(b*i), int64(b+i)
		a := span.Attributes()
		a.PutStr("http.request.method", "POST")
		a.PutStr("http.route", "/v1/chat/{id}")
		a.PutStr("url.path", "/v1/chat/7")
		a.PutInt("http.response.status_code", 200)
		a.PutInt("http.request.body.size", size)
		a.PutInt("gen_ai.usage.output_tokens", tokens)
		a.PutStr("apispan.company.id", company)
		u := sum[company]
		sum[company] = usage{u.Calls + 1, u.Bytes + size, u.Tokens + tokens}
	}
	return td
}

// deliver sends td until it is acknowledged.
func deliver(ctx context.Context, url string, td ptrace.Traces) error {
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		return err
	}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/x-protobuf")
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(30 * time.Millisecond):
		}
	}
}
