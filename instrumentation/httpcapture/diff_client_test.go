// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// call is one use of a http.Client.
type call struct {
	method   string
	header   [][2]string
	ctype    string
	body     string
	kind     bodyKind
	trailer  bool
	expect   bool
	redirect int // status of a redirect first, 0 = none
	reading  reading
	answer   answer
}

type bodyKind uint8

const (
	withLength bodyKind = iota // and GetBody
	withoutLength
	failing  // after the content
	tooShort // for the length that it announces
	noBody   // http.NoBody
	numKinds
)

type reading uint8

const (
	readToEnd reading = iota
	readSome          // then close
	closeOnly
	readTwice // to the end, then again, then close twice
	cancelFirst
	numReadings
)

// answer is what the server sends.
type answer struct {
	status  int
	info    bool
	body    string
	header  [][2]string
	chunked bool
	gzip    bool
	trailer bool
	early   bool // before it reads the request
	abort   bool
}

func (g gen) call() *call {
	c := &call{
		method:  oneOf(g, "GET", "GET", "POST", "POST", "PUT", "HEAD", "DELETE", "PATCH", "", "ODD"),
		kind:    bodyKind(g.IntN(int(numKinds))),
		reading: reading(g.IntN(int(numReadings))),
		answer: answer{
			status: oneOf(g, 200, 200, 200, 201, 204, 304, 400, 404, 500, 599),
			info:   g.chance(15), chunked: g.chance(50), gzip: g.chance(15), trailer: g.chance(15), early: g.chance(10), abort: g.chance(5),
		},
	}
	for range g.IntN(4) {
		n, v := g.header()
		c.header = append(c.header, [2]string{n, v})
	}
	if g.chance(80) {
		c.ctype = g.contentType()
	}
	if g.chance(60) {
		c.body = g.content(g.size())
		c.trailer, c.expect = c.kind != noBody && g.chance(15), g.chance(10)
	}
	if g.chance(10) {
		c.redirect = oneOf(g, 301, 302, 303, 307, 308)
	}
	if g.chance(75) {
		c.answer.body = g.content(g.size())
		c.answer.header = append(c.answer.header, [2]string{"Content-Type", g.contentType()})
	}
	for range g.IntN(3) {
		n, v := g.header()
		c.answer.header = append(c.answer.header, [2]string{n, v})
	}
	return c
}

func (c *call) String() string {
	return fmt.Sprintf("%s header=%.60q type=%q body=%d kind=%d trailer=%v expect=%v redirect=%d reading=%d\nanswer: status=%d info=%v body=%d header=%.60q chunked=%v gzip=%v trailer=%v early=%v abort=%v",
		c.method, c.header, c.ctype, len(c.body), c.kind, c.trailer, c.expect, c.redirect, c.reading,
		c.answer.status, c.answer.info, len(c.answer.body), c.answer.header, c.answer.chunked, c.answer.gzip, c.answer.trailer, c.answer.early, c.answer.abort)
}

// body makes the body of the request anew.
func (c *call) newBody() io.Reader {
	switch c.kind {
	case noBody:
		return http.NoBody
	case withoutLength:
		return struct{ io.Reader }{strings.NewReader(c.body)}
	case failing:
		return brokenReader{strings.NewReader(c.body)}
	case tooShort:
		return struct{ io.Reader }{strings.NewReader(c.body)}
	}
	if c.body == "" {
		return nil
	}
	return strings.NewReader(c.body)
}

// answerer is the server of the calls: it plays answers and notes requests.
type answerer struct {
	*httptest.Server

	calls sync.Map
}

type answering struct {
	c    *call
	mu   sync.Mutex
	got  []string
	busy sync.WaitGroup // handlers
}

func newAnswerer(t *testing.T, h2 bool) *answerer {
	a := &answerer{}
	a.Server = httptest.NewUnstartedServer(a)
	a.Config.ErrorLog = log.New(io.Discard, "", 0)
	if h2 {
		a.Config.Protocols = h2c()
	}
	a.Start()
	t.Cleanup(a.Close)
	return a
}

func (a *answerer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v, ok := a.calls.Load(r.Header.Get("X-Case"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	run := v.(*answering)
	c := run.c
	run.busy.Add(1)
	defer run.busy.Done()
	note := func(read bool) {
		got := fmt.Sprint(r.Method, r.URL, r.Host, r.ContentLength, r.TransferEncoding, r.Header)
		if read {
			b, err := io.ReadAll(r.Body)
			got = fmt.Sprintf("%s %d %x %v %v", got, len(b), b[:min(len(b), 16)], err != nil, r.Trailer)
			if string(b) != c.body[:min(len(b), len(c.body))] {
				got += " other content"
			}
		}
		run.mu.Lock()
		defer run.mu.Unlock()
		run.got = append(run.got, got)
	}
	if c.redirect != 0 && r.URL.Path != "/second" {
		note(true)
		http.Redirect(w, r, "/second", c.redirect)
		return
	}
	note(!c.answer.early)
	c.answer.send(w, r)
}

func (a *answer) send(w http.ResponseWriter, r *http.Request) {
	if a.info {
		w.Header().Set("Link", "</x>")
		w.WriteHeader(http.StatusEarlyHints)
	}
	for _, h := range a.header {
		w.Header().Add(h[0], h[1])
	}
	body := a.body
	if a.gzip && r.Header.Get("Accept-Encoding") == "gzip" {
		body = zipped(body)
		w.Header().Set("Content-Encoding", "gzip")
	}
	if a.trailer {
		w.Header().Set("Trailer", "X-Sum")
	}
	if !a.chunked && !a.trailer && a.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, body[:len(body)/2])
	if a.chunked {
		_ = http.NewResponseController(w).Flush()
	}
	if a.abort {
		panic(http.ErrAbortHandler)
	}
	_, _ = io.WriteString(w, body[len(body)/2:])
	w.Header().Set("X-Sum", "42")
}

// called is what the caller and the server saw of a call.
type called struct {
	Err    string
	Log    []string
	Body   string
	Server []string
}

func (a *answerer) call(t *testing.T, tr http.RoundTripper, id string, c *call) (out called) {
	run := &answering{c: c}
	a.calls.Store(id, run)
	defer a.calls.Delete(id)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	note := func(f string, args ...any) {
		out.Log = append(out.Log, ports.ReplaceAllString(fmt.Sprintf(f, args...), "-"))
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		note("%d %v", code, h)
		return nil
	}})
	req, err := http.NewRequestWithContext(ctx, c.method, a.URL+"/p?q=1", c.newBody())
	if err != nil {
		t.Error(err)
		return out
	}
	for _, h := range c.header {
		req.Header.Add(h[0], h[1])
	}
	req.Header.Set("X-Case", id)
	if c.ctype != "" {
		req.Header.Set("Content-Type", c.ctype)
	}
	if c.kind == tooShort && c.body != "" {
		req.ContentLength = int64(len(c.body)) + 3
	}
	if c.trailer {
		req.Trailer = http.Header{"X-Sum": {"42"}}
	}
	if c.expect {
		req.Header.Set("Expect", "100-continue")
	}
	res, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		// What the server saw of it is a matter of luck.
		out.Err = fmt.Sprint(errors.Is(err, io.ErrClosedPipe), " ", ctx.Err())
		return out
	}
	out.Body = c.reading.play(res, cancel, note)
	run.busy.Wait()
	run.mu.Lock()
	defer run.mu.Unlock()
	for _, s := range run.got {
		out.Server = append(out.Server, ports.ReplaceAllString(s, "-"))
	}
	return out
}

// play does with a response what callers do.
func (r reading) play(res *http.Response, cancel func(), note func(string, ...any)) string {
	note("%s %s %d %v %v %v %v", res.Status, res.Proto, res.ContentLength, res.TransferEncoding, res.Uncompressed, res.Close, res.TLS != nil)
	res.Header.Del("Date")
	note("%v %v %v %v", res.Header, res.Trailer, res.Request.URL.Path, res.Request.Method)
	_, writer := res.Body.(io.Writer)
	note("body: %v %v", res.Body == nil, writer) // http.NoBody is lost on otelhttp
	defer res.Body.Close()
	var b []byte
	var err error
	switch r {
	case readSome:
		b = make([]byte, 10)
		var n int
		n, err = io.ReadFull(res.Body, b)
		b = b[:n]
	case closeOnly:
	case cancelFirst:
		cancel()
		_, _ = io.Copy(io.Discard, res.Body)
	default:
		b, err = io.ReadAll(res.Body)
		note("trailer %v", res.Trailer)
	}
	note("%v", err)
	if r == readTwice {
		n, err := res.Body.Read(make([]byte, 1))
		note("%d %v, %v", n, err, res.Body.Close())
	}
	note("%v", res.Body.Close())
	if r == closeOnly {
		_, err := res.Body.Read(make([]byte, 1))
		note("after close: %v", err)
	}
	return string(b)
}

var (
	bareTransport = clientWrapping{"bare", func(_ *collector, rt http.RoundTripper, _ ...httpcapture.Option) http.RoundTripper { return rt }}
	otelTransport = clientWrapping{"otelhttp", func(c *collector, rt http.RoundTripper, _ ...httpcapture.Option) http.RoundTripper {
		return otelhttp.NewTransport(rt, otelhttp.WithTracerProvider(c))
	}}
)

// TestDifferentialClient makes generated calls through a bare and through a
// wrapped transport: neither the caller nor the server can tell them apart.
func TestDifferentialClient(t *testing.T) {
	t.Parallel()
	for _, h2 := range []bool{false, true} {
		for _, wr := range clientWrappings {
			t.Run(fmt.Sprintf("HTTP%d/%s", 1+b2i(h2), wr.name), func(t *testing.T) {
				t.Parallel()
				server := newAnswerer(t, h2)
				plain := bareTransport
				if wr.name == "alongside" {
					plain = otelTransport
				}
				c := newCollector(t)
				through := func(wr clientWrapping, id string, cl *call) called {
					base := &http.Transport{ExpectContinueTimeout: 100 * time.Millisecond, DisableKeepAlives: !h2}
					if h2 {
						base.Protocols = h2c()
					}
					defer base.CloseIdleConnections()
					return server.call(t, wr.wrap(c, base, everything(httpcapture.WithContentTypes("*/*"))...), id, cl)
				}
				n, seed := diffSize(t, 200)
				for i := range n {
					cl := newGen(seed, i).call()
					cl.answer.info = cl.answer.info && !(h2 && raceEnabled) // as in exchange.overHTTP2
					if h2 && (cl.answer.early || cl.answer.status == http.StatusNoContent) {
						cl.body = cl.body[:min(len(cl.body), 500)] // or net/http's client may wait for itself
					}
					diff := ""
					for range 3 {
						want, got := through(plain, strconv.Itoa(i), cl), through(wr, strconv.Itoa(i), cl)
						want.Body, got.Body = firstDifference(want.Body, got.Body)
						if diff = cmp.Diff(want, got); diff == "" {
							break
						}
						forget(c)
					}
					if diff != "" {
						t.Fatalf("(-plain +wrapped):\n%s\ncall %d: %s", diff, i, cl)
					}
					checkCall(t, c, cl)
					if t.Failed() {
						t.Fatalf("call %d: %s", i, cl)
					}
				}
			})
		}
	}
}

// checkCall looks at the spans of a call.
func checkCall(t *testing.T, c *collector, cl *call) {
	t.Helper()
	for {
		select {
		case sp := <-c.ended:
			for k, v := range attrMap(sp.Attributes()) {
				switch v := v.(type) {
				case string:
					if !utf8.ValidString(v) {
						t.Errorf("%s is not UTF-8", k)
					}
					if k == "http.request.body.content" && cl.header == nil && !strings.HasPrefix(cl.body, v) {
						t.Errorf("request body %.100q, want a part of %.100q", v, cl.body)
					}
				case []string:
					if s := strings.Join(v, ""); !utf8.ValidString(s) || strings.Contains(s, "secret ") {
						t.Errorf("%s = %q", k, v)
					}
				}
			}
		default:
			return
		}
	}
}
