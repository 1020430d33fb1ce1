// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/redact"
)

// badEngine panics when it is given a value that holds "boom".
type badEngine struct{ engine }

func boom(s string) {
	if strings.Contains(s, "boom") {
		panic(s)
	}
}

func (b badEngine) AttributeOf(k *redact.Key, v string) (string, redact.Effect) {
	boom(v)
	return b.engine.AttributeOf(k, v)
}

func (b badEngine) AttributeKey(k string) redact.Effect {
	boom(k)
	return b.engine.AttributeKey(k)
}

func (b badEngine) Text(v string) (string, redact.Effect) {
	boom(v)
	return b.engine.Text(v)
}

func (b badEngine) URL(v string) (string, redact.Effect) {
	boom(v)
	return b.engine.URL(v)
}

func (b badEngine) Member(n redact.Node, k string) redact.Node {
	boom(k)
	return b.engine.Member(n, k)
}

func (b badEngine) Leaf(n redact.Node, k redact.Kind, v string) (string, redact.Effect) {
	boom(v)
	return b.engine.Leaf(n, k, v)
}

func TestPanicRemovesTheValueAndGoesOn(t *testing.T) {
	t.Parallel()
	tel := componenttest.NewTelemetry()
	r := redactorFor(t, walkPolicy, tel)
	fresh := r.newEngine
	r.newEngine = func() engine { return badEngine{fresh()} }

	td, span := newSpan()
	span.SetName("boom")
	span.Status().SetMessage("boom")
	span.TraceState().FromRaw("a=boom,b=1")
	a := span.Attributes()
	a.PutStr("first", "boom")
	a.PutStr("boom", "x")
	a.PutStr("password", secret)
	m := a.PutEmptyMap("map")
	m.PutStr("k", "boom")
	m.PutStr("boom2", "x")
	m.PutStr("kept", "yes")
	a.PutStr("last", "kept")
	td.ResourceSpans().At(0).SetSchemaUrl("boom")

	out := r.mustTraces(t, td)
	s := onlySpan(t, out)
	text := tracesText(t, out)
	mustNotHold(t, text, "boom")
	mustNotHold(t, text, secret)
	if v, ok := s.Attributes().Get("last"); !ok || v.Str() != "kept" {
		t.Error("what stands after the panic is lost")
	}
	if v, _ := s.Attributes().Get("map"); !cmp.Equal(v.AsRaw(), any(map[string]any{"kept": "yes"})) {
		t.Errorf("map = %v", v.AsRaw())
	}
	if v, _ := s.Attributes().Get(httpattr.RedactionPolicy); v.Str() != r.policy.Hash() {
		t.Error("the span is not stamped although all of it was redacted")
	}
	if n := sumWhere(t, tel, "otelcol_processor_http_redaction_fail_closed", "outcome", "panic"); n < 6 {
		t.Errorf("%d panics were counted, want 6 or more", n)
	}
}

// brokenEngine panics where no single value is to blame.
type brokenEngine struct{ engine }

func (brokenEngine) Stats() redact.Stats { panic("broken") }

func (brokenEngine) Begin(redact.Exchange) { panic("broken") }

func TestPanicOutsideAValueDropsTheItem(t *testing.T) {
	t.Parallel()
	tel := componenttest.NewTelemetry()
	r := redactorFor(t, walkPolicy, tel)
	fresh := r.newEngine
	r.newEngine = func() engine { return brokenEngine{fresh()} }
	td, span := newSpan()
	span.Attributes().PutStr("note", secret)
	out := r.mustTraces(t, td)
	mustNotHold(t, tracesText(t, out), secret)
	if out.SpanCount() != 0 {
		t.Error("the span is still there")
	}
	if n := sum(t, tel, "otelcol_processor_http_redaction_items_dropped"); n != 1 {
		t.Errorf("%d dropped items were counted, want 1", n)
	}
}
