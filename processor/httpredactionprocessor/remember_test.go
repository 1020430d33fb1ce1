// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"fmt"
	"testing"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// spans returns traces with n SERVER spans.
func spans(n int) (ptrace.Traces, ptrace.SpanSlice) {
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for range n {
		ss.AppendEmpty().SetKind(ptrace.SpanKindServer)
	}
	return td, ss
}

// TestRememberedValuesDependOnTheExchange: a value that was fine in one span of a
// batch is looked at again where the answer may differ.
func TestRememberedValuesDependOnTheExchange(t *testing.T) {
	t.Parallel()
	get := func(s ptrace.Span, key string) string {
		v, _ := s.Attributes().Get(key)
		return v.AsString()
	}

	t.Run("direction", func(t *testing.T) {
		td, ss := spans(4)
		for i := range 4 {
			ss.At(i).Attributes().PutStr("network.peer.address", "203.0.113.77")
			if i%2 == 0 {
				ss.At(i).SetKind(ptrace.SpanKindClient)
			}
		}
		redactorFor(t, "preset: default", nil).mustTraces(t, td)
		for i := range 4 {
			want := "203.0.113.77" // of the server that was called
			if i%2 == 1 {
				want = "203.0.113.0" // of the client that called
			}
			if got := get(ss.At(i), "network.peer.address"); got != want {
				t.Errorf("span %d: %q, want %q", i, got, want)
			}
		}
	})

	t.Run("content", func(t *testing.T) {
		for _, key := range []string{"http.request.body.content", "messaging.message.body", "http.request_body"} {
			td, ss := spans(3)
			for i := range 3 {
				ss.At(i).Attributes().PutStr(key, "alpha beta")
				ss.At(i).Attributes().PutBool("apispan.request.body.truncated", i == 1)
			}
			redactorFor(t, "preset: default", nil).mustTraces(t, td)
			if a, b, c := get(ss.At(0), key), get(ss.At(1), key), get(ss.At(2), key); a != "alpha beta" || b == a || c != a {
				t.Errorf("%s: %q, cut: %q, whole again: %q", key, a, b, c)
			}
		}
	})

	t.Run("scoped rules", func(t *testing.T) {
		td, ss := spans(3)
		for i := range 3 {
			ss.At(i).SetName("about x=1")
			ss.At(i).Attributes().PutStr("amount", "12")
			ss.At(i).Attributes().PutStr("server.address", [...]string{"shop.example", "pay.example", "shop.example"}[i])
		}
		redactorFor(t, "policy: {version: 1, rules: [{when: {host: [pay.example]}, keys: {deny: [amount, x]}}]}", nil).mustTraces(t, td)
		for i, want := range []string{"12", "[REDACTED]", "12"} {
			if got := get(ss.At(i), "amount"); got != want {
				t.Errorf("span %d: amount = %q, want %q", i, got, want)
			}
		}
		if ss.At(0).Name() != "about x=1" || ss.At(1).Name() == ss.At(0).Name() {
			t.Errorf("names: %q and %q", ss.At(0).Name(), ss.At(1).Name())
		}
	})
}

// TestHitsAreNeverRemembered: each of many equal secrets is redacted and counted.
func TestHitsAreNeverRemembered(t *testing.T) {
	t.Parallel()
	tel := componenttest.NewTelemetry()
	td, ss := spans(20)
	for i := range 20 {
		ss.At(i).SetName("charge " + card)
		a := ss.At(i).Attributes()
		a.PutStr("note", []string{"clean", card, ""}[i%3])
		a.PutInt("n", []int64{5, 4111111111111111}[i%2])
		header(a, "x-note", []string{card, "clean"}[i%2])
	}
	redactorFor(t, walkPolicy, tel).mustTraces(t, td)
	mustNotHold(t, tracesText(t, td), card)
	if n := sum(t, tel, "otelcol_processor_http_redaction_values"); n != 20+7+10+10 {
		t.Errorf("%d values were counted, want 47", n)
	}
}

// TestNothingIsKeptAfterABatch: the pooled memory holds no value of what passed.
func TestNothingIsKeptAfterABatch(t *testing.T) {
	t.Parallel()
	r := redactorFor(t, walkPolicy, nil)
	w := r.walker()
	td, ss := spans(10)
	for i := range 10 {
		ss.At(i).SetName(fmt.Sprint("name ", i))
		ss.At(i).Attributes().PutStr("note", fmt.Sprint("value ", i/2))
		ss.At(i).Attributes().PutInt("n", 7)
		if !w.span(ss.At(i)) {
			t.Fatal("the span failed")
		}
	}
	if v := w.lookup("note").text; v == "" {
		t.Fatal("nothing is remembered at all")
	}
	r.release(t.Context(), w)
	for k, ki := range w.cache {
		if ki.text != "" || ki.textTag != 0 {
			t.Errorf("a value is kept under %s", k)
		}
	}
	if w.name != "" || len(w.touched) != 0 || len(w.infos) != 0 {
		t.Error("the walker holds something of the batch")
	}
	for _, ki := range w.touched[:cap(w.touched)] {
		if ki != nil {
			t.Error("the walker holds a key of the batch")
		}
	}
	_ = td
}

// TestRememberingChangesNothing compares batches with their spans taken one by one.
func TestRememberingChangesNothing(t *testing.T) {
	t.Parallel()
	r := redactorFor(t, "preset: default", nil)
	batch, ss := spans(0)
	var alone []ptrace.Traces
	for range 2 {
		for _, put := range keyed {
			put(ss.AppendEmpty().Attributes())
		}
	}
	for i := range ss.Len() {
		one, s := spans(1)
		ss.At(i).CopyTo(s.At(0))
		alone = append(alone, r.mustTraces(t, one))
	}
	r.mustTraces(t, batch)
	for i := range ss.Len() {
		want := alone[i].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes()
		if got := ss.At(i).Attributes(); !got.Equal(want) {
			t.Errorf("in a batch %v, alone %v", got.AsRaw(), want.AsRaw())
		}
	}
}
