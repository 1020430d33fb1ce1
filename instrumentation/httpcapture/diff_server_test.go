// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// player is a server that plays the exchange that the request names.
type player struct {
	*httptest.Server

	name  string
	c     *collector
	cases sync.Map // string: *play
}

// ports matches what is never the same twice in errors.
var ports = regexp.MustCompile(`127\.0\.0\.1:\d+|stream ID \d+`)

func h2c() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

// play is one run of an exchange.
type play struct {
	e    *exchange
	done chan *stage
	log  []string
}

func newPlayer(t *testing.T, h2 bool, wr wrapping) *player {
	p := &player{name: wr.name, c: newCollector(t)}
	h := wr.wrap(p.c, http.HandlerFunc(p.serve), everything(httpcapture.WithoutDefaultSkips(), httpcapture.WithContentTypes("*/*"))...)
	// A limit outside is part of what is played.
	outermost := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if v, ok := p.cases.Load(r.Header.Get("X-Case")); ok && v.(*play).e.maxBytes > 0 {
			http.MaxBytesHandler(h, v.(*play).e.maxBytes).ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
	p.Server = httptest.NewUnstartedServer(outermost)
	p.Config.ErrorLog = log.New(io.Discard, "", 0)
	if h2 {
		p.Config.Protocols = h2c()
	}
	p.Start()
	t.Cleanup(p.Close)
	return p
}

func (p *player) serve(w http.ResponseWriter, r *http.Request) {
	v, ok := p.cases.Load(r.Header.Get("X-Case"))
	if !ok { // the request that shows that a connection lives
		_, _ = io.WriteString(w, "alive")
		return
	}
	run := v.(*play)
	s := &stage{w: w, r: r}
	defer func() {
		s.encoded = len(w.Header()["Content-Encoding"]) > 0
		run.done <- s
	}()
	for _, o := range run.e.script {
		if s.hijacked {
			return
		}
		s.announced = s.announced || w.Header().Get("Content-Length") != ""
		saw := ports.ReplaceAllString(o.do(s), "-")
		if r.ProtoMajor == 2 && (r.Method == http.MethodHead || s.announced && strings.HasSuffix(o.name, "flush")) {
			saw = "?" // the stream has ended, and what comes after is a matter of luck
		}
		run.log = append(run.log, o.name+": "+saw)
	}
}

// seen is all that can be told about one exchange from outside.
type seen struct {
	Wire string   // HTTP/1.1
	Log  []string // what the handler saw
	// HTTP/2.
	Status          int
	Info            []string
	Header, Trailer http.Header
	Body, Err       string
}

// play plays an exchange over a protocol.
func (p *player) play(t *testing.T, id string, e *exchange, over func(*testing.T, *player, *exchange, string, *seen)) (seen, *stage) {
	run := &play{e: e, done: make(chan *stage, 1)}
	p.cases.Store(id, run)
	defer p.cases.Delete(id)
	var got seen
	start := time.Now()
	over(t, p, e, id, &got)
	if d := time.Since(start); d > patience/2 {
		t.Errorf("took %v with %s:\n%s", d, p.name, e)
	}
	select {
	case s := <-run.done:
		got.Log = run.log
		return got, s
	case <-time.After(patience):
		t.Errorf("the handler did not run or did not end:\n%s", e)
		return got, nil
	}
}

func (e *exchange) head(id string) string {
	var b strings.Builder
	proto := "1.1"
	if e.old {
		proto = "1.0"
	}
	fmt.Fprintf(&b, "%s /p?q=1&token=x HTTP/%s\r\nHost: x.example\r\nX-Case: %s\r\n", e.method, proto, id)
	for _, h := range e.header {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	if e.ctype != "" {
		fmt.Fprintf(&b, "Content-Type: %s\r\n", e.ctype)
	}
	if e.expect {
		fmt.Fprint(&b, "Expect: 100-continue\r\n")
	}
	if !e.keep {
		fmt.Fprint(&b, "Connection: close\r\n")
	}
	switch {
	case e.chunked:
		fmt.Fprint(&b, "Transfer-Encoding: chunked\r\n")
		if len(e.trailer) > 0 {
			fmt.Fprint(&b, "Trailer: X-Sum, X-Empty\r\n")
		}
	case e.body != "":
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(e.body))
	}
	return b.String() + "\r\n"
}

func (e *exchange) payload() string {
	if !e.chunked {
		return e.body[:len(e.body)-e.missing]
	}
	var b strings.Builder
	for rest := e.body; rest != ""; {
		n := min(len(rest), 1+len(e.body)/3)
		fmt.Fprintf(&b, "%x;ext=1\r\n%s\r\n", n, rest[:n])
		rest = rest[n:]
	}
	b.WriteString("0\r\n")
	for _, h := range e.trailer {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	return b.String() + "\r\n"
}

// overWire speaks HTTP/1 by hand and keeps every byte that comes back.
func overWire(t *testing.T, p *player, e *exchange, id string, got *seen) {
	conn, err := net.Dial("tcp", p.Listener.Addr().String())
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	var wire bytes.Buffer
	in := bufio.NewReader(io.TeeReader(conn, &wire))
	first, second := e.head(id)+e.payload(), ""
	if e.expect {
		first, second = e.head(id), e.payload()
	}
	_, _ = io.WriteString(conn, first)
	if e.missing > 0 {
		_ = conn.(*net.TCPConn).CloseWrite()
	}
	sendSecond := sync.OnceFunc(func() { _, _ = io.WriteString(conn, second) })
	if second != "" { // as clients do, send the body after a while without an answer
		defer time.AfterFunc(100*time.Millisecond, sendSecond).Stop()
	}
	halfClose := func() { _ = conn.(*net.TCPConn).CloseWrite() }
	for {
		res, err := http.ReadResponse(in, &http.Request{Method: e.method})
		if err != nil {
			halfClose()
			_, _ = io.Copy(io.Discard, in)
			break
		}
		if res.StatusCode == http.StatusContinue {
			sendSecond()
			second = ""
		}
		if res.StatusCode < 200 {
			continue
		}
		_, err = io.Copy(io.Discard, res.Body)
		if err == nil && e.keep && !res.Close && e.missing == 0 && second == "" {
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x.example\r\nConnection: close\r\n\r\n")
		} else if err != nil || second != "" { // nothing more will come on this connection
			halfClose()
		}
		_, _ = io.Copy(io.Discard, in)
		break
	}
	got.Wire = dateLine.ReplaceAllString(wire.String(), "Date: -")
}

// overHTTP2 leaves what HTTP/2 has, and no race of the request with the response:
// net/http's client stops to send when it has the end of an answer.
func (e *exchange) overHTTP2() {
	e.missing, e.old = 0, false
	if raceEnabled { // net/http's server encodes the header of a 1xx while the handler goes on
		e.script = slices.DeleteFunc(e.script, func(o op) bool { return strings.HasPrefix(o.name, "status 10") })
	}
	if e.method == http.MethodHead {
		e.body, e.trailer = "", nil
	}
	if e.body == "" {
		return
	}
	slices.SortStableFunc(e.script, func(a, b op) int { return b2i(b.reads) - b2i(a.reads) })
	if len(e.body)%4 == 0 || len(e.script) == 0 {
		e.body = e.body[:min(len(e.body), 500)]
		return
	}
	e.script = slices.Insert(e.script, 0, readAll)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// overHTTP2 uses net/http's client and keeps what it tells.
func overHTTP2(t *testing.T, p *player, e *exchange, id string, got *seen) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		got.Info = append(got.Info, fmt.Sprint(code, h))
		return nil
	}})
	var body io.Reader
	if e.body != "" {
		body = strings.NewReader(e.body)
		if e.chunked {
			body = struct{ io.Reader }{body}
		}
	}
	req, err := http.NewRequestWithContext(ctx, e.method, p.URL+"/p?q=1", body)
	if err != nil {
		t.Error(err)
		return
	}
	for _, h := range e.header {
		req.Header.Add(h[0], h[1])
	}
	if e.ctype != "" {
		req.Header.Set("Content-Type", e.ctype)
	}
	if len(e.trailer) > 0 && body != nil {
		req.Trailer = http.Header{"X-Sum": {"42"}}
	}
	req.Header.Set("X-Case", id)
	// A connection of its own, as one exchange may spoil it for the next.
	tr := &http.Transport{Protocols: h2c()}
	defer tr.CloseIdleConnections()
	res, err := tr.RoundTrip(req)
	if err != nil {
		got.Err = "no response"
		return
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	res.Header.Del("Date")
	got.Status, got.Header, got.Trailer, got.Body = res.StatusCode, res.Header, res.Trailer, string(b)
	if err != nil {
		got.Err, got.Body = "broken", "" // how much came before is a matter of time
	}
}

var (
	bareHandler = wrapping{"bare", func(_ *collector, h http.Handler, _ ...httpcapture.Option) http.Handler { return h }}
	otelHandler = wrapping{"otelhttp", func(c *collector, h http.Handler, _ ...httpcapture.Option) http.Handler {
		return otelhttp.NewHandler(h, "op", otelhttp.WithTracerProvider(c))
	}}
)

// TestDifferentialServer plays generated exchanges on a bare and on a wrapped
// handler: neither the client nor the handler can tell them apart. What otelhttp
// itself changes is not ours to mend alongside it, so there it is what we are
// compared with; so too if it makes the spans and a string is written that it sends
// in other chunks.
func TestDifferentialServer(t *testing.T) {
	t.Parallel()
	for _, proto := range []struct {
		name string
		over func(*testing.T, *player, *exchange, string, *seen)
	}{{"HTTP1", overWire}, {"HTTP2", overHTTP2}} {
		for _, wr := range wrappings {
			t.Run(proto.name+"/"+wr.name, func(t *testing.T) {
				t.Parallel()
				h2 := proto.name == "HTTP2"
				bare, otel, ours := newPlayer(t, h2, bareHandler), newPlayer(t, h2, otelHandler), newPlayer(t, h2, wr)
				n, seed := diffSize(t, 200)
				for i := range n {
					e := newGen(seed, i).exchange()
					if h2 {
						e.overHTTP2()
					}
					plain := bare
					if wr.name == "alongside" || wr.name != "drop-in" && e.longString {
						plain = otel
						e.expect = false // otelhttp hangs on some
					}
					if !compare(t, plain, ours, strconv.Itoa(i), e, proto.over) {
						return
					}
				}
			})
		}
	}
}

// compare tries an exchange up to three times: where two sides close a connection
// at once, what gets through is a matter of luck.
func compare(t *testing.T, bare, ours *player, id string, e *exchange, over func(*testing.T, *player, *exchange, string, *seen)) bool {
	diff := ""
	for range 3 {
		want, _ := bare.play(t, id, e, over)
		got, s := ours.play(t, id, e, over)
		if s == nil {
			return false
		}
		sp := ours.c.span(t)
		forget(bare.c)
		forget(ours.c)
		checkSpan(t, sp, e, s)
		want.Wire, got.Wire = firstDifference(want.Wire, got.Wire)
		want.Body, got.Body = firstDifference(want.Body, got.Body)
		if diff = cmp.Diff(want, got); diff == "" {
			break
		}
	}
	if diff != "" {
		t.Errorf("(-bare +wrapped):\n%s", diff)
	}
	if t.Failed() {
		t.Errorf("exchange %s:\n%s", id, e)
	}
	return !t.Failed()
}

// firstDifference leaves what surrounds the first difference.
func firstDifference(a, b string) (string, string) {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	if i == len(a) && i == len(b) {
		return "", ""
	}
	cut := func(s string) string {
		return fmt.Sprintf("%d of %d: %q", i, len(s), s[max(0, i-100):min(len(s), i+100)])
	}
	return cut(a), cut(b)
}

// forget forgets spans, such as that of the request that showed that a connection
// lives.
func forget(c *collector) {
	for {
		select {
		case <-c.ended:
		default:
			return
		}
	}
}
