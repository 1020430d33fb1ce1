// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

var nothing = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

// moesifRegexes are n rules as people write them: a method and a path, some with patterns.
func moesifRegexes(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		pattern := fmt.Sprintf("^/api/v%d/orders$", i)
		if i%4 == 0 {
			pattern = fmt.Sprintf(`^/api/v%d/users/\\d+/notes`, i)
		}
		fmt.Fprintf(&b, `{"_id":"r%d","type":"regex","block":true,"regex_config":[{"conditions":[{"path":"request.verb","value":"^GET$"},{"path":"request.route","value":"%s"}]}]}`, i, pattern)
	}
	return "[" + b.String() + "]"
}

// cohort is n rules about users, and a user in one of them.
func cohort(n int) (rules, config string) {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"_id":"u%d","type":"user","block":false,"response":{"headers":{"X-Plan":"free"}}}`, i)
	}
	return "[" + b.String() + "]", fmt.Sprintf(`{"user_rules":{"u-1":[{"rules":"u%d"}]}}`, n/2)
}

// BenchmarkCheck: floor is the handler alone. The budgets: no rules 30 ns and no
// allocation, 100 patterns 5 us, a user in one of 1,000 cohorts 300 ns over none.
func BenchmarkCheck(b *testing.B) {
	r := httptest.NewRequest(http.MethodGet, "http://shop.example/api/v3/users/17", nil)
	who := WithIdentity(func(*http.Request) httpcapture.Identity { return httpcapture.Identity{UserID: "u-1"} })
	other := WithIdentity(func(*http.Request) httpcapture.Identity { return httpcapture.Identity{UserID: "u-2"} })
	rules, config := cohort(1000)
	for _, c := range []struct {
		name string
		h    http.Handler
	}{
		{"floor", nothing},
		{"no rules", Handler(nothing, Static(mustParse(b, "[]")), who)},
		{"no source", Handler(nothing, Static(nil), who)},
		{"1 of 1000 cohorts", Handler(nothing, Static(mustParse(b, rules, config)), who)},
		{"0 of 1000 cohorts", Handler(nothing, Static(mustParse(b, rules, config)), other)},
		{"100 patterns", Handler(nothing, Static(mustParse(b, moesifRegexes(100))), who)},
	} {
		b.Run(c.name, func(b *testing.B) {
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				c.h.ServeHTTP(w, r)
			}
		})
	}
}

// TestNoRulesCostNothing holds the budget that does not depend on the machine.
func TestNoRulesCostNothing(t *testing.T) {
	r, w := get(), httptest.NewRecorder()
	for _, s := range []Source{Static(nil), Static(mustParse(t, "[]"))} {
		h := Handler(nothing, s, WithMode(Enforce))
		if n := testing.AllocsPerRun(100, func() { h.ServeHTTP(w, r) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

// BenchmarkMembers reports what a configuration with many users costs to read and to hold.
func BenchmarkMembers(b *testing.B) {
	const users = 1_000_000
	for b.Loop() {
		before := heap()
		r, err := parse(strings.NewReader(`[{"_id":"q","type":"user","block":true}]`), &manyUsers{n: users})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(heap()-before)/users, "B/user")
		if got := len(r.For(httpcapture.Identity{UserID: "5f0c1b7a-0000-4000-8000-000000000007"})); got != 1 {
			b.Fatalf("%d rules", got)
		}
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// manyUsers is a /v1/config with n users.
type manyUsers struct {
	n, next int
	rest    []byte
}

func (m *manyUsers) Read(p []byte) (int, error) {
	for len(m.rest) < len(p) && m.next <= m.n {
		switch m.next {
		case 0:
			m.rest = append(m.rest, `{"user_rules":{`...)
		case m.n:
			m.rest = append(m.rest, `"last":[]}}`...)
		}
		if m.next < m.n {
			m.rest = fmt.Appendf(m.rest, `"5f0c1b7a-0000-4000-8000-%012d":[{"rules":"q","values":{"0":"plan %d"}}],`, m.next, m.next%3)
		}
		m.next++
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// TestUnderLoad: requests go on while rules change all the time, and none is answered but
// by a handler or by a rule that was in force.
func TestUnderLoad(t *testing.T) {
	t.Parallel()
	deny := mustParse(t, `[{"_id":"a","type":"regex","block":true,"regex_config":[{"conditions":[{"path":"request.route","value":"^/a"}]}],"response":{"status":402}}]`)
	limit := mustParse(t, `{"wafConfig":[{"uuid":"r","ruleType":"rate_limit","identifiers":["ip"],"action":{"rateLimit":{"threshold":60000,"interval":"hour_1","duration":{"second":1}}}}]}`, `[]`)
	s := &changing{}
	s.current.Store(deny)
	served := atomic.Int64{}
	srv := httptest.NewServer(Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served.Add(1) }), s, WithMode(Enforce), patient))
	defer srv.Close()
	srv.Client().Transport.(*http.Transport).MaxIdleConnsPerHost = 8
	done := make(chan struct{})
	var changers, callers sync.WaitGroup
	changers.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
				s.current.Store([]*Rules{deny, limit, nil, mustParse(t, "[]")}[i%4])
			}
		}
	})
	var blocked, ok atomic.Int64
	for w := range 8 {
		callers.Go(func() {
			for i := range 400 {
				path := "/a"
				if (i+w)%2 == 0 {
					path = "/b"
				}
				resp, err := srv.Client().Get(srv.URL + path)
				if err != nil {
					t.Error(err)
					return
				}
				_ = resp.Body.Close()
				switch {
				case resp.StatusCode == http.StatusOK:
					ok.Add(1)
				case resp.StatusCode == http.StatusPaymentRequired && path == "/a":
					blocked.Add(1)
				default:
					t.Errorf("%s answered %d", path, resp.StatusCode)
				}
			}
		})
	}
	callers.Wait()
	close(done)
	changers.Wait()
	equal(t, served.Load(), ok.Load())
	equal(t, int64(8*400), ok.Load()+blocked.Load())
	checkf(t, blocked.Load() > 0, "nothing was blocked")
}

type changing struct{ current atomic.Pointer[Rules] }

func (c *changing) Rules() *Rules { return c.current.Load() }
