// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package inspector

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// hostile are texts that a stranger may have captured.
var hostile = []string{
	"\x1b[2J\x1b[1;31mred", "\x1b]0;title\x07", "\u009b31m", "a\r\nInjected: line", "tab\there", "\x00NUL", "\x7f",
	"right \u202eto left", "\u2066isolate\u2069", "zero\u200bwidth\u200d\ufeff", "line\u2028separator\u2029", "Z\u0351\u0352\u0353algo",
	"\xff\xfe not UTF-8", "\xed\xa0\x80", "<script>alert(1)</script>", "naïve 日本語 ok", "\U000e0041tag",
}

func TestHarmless(t *testing.T) {
	t.Parallel()
	for _, s := range hostile {
		got := Harmless(s)
		if strings.ContainsFunc(got, unsafe) {
			t.Errorf("%q became %q", s, got)
		}
	}
	for _, s := range []string{"naïve 日本語 ok", "GET /a?b=c&d", "– …"} {
		if Harmless(s) != s {
			t.Errorf("%q became %q", s, Harmless(s))
		}
	}
	if got := Harmless("a\x1b[0m\n\u202e"); got != `a\x1b[0m\n\u{202e}` {
		t.Errorf("%q", got)
	}
}

func TestHarmlessJSON(t *testing.T) {
	t.Parallel()
	for _, s := range hostile {
		doc, _ := json.Marshal(map[string]any{"x": s, "list": []any{s, 1, nil}})
		got, err := HarmlessJSON(doc)
		if err != nil || bytes.IndexFunc(got, unsafe) >= 0 {
			t.Errorf("%q became %q, %v", s, got, err)
		}
		var was, is any
		if json.Unmarshal(doc, &was) != nil || json.Unmarshal(got, &is) != nil || fmt.Sprint(was) != fmt.Sprint(is) {
			t.Errorf("%q means something else: %q", s, got)
		}
	}
	if _, err := HarmlessJSON([]byte("{")); err == nil {
		t.Error("half a document is one")
	}
}

func TestReadEvents(t *testing.T) {
	t.Parallel()
	const text = "retry: 2000\n\n: heartbeat\n\nid: e-1\nevent: exchange\ndata: {\"a\":1}\n\nid: e-2\r\nevent: stats\r\ndata:x\r\ndata: y\r\n\r\nevent: cut\ndata: z\n"
	var got []string
	if err := readEvents(strings.NewReader(text), func(e Event) error {
		got = append(got, e.ID+"|"+e.Name+"|"+string(e.Data))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := "e-1|exchange|{\"a\":1} e-2|stats|x\ny"; strings.Join(got, " ") != want {
		t.Errorf("%q", got)
	}
	long := "data: " + strings.Repeat("x", maxEvent+10) + "\n\n"
	if err := readEvents(strings.NewReader(long), func(Event) error { return nil }); err == nil {
		t.Error("an event of any length is taken")
	}
}

func TestNew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("of-a-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		w           Where
		env         [2]string
		base, token string
		problem     string
	}{
		{base: DefaultAddress},
		{w: Where{Address: "http://127.0.0.1:8089/?t=abc"}, base: "http://127.0.0.1:8089", token: "abc"},
		{w: Where{Address: "127.0.0.1:9000"}, base: "http://127.0.0.1:9000"},
		{w: Where{Address: "http://a/?t=abc", Token: "flag"}, base: "http://a", token: "flag"},
		{w: Where{TokenFile: file}, base: DefaultAddress, token: "of-a-file"},
		{env: [2]string{"https://b:1/?t=env", "other"}, base: "https://b:1", token: "env"},
		{env: [2]string{"", "other"}, base: DefaultAddress, token: "other"},
		{w: Where{Address: "ftp://a"}, problem: "the address is no URL"},
		{w: Where{Address: "http://"}, problem: "the address is no URL"},
		{w: Where{Token: "a b"}, problem: "the token holds a blank"},
		{w: Where{Token: "a", TokenFile: file}, problem: "together"},
		{w: Where{TokenFile: file + "x"}, problem: "--token-file"},
	} {
		t.Setenv(AddressEnv, tc.env[0])
		t.Setenv(TokenEnv, tc.env[1])
		c, err := New(tc.w)
		if tc.problem != "" {
			if err == nil || !strings.Contains(err.Error(), tc.problem) {
				t.Errorf("%+v: %v", tc.w, err)
			}
			continue
		}
		if err != nil || c.base.String() != tc.base || c.token != tc.token {
			t.Errorf("%+v: %v, %+v", tc.w, err, c)
		}
	}
}

// fake is an inspector as far as tail can tell. Each row has its own seq.
type fake struct {
	mu      sync.Mutex
	since   time.Time
	rows    []string // oldest first
	stats   string
	term    string
	streams atomic.Int64
	// stream serves the nth connection, from 1.
	stream func(n int64, w http.ResponseWriter, last string)
}

func rowOf(seq int, state string) string {
	return fmt.Sprintf(`{"id":"id-%d","seq":%d,"time":"2026-01-31T10:11:12.345Z","direction":"in","method":"GET","path":"/a/%d","status":200,"duration":4,"backends":[{"component":"api_analytics/moesif","state":%q}]}`, seq, seq, seq, state)
}

func (f *fake) start(t *testing.T, q string) *Tail {
	t.Helper()
	if f.since.IsZero() {
		f.since = time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/api/status", func(w http.ResponseWriter, _ *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		stats := f.stats
		if stats == "" {
			stats = `{"seen":1,"kept":1}`
		}
		fmt.Fprintf(w, `{"since":%q,"stats":%s}`, f.since.Format(time.RFC3339Nano), stats)
	})
	mux.HandleFunc("/api/exchanges", func(w http.ResponseWriter, _ *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		var newest []string
		for i := len(f.rows) - 1; i >= 0; i-- {
			newest = append(newest, f.rows[i])
		}
		term, _ := json.Marshal(f.term)
		fmt.Fprintf(w, `{"rows":[%s],"query":{"terms":[{"problem":%s}]}}`, strings.Join(newest, ","), term)
	})
	mux.HandleFunc("/api/stream", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("q") != q {
			t.Errorf("the stream is asked for %q", r.URL)
		}
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "retry: 2000\n\nid: e-0\nevent: status\ndata: {}\n\n")
		_ = http.NewResponseController(w).Flush()
		if f.stream != nil {
			f.stream(f.streams.Add(1), w, r.Header.Get("Last-Event-ID"))
		}
		<-r.Context().Done()
	})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.CloseClientConnections)
	c, err := New(Where{Address: srv.URL, Token: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	return &Tail{Client: c, Query: q, Last: 10, For: 700 * time.Millisecond, settle: 50 * time.Millisecond, Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}
}

func send(w http.ResponseWriter, id, name, data string) {
	fmt.Fprintf(w, "id: %s\nevent: %s\ndata: %s\n\n", id, name, data)
	_ = http.NewResponseController(w).Flush()
}

func paths(t *Tail) (out []string) {
	for word := range strings.FieldsSeq(t.Out.(*bytes.Buffer).String()) {
		if strings.HasPrefix(word, "/a/") {
			out = append(out, word)
		}
	}
	return out
}

// TestTail: what has passed, what comes, each once, and with what became of it.
func TestTail(t *testing.T) {
	t.Parallel()
	f := &fake{rows: []string{rowOf(1, "sent"), rowOf(2, "sent"), rowOf(3, "sent")}}
	f.stream = func(_ int64, w http.ResponseWriter, _ string) {
		send(w, "e-1", "exchange", rowOf(3, "sent"))
		send(w, "e-2", "exchange", rowOf(4, "waiting"))
		send(w, "e-3", "exchange", rowOf(4, "sent"))
		send(w, "e-4", "exchange", rowOf(5, "waiting"))
	}
	tail := f.start(t, "x y")
	tail.Last = 2
	ok, err := tail.Run(t.Context())
	if !ok || err != nil {
		t.Fatalf("%v, %v", ok, err)
	}
	if got := strings.Join(paths(tail), " "); got != "/a/2 /a/3 /a/4 /a/5" {
		t.Errorf("%s", tail.Out)
	}
	if out := fmt.Sprint(tail.Out); strings.Count(out, "moesif sent") != 3 || strings.Count(out, "moesif waiting") != 1 {
		t.Error(out)
	}
}

// TestTailReconnects: nothing is lost or printed twice when the connection breaks off, when
// it goes on, when what was missed is not known, and when the Collector starts again.
func TestTailReconnects(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"goes on", "reset", "restarted"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			f := &fake{rows: []string{rowOf(1, "sent")}}
			f.stream = func(n int64, w http.ResponseWriter, last string) {
				if n == 1 {
					time.Sleep(200 * time.Millisecond) // the list is asked for before
					send(w, "e-7", "exchange", rowOf(2, "sent"))
					time.Sleep(200 * time.Millisecond)
					f.mu.Lock()
					f.rows = append(f.rows, rowOf(2, "sent"), rowOf(3, "sent"))
					if how == "restarted" {
						f.since, f.rows = f.since.Add(time.Hour), []string{strings.ReplaceAll(rowOf(1, "sent"), "id-1", "another")}
					}
					f.mu.Unlock()
					panic(http.ErrAbortHandler)
				}
				if last != "e-7" {
					t.Errorf("asked for what comes after %q", last)
				}
				if how == "goes on" {
					send(w, "e-8", "exchange", rowOf(3, "sent"))
				} else {
					send(w, "e-8", "reset", "{}")
				}
			}
			tail := f.start(t, "")
			tail.For = 2 * time.Second
			if ok, err := tail.Run(t.Context()); !ok || err != nil {
				t.Fatalf("%v, %v", ok, err)
			}
			want := "/a/1 /a/2 /a/3"
			if how == "restarted" {
				want = "/a/1 /a/2 /a/1"
			}
			if got := strings.Join(paths(tail), " "); got != want || !strings.Contains(fmt.Sprint(tail.Err), "reconnecting") {
				t.Errorf("%s\n%s", tail.Out, tail.Err)
			}
		})
	}
}

func TestTailExpects(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, expect string
		rows         []string
		stats        string
		comes        bool
		ok           bool
		says         string
	}{
		{name: "none and there is none", expect: ExpectNone, ok: true},
		{name: "none and one was", expect: ExpectNone, rows: []string{rowOf(1, "waiting")}, says: "none was expected"},
		{name: "none and one comes", expect: ExpectNone, comes: true, says: "none was expected"},
		{name: "none and some were not kept", expect: ExpectNone, stats: `{"seen":9,"kept":7}`, says: "of 9 exchanges, 2 were not kept"},
		{name: "none and some were not shown", expect: ExpectNone, stats: `{"seen":9,"kept":9,"not_shown":1}`, says: "1 were not kept"},
		{name: "any and there is none", expect: ExpectAny, says: "one was expected"},
		{name: "any and one was", expect: ExpectAny, rows: []string{rowOf(1, "sent")}, ok: true},
		{name: "any and one comes", expect: ExpectAny, comes: true, ok: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{rows: tc.rows, stats: tc.stats}
			if tc.comes {
				f.stream = func(_ int64, w http.ResponseWriter, _ string) { send(w, "e-1", "exchange", rowOf(1, "read")) }
			}
			tail := f.start(t, "q")
			tail.Expect, tail.Last = tc.expect, -1
			if tc.comes || len(tc.rows) > 0 {
				tail.For = time.Minute
			}
			begin := time.Now()
			ok, err := tail.Run(t.Context())
			if err != nil || ok != tc.ok || !strings.Contains(fmt.Sprint(tail.Err), tc.says) {
				t.Errorf("%v, %v, %s", ok, err, tail.Err)
			}
			if time.Since(begin) > 20*time.Second {
				t.Error("it did not end when it was decided")
			}
		})
	}
}

// TestTailErrors: what cannot be looked at is no success.
func TestTailErrors(t *testing.T) {
	t.Parallel()
	f := &fake{term: "There is no field \x1b[31mnope"}
	tail := f.start(t, "")
	if ok, err := tail.Run(t.Context()); ok || err == nil || !strings.Contains(err.Error(), `no field \x1b[31mnope`) {
		t.Errorf("a bad query: %v, %v", ok, err)
	}
	tail = (&fake{}).start(t, "")
	tail.Client.token = "another"
	if _, err := tail.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "refuses the token") || strings.Contains(err.Error(), "another"+"\"") {
		t.Errorf("a bad token: %v", err)
	}
	c, _ := New(Where{Address: "http://127.0.0.1:1"})
	tail = &Tail{Client: c, For: -1, Wait: 300 * time.Millisecond, Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}
	var gone *UnreachableError
	if _, err := tail.Run(t.Context()); !errors.As(err, &gone) {
		t.Errorf("nothing listens: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (&fake{}).start(t, "").Run(ctx); err == nil {
		t.Error("a context that has ended is a success")
	}
}

// TestTailHostile: whatever was captured, a line is a line and acts on no terminal.
func TestTailHostile(t *testing.T) {
	t.Parallel()
	for _, asJSON := range []bool{false, true} {
		f := &fake{}
		for i, s := range hostile {
			quoted, _ := json.Marshal(s)
			f.rows = append(f.rows, fmt.Sprintf(`{"id":"i%d","seq":%d,"method":%s,"path":%s,"operation":%s,"consumer":%s,"host":%s,"direction":"out","blocked_by":%s,"backends":[{"component":%s,"state":"dropped","reason":%s}]}`,
				i, i+1, quoted, quoted, quoted, quoted, quoted, quoted, quoted, quoted))
		}
		tail := f.start(t, "")
		tail.Last, tail.JSON = -1, asJSON
		tail.For = 300 * time.Millisecond
		if ok, err := tail.Run(t.Context()); !ok || err != nil {
			t.Fatalf("%v, %v", ok, err)
		}
		lines := strings.Split(strings.TrimSuffix(fmt.Sprint(tail.Out), "\n"), "\n")
		if len(lines) != len(hostile) {
			t.Errorf("%d lines of %d exchanges", len(lines), len(hostile))
		}
		for _, l := range lines {
			if strings.ContainsFunc(l, unsafe) {
				t.Errorf("%q", l)
			}
		}
	}
}

func inventory(t *testing.T, rows string) Inventory {
	t.Helper()
	inv, err := ReadInventory([]byte(`{"window":1,"rows":[` + rows + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func TestDiff(t *testing.T) {
	t.Parallel()
	const (
		base      = `{"endpoint":"POST /pay","service":"shop","location":"request body","path":"$.card","decision":"masked","leaves":["api_analytics/moesif"]}`
		more      = `{"endpoint":"POST /pay","service":"shop","location":"request body","path":"$.card","decision":"masked","leaves":["api_analytics/moesif","api_analytics/readme"]}`
		unchanged = `{"endpoint":"POST /pay","service":"shop","location":"request body","path":"$.card","decision":"kept","leaves":["api_analytics/moesif"],"unchanged":true}`
		suspect   = `{"endpoint":"POST /pay","service":"shop","location":"request body","path":"$.card","decision":"masked","leaves":["api_analytics/moesif"],"suspicious":"email"}`
		other     = `{"endpoint":"POST /pay","service":"shop","location":"request body","path":"$.x\u001b[31m","decision":"kept","leaves":["api_analytics/moesif"],"unchanged":true}`
		inside    = `{"endpoint":"POST /pay","service":"shop","location":"request body","path":"$.y","decision":"dropped","leaves":[]}`
	)
	for _, tc := range []struct {
		name, was, is string
		leaving       bool
		want          []string
		gone          int
	}{
		{name: "the same", was: base, is: base},
		{name: "a new field", was: base, is: base + "," + other, want: []string{`new: request body $.x\x1b[31m at POST /pay of shop – leaves unchanged to moesif`}},
		{name: "a new field that is dropped", was: base, is: inside + "," + base, want: []string{`new: request body $.y at POST /pay of shop – leaves to nobody`}},
		{name: "only what leaves", was: base, is: inside + "," + base, leaving: true},
		{name: "leaves to another", was: base, is: more, want: []string{`leaves: request body $.card at POST /pay of shop – leaves masked to moesif, readme; new: readme`}},
		{name: "to fewer", was: more, is: base},
		{name: "unchanged now", was: base, is: unchanged, want: []string{`unchanged: request body $.card at POST /pay of shop – leaves unchanged to moesif`}},
		{name: "looks like something", was: base, is: suspect, want: []string{`suspicious: request body $.card at POST /pay of shop – leaves masked to moesif (looks like: email)`}},
		{name: "gone", was: base + "," + other, is: base, gone: 1},
		{name: "the first time", was: "", is: base, want: []string{`new: request body $.card at POST /pay of shop – leaves masked to moesif`}},
	} {
		changes, gone := Diff(inventory(t, tc.was), inventory(t, tc.is), tc.leaving)
		var got []string
		for _, c := range changes {
			got = append(got, c.String())
		}
		if strings.Join(got, "\n") != strings.Join(tc.want, "\n") || gone != tc.gone {
			t.Errorf("%s: %q, %d gone", tc.name, got, gone)
		}
	}
	for _, doc := range []string{"", "[]", "{}", `{"rows":null}`, `{"rows":[1]}`} {
		if _, err := ReadInventory([]byte(doc)); err == nil {
			t.Errorf("%q is an inventory", doc)
		}
	}
}

// A line names what a guard did, or would have done, and holds nothing that a terminal obeys.
func TestLine(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ row, want, not string }{
		{`{"method":"GET","path":"/a","status":429,"blocked_by":"quota-7"}`, "blocked by quota-7", "would"},
		{`{"method":"GET","path":"/a","status":200,"would_block":"quota-7"}`, "would be blocked by quota-7", ""},
		{`{"method":"GET","path":"/a","status":200,"would_block":"\u001b[2J\u202e"}`, `would be blocked by \x1b[2J\u{202e}`, "\x1b"},
		{`{"method":"GET","path":"/a","status":200}`, "GET", "blocked"},
	} {
		var r row
		if err := json.Unmarshal([]byte(tc.row), &r); err != nil {
			t.Fatal(err)
		}
		if got := r.String(); !strings.Contains(got, tc.want) || tc.not != "" && strings.Contains(got, tc.not) {
			t.Errorf("%s: %q", tc.row, got)
		}
	}
}
