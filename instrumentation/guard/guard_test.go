// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/goleak"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	blockAll    = `[{"_id":"all","type":"regex","block":true,"response":{"status":429,"body":{"a":1}}}]`
	blockByBody = `[{"_id":"b","type":"regex","block":true,"regex_config":[{"conditions":[{"path":"request.body.op","value":"bad"}]}]}]`
)

func mustParse(t testing.TB, docs ...string) *Rules {
	t.Helper()
	raw := make([][]byte, len(docs))
	for i, d := range docs {
		raw[i] = []byte(d)
	}
	r, err := Parse(raw...)
	noError(t, err)
	return r
}

// patient lets no decision fail because the machine is busy.
var patient = WithTimeout(time.Minute)

// counted returns a Guard in Enforce, and what it has counted.
func counted(t *testing.T, s Source, opts ...Option) (*Guard, func(reason string) int64) {
	t.Helper()
	reader := metric.NewManualReader()
	p := metric.NewMeterProvider(metric.WithReader(reader))
	g := New(s, append([]Option{WithMode(Enforce), WithMeterProvider(p), patient}, opts...)...)
	return g, func(value string) (n int64) {
		var rm metricdata.ResourceMetrics
		noError(t, reader.Collect(context.Background(), &rm))
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				sum, ok := m.Data.(metricdata.Sum[int64])
				if !ok {
					continue
				}
				for _, dp := range sum.DataPoints {
					for _, kv := range dp.Attributes.ToSlice() {
						if kv.Value.AsString() == value {
							n += dp.Value
						}
					}
				}
			}
		}
		return n
	}
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var ok = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	_, _ = io.WriteString(w, "served")
})

func get() *http.Request { return httptest.NewRequest(http.MethodGet, "http://shop.example/", nil) }

// TestFailsOpen: whatever goes wrong with a decision, the request is served and counted.
func TestFailsOpen(t *testing.T) {
	t.Parallel()
	all := mustParse(t, blockAll)
	boom := func(*http.Request) httpcapture.Identity { panic("boom") }
	slow := func(*http.Request) httpcapture.Identity {
		time.Sleep(20 * time.Millisecond)
		return httpcapture.Identity{}
	}
	many := make([]string, 64)
	for i := range many {
		many[i] = `{"_id":"` + strings.Repeat("x", i+1) + `","type":"regex","block":true}`
	}
	for name, c := range map[string]struct {
		source Source
		opts   []Option
		reason string
		closed int // status with WithFailClosed
	}{
		"no rules yet":         {Static(nil), nil, "no_rules", 200},
		"no source":            {nil, nil, "no_rules", 200},
		"a panic in identity":  {Static(all), []Option{WithIdentity(boom)}, "panic", 429},
		"a slow identity":      {Static(mustParse(t, "["+strings.Join(many, ",")+"]", blockAll)), []Option{WithIdentity(slow), WithTimeout(time.Millisecond)}, "timeout", 429},
		"a source that panics": {panicking{}, nil, "panic", 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, n := counted(t, c.source, c.opts...)
			equal(t, "served", serve(g.Handler(ok), get()).Body.String())
			equal(t, 1, n(c.reason))
			g, _ = counted(t, c.source, append(c.opts, WithFailClosed("all"))...)
			equal(t, c.closed, serve(g.Handler(ok), get()).Code)
		})
	}
}

type panicking struct{}

func (panicking) Rules() *Rules { panic("boom") }

// TestPeek: the handler gets every byte, whatever was looked at, and bodies that cannot be
// looked at are served, unless a rule says otherwise.
func TestPeek(t *testing.T) {
	t.Parallel()
	rules := Static(mustParse(t, blockByBody))
	for name, c := range map[string]struct {
		body, coding string
		chunked      bool
		blocked      bool
		closed       bool
	}{
		"short":           {body: `{"op":"bad"}`, blocked: true, closed: true},
		"chunked":         {body: `{"op":"bad"}`, chunked: true, blocked: true, closed: true},
		"innocent":        {body: `{"op":"good"}`},
		"empty":           {},
		"long":            {body: `{"op":"bad","pad":"` + strings.Repeat("x", 200) + `"}`, closed: true},
		"long in chunks":  {body: `{"op":"bad","pad":"` + strings.Repeat("x", 200) + `"}`, chunked: true, closed: true},
		"coded":           {body: "\x1f\x8b", coding: "gzip", closed: true},
		"not JSON at all": {body: `{"op":"bad`, closed: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, closed := range []bool{false, true} {
				opts := []Option{WithPeek(100)}
				if closed {
					opts = append(opts, WithFailClosed("b"))
				}
				g, _ := counted(t, rules, opts...)
				got := ""
				srv := httptest.NewServer(g.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					b, _ := io.ReadAll(r.Body)
					got = string(b)
				})))
				defer srv.Close()
				var body io.Reader = strings.NewReader(c.body)
				if c.chunked {
					body = io.MultiReader(body)
				}
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, body)
				noError(t, err)
				req.Header.Set("Content-Type", "application/json")
				if c.coding != "" {
					req.Header.Set("Content-Encoding", c.coding)
				}
				resp, err := srv.Client().Do(req)
				noError(t, err)
				noError(t, resp.Body.Close())
				if closed && c.closed || !closed && c.blocked {
					equal(t, http.StatusForbidden, resp.StatusCode)
					equal(t, "", got)
					continue
				}
				equal(t, http.StatusOK, resp.StatusCode)
				equal(t, c.body, got)
			}
		})
	}
}

func TestReject(t *testing.T) {
	t.Parallel()
	rules := Static(mustParse(t, blockAll))
	g, n := counted(t, rules, WithReject(func(w http.ResponseWriter, _ *http.Request, d Decision) {
		w.Header().Set("X-Rule", d.RuleID)
		w.WriteHeader(http.StatusTeapot)
	}))
	w := serve(g.Handler(ok), get())
	equal(t, http.StatusTeapot, w.Code)
	equal(t, "all", w.Header().Get("X-Rule"))
	equal(t, 1, n("block"))

	g, n = counted(t, rules, WithReject(func(http.ResponseWriter, *http.Request, Decision) { panic("boom") }))
	w = serve(g.Handler(ok), get())
	equal(t, http.StatusTooManyRequests, w.Code)
	sameJSON(t, `{"a":1}`, w.Body.String())
	equal(t, 1, n("panic"))
}

// TestBlocksBeforeUpgrade: no handler sees an upgrade, or a CONNECT, that is blocked.
func TestBlocksBeforeUpgrade(t *testing.T) {
	t.Parallel()
	g, _ := counted(t, Static(mustParse(t, blockAll)))
	srv := httptest.NewServer(g.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("served") })))
	defer srv.Close()
	for _, head := range []string{
		"GET /ws HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n",
		"CONNECT shop:443 HTTP/1.1\r\nHost: shop:443\r\n\r\n",
		"HEAD / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n",
	} {
		c, err := net.Dial("tcp", srv.Listener.Addr().String())
		noError(t, err)
		_, err = io.WriteString(c, head)
		noError(t, err)
		noError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
		b := make([]byte, 1024)
		n, err := c.Read(b)
		noError(t, err)
		checkf(t, strings.HasPrefix(string(b[:n]), "HTTP/1.1 429 "), "%q", b[:n])
		noError(t, c.Close())
	}
}

// TestRateLimit: counted by what was answered, in a sliding window, by who called.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	now := time.Now()
	rules := mustParse(t, `{"wafConfig":[{"uuid":"r","ruleType":"rate_limit","identifiers":["ip","user"],
		"action":{"actionType":"rate_limit","rateLimit":{"threshold":3,"interval":"minute_1","duration":{"minute":5}}},
		"conditionGroups":[{"rule":"all","conditions":[{"field":"status_code","operator":"eq","value":"401"}]}]}]}`)
	user := ""
	g, _ := counted(t, Static(rules), WithIdentity(func(*http.Request) httpcapture.Identity { return httpcapture.Identity{UserID: user} }))
	g.limits.Now = func() time.Time { return now }
	status := http.StatusUnauthorized
	h := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	codes := func(n int) (out []int) {
		for range n {
			out = append(out, serve(h, get()).Code)
		}
		return out
	}
	equal(t, []int{401, 401, 401, 403, 403}, codes(5))
	user = "other"
	equal(t, []int{401}, codes(1))
	status = http.StatusOK
	equal(t, []int{200, 200, 200, 200}, codes(4), "only what the rule is about counts")
	user, status = "", http.StatusUnauthorized
	now = now.Add(4*time.Minute + 59*time.Second)
	equal(t, []int{403}, codes(1))
	now = now.Add(2 * time.Second)
	equal(t, []int{401, 401, 401, 403}, codes(4))
	// The window slides: two at its end and one after it are three in a minute.
	now = now.Add(10 * time.Minute)
	equal(t, []int{401}, codes(1))
	now = now.Add(59 * time.Second)
	equal(t, []int{401}, codes(1))
	now = now.Add(2 * time.Second)
	equal(t, []int{401, 401, 403}, codes(3))
}

// TestRateLimitStatuses: a status that was written, implied, or that a panic left out.
func TestRateLimitStatuses(t *testing.T) {
	t.Parallel()
	rules := mustParse(t, `{"wafConfig":[{"uuid":"r","ruleType":"rate_limit","action":{"rateLimit":{"threshold":2,"interval":"hour_1","duration":{"hour":1}}},
		"conditionGroups":[{"rule":"all","conditions":[{"field":"status_code","operator":"gt","value":"499"}]}]}]}`)
	g, _ := counted(t, Static(rules))
	h := g.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	for range 2 {
		func() {
			defer func() { equal(t, any(http.ErrAbortHandler), recover()) }()
			serve(h, get())
		}()
	}
	equal(t, http.StatusForbidden, serve(h, get()).Code)
}

func TestRulesFor(t *testing.T) {
	t.Parallel()
	g := New(Static(mustParse(t,
		`[{"_id":"q","name":"Quota","type":"user","block":true,"response":{"status":429,"body":{"left":"{{0}}"}}},{"_id":"n","type":"user","applied_to":"not_matching"}]`,
		`{"user_rules":{"u-1":[{"rules":"q","values":{"0":"none"}},{"rules":"n"},{"rules":"gone"}]}}`)))
	got := g.RulesFor(httpcapture.Identity{UserID: "u-1"})
	if equal(t, 1, len(got)); len(got) != 1 {
		return
	}
	equal(t, "Quota", got[0].Name)
	equal(t, map[string]string{"0": "none"}, got[0].Values)
	equal(t, 429, got[0].Decision.Status)
	sameJSON(t, `{"left":"none"}`, string(got[0].Decision.Body))
	equal(t, 0, len(g.RulesFor(httpcapture.Identity{UserID: "u-2"})))
	equal(t, 0, len(New(nil).RulesFor(httpcapture.Identity{UserID: "u-1"})))
}

// TestParseRefuses: what is no document of a vendor never becomes "no rules".
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		"", "null", "1", `"x"`, "{}", `{"error":"x"}`, `[1,2]`, `[{"a":1}]`, `[`, `{"rules":{}}`, `{"user_rules":[]}`, "[] []", "<html>", `{"rules":[`,
	} {
		_, err := Parse([]byte(doc))
		checkf(t, err != nil && strings.Contains(err.Error(), "guard: "), "%q: %v", doc, err)
	}
	for _, doc := range []string{"[]", `{"rules":[]}`, `{"rules":null,"user_rules":null}`, `{"wafConfig":[]}`, ` [ ] `} {
		_, err := Parse([]byte(doc))
		noError(t, err, doc)
	}
}
