// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// part describes one span of a batch in a test.
type sp struct {
	service string
	kind    ptrace.SpanKind
	id, par byte
	flags   uint32
	attrs   map[string]any
	state   string
}

const (
	server   = ptrace.SpanKindServer
	client   = ptrace.SpanKindClient
	internal = ptrace.SpanKindInternal
	local    = flagRemoteKnown
	foreign  = flagRemoteKnown | flagRemote
)

func batchOf(t testing.TB, spans []sp) ptrace.Traces {
	t.Helper()
	td := ptrace.NewTraces()
	for _, s := range spans {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", s.service)
		span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		newSpan(t, s.kind, s.attrs).CopyTo(span)
		span.SetSpanID([8]byte{s.id})
		if s.par != 0 {
			span.SetParentSpanID([8]byte{s.par})
		}
		span.SetFlags(s.flags)
		span.TraceState().FromRaw(s.state)
	}
	return td
}

// told is what becomes of each span: why it is skipped, or what the event says.
func told(t testing.TB, td ptrace.Traces, o Options, r *Reader) (out []string) {
	t.Helper()
	var b Batch
	b.Read(td, &o)
	i := 0
	for _, rs := range td.ResourceSpans().All() {
		r.SetResource(rs.Resource())
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				ex, skip := r.ReadPart(span, b.Part(i))
				i++
				if skip != Taken {
					out = append(out, string(skip))
					continue
				}
				s := ex.ServiceName + " " + ex.Method + " " + ex.Path
				for _, x := range []string{ex.Route, ex.UserID, ex.ClientAddress, ex.Request.Body.Data} {
					if x != "" {
						s += " " + x
					}
				}
				out = append(out, s)
			}
		}
	}
	return out
}

func with(m map[string]any, more ...any) map[string]any {
	out := map[string]any{"http.request.method": "GET", "url.path": "/u/1"}
	maps.Copy(out, m)
	for i := 0; i < len(more); i += 2 {
		out[more[i].(string)] = more[i+1]
	}
	return out
}

func TestOneCallOneEvent(t *testing.T) {
	t.Parallel()
	get := with(nil)
	route := with(nil, "http.route", "/u/{id}", "user.id", "ada")
	stamped := with(route, "apispan.redaction.policy", "p")
	merge := Options{Nested: true}
	for _, tc := range []struct {
		name  string
		opts  Options
		need  bool
		spans []sp
		want  string
	}{
		{"alone", merge, false, []sp{{"a", server, 1, 9, foreign, get, ""}}, "a GET /u/1"},
		{"nested by flags", merge, false, []sp{
			{"a", server, 2, 1, local, route, ""}, {"a", server, 1, 9, foreign, get, ""},
		}, "nested; a GET /u/1 /u/{id} ada"},
		{"kept", Options{}, false, []sp{
			{"a", server, 2, 1, local, route, ""}, {"a", server, 1, 9, foreign, get, ""},
		}, "a GET /u/1 /u/{id} ada; a GET /u/1"},
		{"nested without flags", merge, false, []sp{
			{"a", server, 1, 0, 0, get, ""}, {"a", server, 2, 1, 0, route, ""},
		}, "a GET /u/1 /u/{id} ada; nested"},
		{"through inner spans, three deep", merge, false, []sp{
			{"a", server, 1, 9, foreign, with(nil, "http.request.body.content", "x"), ""}, {"a", internal, 2, 1, local, nil, ""},
			{"a", server, 3, 2, local, with(nil, "http.route", "/u/{id}", "http.request.body.content", "y"), ""},
			{"a", server, 4, 3, local, with(nil, "http.route", "/other", "enduser.id", "bob"), ""},
		}, "a GET /u/1 /u/{id} bob x; span_kind; nested; nested"},
		{"the outer one comes later", merge, false, []sp{{"a", server, 2, 1, local, route, ""}}, "nested"},
		{"unknown parent", merge, false, []sp{{"a", server, 2, 1, 0, route, ""}}, "a GET /u/1 /u/{id} ada"},
		{"under a job", merge, false, []sp{
			{"a", internal, 1, 0, local, nil, ""}, {"a", server, 2, 1, local, route, ""},
		}, "span_kind; a GET /u/1 /u/{id} ada"},
		{"under what is no HTTP", merge, false, []sp{
			{"a", server, 1, 0, local, map[string]any{"rpc.system": "x"}, ""}, {"a", server, 2, 1, local, route, ""},
		}, "not_http; a GET /u/1 /u/{id} ada"},
		{"another service without flags", merge, false, []sp{
			{"edge", server, 1, 0, 0, get, ""}, {"a", server, 2, 1, 0, route, ""},
		}, "edge GET /u/1; a GET /u/1 /u/{id} ada"},
		{"another instance by flags", merge, false, []sp{
			{"a", server, 1, 0, 0, get, ""}, {"a", server, 2, 1, foreign, route, ""},
		}, "a GET /u/1; a GET /u/1 /u/{id} ada"},
		{"a call to itself", merge, false, []sp{
			{"a", server, 1, 0, 0, get, ""}, {"a", client, 2, 1, 0, get, ""}, {"a", server, 3, 2, 0, route, ""},
		}, "a GET /u/1; a GET /u/1; a GET /u/1 /u/{id} ada"},
		{"a ring", merge, false, []sp{
			{"a", server, 1, 2, local, get, ""}, {"a", server, 2, 1, local, get, ""},
		}, "a GET /u/1; a GET /u/1"},
		{"its own parent", merge, false, []sp{{"a", server, 1, 1, 0, get, ""}}, "a GET /u/1"},
		{"skip from inside", merge, false, []sp{
			{"a", server, 1, 0, 0, get, ""}, {"a", server, 2, 1, local, with(nil, "apispan.skip", true), ""},
		}, "requested; nested"},
		{"what was not redacted adds nothing", merge, true, []sp{
			{"a", server, 1, 0, 0, get, ""}, {"a", server, 2, 1, local, route, ""},
		}, "a GET /u/1; nested"},
		{"what was redacted does", merge, true, []sp{
			{"a", server, 1, 0, 0, get, ""}, {"a", server, 2, 1, local, stamped, ""},
		}, "a GET /u/1 /u/{id} ada; nested"},

		{"inner identity not asked for", merge, false, []sp{
			{"a", internal, 2, 1, local, map[string]any{"enduser.id": "eve"}, ""}, {"a", server, 1, 9, foreign, get, ""},
		}, "span_kind; a GET /u/1"},
		{"inner identity", Options{Nested: true, InnerIdentity: true}, false, []sp{
			{"a", internal, 3, 2, local, map[string]any{"enduser.id": "eve", "http.route": "/no"}, ""}, {"a", internal, 2, 1, 0, nil, ""},
			{"a", server, 1, 9, foreign, get, ""},
		}, "span_kind; span_kind; a GET /u/1 eve"},
		{"inner identity is that of the call", Options{Nested: true, InnerIdentity: true}, false, []sp{
			{"a", server, 1, 9, foreign, with(nil, "user.id", "ada"), ""}, {"a", internal, 2, 1, local, map[string]any{"enduser.id": "eve"}, ""},
			{"a", client, 3, 1, local, get, ""}, {"b", server, 4, 3, foreign, get, ""}, {"b", internal, 5, 4, local, map[string]any{"user.id": "bob"}, ""},
		}, "a GET /u/1 ada; span_kind; a GET /u/1; b GET /u/1 bob; span_kind"},

		{"both speak", Options{Prefer: SpeakBoth}, false, gatewayCall(), "edge GET /u/1 203.0.113.9; edge GET /u/1; a GET /u/1 /u/{id} ada 10.0.0.1"},
		{"the service speaks", Options{Prefer: SpeakService}, false, gatewayCall(), "other_end; other_end; a GET /u/1 /u/{id} ada 203.0.113.9"},
		{"the gateway speaks", Options{Prefer: SpeakGateway}, false, gatewayCall(), "edge GET /u/1 /u/{id} ada 203.0.113.9; other_end; other_end"},
		{"another path is another call", Options{Prefer: SpeakService}, false, []sp{
			{"a", server, 1, 0, 0, get, ""}, {"a", client, 2, 1, 0, get, ""}, {"b", server, 3, 2, 0, with(nil, "url.path", "/v"), ""},
		}, "a GET /u/1; a GET /u/1; b GET /v"},
		{"a named gateway may change paths", Options{Prefer: SpeakService, Gateways: []string{"a"}}, false, []sp{
			{"a", server, 1, 0, 0, get, ""}, {"a", client, 2, 1, 0, get, ""}, {"b", server, 3, 2, 0, with(nil, "url.path", "/v"), ""},
		}, "other_end; other_end; b GET /v"},
		{"who is not named is none", Options{Prefer: SpeakService, Gateways: []string{"x"}}, false, gatewayCall(), "edge GET /u/1 203.0.113.9; edge GET /u/1; a GET /u/1 /u/{id} ada 10.0.0.1"},
	} {
		r := Reader{NeedStamp: tc.need}
		if got := strings.Join(told(t, batchOf(t, tc.spans), tc.opts, &r), "; "); got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", tc.name, got, tc.want)
		}
	}
}

func gatewayCall() []sp {
	return []sp{
		{"edge", server, 1, 9, foreign, with(nil, "client.address", "203.0.113.9"), ""},
		{"edge", client, 2, 1, local, with(nil), ""},
		{"a", server, 3, 2, foreign, with(nil, "http.route", "/u/{id}", "user.id", "ada", "client.address", "10.0.0.1"), ""},
	}
}

// TestCallersSetNoNumbers: neither weight nor randomness of a caller's tracestate count,
// on any span of the trace that he began.
func TestCallersSetNoNumbers(t *testing.T) {
	t.Parallel()
	const state = "ot=th:c;rv:abcdef01234567"
	get := with(nil)
	for _, tc := range []struct {
		name  string
		trust bool
		spans []sp
		want  string
	}{
		{"remote parent", false, []sp{{"a", server, 1, 9, foreign, get, state}}, "1 ignored"},
		{"remote parent, trusted", true, []sp{{"a", server, 1, 9, foreign, get, state}}, "4 rv"},
		{"no flags, a parent", false, []sp{{"a", server, 1, 9, 0, get, state}}, "1 ignored"},
		{"no parent", false, []sp{{"a", server, 1, 0, local, get, state}}, "4 rv"},
		{"a call of the same trace", false, []sp{
			{"a", server, 1, 9, foreign, get, state}, {"a", client, 2, 1, local, get, state},
		}, "1 ignored, 1 ignored"},
		{"a call of a trace of ours", false, []sp{
			{"a", server, 1, 0, local, get, state}, {"a", internal, 2, 1, local, nil, state}, {"a", client, 3, 2, local, get, state},
		}, "4 rv, 4 rv"},
		{"the parent is not here", false, []sp{{"a", client, 2, 1, local, get, state}}, "1 ignored"},
		{"2^56", false, []sp{{"a", server, 1, 0, 0, get, "ot=th:ffffffffffffff"}}, "1000000"},
		{"2^56, trusted", true, []sp{{"a", server, 1, 9, foreign, get, "ot=th:ffffffffffffff"}}, "1000000"},
		{"stated by the span", false, []sp{{"a", server, 1, 9, foreign, with(nil, "apispan.weight", 1<<52), state}}, "1000000 ignored"},
	} {
		var b Batch
		td := batchOf(t, tc.spans)
		b.Read(td, &Options{Nested: true})
		r := Reader{TrustCallers: tc.trust}
		var got []string
		for i := range td.ResourceSpans().Len() {
			ex, skip := r.ReadPart(td.ResourceSpans().At(i).ScopeSpans().At(0).Spans().At(0), b.Part(i))
			if skip != Taken {
				continue
			}
			s := fmt.Sprint(ex.Weight)
			if ex.WeightIgnored {
				s += " ignored"
			}
			if ex.Randomness != "" {
				s += " rv"
			}
			got = append(got, s)
		}
		if g := strings.Join(got, ", "); g != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, g, tc.want)
		}
	}
}

// TestIDsOfSpansThatShareThem: different calls have different ids, in any order and at
// every attempt; a repetition has the same.
func TestIDsOfSpansThatShareThem(t *testing.T) {
	t.Parallel()
	ids := func(spans ...sp) []string {
		td := batchOf(t, spans)
		var b Batch
		b.Read(td, &Options{Nested: true})
		var out []string
		var r Reader
		for i := range spans {
			ex, skip := r.ReadPart(td.ResourceSpans().At(i).ScopeSpans().At(0).Spans().At(0), b.Part(i))
			if skip != Taken {
				t.Fatal(skip)
			}
			out = append(out, ex.ID)
		}
		return out
	}
	a, b := sp{"a", server, 1, 0, 0, with(nil), ""}, sp{"b", client, 1, 0, 0, with(nil), ""}
	c, d := sp{"a", server, 1, 0, 0, with(nil, "url.path", "/2"), ""}, sp{"a", server, 1, 0, 0, with(nil, "url.path", "/3"), ""}
	got := ids(a, b, c, d)
	if s := slices.Compact(slices.Sorted(slices.Values(got))); len(s) != 4 {
		t.Errorf("ids %v", got)
	}
	if again := ids(d, c, b, a); again[0] != got[3] || again[1] != got[2] || again[2] != got[1] || again[3] != got[0] {
		t.Errorf("another order, other ids: %v %v", got, again)
	}
	if twice := ids(a, a); twice[0] != twice[1] || twice[0] != ids(a)[0] {
		t.Errorf("a repetition has another id: %v", twice)
	}
}

// FuzzBatch: no batch makes it panic, and no call vanishes: of spans that are skipped as
// parts of a call, the call is in the batch, or its parent is local and elsewhere.
func FuzzBatch(f *testing.F) {
	f.Add([]byte{1, 0, 0, 2, 1, 1, 3, 2, 2})
	f.Fuzz(func(t *testing.T, in []byte) {
		var spans []sp
		for i := 0; i+2 < len(in) && len(spans) < 40; i += 3 {
			kind := []ptrace.SpanKind{server, server, internal, client}[in[i+2]&3]
			flags := []uint32{0, local, foreign, 0}[in[i+2]>>2&3]
			spans = append(spans, sp{string('a' + rune(in[i+2]>>4&1)), kind, in[i] & 15, in[i+1] & 15, flags, with(nil), ""})
		}
		for _, o := range []Options{{Nested: true}, {Nested: true, InnerIdentity: true, Prefer: SpeakService}, {Prefer: SpeakGateway, Gateways: []string{"a"}}} {
			var r Reader
			events, nested := 0, 0
			for i, s := range told(t, batchOf(t, spans), o, &r) {
				switch s {
				case string(SkipNested), string(SkipOtherEnd):
					if spans[i].flags != local {
						nested++
					}
				case string(SkipKind):
				default:
					events++
				}
			}
			if nested > 0 && events == 0 && !slices.ContainsFunc(spans, func(s sp) bool { return s.flags == local && s.kind == server }) {
				t.Errorf("%+v: calls and no event", o)
			}
		}
	})
}
