// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// lineEncoder writes an exchange as one line of JSON, and panics or drops where a
// test asks for it.
type lineEncoder struct{ maxItem int }

func (e lineEncoder) Spec() backend.Spec {
	return backend.Spec{
		Name: "line", Path: "/", Frame: backend.JSONArray,
		MaxItems: 10, MaxItemBytes: e.maxItem, MaxRequestBytes: 1 << 20,
	}
}

func (lineEncoder) Append(dst []byte, ex *exchange.Exchange) ([]byte, backend.Drop) {
	dst = append(dst, "partial"...)
	switch ex.UserID {
	case "panic":
		panic("encoder")
	case "direction":
		return dst[:len(dst)-len("partial")], backend.DropDirection
	}
	dst = dst[:len(dst)-len("partial")]
	b, err := json.Marshal(line{
		ID: ex.ID, Req: ex.Request.Body.Data, Resp: ex.Response.Body.Data, URL: ex.URL(), Size: ex.Request.Body.Size,
		Cut:     ex.Request.Body.Truncated || ex.Response.Body.Truncated,
		Headers: len(ex.Request.Headers) + len(ex.Response.Headers),
	})
	if err != nil {
		panic(err)
	}
	return append(dst, b...), backend.Keep
}

func (lineEncoder) SetHeader(http.Header)        {}
func (lineEncoder) Classify(s int) backend.Class { return backend.ClassifyHTTP(s) }

type line struct {
	ID      string `json:"id"`
	Req     string `json:"req"`
	Resp    string `json:"resp"`
	URL     string `json:"url"`
	Cut     bool   `json:"cut"`
	Headers int    `json:"headers"`
	Size    int64  `json:"size"`
}

// translate runs the translator over td and returns the events.
func translate(t *testing.T, enc backend.Encoder, gates Gates, requireRedaction bool, td ptrace.Traces) ([]line, counts, *observer.ObservedLogs) {
	t.Helper()
	r := newRig(t, testConfig("http://127.0.0.1:1"))
	core, logs := observer.New(zap.DebugLevel)
	tr := newTranslator(enc, choice{name: "line", Facts: backend.Facts{Gates: &gates}}, requireRedaction, r.exp.tel, zap.New(core))
	td.MarkReadOnly() // the translator must not write
	req := tr.translate(context.Background(), td)
	lines := make([]line, len(req.items))
	for i, it := range req.items {
		if err := json.Unmarshal(it, &lines[i]); err != nil {
			t.Fatalf("item %d is %q: %v", i, it, err)
		}
	}
	return lines, r.counts(), logs
}

func ref[T any](v T) *T { return &v }

func all() Gates { return Gates{Bodies: BodiesAll, Headers: true} }

func TestTranslateSkipsAndDrops(t *testing.T) {
	t.Parallel()
	td := traces(0, 8)
	spanAt(td, 1).SetKind(ptrace.SpanKindInternal)
	spanAt(td, 2).Attributes().Remove("http.request.method")
	spanAt(td, 3).Attributes().PutBool("apispan.skip", true)
	spanAt(td, 4).Attributes().Remove("apispan.redaction.policy")
	spanAt(td, 5).Attributes().PutStr("user.id", "panic")
	spanAt(td, 6).Attributes().PutStr("user.id", "direction")
	lines, c, logs := translate(t, lineEncoder{maxItem: 10_000}, all(), true, td)
	if len(lines) != 2 || lines[0].ID == lines[1].ID {
		t.Errorf("events %+v", lines)
	}
	got := fmt.Sprint(c.Translated, c.Dropped, c.Skipped)
	if want := "5 map[direction:1 internal:1 unredacted:1] map[not_http:1 requested:1 span_kind:1]"; got != want {
		t.Errorf("counts %s, want %s", got, want)
	}
	if n := logs.FilterMessageSnippet("http_redaction").Len(); n != 1 {
		t.Errorf("%d lines about redaction", n)
	}
}

func TestRequireRedactionOff(t *testing.T) {
	t.Parallel()
	td := traces(0, 1)
	spanAt(td, 0).Attributes().Remove("apispan.redaction.policy")
	if lines, c, _ := translate(t, lineEncoder{maxItem: 10_000}, all(), false, td); len(lines) != 1 || len(c.Dropped) != 0 {
		t.Errorf("%d events, dropped %v", len(lines), c.Dropped)
	}
}

// TestEventSize: bodies are cut until the event fits, then the URL.
func TestEventSize(t *testing.T) {
	t.Parallel()
	const limit = 2000
	for _, tc := range []struct {
		name      string
		req, resp string
		path      string
		cut       bool
	}{
		{name: "small", req: "a", resp: "b"},
		{name: "long response", req: "a", resp: strings.Repeat("b", 10_000), cut: true},
		{name: "both long", req: strings.Repeat("a", 5000), resp: strings.Repeat("b", 10_000), cut: true},
		{name: "grows by escaping", resp: strings.Repeat("\x01", 3000), cut: true},
		{name: "escapes at the end only", resp: strings.Repeat("a", 1500) + strings.Repeat("\x01", 3000), cut: true},
		{name: "escapes at the start only", resp: strings.Repeat("\x01", 300) + strings.Repeat("a", 90_000), cut: true},
		{name: "runes", resp: strings.Repeat("\U0001F600", 3000), cut: true},
		{name: "long url", path: "/" + strings.Repeat("p", 3000), cut: true},
	} {
		td := traces(0, 3)
		a := spanAt(td, 1).Attributes()
		a.PutStr("http.request.body.content", tc.req)
		a.PutStr("http.response.body.content", tc.resp)
		if tc.path != "" {
			a.PutStr("url.path", tc.path)
		}
		lines, c, _ := translate(t, lineEncoder{maxItem: limit}, all(), true, td)
		if len(lines) != 3 || len(c.Dropped) != 0 || c.Truncated > 0 != tc.cut {
			t.Fatalf("%s: %d events, %+v", tc.name, len(lines), c)
		}
		l := lines[1]
		if l.Cut != (tc.cut && tc.path == "") || !strings.HasPrefix(tc.req, l.Req) || !strings.HasPrefix(tc.resp, l.Resp) {
			t.Errorf("%s: %+v", tc.name, l)
		}
		encoded, err := json.Marshal(l.Resp)
		if err != nil {
			t.Fatal(err)
		}
		if tc.cut && tc.path == "" && len(encoded) < limit/5 {
			t.Errorf("%s: cut down to %d bytes though %d were allowed", tc.name, len(encoded), limit)
		}
	}
}

func TestMaxEventSizeNarrows(t *testing.T) {
	t.Parallel()
	td := traces(0, 1)
	spanAt(td, 0).Attributes().PutStr("http.response.body.content", strings.Repeat("b", 8000))
	gates := all()
	gates.MaxEventSize = 5000
	if lines, c, _ := translate(t, lineEncoder{maxItem: 10_000}, gates, true, td); len(lines) != 1 || !lines[0].Cut || c.Truncated != 1 {
		t.Errorf("%+v %+v", lines, c)
	}
}

// TestItemsOwnTheirMemory: the queue must not see what later calls write.
func TestItemsOwnTheirMemory(t *testing.T) {
	t.Parallel()
	r := newRig(t, testConfig("http://127.0.0.1:1"))
	first := r.exp.translator.translate(context.Background(), traces(0, 20))
	var before [][]byte
	for _, it := range first.items {
		before = append(before, bytes.Clone(it))
	}
	for i := range 50 {
		r.exp.translator.translate(context.Background(), traces(1000*i, 20))
	}
	for i, it := range first.items {
		if !bytes.Equal(before[i], it) {
			t.Fatalf("item %d changed", i)
		}
		if cap(it) != len(it) {
			t.Errorf("item %d has spare capacity over its neighbour", i)
		}
	}
}

func TestLimitedLog(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.DebugLevel)
	clock := spanStart
	l := limitedLog{now: func() time.Time { return clock }}
	for range 100 {
		l.warn(zap.New(core), "m", 2)
		clock = clock.Add(time.Second)
	}
	l.warn(zap.New(core), "m", 0)
	var got []int64
	for _, e := range logs.All() {
		got = append(got, e.ContextMap()["events"].(int64))
	}
	if fmt.Sprint(got) != "[2 120]" {
		t.Errorf("logged %v", got)
	}
}

// TestEmptyRequestsStayOut: spans without exchanges do not enter the queue.
func TestEmptyRequestsStayOut(t *testing.T) {
	t.Parallel()
	r := newRig(t, testConfig("http://127.0.0.1:1")).start()
	for _, td := range []ptrace.Traces{ptrace.NewTraces(), func() ptrace.Traces {
		td := traces(0, 1)
		spanAt(td, 0).SetKind(ptrace.SpanKindInternal)
		return td
	}()} {
		if err := r.exp.ConsumeTraces(context.Background(), td); err != nil {
			t.Error(err)
		}
	}
	r.shutdown()
	if c := r.checkBooks(); c.Translated != 0 || len(c.Requests) != 0 {
		t.Errorf("%+v", c)
	}
	if _, err := r.tel.GetMetric("otelcol_exporter_queue_batch_send_size"); err == nil {
		t.Error("an empty request was queued")
	}
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]func(*Config){"memory": func(*Config) {}, "synchronous": withoutQueue, "batch": withBatch} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig("http://127.0.0.1:1")
			cfg.DryRun = true
			mode(cfg)
			r := newRig(t, cfg).start()
			if err := r.exp.ConsumeTraces(context.Background(), traces(0, 30)); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the events are counted", func() bool { return r.counts().Dropped["dry_run"] == 30 })
			r.shutdown()
			if c := r.checkBooks(); c.Sent != 0 || len(c.Requests) != 0 {
				t.Errorf("%+v", c)
			}
			if r.logs.FilterMessageSnippet("dry_run is true").Len() != 1 {
				t.Error("dry run is not announced")
			}
		})
	}
}

// TestNotMutating: with several exporters in a pipeline the Collector would copy
// every span for an exporter that claims to change data.
func TestNotMutating(t *testing.T) {
	t.Parallel()
	cfg := testConfig("http://127.0.0.1:1")
	withBatch(cfg)
	if r := newRig(t, cfg); r.exp.Capabilities().MutatesData {
		t.Error("MutatesData")
	}
}

func TestHandoffIsRequired(t *testing.T) {
	t.Parallel()
	if _, err := fromHandoff(context.Background(), ptrace.NewTraces()); err == nil {
		t.Error("no error")
	}
}
