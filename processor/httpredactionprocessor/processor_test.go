// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/processor/httpredactionprocessor/internal/metadata"
)

func TestStamp(t *testing.T) {
	t.Parallel()
	r := redactorFor(t, walkPolicy, nil)
	td, span := newSpan()
	a := span.Attributes()
	a.PutStr("password", secret)
	a.PutStr("some.text", card)
	// Stamps that come in prove nothing.
	a.PutStr(httpattr.RedactionPolicy, "forged")
	a.PutInt(httpattr.RedactionCount, 99)
	td.ResourceSpans().At(0).Resource().Attributes().PutStr(httpattr.RedactionPolicy, "forged")
	span.Events().AppendEmpty().Attributes().PutStr(httpattr.RedactionPolicy, "forged")

	out := r.mustTraces(t, td)
	s := onlySpan(t, out)
	if v, _ := s.Attributes().Get(httpattr.RedactionPolicy); v.Str() != r.policy.Hash() || len(v.Str()) != 16 {
		t.Errorf("policy stamp = %q, want %q", v.AsString(), r.policy.Hash())
	}
	if v, _ := s.Attributes().Get(httpattr.RedactionCount); v.Int() != 2 {
		t.Errorf("count = %v, want 2", v.AsString())
	}
	if strings.Contains(tracesText(t, out), "forged") {
		t.Error("a forged stamp is left")
	}

	// Nothing to redact: the stamp says so by having no count.
	td, _ = newSpan()
	s = onlySpan(t, r.mustTraces(t, td))
	want := map[string]any{httpattr.RedactionPolicy: r.policy.Hash()}
	if diff := cmp.Diff(want, s.Attributes().AsRaw()); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
}

func TestAuditOff(t *testing.T) {
	t.Parallel()
	td, span := newSpan()
	span.Attributes().PutStr("password", secret)
	s := onlySpan(t, redactorFor(t, walkPolicy+"\naudit: off", nil).mustTraces(t, td))
	if _, ok := s.Attributes().Get(httpattr.RedactionCount); ok {
		t.Error("audit: off writes a count")
	}
	if _, ok := s.Attributes().Get(httpattr.RedactionPolicy); !ok {
		t.Error("audit: off writes no stamp")
	}
}

func TestDryRunChangesNothingAndDoesNotStamp(t *testing.T) {
	t.Parallel()
	tel := componenttest.NewTelemetry()
	r := redactorFor(t, walkPolicy+"\ndry_run: true", tel)
	td, span := newSpan()
	span.Attributes().PutStr("password", secret)
	want := tracesText(t, td)
	span.Attributes().PutStr(httpattr.RedactionPolicy, "forged")
	if got := tracesText(t, r.mustTraces(t, td)); got != want {
		t.Errorf("a dry run changed the data:\n%s\n%s", want, got)
	}
	if n := sum(t, tel, "otelcol_processor_http_redaction_values"); n != 1 {
		t.Errorf("a dry run counted %d values, want 1", n)
	}

	ld := plog.NewLogs()
	rec := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	rec.Body().SetStr("n=" + card)
	want = logsText(t, ld)
	rec.Attributes().PutStr(httpattr.RedactionPolicy, "forged")
	if got := logsText(t, r.mustLogs(t, ld)); got != want {
		t.Errorf("a dry run changed logs:\n%s\n%s", want, got)
	}
}

func TestStripCaptured(t *testing.T) {
	t.Parallel()
	td, span := newSpan()
	a := span.Attributes()
	for _, k := range []string{
		"http.request.header.accept", "http.response.header.etag", "http.request.headers.accept", "http.request.body.content",
		"http.response.body.content", "http.request.body", "user.id", "enduser.id", "session.id", "user.email",
		"apispan.company.id", "apispan.metadata.plan", "apispan.event.id", "apispan.request.body.truncated",
		"rpc.grpc.request.metadata.x",
	} {
		a.PutStr(k, "x")
	}
	a.PutStr("http.request.method", "GET")
	a.PutStr("url.path", "/orders")
	a.PutStr("password", secret)
	a.PutInt("http.request.body.size", 5)
	r := redactorFor(t, walkPolicy+"\nstrip_captured: true\nidentity: {user.id: [{header: accept}]}", nil)
	got := onlySpan(t, r.mustTraces(t, td)).Attributes().AsRaw()
	want := map[string]any{
		"http.request.method": "GET", "url.path": "/orders", "password": "[REDACTED]", "http.request.body.size": int64(5),
		httpattr.RedactionPolicy: r.policy.Hash(), httpattr.RedactionCount: int64(1),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	tel := componenttest.NewTelemetry()
	r := redactorFor(t, walkPolicy, tel)
	td, span := newSpan()
	span.Attributes().PutStr("password", secret)
	span.Attributes().PutStr(httpattr.RequestBody, `{"password":"x","a":`)
	span.SetName("charge " + card)
	r.mustTraces(t, td)
	if n := sum(t, tel, "otelcol_processor_http_redaction_items"); n != 1 {
		t.Errorf("items = %d", n)
	}
	for _, tt := range []struct {
		place, action string
		want          int64
	}{{"attribute", "mask", 1}, {"body", "mask", 1}, {"span_name", "mask", 1}} {
		got := sumWhere(t, tel, "otelcol_processor_http_redaction_values", "place", tt.place, "action", tt.action)
		if got != tt.want {
			t.Errorf("%s/%s = %d, want %d", tt.place, tt.action, got, tt.want)
		}
	}
}

// statusHost collects component status.
type statusHost struct {
	component.Host

	mu     sync.Mutex
	events []componentstatus.Status
	seen   chan componentstatus.Status
}

func (h *statusHost) Report(e *componentstatus.Event) {
	h.mu.Lock()
	h.events = append(h.events, e.Status())
	h.mu.Unlock()
	h.seen <- e.Status()
}

func TestMissingKeyDegradesAndRecovers(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "key")
	tel := componenttest.NewTelemetry()
	r := redactorFor(t, `
policy:
  version: 1
  keys: { hmac: [user.id] }
  hmac: { keys: [{ id: k1, file: '`+key+`' }] }
key_reload_interval: 5ms
`, tel)
	host := &statusHost{Host: componenttest.NewNopHost(), seen: make(chan componentstatus.Status, 16)}
	if err := r.start(t.Context(), host); err != nil {
		t.Fatal(err)
	}
	wait := func(want componentstatus.Status) {
		t.Helper()
		select {
		case got := <-host.seen:
			if got != want {
				t.Fatalf("status = %v, want %v", got, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("no status %v", want)
		}
	}
	id := func() string {
		td, span := newSpan()
		span.Attributes().PutStr("user.id", secret)
		v, _ := onlySpan(t, r.mustTraces(t, td)).Attributes().Get("user.id")
		return v.Str()
	}
	wait(componentstatus.StatusRecoverableError)
	if got := id(); got != "[REDACTED]" {
		t.Errorf("without a key user.id = %q, want the mask", got)
	}
	// The file is made whole and then put in place, as secret stores do.
	tmp := key + ".tmp"
	if err := os.WriteFile(tmp, []byte(strings.Repeat("k", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, key); err != nil {
		t.Fatal(err)
	}
	wait(componentstatus.StatusOK)
	if got := id(); !strings.HasPrefix(got, "hmac:k1:") {
		t.Errorf("with a key user.id = %q, want a token", got)
	}
	if err := r.shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := sumWhere(t, tel, "otelcol_processor_http_redaction_key_reloads", "result", "ok"); n < 1 {
		t.Errorf("%d reloads were counted", n)
	}
	if err := r.shutdown(context.Background()); err != nil {
		t.Errorf("second shutdown: %v", err)
	}
}

func TestConcurrentBatches(t *testing.T) {
	t.Parallel()
	sink := new(consumertest.TracesSink)
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(metadata.Type), mustConfig(t, walkPolicy), sink)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Capabilities().MutatesData {
		t.Error("the processor must say that it changes data")
	}
	if err := p.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				td, span := newSpan()
				for name, put := range keyed {
					put(span.Attributes().PutEmptyMap("x." + name))
				}
				if err := p.ConsumeTraces(context.Background(), td); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if sink.SpanCount() != 400 {
		t.Fatalf("%d spans came out, want 400", sink.SpanCount())
	}
	for _, td := range sink.AllTraces() {
		mustNotHold(t, tracesText(t, td), secret)
	}
}

func TestLogsAreStamped(t *testing.T) {
	t.Parallel()
	r := redactorFor(t, walkPolicy, nil)
	ld := plog.NewLogs()
	rec := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	rec.Body().SetEmptyMap().PutStr("password", secret)
	rec.Body().Map().PutInt("n", 1)
	out := r.mustLogs(t, ld).ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	if v, _ := out.Attributes().Get(httpattr.RedactionPolicy); v.Str() != r.policy.Hash() {
		t.Error("the record is not stamped")
	}
	if out.Body().Type() != pcommon.ValueTypeMap {
		t.Fatalf("the body became a %v", out.Body().Type())
	}
	if diff := cmp.Diff(map[string]any{"password": "[REDACTED]", "n": int64(1)}, out.Body().Map().AsRaw()); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestPanicOutsideAValueDropsLogs(t *testing.T) {
	t.Parallel()
	tel := componenttest.NewTelemetry()
	r := redactorFor(t, walkPolicy, tel)
	r.fault = broken
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr(secret)
	out := r.mustLogs(t, ld)
	mustNotHold(t, logsText(t, out), secret)
	if n := sum(t, tel, "otelcol_processor_http_redaction_items_dropped"); n != 1 || out.LogRecordCount() != 0 {
		t.Errorf("%d dropped items were counted and %d records are left, want 1 and 0", n, out.LogRecordCount())
	}
}

// TestFailedReloadKeepsTheKeys: a key file that disappears is counted, and the key
// that was read before goes on making the same tokens.
func TestFailedReloadKeepsTheKeys(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(strings.Repeat("k", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	tel := componenttest.NewTelemetry()
	r := redactorFor(t, "policy: {version: 1, keys: {hmac: [user.id]}, hmac: {keys: [{id: k1, file: '"+key+"'}]}}", tel)
	token := func() string {
		td, span := newSpan()
		span.Attributes().PutStr("user.id", secret)
		v, _ := onlySpan(t, r.mustTraces(t, td)).Attributes().Get("user.id")
		return v.Str()
	}
	before := token()
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	host := &statusHost{Host: componenttest.NewNopHost(), seen: make(chan componentstatus.Status, 16)}
	if !r.reloadKeys(t.Context(), host) {
		t.Error("the key is not ready any more")
	}
	if after := token(); after != before || !strings.HasPrefix(after, "hmac:k1:") {
		t.Errorf("the token was %q and is %q", before, after)
	}
	if n := sumWhere(t, tel, "otelcol_processor_http_redaction_key_reloads", "result", "error"); n != 1 {
		t.Errorf("%d failed reloads were counted, want 1", n)
	}
}

// TestWithoutAKeyIsCounted: values that were masked because there is no key are
// told apart from those that a rule masked.
func TestWithoutAKeyIsCounted(t *testing.T) {
	t.Parallel()
	tel := componenttest.NewTelemetry()
	r := redactorFor(t, "policy: {version: 1, keys: {hmac: [user.id]}, hmac: {keys: [{id: k1, file: '"+
		filepath.Join(t.TempDir(), "none")+"'}]}}", tel)
	td, span := newSpan()
	span.Attributes().PutStr("user.id", secret)
	mustNotHold(t, tracesText(t, r.mustTraces(t, td)), secret)
	if n := sumWhere(t, tel, "otelcol_processor_http_redaction_fail_closed", "outcome", "no_key"); n != 1 {
		t.Errorf("%d values without a key were counted, want 1", n)
	}
	td, span = newSpan()
	span.Attributes().PutStr(httpattr.RequestBody, `{"a":`)
	header(span.Attributes(), "content-type", "application/json")
	span.Attributes().PutBool(httpattr.RequestBodyTruncated, true)
	r.mustTraces(t, td)
	if n := sumWhere(t, tel, "otelcol_processor_http_redaction_fail_closed", "part", "request_body"); n != 0 {
		t.Errorf("a document that was cut between tokens counts as %d failures", n)
	}
	td, span = newSpan()
	span.Attributes().PutStr(httpattr.RequestBody, `{"a":"cut he`)
	r.mustTraces(t, td)
	if n := sumWhere(t, tel, "otelcol_processor_http_redaction_fail_closed", "outcome", "truncated", "part", "request_body"); n != 1 {
		t.Errorf("%d cut values were counted, want 1", n)
	}
}

// TestNothingBeforeStart: a shared receiver may serve before the exporters behind this
// processor have started. Nothing is handed to them then.
func TestNothingBeforeStart(t *testing.T) {
	t.Parallel()
	traces, logs := new(consumertest.TracesSink), new(consumertest.LogsSink)
	set, cfg := processortest.NewNopSettings(metadata.Type), mustConfig(t, walkPolicy)
	pt, err := NewFactory().CreateTraces(t.Context(), set, cfg, traces)
	if err != nil {
		t.Fatal(err)
	}
	pl, err := NewFactory().CreateLogs(t.Context(), set, cfg, logs)
	if err != nil {
		t.Fatal(err)
	}
	td, _ := newSpan()
	ld, _ := entityRecord("apispan.user.update")
	consume := func() (error, error) { return pt.ConsumeTraces(t.Context(), td), pl.ConsumeLogs(t.Context(), ld) }
	for _, err := range pair(consume()) {
		if !errors.Is(err, errNotStarted) || consumererror.IsPermanent(err) {
			t.Errorf("before start: %v", err)
		}
	}
	for _, p := range []component.Component{pt, pl} {
		if err := p.Start(t.Context(), componenttest.NewNopHost()); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = p.Shutdown(context.Background()) }()
	}
	if traces.SpanCount() != 0 || logs.LogRecordCount() != 0 {
		t.Error("something was handed on before start")
	}
	for _, err := range pair(consume()) {
		if err != nil {
			t.Errorf("after start: %v", err)
		}
	}
	if traces.SpanCount() != 1 || logs.LogRecordCount() != 1 {
		t.Error("nothing was handed on after start")
	}
}

func pair(a, b error) []error { return []error{a, b} }
