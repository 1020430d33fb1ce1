// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import (
	"regexp"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/internal/httpattr"
)

var uuidShape = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestEventID(t *testing.T) {
	t.Parallel()
	get := map[string]any{"http.request.method": "GET", "url.path": "/a"}
	read := func(attrs map[string]any, change func(ptrace.Span)) string {
		s := newSpan(t, ptrace.SpanKindServer, attrs)
		if change != nil {
			change(s)
		}
		ex, skip := Read(resource(t, nil), s)
		if skip != Taken {
			t.Fatal(skip)
		}
		return ex.ID
	}
	base := read(get, nil)
	// The id is stored by backends: a change makes every event in flight a
	// duplicate.
	if want := "dc84a6e5-f76e-5edb-bbf2-2fd0ebdc72eb"; base != want {
		t.Errorf("id = %s, want %s", base, want)
	}
	s := newSpan(t, ptrace.SpanKindServer, nil)
	if want := httpattr.NewEventID(s.TraceID(), s.SpanID(), nil); base != want {
		t.Errorf("id = %s, the application knows it as %s", base, want)
	}
	if !uuidShape.MatchString(base) {
		t.Errorf("id %s is no version 5 UUID", base)
	}
	if again := read(current(), nil); again != base {
		t.Errorf("the id depends on more than trace and span id: %s, %s", again, base)
	}
	if other := read(get, func(s ptrace.Span) { s.SetSpanID([8]byte{9}) }); other == base {
		t.Error("another span has the same id")
	}
	for given, want := range map[string]string{
		"0190A5C8-7B1A-7C3D-9E4F-0123456789AB":  "0190a5c8-7b1a-7c3d-9e4f-0123456789ab",
		"0190a5c8-7b1a-7c3d-9e4f-0123456789a":   base,
		"0190a5c8-7b1a-7c3d-9e4f-0123456789ag":  base,
		"0190a5c8x7b1a-7c3d-9e4f-0123456789ab":  base,
		"00000000-0000-0000-0000-000000000000":  base,
		"0190a5c8-7b1a-7c3d-9e4f-0123456789ab ": base,
	} {
		if got := read(map[string]any{"http.request.method": "GET", "apispan.event.id": given}, nil); got != want {
			t.Errorf("given %q: %s, want %s", given, got, want)
		}
	}

	// Without ids two exchanges must still differ, and the same one must not.
	noID := func(s ptrace.Span) { s.SetTraceID([16]byte{}) }
	a, again := read(get, noID), read(get, noID)
	b := read(map[string]any{"http.request.method": "GET", "url.path": "/b"}, noID)
	if a != again || a == b || a == base {
		t.Errorf("ids without trace id: %s %s %s", a, again, b)
	}
}

func TestAdjustedCount(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]int64{
		"":                          0,
		"ot=th:0":                   1,
		"ot=th:8":                   2,
		"ot=th:c":                   4,
		"ot=th:fd70a3d70a3d71":      100,
		"ot=th:ffffffffffffff":      1 << 56,
		"ot=rv:abcdef01234567;th:c": 4,
		"ot=th:c;rv:abcdef01234567": 4,
		"vendor=x, ot=th:c":         4,
		"vendor=th:8,ot=p:8":        0,
		"ot=th:":                    0,
		"ot=th:fffffffffffffff":     0,
		"ot=th:xyz":                 0,
		"ot=th:-1":                  0,
		"notot=th:8":                0,
		",,,=,;":                    0,
		"ot":                        0,
		"ot=th:6,ot=th:c":           2, // 1.6 is rounded, the first entry counts
	} {
		got, ok := adjustedCount(state)
		if ok != (want != 0) || got != want {
			t.Errorf("%q: %d %v, want %d", state, got, ok, want)
		}
	}
}

func TestWeight(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		state  string
		weight any
		want   int64
	}{
		{"", nil, 1},
		{"", 7, 7},
		{"", "7", 1}, // text may be a caller's
		{"", 0, 1},
		{"", -3, 1},
		{"", "many", 1},
		{"ot=rv:00000000000123,other=1", 1, 1}, // as captureexport leaves it
		{"ot=th:c", 7, 4},                      // a later sampler knows more than the application
	} {
		s := newSpan(t, ptrace.SpanKindServer, map[string]any{"http.request.method": "GET", "apispan.weight": tc.weight})
		s.TraceState().FromRaw(tc.state)
		if got, _ := Read(resource(t, nil), s); got.Weight != tc.want {
			t.Errorf("%q %v: weight %d, want %d", tc.state, tc.weight, got.Weight, tc.want)
		}
	}
}

func TestParseURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]target{
		"https://h/p?q":            {scheme: "https", host: "h", path: "/p", query: "q", hasQuery: true},
		"HTTP://H:80":              {scheme: "http", host: "h:80"},
		"https://u:p@h:1/p#f":      {scheme: "https", host: "h:1", path: "/p"},
		"https://a@b@c/p":          {scheme: "https", host: "c", path: "/p"},
		"https://h?q=/":            {scheme: "https", host: "h", query: "q=/", hasQuery: true},
		"https://[::1]:2/":         {scheme: "https", host: "[::1]:2", path: "/"},
		"https://h\\evil/":         {scheme: "https", host: "h", path: "\\evil/"},
		"https://sp ace/p":         {scheme: "https", path: "/p"},
		"/p?q?r":                   {path: "/p", query: "q?r", hasQuery: true},
		"/redirect?to=https://x/y": {path: "/redirect", query: "to=https://x/y", hasQuery: true},
		"*":                        {},
		"":                         {},
		"://":                      {},
		"mailto:x":                 {},
	} {
		if got := parseURL(in); got != want {
			t.Errorf("%q: %+v, want %+v", in, got, want)
		}
	}
}

// TestHostAmongHeaders: captured headers get the Host that servers keep apart, once,
// and no header is invented where none was captured.
func TestHostAmongHeaders(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		headers map[string]string
		want    string
	}{
		"none captured": {nil, ""},
		"captured":      {map[string]string{"host": "Other.example:1", "z": "1"}, "host=Other.example:1 z=1"},
		"missing":       {map[string]string{"accept": "a", "z": "1"}, "accept=a host=api.example.com:8443 z=1"},
		"first":         {map[string]string{"z": "1"}, "host=api.example.com:8443 z=1"},
	} {
		s := ptrace.NewSpan()
		s.SetKind(ptrace.SpanKindServer)
		s.Attributes().PutStr("http.request.method", "GET")
		s.Attributes().PutStr("server.address", "api.example.com")
		s.Attributes().PutInt("server.port", 8443)
		s.Attributes().PutStr("url.scheme", "https")
		for k, v := range tc.headers {
			s.Attributes().PutEmptySlice("http.request.header." + k).AppendEmpty().SetStr(v)
		}
		var r Reader
		for range 2 { // memory is reused
			ex, _ := r.Read(s)
			var got []string
			for _, h := range ex.Request.Headers {
				got = append(got, h.Name+"="+strings.Join(h.Values, ","))
			}
			if g := strings.Join(got, " "); g != tc.want {
				t.Errorf("%s: %q, want %q", name, g, tc.want)
			}
		}
	}
}
