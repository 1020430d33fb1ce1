// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// wireCases are handlers whose response must be the same to the byte.
var wireCases = map[string]struct {
	request string
	handler http.HandlerFunc
}{
	"empty":        {get, func(http.ResponseWriter, *http.Request) {}},
	"small":        {get, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }},
	"write string": {get, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>hi") }},
	"large": {get, func(w http.ResponseWriter, _ *http.Request) {
		for range 100 {
			_, _ = w.Write(bytes.Repeat([]byte("0123456789"), 100))
		}
	}},
	"content length": {get, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "3")
		_, _ = w.Write([]byte("abc"))
	}},
	"too much for the length": {get, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "3")
		_, _ = w.Write([]byte("abcdef"))
	}},
	"too little for the length": {get, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "30")
		_, _ = w.Write([]byte("abcdef"))
	}},
	"status, headers": {get, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Set-Cookie", "a=b")
		w.Header().Add("Set-Cookie", "c=d")
		w.Header()["X-Odd-case"] = []string{"1"}
		w.WriteHeader(http.StatusTeapot)
		w.Header().Set("X-Too-Late", "1")
		w.WriteHeader(http.StatusOK)
		fmt.Fprint(w, "short and stout")
	}},
	"no sniffing": {get, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		fmt.Fprint(w, "hello")
	}},
	"trailers": {get, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		fmt.Fprint(w, "body")
		w.Header().Set("X-Sum", "42")
		w.Header().Set(http.TrailerPrefix+"X-Undeclared", "43")
	}},
	"informational": {get, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a>")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusProcessing)
		w.Header().Del("Link")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, "no")
	}},
	"flushes": {get, func(w http.ResponseWriter, _ *http.Request) {
		for i := range 3 {
			fmt.Fprintf(w, "part %d", i)
			w.(http.Flusher).Flush()
		}
	}},
	"flush first": {get, func(w http.ResponseWriter, _ *http.Request) { _ = http.NewResponseController(w).Flush() }},
	"no content": {get, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
		_, _ = w.Write([]byte("x"))
	}},
	"not modified": {get, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }},
	"head": {"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, strings.Repeat("x", 5000))
	}},
	"http/1.0": {"GET / HTTP/1.0\r\n\r\n", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", 5000)) }},
	"echo":     {post("hello"), echo},
	"unread":   {post(strings.Repeat("u", 1000)), func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "did not read") }},
	"closed": {post(strings.Repeat("u", 1000)), func(w http.ResponseWriter, r *http.Request) {
		_ = r.Body.Close()
		fmt.Fprint(w, "closed")
	}},
	// More than net/http is willing to read after the handler: it closes instead.
	"unread and large": {
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n",
		func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "did not read") },
	},
	"panic after flush": {get, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "some")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}},
	"panic first": {get, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	"read from": {get, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.Copy(w, struct{ io.Reader }{strings.NewReader(strings.Repeat("r", 700))})
	}},
	"gzip": {get, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Type", "text/plain")
		z := gzip.NewWriter(w)
		fmt.Fprint(z, "zipped")
		_ = z.Close()
	}},
	"hijack": {get, func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = rw.WriteString("HTTP/1.1 299 Mine\r\n\r\nraw")
		_ = rw.Flush()
	}},
}

const get = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

func post(body string) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

var dateLine = regexp.MustCompile(`(?m)^Date: [^\r]*`)

// raw sends bytes and returns the bytes that come back until the server closes,
// or, if it keeps the connection, until the response is complete.
func raw(t *testing.T, addr, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(request, "HEAD") {
		req, _ := http.ReadRequest(bufio.NewReader(strings.NewReader(request)))
		var got bytes.Buffer
		if _, err := http.ReadResponse(bufio.NewReader(io.TeeReader(conn, &got)), req); err != nil {
			t.Fatal(err)
		}
		return dateLine.ReplaceAllString(got.String(), "Date: -")
	}
	b, err := io.ReadAll(conn)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		t.Fatal("no end of the response")
	}
	return dateLine.ReplaceAllString(string(b), "Date: -")
}

// TestWireBytes compares what the bare handler and the wrapped one send.
func TestWireBytes(t *testing.T) {
	t.Parallel()
	for name, tc := range wireCases {
		both(t, func(t *testing.T, wr wrapping) {
			t.Run(name, func(t *testing.T) {
				bare := raw(t, serve(t, tc.handler).Listener.Addr().String(), tc.request)
				s := serve(t, wr.wrap(newCollector(t), tc.handler, everything()...))
				if diff := cmp.Diff(bare, raw(t, s.Listener.Addr().String(), tc.request)); diff != "" {
					t.Errorf("bytes on the wire differ (-bare +wrapped):\n%s", diff)
				}
			})
		})
	}
}

// TestHTTP2Responses compares what a client sees over HTTP/2.
func TestHTTP2Responses(t *testing.T) {
	t.Parallel()
	type seen struct {
		Status          int
		Header, Trailer http.Header
		Body            string
		Failed          bool
	}
	look := func(t *testing.T, h http.Handler, request string) (s seen) {
		srv := serveH2(t, h)
		parsed, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request)))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(parsed.Body)
		req := newRequest(t, parsed.Method, srv.URL, string(body))
		if ct := parsed.Header.Get("Content-Type"); ct != "" {
			req.Header.Set("Content-Type", ct)
		}
		res, err := srv.Client().Do(req)
		if err != nil {
			return seen{Failed: true}
		}
		defer res.Body.Close()
		if res.ProtoMajor != 2 {
			t.Fatalf("protocol %s", res.Proto)
		}
		b, err := io.ReadAll(res.Body)
		res.Header.Del("Date")
		return seen{res.StatusCode, res.Header, res.Trailer, string(b), err != nil}
	}
	for name, tc := range wireCases {
		switch name {
		case "hijack", "http/1.0", "unread and large": // of HTTP/1 only
			continue
		}
		both(t, func(t *testing.T, wr wrapping) {
			t.Run(name, func(t *testing.T) {
				if diff := cmp.Diff(look(t, tc.handler, tc.request), look(t, wr.wrap(newCollector(t), tc.handler, everything()...), tc.request)); diff != "" {
					t.Errorf("the client sees something else (-bare +wrapped):\n%s", diff)
				}
			})
		})
	}
}
