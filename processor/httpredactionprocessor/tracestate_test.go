// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import "testing"

func TestTraceState(t *testing.T) {
	t.Parallel()
	r := redactorFor(t, walkPolicy, nil)
	for _, tt := range []struct{ name, in, want string }{
		{"untouched", "ot=th:8;rv:9b8233f7e3a151, shop=t61rcWkgMzE ,rojo=00f067aa0ba902b7", "ot=th:8;rv:9b8233f7e3a151, shop=t61rcWkgMzE ,rojo=00f067aa0ba902b7"},
		{"denied key", "a=1,password=" + secret + ",b=2", "a=1,password=[REDACTED],b=2"},
		{"detector", "a=1,shop=" + card, "a=1,shop=[REDACTED]"},
		{"sampling kept, rest judged", "ot=th:8;password:x", "ot=th:8;password:[REDACTED]"},
		{"sampling with a wrong value", "ot=th:" + card, "ot=th:[REDACTED]"},
		{"no member", "a=1," + card + ",b=2", "a=1,b=2"},
		{"two equal signs", "a=" + card + "=x,b=2", "b=2"},
		{"empty members", "a=1,,b=2", "a=1,,b=2"},
		{"nothing left", card, ""},
		{"control characters", "a=1\n" + card + ",b=2", "b=2"},
	} {
		td, span := newSpan()
		span.TraceState().FromRaw(tt.in)
		span.Links().AppendEmpty().TraceState().FromRaw(tt.in)
		out := onlySpan(t, r.mustTraces(t, td))
		if got := out.TraceState().AsRaw(); got != tt.want {
			t.Errorf("%s: %q became %q, want %q", tt.name, tt.in, got, tt.want)
		}
		if got := out.Links().At(0).TraceState().AsRaw(); got != tt.want {
			t.Errorf("%s: link: %q became %q, want %q", tt.name, tt.in, got, tt.want)
		}
	}
}
