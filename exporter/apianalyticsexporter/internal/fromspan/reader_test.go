// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

var (
	start = time.Date(2026, 1, 31, 10, 11, 12, 345_000_000, time.UTC)
	end   = start.Add(44 * time.Millisecond)
)

// newSpan returns a span with ids and times and the given attributes.
func newSpan(t testing.TB, kind ptrace.SpanKind, attrs map[string]any) ptrace.Span {
	t.Helper()
	s := ptrace.NewSpan()
	s.SetTraceID([16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	s.SetSpanID([8]byte{1, 2, 3, 4, 5, 6, 7, 8})
	s.SetKind(kind)
	s.SetName("POST /users/{id}")
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(end))
	if err := s.Attributes().FromRaw(attrs); err != nil {
		t.Fatal(err)
	}
	return s
}

func resource(t testing.TB, attrs map[string]any) pcommon.Resource {
	t.Helper()
	r := pcommon.NewResource()
	if err := r.Attributes().FromRaw(attrs); err != nil {
		t.Fatal(err)
	}
	return r
}

// current is a span as httpcapture writes it.
func current() map[string]any {
	return map[string]any{
		"http.request.method":                   "POST",
		"http.response.status_code":             201,
		"http.route":                            "/users/{id}",
		"url.scheme":                            "https",
		"url.path":                              "/users/7",
		"url.query":                             "x=1&y=%20",
		"server.address":                        "internal.local",
		"server.port":                           8080,
		"client.address":                        "203.0.113.7",
		"client.port":                           40000,
		"network.peer.address":                  "10.0.0.2",
		"network.peer.port":                     5000,
		"network.local.address":                 "10.0.0.1",
		"network.local.port":                    8080,
		"network.protocol.version":              "2",
		"user_agent.original":                   "curl/8",
		"http.request.header.host":              []any{"API.example.com:443"},
		"http.request.header.content-type":      []any{"application/json"},
		"http.request.header.accept":            []any{"a", "b"},
		"http.response.header.content-type":     []any{"application/json"},
		"http.request.body.content":             `{"k":1}`,
		"http.request.body.size":                7,
		"http.response.body.content":            []byte{0xff, 0},
		"http.response.body.size":               2000,
		"apispan.response.body.truncated":       true,
		"apispan.request.body.incomplete":       true,
		"user.id":                               "u-1",
		"user.email":                            "a@example.com",
		"user.full_name":                        "Ada",
		"user.name":                             "ada",
		"session.id":                            "s-1",
		"apispan.session.key":                   "c2Vzc2lvbg==",
		"apispan.session.auth_type":             "jwt",
		"apispan.company.id":                    "c-1",
		"apispan.subscription.id":               "sub-1",
		"apispan.consumer.id":                   "key-1",
		"apispan.consumer.label":                "Key",
		"apispan.consumer.email":                "k@example.com",
		"apispan.metadata.plan":                 "pro",
		"apispan.metadata.count":                3,
		"apispan.metadata.ratio":                0.5,
		"apispan.metadata.beta":                 true,
		"apispan.metadata.list":                 []any{"x", 1},
		"apispan.api.version":                   "v2",
		"apispan.weight":                        5,
		"apispan.blocked_by":                    "rule-1",
		"apispan.redaction.policy":              "abc123",
		"apispan.redaction.rules":               []any{"deny:a", "pattern:card"},
		"apispan.redaction.decisions":           []any{"mask query a deny:a"},
		"apispan.redaction.upstream.policy":     []any{"def456"},
		"apispan.redaction.upstream.count":      3,
		"apispan.redaction.upstream.rules":      []any{"deny:b"},
		"apispan.redaction.count":               2,
		"http.request.header.x-api-key-ignored": map[string]any{"a": 1},
	}
}

func TestReadCurrentConventions(t *testing.T) {
	t.Parallel()
	res := resource(t, map[string]any{
		"service.name": "shop", "service.version": "1.4.0",
		"deployment.environment.name": "prod", "deployment.environment": "old",
	})
	got, skip := Read(res, newSpan(t, ptrace.SpanKindServer, current()))
	if skip != Taken {
		t.Fatalf("skip = %q", skip)
	}
	want := exchange.Exchange{
		ID:        "d8dc5e84-0000-0000-0000-000000000000",
		TraceID:   [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
		SpanID:    [8]byte{1, 2, 3, 4, 5, 6, 7, 8},
		SpanName:  "POST /users/{id}",
		Direction: exchange.Incoming,
		Start:     start, End: end,
		Method: "POST", Scheme: "https", Host: "api.example.com", Path: "/users/7", Query: "x=1&y=%20",
		Route: "/users/{id}", Status: 201, Protocol: "2",
		Request: exchange.Message{
			Headers: []exchange.Header{
				{Name: "accept", Values: []string{"a", "b"}},
				{Name: "content-type", Values: []string{"application/json"}},
				{Name: "host", Values: []string{"API.example.com:443"}},
			},
			Body: exchange.Body{Data: `{"k":1}`, Captured: true, Incomplete: true, Size: 7},
		},
		Response: exchange.Message{
			Headers: []exchange.Header{{Name: "content-type", Values: []string{"application/json"}}},
			Body:    exchange.Body{Data: "\xff\x00", Captured: true, Binary: true, Truncated: true, Size: 2000},
		},
		ClientAddress: "203.0.113.7", ClientPort: 40000,
		PeerAddress: "10.0.0.2", PeerPort: 5000, LocalAddress: "10.0.0.1", LocalPort: 8080,
		UserAgent: "curl/8",
		UserID:    "u-1", UserEmail: "a@example.com", UserName: "Ada", SessionID: "s-1",
		SessionKey: "c2Vzc2lvbg==", SessionAuthType: "jwt",
		CompanyID: "c-1", SubscriptionID: "sub-1",
		ConsumerID: "key-1", ConsumerLabel: "Key", ConsumerEmail: "k@example.com",
		Metadata: []exchange.KeyValue{
			{Key: "beta", Value: true}, {Key: "count", Value: int64(3)},
			{Key: "list", Value: []any{"x", int64(1)}}, {Key: "plan", Value: "pro"}, {Key: "ratio", Value: 0.5},
		},
		ServiceName: "shop", ServiceVersion: "1.4.0", Environment: "prod",
		APIVersion: "v2", BlockedBy: "rule-1", Weight: 5, OwnTrace: true,
		RedactionPolicy: "abc123", RedactionCount: 2,
		RedactionRules: []string{"deny:a", "pattern:card"}, RedactionDecisions: []string{"mask query a deny:a"},
		RedactionUpstream: exchange.Redaction{Policies: []string{"def456"}, Count: 3, Rules: []string{"deny:b"}},
	}
	want.ID = got.ID // TestEventID pins it
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// TestReadAliases reads spans of other producers; each row names what must come
// out of the given attributes.
func TestReadAliases(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		kind  ptrace.SpanKind
		attrs map[string]any
		check func(e *exchange.Exchange) (got, want any)
	}{
		{
			name: "semconv 1.20 server", kind: ptrace.SpanKindServer,
			attrs: map[string]any{
				"http.method": "get", "http.scheme": "https", "http.target": "/a/b?c=d", "net.host.name": "shop.example",
				"net.host.port": 8443, "http.status_code": 404, "net.sock.peer.addr": "10.1.1.1", "net.sock.peer.port": 99,
				"http.client_ip": "198.51.100.4", "http.flavor": "2.0", "http.user_agent": "x/1", "enduser.id": "ada",
				"http.request_content_length": 12,
			},
			check: func(e *exchange.Exchange) (any, any) {
				return []any{e.Method, e.URL(), e.Status, e.PeerAddress, e.PeerPort, e.ClientAddress, e.Protocol, e.UserAgent, e.UserID, e.Request.Body.Size},
					[]any{"GET", "https://shop.example:8443/a/b?c=d", 404, "10.1.1.1", 99, "198.51.100.4", "2", "x/1", "ada", int64(12)}
			},
		},
		{
			name: "semconv 1.20 client", kind: ptrace.SpanKindClient,
			attrs: map[string]any{
				"http.method": "PUT", "http.url": "https://u:p@Pay.example:443/v1/x?y=1#frag", "http.status_code": "200",
				"net.peer.name": "other", "net.peer.port": 443, "net.peer.ip": "192.0.2.1",
			},
			check: func(e *exchange.Exchange) (any, any) {
				return []any{e.URL(), e.Status, e.Direction, e.PeerAddress, e.PeerPort, e.ClientAddress},
					[]any{"https://pay.example/v1/x?y=1", 200, exchange.Outgoing, "192.0.2.1", 443, ""}
			},
		},
		{
			name: "client without a full url", kind: ptrace.SpanKindClient,
			attrs: map[string]any{"http.method": "GET", "net.peer.name": "pay.example", "net.peer.port": 8080, "http.target": "/x"},
			check: func(e *exchange.Exchange) (any, any) { return e.URL(), "http://pay.example:8080/x" },
		},
		{
			name: "hypertrace bodies", kind: ptrace.SpanKindServer,
			attrs: map[string]any{
				"http.method": "POST", "http.url": "http://h/x", "http.request.body": `{"a":1}`, "http.request.body.truncated": true,
				"http.response.body.base64": "AP8=", "http.response.body": "r", "http.request.header.Content-Type": "application/json",
			},
			check: func(e *exchange.Exchange) (any, any) {
				return []any{e.Request.Body, e.Response.Body, e.Request.Get("content-type")},
					[]any{
						exchange.Body{Data: `{"a":1}`, Captured: true, Truncated: true, Size: -1},
						exchange.Body{Data: "r", Captured: true, Size: -1},
						"application/json",
					}
			},
		},
		{
			name: "the current key wins over an alias in any order", kind: ptrace.SpanKindServer,
			attrs: map[string]any{
				"http.request.body": "old", "http.request.body.content": "new", "http.method": "PUT", "http.request.method": "GET",
				"company.id": "c2", "apispan.company.id": "c1", "organization.id": "c3",
			},
			check: func(e *exchange.Exchange) (any, any) {
				return []any{e.Method, e.Request.Body.Data, e.CompanyID}, []any{"GET", "new", "c1"}
			},
		},
		{
			name: "an empty value does not hide an alias", kind: ptrace.SpanKindServer,
			attrs: map[string]any{"http.request.method": "GET", "user.id": "", "enduser.id": "e", "apispan.company.id": nil, "company.id": "c"},
			check: func(e *exchange.Exchange) (any, any) { return []any{e.UserID, e.CompanyID}, []any{"e", "c"} },
		},
		{
			name: "headers with underscores, plain strings, capitals", kind: ptrace.SpanKindServer,
			attrs: map[string]any{
				"http.request.method": "GET", "http.request.header.content_type": []any{"text/plain"},
				"http.request.header.x_both": "rewritten", "http.request.header.x-both": "exact",
				"http.request.header.X-Upper": "u", "http.request.header.bad name": "no", "http.request.header.": "no",
				"http.request.headers.x-apm": []any{"1", 2, true}, "http.request.header.x-empty": []any{},
			},
			check: func(e *exchange.Exchange) (any, any) {
				return e.Request.Headers, []exchange.Header{
					{Name: "content-type", Values: []string{"text/plain"}},
					{Name: "x-apm", Values: []string{"1", "2", "true"}},
					{Name: "x-both", Values: []string{"exact"}},
					{Name: "x-upper", Values: []string{"u"}},
				}
			},
		},
		{
			name: "headers as one map", kind: ptrace.SpanKindServer,
			attrs: map[string]any{"http.request.method": "GET", "http.response.headers": map[string]any{"X-A": []any{"1"}}},
			check: func(e *exchange.Exchange) (any, any) {
				return e.Response.Headers, []exchange.Header{{Name: "x-a", Values: []string{"1"}}}
			},
		},
		{
			name: "unknown method", kind: ptrace.SpanKindServer,
			attrs: map[string]any{"http.request.method": "_OTHER", "http.request.method_original": "purge"},
			check: func(e *exchange.Exchange) (any, any) { return e.Method, "PURGE" },
		},
		{
			name: "unknown method without the original", kind: ptrace.SpanKindServer,
			attrs: map[string]any{"http.request.method": "_OTHER"},
			check: func(e *exchange.Exchange) (any, any) { return []any{e.Method, e.URL()}, []any{"_OTHER", "http:///"} },
		},
		{
			name: "no response", kind: ptrace.SpanKindClient,
			attrs: map[string]any{"http.request.method": "GET", "url.full": "https://h", "error.type": "timeout"},
			check: func(e *exchange.Exchange) (any, any) { return []any{e.Status, e.URL()}, []any{0, "https://h/"} },
		},
		{
			name: "hostile url parts", kind: ptrace.SpanKindServer,
			attrs: map[string]any{
				"http.request.method": "GET", "url.scheme": "javascript", "http.request.header.host": []any{"evil/host\r\n"},
				"server.address": "::1", "server.port": 81, "url.path": "a b\"\n#é?q=<1>", "url.query": "",
			},
			check: func(e *exchange.Exchange) (any, any) {
				return e.URL(), "http://[::1]:81/a%20b%22%0A%23%C3%A9?q=%3C1%3E"
			},
		},
		{
			name: "identity of any scalar type", kind: ptrace.SpanKindServer,
			attrs: map[string]any{"http.request.method": "GET", "user.id": 42, "apispan.company.id": []any{"first", "second"}, "session.id": true},
			check: func(e *exchange.Exchange) (any, any) {
				return []any{e.UserID, e.CompanyID, e.SessionID}, []any{"42", "first", "true"}
			},
		},
		{
			name: "invalid utf-8", kind: ptrace.SpanKindServer,
			attrs: map[string]any{
				"http.request.method": "GET", "user.id": "a\xffb", "http.request.header.x": "\xc3(", "http.request.body.content": "\xff",
				"apispan.metadata.k\xff": "v\xff", "apispan.metadata.deep": map[string]any{"x\xff": []any{"\xfe"}},
			},
			check: func(e *exchange.Exchange) (any, any) {
				return []any{e.UserID, e.Request.Get("x"), e.Request.Body, e.Metadata},
					[]any{"a\uFFFDb", "\uFFFD(", exchange.Body{Data: "\xff", Captured: true, Binary: true, Size: -1}, []exchange.KeyValue{
						{Key: "deep", Value: map[string]any{"x\uFFFD": []any{"\uFFFD"}}}, {Key: "k\uFFFD", Value: "v\uFFFD"},
					}}
			},
		},
		{
			name: "addresses with a port", kind: ptrace.SpanKindServer,
			attrs: map[string]any{"http.request.method": "GET", "client.address": "203.0.113.9:123", "network.peer.address": "[2001:db8::1]:9", "network.local.address": "2001:db8::2"},
			check: func(e *exchange.Exchange) (any, any) {
				return []any{e.ClientAddress, e.PeerAddress, e.LocalAddress}, []any{"203.0.113.9", "2001:db8::1", "2001:db8::2"}
			},
		},
		{
			name: "the peer is the client of a server without client.address", kind: ptrace.SpanKindServer,
			attrs: map[string]any{"http.request.method": "GET", "network.peer.address": "10.0.0.9", "network.peer.port": 7},
			check: func(e *exchange.Exchange) (any, any) {
				return []any{e.ClientAddress, e.ClientPort}, []any{"10.0.0.9", 7}
			},
		},
		{
			name: "empty body is captured", kind: ptrace.SpanKindServer,
			attrs: map[string]any{"http.request.method": "GET", "http.request.body.content": "", "http.response.body.content": map[string]any{"parsed": 1}},
			check: func(e *exchange.Exchange) (any, any) {
				return []any{e.Request.Body, e.Response.Body}, []any{exchange.Body{Captured: true, Size: -1}, exchange.Body{Data: `{"parsed":1}`, Captured: true, Size: -1}}
			},
		},
	} {
		got, skip := Read(resource(t, nil), newSpan(t, tc.kind, tc.attrs))
		if skip != Taken {
			t.Errorf("%s: skip = %q", tc.name, skip)
			continue
		}
		g, w := tc.check(&got)
		if d := cmp.Diff(w, g); d != "" {
			t.Errorf("%s (-want +got)\n%s", tc.name, d)
		}
	}
}

func TestReadSkips(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		kind  ptrace.SpanKind
		attrs map[string]any
		want  Skip
	}{
		{"internal", ptrace.SpanKindInternal, map[string]any{"http.request.method": "GET"}, SkipKind},
		{"unspecified", ptrace.SpanKindUnspecified, map[string]any{"http.request.method": "GET"}, SkipKind},
		{"producer", ptrace.SpanKindProducer, map[string]any{"http.request.method": "GET"}, SkipKind},
		{"rpc", ptrace.SpanKindServer, map[string]any{"rpc.system": "grpc"}, SkipNotHTTP},
		{"blank method", ptrace.SpanKindServer, map[string]any{"http.request.method": " "}, SkipNotHTTP},
		{"asked", ptrace.SpanKindServer, map[string]any{"http.request.method": "GET", "apispan.skip": true}, SkipRequested},
		{"asked as text, as a caller can by baggage", ptrace.SpanKindServer, map[string]any{"http.request.method": "GET", "apispan.skip": "true"}, Taken},
		{"not asked", ptrace.SpanKindServer, map[string]any{"http.request.method": "GET", "apispan.skip": false}, Taken},
	} {
		if _, got := Read(resource(t, nil), newSpan(t, tc.kind, tc.attrs)); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	s := newSpan(t, ptrace.SpanKindServer, map[string]any{"http.request.method": "GET"})
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(-time.Second)))
	if got, _ := Read(resource(t, nil), s); !got.Start.Equal(start) || !got.End.Equal(start) {
		t.Errorf("end before start: %v %v", got.Start, got.End)
	}
	s.SetStartTimestamp(0)
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(end))
	if got, _ := Read(resource(t, nil), s); !got.Start.Equal(end) || got.Start.Location() != time.UTC {
		t.Errorf("no start: %v", got.Start)
	}
}

// TestReaderReuse reads a rich span, then a poor one: nothing of the first may
// be left.
func TestReaderReuse(t *testing.T) {
	t.Parallel()
	poor := newSpan(t, ptrace.SpanKindServer, map[string]any{"http.request.method": "GET"})
	want, _ := Read(resource(t, nil), poor)
	var r Reader
	r.SetResource(resource(t, map[string]any{"service.name": "shop"}))
	if _, skip := r.Read(newSpan(t, ptrace.SpanKindServer, current())); skip != Taken {
		t.Fatal(skip)
	}
	r.SetResource(resource(t, nil))
	got, _ := r.Read(poor)
	if d := cmp.Diff(want, *got); d != "" {
		t.Errorf("(-fresh +reused)\n%s", d)
	}
}

// TestHeaderValuesSurviveGrowth reads so many headers that the shared backing
// array grows while it is filled.
func TestHeaderValuesSurviveGrowth(t *testing.T) {
	t.Parallel()
	attrs := map[string]any{"http.request.method": "GET"}
	for i := range 200 {
		n := strings.Repeat("x", i%7+1) + "-" + string(rune('a'+i%26)) + strings.Repeat("y", i/7)
		attrs["http.request.header."+n] = []any{n, n + "2"}
	}
	got, _ := Read(resource(t, nil), newSpan(t, ptrace.SpanKindServer, attrs))
	if len(got.Request.Headers) != len(attrs)-1 {
		t.Fatalf("%d headers, want %d", len(got.Request.Headers), len(attrs)-1)
	}
	for i, h := range got.Request.Headers {
		if len(h.Values) != 2 || h.Values[0] != h.Name || h.Values[1] != h.Name+"2" {
			t.Errorf("header %q has values %q", h.Name, h.Values)
		}
		if i > 0 && got.Request.Headers[i-1].Name >= h.Name {
			t.Errorf("header %q out of order", h.Name)
		}
	}
}
