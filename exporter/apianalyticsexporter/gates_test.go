// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestGates(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		gates   Gates
		status  int64
		bodies  bool
		headers int
	}{
		{all(), 200, true, 4},
		{Gates{Bodies: BodiesNone, Headers: true}, 500, false, 4},
		{Gates{Bodies: BodiesErrors, Headers: true}, 200, false, 4},
		{Gates{Bodies: BodiesErrors, Headers: true}, 399, false, 4},
		{Gates{Bodies: BodiesErrors, Headers: true}, 400, true, 4},
		{Gates{Bodies: BodiesErrors, Headers: true}, 503, true, 4},
		{Gates{Bodies: BodiesErrors, Headers: true}, 0, true, 4}, // no response
		{Gates{Bodies: BodiesAll}, 200, true, 0},
	} {
		td := traces(0, 1)
		spanAt(td, 0).Attributes().PutInt("http.response.status_code", tc.status)
		spanAt(td, 0).Attributes().PutInt("http.request.body.size", 77)
		lines, _, _ := translate(t, lineEncoder{maxItem: 10_000}, tc.gates, true, td)
		if len(lines) != 1 {
			t.Fatalf("%+v: %d events", tc, len(lines))
		}
		l := lines[0]
		if (l.Req != "") != tc.bodies || (l.Resp != "") != tc.bodies || l.Headers != tc.headers || l.Size != 77 {
			t.Errorf("%+v: %+v", tc, l)
		}
	}
}

// TestGateDirection: what goes the other way is dropped and counted.
func TestGateDirection(t *testing.T) {
	t.Parallel()
	for direction, want := range map[DirectionGate]string{
		DirectionBoth: "2 map[]", DirectionIncoming: "1 map[direction:1]", DirectionOutgoing: "1 map[direction:1]",
	} {
		td := traces(0, 2)
		spanAt(td, 1).SetKind(ptrace.SpanKindClient)
		gates := all()
		gates.Direction = direction
		lines, c, _ := translate(t, lineEncoder{maxItem: 10_000}, gates, true, td)
		if got := fmt.Sprint(len(lines), c.Dropped); got != want || c.Translated != 2 {
			t.Errorf("%s: %s, want %s", direction, got, want)
		}
	}
}

func TestGateURL(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		url         URLGate
		route, want string
	}{
		{URLFull, "/users/{id}", "https://api.example.com/users/4711?token=x"},
		{URLPath, "/users/{id}", "https://api.example.com/users/4711"},
		{URLRoute, "/users/{id}", "https://api.example.com/users/{id}"},
		{URLRoute, "", "https://api.example.com/"},
		{URLRoute, "users/:id?#ä", "https://api.example.com/users/:id%3F%23%C3%A4"},
	} {
		td := traces(0, 1)
		a := spanAt(td, 0).Attributes()
		a.PutStr("url.path", "/users/4711")
		a.PutStr("url.query", "token=x")
		a.PutStr("http.route", tc.route)
		gates := all()
		gates.URL = tc.url
		lines, _, _ := translate(t, lineEncoder{maxItem: 10_000}, gates, true, td)
		if len(lines) != 1 || lines[0].URL != tc.want {
			t.Errorf("%s %s: %+v, want %s", tc.url, tc.route, lines, tc.want)
		}
	}
}

// TestGateRouteHidesThePath of an event as a whole, the span's name included.
func TestGateRouteHidesThePath(t *testing.T) {
	t.Parallel()
	for _, route := range []string{"/users/{id}", ""} {
		cfg := testConfig("http://127.0.0.1:1")
		cfg.Moesif.Get().Gates.URL = URLRoute
		r := newRig(t, cfg)
		td := traces(0, 1)
		spanAt(td, 0).SetName("GET /users/4711")
		spanAt(td, 0).Attributes().PutStr("url.path", "/users/4711")
		spanAt(td, 0).Attributes().PutStr("http.route", route)
		req := r.exp.translator.translate(context.Background(), td)
		if len(req.items) != 1 || bytes.Contains(req.items[0], []byte("4711")) {
			t.Errorf("route %q: %s", route, req.items)
		}
	}
}

func TestGateBodySize(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		body, want string
		size       int
		truncated  int64
	}{
		{"äöü", "äöü", 0, 0},
		{"äöü", "äöü", 6, 0},
		{"äöü", "äö", 5, 1},
		{"äöü", "", 1, 1},
	} {
		td := traces(0, 1)
		a := spanAt(td, 0).Attributes()
		a.PutStr("http.request.body.content", tc.body)
		a.PutStr("http.response.body.content", "")
		gates := all()
		gates.MaxBodySize = tc.size
		lines, c, _ := translate(t, lineEncoder{maxItem: 10_000}, gates, true, td)
		if len(lines) != 1 || lines[0].Req != tc.want || lines[0].Cut != (tc.truncated > 0) || c.Truncated != tc.truncated {
			t.Errorf("%+v: %+v, truncated %d", tc, lines, c.Truncated)
		}
	}
}
