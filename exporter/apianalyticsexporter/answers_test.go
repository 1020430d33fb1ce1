// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/vendors"
)

const (
	page = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>" + vendorText + "</body></html>"
	html = "Content-Type: text/html; charset=utf-8\r\n"
	js   = "Content-Type: application/json\r\n"
)

// reply is a raw answer.
func reply(status, headers, content string) func(io.Writer) {
	return func(w io.Writer) {
		fmt.Fprintf(w, "HTTP/1.1 %s\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, headers, len(content), content)
	}
}

func raw(text string) func(io.Writer) { return func(w io.Writer) { _, _ = io.WriteString(w, text) } }

func gzipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.String()
}

func deflated(s string) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.String()
}

// What an answer may mean.
const (
	held      = "held"      // somebody else's: an outage, and everything is kept
	retried   = "retried"   // a fault: everything is kept
	delivered = "delivered" // the backend's, for all that one can know
	lost      = "lost"      // may have been taken, and must not be sent twice
)

// nonsense are answers of those who stand between: portals, logins, firewalls, broken
// proxies. Want holds for every backend but those in other. Over a WebSocket any of them is
// an answer to the handshake, and nothing is sent.
var nonsense = []struct {
	name   string
	answer func(io.Writer)
	want   string
	other  map[string]string
}{
	{name: "page", answer: reply("200 OK", html, page), want: held},
	{name: "page without a type", answer: reply("200 OK", "", page), want: held},
	{name: "page as JSON", answer: reply("201 Created", js, "\xef\xbb\xbf \r\n<!-- proxy -->\n<HTML>"), want: held},
	{name: "page with 202", answer: reply("202 Accepted", html, page), want: held},
	{name: "page in gzip", answer: reply("200 OK", html+"Content-Encoding: gzip\r\n", gzipped(page)), want: held},
	{name: "page that is cut", answer: raw("HTTP/1.1 200 OK\r\n" + html + "Transfer-Encoding: chunked\r\n\r\nfff\r\n" + page), want: held},
	{name: "page shorter than told", answer: raw("HTTP/1.1 200 OK\r\n" + html + "Content-Length: 99999\r\n\r\n" + page), want: held},
	{name: "page of 10 MB", answer: reply("200 OK", html, page+strings.Repeat("x", 10<<20)), want: held},
	{name: "page without end", answer: func(w io.Writer) {
		_, err := io.WriteString(w, "HTTP/1.1 200 OK\r\n"+html+"\r\n"+page)
		for err == nil {
			_, err = io.WriteString(w, strings.Repeat("x", 64<<10))
		}
	}, want: held},
	{name: "page in UTF-16", answer: reply("200 OK", "Content-Type: text/html; charset=utf-16\r\n", "\xff\xfe"+strings.Join(strings.Split(page, ""), "\x00")+"\x00"), want: held},
	{name: "page in deflate", answer: reply("200 OK", html+"Content-Encoding: deflate\r\n", deflated(page)), want: held},
	{name: "HTML that is a word", answer: reply("200 OK", html, "OK"), want: delivered}, // Express calls any text so
	{name: "HTML that is a part", answer: reply("200 OK", html, "<p>thanks</p>"), want: held, other: map[string]string{"webhook": delivered}},
	{name: "HTML in a coding nobody asked for", answer: reply("200 OK", html+"Content-Encoding: br\r\n", "\x0b\x02\x80\x03"), want: held, other: map[string]string{"webhook": delivered}},
	{name: "HTML in gzip that is none", answer: reply("200 OK", html+"Content-Encoding: gzip\r\n", "\x00\x01"), want: held, other: map[string]string{"webhook": delivered}},
	{name: "XML", answer: reply("200 OK", "Content-Type: text/xml\r\n", `<?xml version="1.0"?><Fault/>`), want: held, other: map[string]string{"webhook": delivered}},
	{name: "JSON that says error", answer: reply("200 OK", js, `{"error":"unauthorized"}`), want: held, other: map[string]string{"webhook": delivered}},
	{name: "JSON with another status", answer: reply("200 OK", js, `{"statusCode":"503","message":"down"}`), want: held, other: map[string]string{"webhook": delivered}},
	{name: "JSON without success", answer: reply("200 OK", js, `{"success":false}`), want: held, other: map[string]string{"webhook": delivered}},
	{name: "JSON without error", answer: reply("200 OK", js, `{"error":null,"errors":[],"status":"ok","code":0}`), want: delivered},
	{name: "JSON that counts", answer: reply("200 OK", js, `{"accepted":4,"skipped":1,"errors":["too large"]}`), want: delivered},
	{name: "JSON that is cut", answer: raw("HTTP/1.1 200 OK\r\n" + js + "Transfer-Encoding: chunked\r\n\r\nfff\r\n{\"a\""), want: delivered, other: map[string]string{"clickhouse": retried}},
	{name: "gzip that is none", answer: reply("200 OK", js+"Content-Encoding: gzip\r\n", "{}"), want: delivered, other: map[string]string{"clickhouse": retried}},
	{name: "nothing, shorter than told", answer: raw("HTTP/1.1 200 OK\r\n" + js + "Content-Length: 99\r\n\r\n"), want: delivered, other: map[string]string{"clickhouse": retried}},
	{name: "202", answer: reply("202 Accepted", js, ""), want: delivered, other: map[string]string{"metlo": held, "clickhouse": held}},
	{name: "204", answer: raw("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"), want: delivered, other: map[string]string{"metlo": held, "clickhouse": held}},
	{name: "205", answer: reply("205 Reset Content", js, ""), want: held},
	{name: "206", answer: reply("206 Partial Content", js, "{}"), want: held},
	{name: "301", answer: reply("301 Moved", "Location: /login\r\n", page), want: held},
	{name: "307", answer: reply("307 Temporary", "Location: http://127.0.0.1:1/login\r\n", page), want: held},
	{name: "100 before 200", answer: raw("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"), want: delivered},
	{name: "100 without end", answer: func(w io.Writer) {
		var err error
		for err == nil {
			_, err = io.WriteString(w, "HTTP/1.1 103 Early Hints\r\nLink: </"+strings.Repeat("x", 256<<10)+">\r\n\r\n")
		}
	}, want: retried, other: map[string]string{"metlo": lost}},
	{name: "101", answer: raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"), want: retried, other: map[string]string{"metlo": lost}},
	{name: "101 that stays", answer: func(w io.Writer) {
		_, _ = io.WriteString(w, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
		if conn, ok := w.(io.Reader); ok {
			_, _ = io.Copy(io.Discard, conn) // until the other side closes
		}
	}, want: retried, other: map[string]string{"metlo": lost}},
	{name: "two lengths", answer: raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x"), want: retried, other: map[string]string{"metlo": lost}},
	{name: "two types", answer: reply("200 OK", js+html, "{}"), want: delivered},
	{name: "half a head", answer: raw("HTTP/1.1 200 OK\r\nContent-"), want: retried, other: map[string]string{"metlo": lost}},
	{name: "no HTTP", answer: raw("SSH-2.0-OpenSSH_9.9\r\n"), want: retried, other: map[string]string{"metlo": lost}},
	{name: "page, in ten years", answer: reply("200 OK", html+"Retry-After: 315360000\r\n", page), want: held},
	{name: "503 in ten years", answer: reply("503 x", "Retry-After: 315360000\r\n", page), want: retried},
	{name: "503 before now", answer: reply("503 x", "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n", page), want: retried},
	{name: "429 after less than nothing", answer: reply("429 x", "Retry-After: -5\r\n", page), want: retried},
	{name: "429 twice told", answer: reply("429 x", "Retry-After: 0\r\nRetry-After: 99999\r\n", page), want: retried},
}

// TestNonsense: for every backend, an answer that is certainly not its own is an outage,
// whatever the status says: everything is kept and sent again, health tells, the log says
// why once. What may be its own is believed.
func TestNonsense(t *testing.T) {
	t.Parallel()
	names := append(slices.Sorted(maps.Keys(vendors.All)), "cerberus over WebSocket")
	for _, name := range names {
		for _, n := range nonsense {
			t.Run(name+"/"+n.name, func(t *testing.T) {
				t.Parallel()
				want := n.want
				if o := n.other[name]; o != "" {
					want = o
				}
				vendor, _, ws := strings.Cut(name, " ")
				if ws && want == delivered {
					want = held // in place of the handshake
				}
				nonsensical(t, vendor, ws, n.answer, want)
			})
		}
	}
}

func nonsensical(t *testing.T, name string, ws bool, answer func(io.Writer), want string) {
	fake := vendors.All[name].New(backendtest.Settings{})
	var asked atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) > 3 {
			fake.ServeHTTP(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		answer(conn)
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
			_ = tcp.SetReadDeadline(time.Now().Add(time.Second))
			_, _ = io.Copy(io.Discard, tcp)
		}
		_ = conn.Close()
	}))
	defer srv.Close()
	cfg := backendConfig(t, name, srv.URL)
	cfg.RetryConfig.InitialInterval, cfg.RetryConfig.MaxInterval = time.Millisecond, 5*time.Millisecond
	cfg.RetryConfig.MaxElapsedTime = 0
	if name == "cerberus" {
		cfg.Cerberus.Get().SecretKey = "a-key" // without one, the status is never fine
	}
	if ws {
		cfg.Cerberus.Get().Endpoint, cfg.Cerberus.Get().ClientID = "ws"+strings.TrimPrefix(srv.URL, "http"), "shop"
	}
	r := newRig(t, cfg)
	r.exp.sender.spec.MinBackoff = 0
	r.exp.sender.maxRetryAfter = 5 * time.Millisecond
	r.start()
	err := consume(r, traces(0, 5))
	r.shutdown()
	c := r.checkBooks()
	if err != nil {
		t.Errorf("ConsumeTraces: %v", err)
	}
	accepted, sent := fake.Stats().Accepted, int(c.Sent)
	told := r.logs.FilterMessageSnippet("the backend refuses us").Len()
	bad := slices.Contains(r.host.reported(), componentstatus.StatusRecoverableError)
	switch want {
	case held:
		// Seldom more than once: the backend takes one, and the next is refused again.
		if accepted != 5 || sent != 5 || c.Requests["outage"] == 0 || told < 1 || told > 3 || !bad {
			t.Errorf("%d accepted, %d sent, told %d times, status %v, requests %v", accepted, sent, told, bad, c.Requests)
		}
		if last := r.host.reported(); len(last) == 0 || last[len(last)-1] != componentstatus.StatusOK {
			t.Errorf("status %v", last)
		}
	case retried:
		if accepted != 5 || sent != 5 || bad && !ws {
			t.Errorf("%d accepted, %d sent, status %v, requests %v", accepted, sent, bad, c.Requests)
		}
	case delivered:
		if accepted != 0 || sent != 5 || bad || told > 0 || asked.Load() != 1 && name != "clickhouse" { // which is asked for its schema first
			t.Errorf("%d accepted, %d sent, status %v, %d requests", accepted, sent, bad, asked.Load())
		}
	case lost:
		if c.Dropped["unconfirmed"] == 0 || accepted+int(c.Dropped["unconfirmed"]) != 5 {
			t.Errorf("%d accepted, dropped %v", accepted, c.Dropped)
		}
	}
	if len(c.Dropped) > 0 && want != lost {
		t.Errorf("dropped %v", c.Dropped)
	}
	checkSilence(t, r, srv.URL)
}

// TestFirewall: a firewall that answers one event with its page, or with a status that
// speaks of the endpoint, holds up that event alone, which is never dropped.
func TestFirewall(t *testing.T) {
	t.Parallel()
	type answer struct {
		name   string
		status int
	}
	var answers []answer
	for _, name := range slices.Sorted(maps.Keys(vendors.All)) {
		for _, status := range []int{200, 406, 404} {
			answers = append(answers, answer{name, status})
		}
	}
	for _, status := range []int{206, 301, 307, 401, 402, 403, 405, 407, 408, 409, 410, 411, 414, 415, 418, 421, 423, 428, 431, 444, 451, 494, 499, 501, 503, 999} {
		answers = append(answers, answer{"webhook", status})
	}
	for _, a := range answers {
		name := a.name
		t.Run(fmt.Sprint(name, a.status), func(t *testing.T) {
			t.Parallel()
			fake := vendors.All[name].New(backendtest.Settings{})
			var off atomic.Bool
			srv := httptest.NewServer(onBody(t, fake, func(w http.ResponseWriter, body []byte) bool {
				if off.Load() || !bytes.Contains(body, []byte("union-select")) {
					return false
				}
				w.Header().Set("Content-Type", "text/html")
				w.WriteHeader(a.status)
				_, _ = io.WriteString(w, page)
				return true
			}))
			defer srv.Close()
			cfg := backendConfig(t, name, srv.URL)
			cfg.ClientConfig.Compression = "none"
			cfg.QueueConfig = testConfig(srv.URL).QueueConfig
			cfg.RetryConfig.InitialInterval, cfg.RetryConfig.MaxInterval, cfg.RetryConfig.MaxElapsedTime = time.Millisecond, 5*time.Millisecond, 0
			r := newRig(t, cfg)
			r.exp.sender.spec.MinBackoff = 0
			r.start()
			for i := range 3 {
				td := traces(20*i, 20)
				if i == 1 {
					spanAt(td, 7).Attributes().PutStr("http.route", "/union-select")
					spanAt(td, 7).Attributes().PutStr("url.path", "/union-select")
				}
				if err := r.exp.ConsumeTraces(context.Background(), td); err != nil {
					t.Fatal(err)
				}
			}
			waitFor(t, "all others are there", func() bool { return fake.Stats().Accepted >= 59 })
			if c := r.counts(); len(c.Dropped) > 0 {
				t.Errorf("dropped %v", c.Dropped)
			}
			off.Store(true)
			waitFor(t, "the one is there", func() bool { return r.counts().Sent == 60 })
			if s := fake.Stats(); s.Accepted != 60 || s.Violations > 0 {
				t.Errorf("%+v %q", s, fake.Violations())
			}
		})
	}
}

// TestWebhookPages: whose endpoint answers with pages says so.
func TestWebhookPages(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, page)
	}))
	defer srv.Close()
	cfg := backendConfig(t, "webhook", srv.URL)
	cfg.Webhook.Get().AcceptPages = true
	r := newRig(t, cfg).start()
	if err := consume(r, traces(0, 5)); err != nil || r.counts().Sent != 5 {
		t.Errorf("%v, %+v", err, r.counts())
	}
}
