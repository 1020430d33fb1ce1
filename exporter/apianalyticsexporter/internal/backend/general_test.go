// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backend

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

func TestBase(t *testing.T) {
	t.Parallel()
	b := Build{Version: "1.2.3"}.Base(map[string]string{"Authorization": Bearer(""), "X-Key": "k", "X-Bearer": Bearer("t")})
	h := http.Header{"X-Kept": {"1"}}
	b.SetHeader(h)
	if len(h) != 4 || h.Get("X-Key") != "k" || h.Get("X-Bearer") != "Bearer t" || h.Get("User-Agent") != "apispan/1.2.3" {
		t.Errorf("%v", h)
	}
	ex := exchange.Exchange{Direction: exchange.Outgoing, UserAgent: "apispan/1.2.3"}
	if !b.SelfTraffic(&ex) {
		t.Error("a report of ours is no traffic of ours")
	}
	if ex.Direction = exchange.Incoming; b.SelfTraffic(&ex) {
		t.Error("a caller passes for us")
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	p := Problems{Block: "acme"}
	OneOf(&p, "url", URLFull, URLFull, URLPath)
	p.Unless(true, "n", 1, "nothing")
	if p.Err() != nil {
		t.Fatal(p.Err())
	}
	OneOf(&p, "url", URLGate("a\"b"), URLFull, URLPath, URLRoute)
	OneOf(&p, "one", "", "only")
	p.Unless(false, "n", -1, "a number")
	p.Unless(false, "d", time.Minute, "at least 1h")
	p.Say("key", "is empty: write it")
	want := []string{
		"`acme::url` is \"a\\\"b\": write full, path or route", "`acme::one` is \"\": write only", "`acme::n` is -1: write a number",
		"`acme::d` is 1m0s: write at least 1h", "`acme::key` is empty: write it",
	}
	if got := strings.Split(p.Err().Error(), "\n"); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestBatchID(t *testing.T) {
	t.Parallel()
	id := []string{"id"}
	items := func(texts ...string) (list [][]byte) {
		for _, s := range texts {
			list = append(list, []byte(s))
		}
		return list
	}
	a := BatchID(id, items(`{"id":"1","n":1}`, `{"id":"2"}`))
	if len(a) != 32 || a != BatchID(id, items(`{"n":2,"id":"1"}`, `{"id":"2","m":{"id":"3"}}`)) {
		t.Errorf("%s: the same ids are another batch", a)
	}
	for _, other := range [][][]byte{nil, items(`{"id":"1"}`), items(`{"id":"2"}`, `{"id":"1"}`), items(`{"id":"12"}`), items(`{"n":1}`, `{"n":2}`)} {
		if BatchID(id, other) == a {
			t.Errorf("%q is the same batch", other)
		}
	}
	if BatchID(nil, items("a", "b")) == BatchID(nil, items("a", "c")) {
		t.Error("items without ids are not told apart")
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	var none *Failures
	if _, ok := none.Read(http.Header{"X-Code": {"7"}}, nil); ok {
		t.Error("a backend without failures tells of one")
	}
	f := NewFailures("X-Code", regexp.MustCompile(`code (\d{1,30})`), "ask", NewFailure(Outage, "pay", 7, 8), NewFailure(Reject, "row", 9))
	for _, tt := range []struct {
		field, body string
		status      int
		code        int // -1: no failure
		class       Class
		advice      string
	}{
		{"", "", 200, -1, Delivered, ""}, {"", "fine", 200, -1, Delivered, ""}, {"0", "", 200, -1, Delivered, ""}, {"", "code 0", 200, -1, Delivered, ""},
		// A number that is none tells of a failure all the same.
		{"x", "fine", 200, 0, Retry, "ask"}, {"-7", "", 200, 0, Retry, "ask"}, {"99999999999999999999", "", 400, 0, Outage, "ask"},
		{"", "code 99999999999999999999", 200, 0, Retry, "ask"}, {"0", "code 9", 200, 9, Reject, "row"},
		{"7", "", 200, 7, Outage, "pay"}, {"8", "code 9", 400, 8, Outage, "pay"}, {"x", "a\ncode 9", 200, 9, Reject, "row"},
		{"5", "", 200, 5, Retry, "ask"}, {"5", "", 400, 5, Outage, "ask"}, {"5", "", 413, 5, Reject, "ask"}, {"5", "", 403, 5, Outage, "ask"}, {"5", "", 503, 5, Retry, "ask"},
	} {
		h := http.Header{}
		if tt.field != "" {
			h.Set("X-Code", tt.field)
		}
		got, ok := f.Read(h, []byte(tt.body))
		switch {
		case !ok && tt.code < 0:
		case ok != (tt.code >= 0) || got.Codes[0] != tt.code || got.Advice != tt.advice || got.Verdict(ClassifyHTTP(tt.status), tt.status) != tt.class:
			t.Errorf("%+v: %+v, %v", tt, got, ok)
		}
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	s := Schema{
		Block: "acme", Database: "db", Table: "tab", Question: "what of {x}", CreateDatabase: "create {x}", Steps: []string{"one {x}", "two;\nthree"},
		Fill: strings.NewReplacer("{x}", "y"), Columns: []Column{{"a", "Nullable(Text)"}, {"b", "Int"}}, Inessential: regexp.MustCompile(`Nullable|[()]`),
	}
	if _, content, optional := s.Look(); content != "what of y" || !optional || s.Names() != "a, b" {
		t.Errorf("%q, %v, %q", content, optional, s.Names())
	}
	for _, tt := range []struct {
		have, want string
		steps      string // with Create
	}{
		{`{".version":"2",".database":"db","a":"Text","b":"Int","c":"More"}`, "", ""},
		{`{".version":"3",".database":"db","a":"Text","b":"Int"}`, "", ""},
		{`{".version":"",".database":"db","a":"Text","b":"Int"}`, "", ""},
		{`{}`, "there is no database db", "create y|one y|two|three"},
		{`{".database":"db"}`, "there is no table db.tab", "one y|two|three"},
		{`{".version":"1",".database":"db","a":"Text","b":"Int"}`, "has version 1 of the schema and this exporter needs 2", "two|three"},
		{`{".version":"-1",".database":"db"}`, "has no column a: add it as Nullable(Text)", "one y|two|three"},
		{`{".version":"",".database":"db","a":"Text"}`, "has no column b", ""},
		{`{".version":"2",".database":"db","a":"Text","b":"Date"}`, "the column b of the table db.tab has another type than Int", ""},
	} {
		for _, create := range []bool{false, true} {
			s.Create = create
			steps, err := s.Ready([]byte(`{"have":` + tt.have + "}\n"))
			want := ""
			if create {
				want = tt.steps
			}
			if got := strings.Join(steps, "|"); got != want || (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s, create %v: %q, %v", tt.have, create, got, err)
			}
		}
	}
	for _, answer := range []string{"", "{}", "[]", "<html>", `{"have":null}`, `{"have":{"a":1}}`, `{"have":{`} {
		if steps, err := s.Ready([]byte(answer)); err != nil || len(steps) > 0 {
			t.Errorf("%q: %q, %v", answer, steps, err)
		}
	}
}
