// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apiinspectorextension

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/apispan/apispan/internal/inspect"
)

// resources are one of each kind, reachable or not.
var resources = []string{
	"GET /", "GET /index.html", "GET /nothing", "GET /api/status", "GET /api/exchanges", "GET /api/exchanges/x", "DELETE /api/exchanges", "GET /api/stream",
	"POST /api/sandbox", "OPTIONS /api/status", "GET /api/nothing", "GET /api/export?format=har", "GET /api/fields?format=html", "TRACE /", "HEAD /",
}

func port(addr string) string {
	_, p, _ := net.SplitHostPort(addr)
	return p
}

// TestHostMatrix: no name but ours gets an answer, whatever is asked for and however: a
// page whose name was rebound to this address is same-origin to the browser, and only the
// Host field tells.
func TestHostMatrix(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	p := port(r.addr)
	auth := "Authorization: Bearer " + r.token + "\r\nConnection: close\r\n"
	for host, good := range map[string]bool{
		"localhost:" + p: true, "LOCALHOST:" + p: true, "localhost": true, "127.0.0.1:" + p: true, "127.0.0.1": true, "[::1]:" + p: true, "[::1]": true, "[0:0:0:0:0:0:0:1]": true,
		"127.0.0.1:1":       true, // a port that was forwarded
		"evil.example:" + p: false, "evil.example": false, "localhost.evil.example": false, "evil.example:80@localhost": false, "localhost.": false,
		"127.0.0.1.nip.io": false, "127.0.0.2": false, "2130706433": false, "0x7f.1": false, "0.0.0.0:" + p: false, "[::]": false, "[::ffff:127.0.0.1]": false, "::1": false,
		"[::1%25lo]": false, "localhost:80:80": false, "localhost:x": false, "localhost:": false, "localhost:999999": false, "[::1": false, "[::1]x": false, "": false,
		"a, localhost": false, "localhost,evil.example": false, "127.0.0.1 ": true, // blanks around a value are no part of it
	} {
		for _, what := range resources {
			if good && (what == "GET /api/stream" || strings.HasPrefix(what, "DELETE")) {
				continue
			}
			res, body := r.raw(r.addr, what+" HTTP/1.1\r\nHost: "+host+"\r\n"+auth+"\r\n")
			if res.StatusCode == http.StatusBadRequest && !good && body != "" && strings.HasPrefix(body, "400 Bad Request") {
				continue // net/http's own: no name at all
			}
			if misdirected := res.StatusCode == http.StatusMisdirectedRequest; misdirected == good {
				t.Errorf("Host %q, %s: %d", host, what, res.StatusCode)
			} else if misdirected && body != "" {
				t.Errorf("Host %q, %s: a body %q", host, what, body)
			}
			secure(t, what, res)
		}
	}
	// A target with a host of its own, HTTP/1.0 without one, and a second field.
	for _, req := range []string{
		"GET http://evil.example/api/status HTTP/1.1\r\nHost: localhost\r\n" + auth + "\r\n",
		"GET /api/status HTTP/1.0\r\n" + auth + "\r\n",
	} {
		if res, body := r.raw(r.addr, req); res.StatusCode != http.StatusMisdirectedRequest || body != "" {
			t.Errorf("%q: %d %q", req, res.StatusCode, body)
		}
	}
	if res, _ := r.raw(r.addr, "GET /api/status HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n"+auth+"\r\n"); res.StatusCode != http.StatusBadRequest {
		t.Errorf("two Host fields: %d", res.StatusCode)
	}
}

// secure holds what every answer carries.
func secure(t *testing.T, what string, res *http.Response) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy":      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control":                "no-store",
	} {
		if got := res.Header[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s: %s is %q", what, name, got)
		}
	}
	for name := range res.Header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("%s: %s: %s", what, name, res.Header.Get(name))
		}
	}
}

// TestForeignPages: a request that a page of another site has made is refused, also with
// the cookie.
func TestForeignPages(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	p := port(r.addr)
	for _, tt := range []struct {
		fields string
		good   bool
	}{
		{"", true},
		{"Origin: http://localhost:" + p, true},
		{"Origin: http://localhost", false},
		{"Origin: https://localhost:" + p, false},
		{"Origin: http://127.0.0.1:" + p, false}, // the Host field says localhost
		{"Origin: http://evil.example", false},
		{"Origin: null", false},
		{"Origin:", false},
		{"Origin: http://localhost:" + p + "\r\nOrigin: http://evil.example", false},
		{"Sec-Fetch-Site: same-origin", true},
		{"Sec-Fetch-Site: none", true},
		{"Sec-Fetch-Site: same-site", false},
		{"Sec-Fetch-Site: cross-site", false},
		{"Sec-Fetch-Site: CROSS-SITE", false},
		{"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site", false},
		{"Origin: http://localhost:" + p + "\r\nSec-Fetch-Site: cross-site", false},
	} {
		if tt.fields != "" {
			tt.fields += "\r\n"
		}
		for _, what := range resources {
			if tt.good && (what == "GET /api/stream" || strings.HasPrefix(what, "DELETE")) {
				continue
			}
			res, _ := r.raw(r.addr, what+" HTTP/1.1\r\nHost: localhost:"+p+"\r\nAuthorization: Bearer "+r.token+"\r\n"+tt.fields+"Connection: close\r\n\r\n")
			if refused := res.StatusCode == http.StatusForbidden; refused == tt.good {
				t.Errorf("%q, %s: %d", tt.fields, what, res.StatusCode)
			}
			secure(t, what, res)
		}
	}
	// A preflight gets nothing that would let the request through.
	res, _ := r.raw(r.addr, "OPTIONS /api/sandbox HTTP/1.1\r\nHost: localhost:"+p+"\r\nOrigin: http://localhost:"+p+"\r\nAccess-Control-Request-Method: POST\r\nAuthorization: Bearer "+r.token+"\r\nConnection: close\r\n\r\n")
	if res.StatusCode < 400 {
		t.Errorf("a preflight: %d", res.StatusCode)
	}
	secure(t, "preflight", res)
}

// TestToken: nobody without the token sees anything; the link makes a cookie by one
// redirect, and is not in any address afterwards.
func TestToken(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	ask := func(path, fields string) *http.Response {
		res, _ := r.raw(r.addr, "GET "+path+" HTTP/1.1\r\nHost: "+r.addr+"\r\n"+fields+"Connection: close\r\n\r\n")
		secure(t, path, res)
		return res
	}
	if len(r.token) != 32 {
		t.Errorf("the token has %d digits", len(r.token))
	}
	for _, path := range []string{"/", "/index.html", "/api/status", "/api/stream", "/?t=", "/?t=" + strings.Repeat("0", 32), "/?t=" + r.token[:31], "/api/status?t=" + r.token, "/main.js"} {
		if res := ask(path, ""); res.StatusCode != http.StatusUnauthorized || len(res.Cookies()) > 0 {
			t.Errorf("%s without the token: %d", path, res.StatusCode)
		}
	}
	for _, f := range []string{"Authorization: Bearer " + r.token[1:], "Authorization: Bearer ", "Authorization: Basic " + r.token, "Cookie: apispan_inspector_" + port(r.addr) + "=" + r.token} {
		if res := ask("/api/status", f+"\r\n"); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d", f, res.StatusCode)
		}
	}
	res := ask("/?t="+r.token, "")
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/" || len(res.Cookies()) != 1 {
		t.Fatalf("the link: %d to %q", res.StatusCode, res.Header.Get("Location"))
	}
	c := res.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Value == r.token || c.Domain != "" {
		t.Errorf("cookie %+v", c)
	}
	for path, want := range map[string]int{"/": 200, "/api/status": 200, "/nothing": 404} {
		if res := ask(path, "Cookie: other=1; "+c.Name+"="+c.Value+"\r\n"); res.StatusCode != want {
			t.Errorf("%s with the cookie: %d", path, res.StatusCode)
		}
	}
	if res := ask("/api/status", "Authorization: Bearer "+r.token+"\r\n"); res.StatusCode != http.StatusOK {
		t.Errorf("with Bearer: %d", res.StatusCode)
	}
	link := r.logs.FilterMessageSnippet("The inspector is at http://127.0.0.1:").All()
	if len(link) != 1 || !strings.HasSuffix(link[0].Message, "/?t="+r.token) || strings.Contains(link[0].Message, "\n") {
		t.Errorf("the log has %v", link)
	}
}

// TestTokenOff holds only while nothing is sent.
func TestTokenOff(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *Config) { c.Token = tokenOff })
	status := func() int {
		res, _ := r.raw(r.addr, "GET /api/status HTTP/1.1\r\nHost: "+r.addr+"\r\nConnection: close\r\n\r\n")
		return res.StatusCode
	}
	r.Attach(inspect.Source{Component: "api_analytics/a", Backend: "moesif", DryRun: true})
	r.Attach(inspect.Source{Component: "http_redaction"})
	if got := status(); got != 200 {
		t.Errorf("a dry run: %d", got)
	}
	r.Attach(inspect.Source{Component: "api_analytics/b", Backend: "moesif"})
	if got := status(); got != 401 {
		t.Errorf("an exporter sends: %d", got)
	}
	if n := r.logs.FilterMessageSnippet("the token is asked for").Len(); n != 1 {
		t.Errorf("%d lines in the log", n)
	}
	r.Detach("api_analytics/b")
	if got := status(); got != 401 {
		t.Errorf("afterwards: %d", got)
	}
}

// TestBothLoopbacks: localhost is both, so that nobody else can take the other one.
func TestBothLoopbacks(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	p := port(r.addr)
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skip("this machine has no IPv6")
	} else {
		_ = l.Close()
	}
	for _, addr := range []string{"127.0.0.1:" + p, "[::1]:" + p} {
		res, _ := r.raw(addr, "GET /api/status HTTP/1.1\r\nHost: "+addr+"\r\nAuthorization: Bearer "+r.token+"\r\nConnection: close\r\n\r\n")
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", addr, res.StatusCode)
		}
	}
}

// TestBodyLimits: what is longer is refused, before it is in memory.
func TestBodyLimits(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for n, want := range map[int]int{100: 200, 256<<10 + 1: 413, 5 << 20: 413} {
		res, body := r.raw(r.addr, fmt.Sprintf("POST /api/sandbox HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: text/yaml\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", r.addr, r.token, n, strings.Repeat("#", min(n, 300<<10))))
		if res.StatusCode != want {
			t.Errorf("%d bytes: %d %s", n, res.StatusCode, body)
		}
		secure(t, "sandbox", res)
	}
	res, _ := r.raw(r.addr, "GET /api/status HTTP/1.1\r\nHost: "+r.addr+"\r\nX-Long: "+strings.Repeat("x", 100<<10)+"\r\nConnection: close\r\n\r\n")
	if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("long fields: %d", res.StatusCode)
	}
}

// TestRawNeedsAnAuditLine: with show_raw each look writes a line, with the id and without
// a value; without it no value from before is anywhere.
func TestRawNeedsAnAuditLine(t *testing.T) {
	t.Parallel()
	for _, raw := range []bool{false, true} {
		r := start(t, func(c *Config) { c.ShowRaw = raw })
		r.attachAll(true)
		k := r.shown(1, nil)
		id := fmt.Sprintf("%x-%x", k.Trace, k.Span)
		eventually(t, "the exchange is there", func() bool {
			return r.Get(k) != nil && len(r.Get(k).Backends) > 0 && len(r.Get(k).Backends[0].Attempts) > 0
		})
		for _, tt := range []struct {
			method, path, body string
			shows              bool
		}{
			{"GET", "/api/exchanges/" + id, "", true},
			{"GET", "/api/exchanges/" + id + ".fixture.json", "", true},
			{"POST", "/api/sandbox", `{"policy":"version: 1\ndefaults: false\n"}`, true},
			{"GET", "/api/exchanges", "", false},
			{"GET", "/api/exchanges/" + id + ".har", "", false},
			{"GET", "/api/exchanges/" + id + ".curl", "", false},
			{"GET", "/api/exchanges/" + id + ".http", "", false},
			{"GET", "/api/export?format=har", "", false},
			{"GET", "/api/export?format=ndjson", "", false},
			{"GET", "/api/fields", "", false},
			{"GET", "/api/rules", "", false},
			{"GET", "/api/status", "", false},
		} {
			r.logs.TakeAll()
			res, body := r.do(tt.method, tt.path, tt.body)
			if res.StatusCode != http.StatusOK {
				t.Errorf("%s: %d %s", tt.path, res.StatusCode, body)
			}
			has := strings.Contains(string(body), cardNumber)
			if has != (tt.shows && raw) {
				t.Errorf("show_raw %v, %s: has the card number: %v", raw, tt.path, has)
			}
			lines := r.logs.FilterMessageSnippet("before the redaction were shown").All()
			if (len(lines) == 1) != has {
				t.Errorf("show_raw %v, %s: %d lines in the log", raw, tt.path, len(lines))
			}
			for _, l := range r.logs.All() {
				text := fmt.Sprint(l.Message, l.ContextMap())
				if len(lines) > 0 && !strings.Contains(text, id) || strings.Contains(text, cardNumber) || strings.Contains(text, "s3cr3t") {
					t.Errorf("the log says %s", text)
				}
			}
		}
		// What is not shown cannot be found out by searching either.
		if got := matches(r, "/api/exchanges?limit=1&q="+cardNumber); got != 0 {
			t.Errorf("show_raw %v: the search finds a value from before", raw)
		}
	}
}
