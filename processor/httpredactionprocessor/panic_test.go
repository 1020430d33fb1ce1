// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/apispan/apispan/internal/httpattr"
)

func TestPanicRemovesTheValueAndGoesOn(t *testing.T) {
	t.Parallel()
	tel := componenttest.NewTelemetry()
	r := redactorFor(t, walkPolicy, tel)
	r.fault = func(value string) {
		if strings.Contains(value, "boom") {
			panic(value)
		}
	}

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

// broken panics where no single value is to blame.
func broken(value string) {
	if value == onBegin {
		panic("broken")
	}
}

func TestPanicOutsideAValueDropsTheItem(t *testing.T) {
	t.Parallel()
	tel := componenttest.NewTelemetry()
	r := redactorFor(t, walkPolicy, tel)
	r.fault = broken
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
