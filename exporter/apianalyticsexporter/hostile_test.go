// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/vendors"
)

// backendConfig returns the smallest configuration of a backend, which a user would
// write: the credential and the endpoint.
func backendConfig(t testing.TB, name, endpoint string) *Config {
	t.Helper()
	raw := map[string]any{}
	all := defaultBackends()
	for _, b := range all.blocks() {
		if b.name != name {
			continue
		}
		facts := reflect.New(b.typ).Interface().(backend.Config).Facts()
		block := map[string]any{}
		if facts.SecretKey != "" {
			block[facts.SecretKey] = "a-key"
		}
		if raw[name] = block; facts.OwnEndpoint {
			block["endpoint"] = endpoint
		} else {
			raw["endpoint"] = endpoint
		}
	}
	cfg, err := load(t, confmap.NewFromStringMap(raw))
	if err != nil {
		t.Fatal(err)
	}
	cfg.ClientConfig.Timeout = time.Minute // what a busy machine is late with is not sent twice
	withoutQueue(cfg)
	return cfg
}

// hostileSpan is a kind of bad input. Want says what becomes of it: "sent", "cut"
// (sent with less of its bodies), "dropped <reason>", or "skipped <reason>"; the
// first holds for all backends, an entry "name: outcome" for one.
type hostileSpan struct {
	name   string
	change func(s ptrace.Span)
	want   []string
}

func attrs(change func(a pcommon.Map)) func(ptrace.Span) {
	return func(s ptrace.Span) { change(s.Attributes()) }
}

func hostileSpans() []hostileSpan {
	header := func(a pcommon.Map, name, value string) {
		a.PutEmptySlice("http.request.header." + name).AppendEmpty().SetStr(value)
	}
	return []hostileSpan{
		{"no status", attrs(func(a pcommon.Map) { a.Remove("http.response.status_code") }),
			[]string{"sent", "readme: dropped no_status", "metlo: dropped no_status"}},
		{"absurd status", attrs(func(a pcommon.Map) { a.PutInt("http.response.status_code", -1) }),
			[]string{"sent", "readme: dropped no_status", "metlo: dropped no_status"}},
		{"status in text", attrs(func(a pcommon.Map) { a.PutStr("http.response.status_code", "204") }), []string{"sent"}},
		{"no headers", attrs(func(a pcommon.Map) {
			a.RemoveIf(func(k string, _ pcommon.Value) bool {
				return strings.HasPrefix(k, "http.re") && strings.Contains(k, ".header.")
			})
		}), []string{"sent"}},
		{"no attributes", attrs(func(a pcommon.Map) { a.RemoveIf(func(string, pcommon.Value) bool { return true }) }), []string{"skipped not_http"}},
		{"method only", attrs(func(a pcommon.Map) {
			a.RemoveIf(func(k string, _ pcommon.Value) bool {
				return k != "http.request.method" && k != "apispan.redaction.policy"
			})
		}), []string{"sent", "readme: dropped no_status", "metlo: dropped no_status", "cloudevents: dropped no_identity"}},
		{"_OTHER with original", attrs(func(a pcommon.Map) {
			a.PutStr("http.request.method", "_OTHER")
			a.PutStr("http.request.method_original", "PROPFIND")
		}), []string{"sent", "metlo: dropped method"}},
		{"_OTHER without", attrs(func(a pcommon.Map) { a.PutStr("http.request.method", "_OTHER") }), []string{"sent", "metlo: dropped method"}},
		{"method not a token", attrs(func(a pcommon.Map) { a.PutStr("http.request.method", "G ET\r\n\"é\x00") }), []string{"sent", "metlo: dropped method"}},
		{"relative URL", attrs(func(a pcommon.Map) {
			a.Remove("url.path")
			a.PutStr("url.full", "orders/../x?a=b#c")
		}), []string{"sent"}},
		{"URL of rubbish", attrs(func(a pcommon.Map) {
			a.PutStr("url.path", "//\x00\xff %zz\u2028")
			a.PutStr("url.query", "%&=&&=\xff&\"<>`{}|\\^")
			header(a, "host", "[::1%eth0]:99999999 é")
		}), []string{"sent"}},
		{"IPv6 host", attrs(func(a pcommon.Map) {
			header(a, "host", "[2001:db8::1]:8443")
			a.PutStr("client.address", "2001:db8::2%eth0")
		}), []string{"sent"}},
		{"address not one", attrs(func(a pcommon.Map) { a.PutStr("client.address", "unix:@/tmp/s\x00") }), []string{"sent"}},
		{"body in bytes", attrs(func(a pcommon.Map) {
			a.PutEmptyBytes("http.request.body.content").FromRaw([]byte("\x00\xff\xfe\"\\\n"))
			a.PutEmptyBytes("http.response.body.content").FromRaw([]byte(`{"ok":true}`))
		}), []string{"sent"}},
		{"invalid UTF-8", attrs(func(a pcommon.Map) {
			a.PutStr("http.request.body.content", "{\"a\":\"\xff\"}")
			a.PutStr("http.response.body.content", "\xed\xa0\x80")
			a.PutStr("user.id", "\xffid\xc0")
			a.PutStr("http.route", "/\xff")
			a.PutStr("apispan.metadata.\xff", "\xff")
			header(a, "x-bad", "\xff")
			header(a, "x-b\xffd", "v")
		}), []string{"sent"}},
		{"body of 1.5 MB", attrs(func(a pcommon.Map) {
			a.PutStr("http.request.body.content", `{"a":"`+strings.Repeat("x", 1_500_000)+`"}`)
			a.PutStr("http.response.body.content", strings.Repeat("é", 750_000))
		}), []string{"cut", "cloudevents: sent"}},
		{"headers of 2 MB", attrs(func(a pcommon.Map) {
			for i := range 200 {
				header(a, fmt.Sprintf("x-%d", i), strings.Repeat("v", 10_000))
			}
		}), []string{"cut", "cloudevents: sent"}},
		{"duplicate JSON keys", attrs(func(a pcommon.Map) {
			a.PutStr("http.request.body.content", `{"a":1,"a":{"b":1,"b":2},"a":[]}`)
		}), []string{"sent"}},
		{"numbers beyond 2^53", attrs(func(a pcommon.Map) {
			a.PutStr("http.request.body.content", `{"id":9007199254740993,"n":1e400,"m":-0.0,"l":123456789012345678901234567890}`)
			a.PutInt("apispan.metadata.n", 9007199254740993)
		}), []string{"sent"}},
		{"JSON nested 5000 deep", attrs(func(a pcommon.Map) {
			a.PutStr("http.request.body.content", strings.Repeat(`[`, 5000)+strings.Repeat(`]`, 5000))
		}), []string{"sent"}},
		{"lone surrogate", attrs(func(a pcommon.Map) { a.PutStr("http.request.body.content", `{"a":"\ud800"}`) }), []string{"sent"}},
		{"JSON that ends early", attrs(func(a pcommon.Map) { a.PutStr("http.request.body.content", `{"a":[1,"`) }), []string{"sent"}},
		{"missing identity", attrs(func(a pcommon.Map) {
			a.Remove("user.id")
			a.Remove("apispan.consumer.id")
		}), []string{"sent", "readme: dropped no_identity", "cloudevents: dropped no_identity"}},
		{"identity masked", attrs(func(a pcommon.Map) {
			a.PutStr("user.id", "[REDACTED]")
			a.PutStr("apispan.consumer.id", "[REDACTED]")
		}), []string{"sent", "readme: dropped no_identity", "cloudevents: dropped no_identity"}},
		{"time going backwards", func(s ptrace.Span) {
			s.SetEndTimestamp(s.StartTimestamp() - pcommon.Timestamp(time.Hour))
		}, []string{"sent"}},
		{"no time", func(s ptrace.Span) {
			s.SetStartTimestamp(0)
			s.SetEndTimestamp(0)
		}, []string{"sent"}},
		{"the end of time", func(s ptrace.Span) {
			s.SetEndTimestamp(1<<63 - 1)
		}, []string{"sent"}},
		{"no ids", func(s ptrace.Span) {
			s.SetTraceID(pcommon.NewTraceIDEmpty())
			s.SetSpanID(pcommon.NewSpanIDEmpty())
		}, []string{"sent"}},
		{"attributes of other types", attrs(func(a pcommon.Map) {
			a.PutEmptyMap("http.request.body.content").PutStr("a", "b")
			a.PutEmptySlice("user.id").AppendEmpty().SetStr("x")
			a.PutDouble("apispan.weight", -1)
			a.PutBool("url.path", true)
			a.PutEmptyMap("http.request.header.x-map").PutStr("a", "b")
		}), []string{"sent"}},
		{"not redacted", attrs(func(a pcommon.Map) { a.Remove("apispan.redaction.policy") }), []string{"dropped unredacted"}},
	}
}

// TestBadInput sends every kind of bad input between two sound exchanges to every
// backend: what becomes of it is known, counted, and never costs the others anything.
func TestBadInput(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Sorted(maps.Keys(vendors.All)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, h := range hostileSpans() {
				t.Run(h.name, func(t *testing.T) { t.Parallel(); badInput(t, name, h) })
			}
		})
	}
}

func badInput(t *testing.T, name string, h hostileSpan) {
	fake := vendors.All[name].New(backendtest.Settings{})
	server := httptest.NewServer(fake)
	defer server.Close()
	r := newRig(t, backendConfig(t, name, server.URL)).start()
	td := traces(0, 3)
	h.change(spanAt(td, 1))
	if err := r.exp.ConsumeTraces(context.Background(), td); err != nil {
		t.Fatal(err)
	}
	r.shutdown()
	for _, v := range fake.Violations() {
		t.Errorf("the backend refuses it: %s", v)
	}

	want := h.want[0]
	for _, w := range h.want[1:] {
		if rest, ok := strings.CutPrefix(w, name+": "); ok {
			want = rest
		}
	}
	c := r.checkBooks()
	var got []string
	for reason, n := range c.Dropped {
		got = append(got, fmt.Sprintf("dropped %s", reason))
		if n != 1 {
			t.Errorf("%d dropped as %s", n, reason)
		}
	}
	for reason := range c.Skipped {
		got = append(got, "skipped "+reason)
	}
	if len(got) == 0 {
		got = []string{"sent"}
		if c.Truncated > 0 {
			got = []string{"cut"}
		}
	}
	slices.Sort(got)
	if g := strings.Join(got, ", "); g != want {
		t.Errorf("outcome %q, want %q", g, want)
	}
	arrived := 3
	if want != "sent" && want != "cut" {
		arrived = 2
	}
	if s := fake.Stats(); s.Accepted != arrived || s.Duplicates != 0 || c.Sent != int64(arrived) || c.Requests["reject"] != 0 {
		t.Errorf("%d arrived, %d counted as sent, want %d; %d duplicates, requests %v", s.Accepted, c.Sent, arrived, s.Duplicates, c.Requests)
	}
}

// TestREADMEBadInput: the table of the README has a row for each kind.
func TestREADMEBadInput(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"no status", "no headers", "`_OTHER`", "relative URL", "IPv6", "bytes", "UTF-8", "1 MB", "identity", "duplicate", "2^53", "backwards"} {
		_, table, _ := strings.Cut(string(text), "## Bad input")
		table, _, _ = strings.Cut(table, "\n## ")
		if !strings.Contains(table, word) {
			t.Errorf("the section on bad input does not say %q", word)
		}
	}
}
