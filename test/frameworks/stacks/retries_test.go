// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel/trace"
	"golang.org/x/net/http2"

	"github.com/apispan/apispan/test/frameworks/adaptertest"
)

// retrying sends again what was answered with 503, as clients with retries do.
type retrying struct{ http.RoundTripper }

func (rt retrying) RoundTrip(r *http.Request) (*http.Response, error) {
	for {
		res, err := rt.RoundTripper.RoundTrip(r)
		if err != nil || res.StatusCode != http.StatusServiceUnavailable {
			return res, err
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if r.GetBody != nil {
			if r.Body, err = r.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

// refusing answers twice that it cannot, then it echoes.
func refusing() http.Handler {
	var n atomic.Int32
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1)%3 != 0 {
			_, _ = io.Copy(io.Discard, r.Body)
			http.Error(w, "later", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		echoBody(w, r)
	})
}

func post(t *testing.T, address, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/plain")
	req.Header.Set("Idempotency-Key", "1")
	return req
}

func got(t *testing.T, client *http.Client, req *http.Request) string {
	t.Helper()
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var sizes = map[string]string{"small": "question", "large": long}

// TestRetriesOutside: each attempt is an event, with its whole body.
func TestRetriesOutside(t *testing.T) {
	for protocol, h2 := range protocols {
		for way, wrap := range clientWays {
			for size, body := range sizes {
				t.Run(protocol+"/"+way+"/"+size, func(t *testing.T) {
					s := newSpans(t, trace.SpanKindClient)
					address, client := start(t, refusing(), h2)
					client.Transport = retrying{wrap(client.Transport, s.TracerProvider, all)}
					if b := got(t, client, post(t, address, body)); b != body {
						t.Errorf("answer %.20q", b)
					}
					for _, want := range []int64{503, 503, 200} {
						res := any("later\n")
						if want == 200 {
							res = body[:min(len(body), 8192)]
						}
						adaptertest.Want(t, way, adaptertest.Attrs(s.next(t)), attrs{status: want, reqBody: body[:min(len(body), 8192)], resBody: res})
					}
					s.none(t)
				})
			}
		}
	}
}

// TestRetriesInside: with the retries inside, it is one event, of the last answer.
func TestRetriesInside(t *testing.T) {
	for protocol, h2 := range protocols {
		for way, wrap := range clientWays {
			for size, body := range sizes {
				t.Run(protocol+"/"+way+"/"+size, func(t *testing.T) {
					s := newSpans(t, trace.SpanKindClient)
					address, client := start(t, refusing(), h2)
					client.Transport = wrap(retrying{client.Transport}, s.TracerProvider, all)
					if b := got(t, client, post(t, address, body)); b != body {
						t.Errorf("answer %.20q", b)
					}
					adaptertest.Want(t, way, adaptertest.Attrs(s.next(t)), attrs{status: int64(200), reqBody: body[:min(len(body), 8192)], resBody: body[:min(len(body), 8192)]})
					s.none(t)
				})
			}
		}
	}
}

// TestRedirects: 307 sends the body again, 303 does not; each hop is an event.
func TestRedirects(t *testing.T) {
	for protocol, h2 := range protocols {
		for way, wrap := range clientWays {
			for size, body := range sizes {
				t.Run(protocol+"/"+way+"/"+size, func(t *testing.T) {
					s := newSpans(t, trace.SpanKindClient)
					address, client := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						switch r.URL.Path {
						case "/307":
							http.Redirect(w, r, "/echo", http.StatusTemporaryRedirect)
						case "/303":
							http.Redirect(w, r, "/echo", http.StatusSeeOther)
						default:
							w.Header().Set("Content-Type", "text/plain")
							echoBody(w, r)
						}
					}), h2)
					client.CheckRedirect = nil
					client.Transport = wrap(client.Transport, s.TracerProvider, all)
					if b := got(t, client, post(t, address+"/307", body)); b != body {
						t.Errorf("answer %.20q", b)
					}
					first, cut := s.next(t), body[:min(len(body), 8192)]
					adaptertest.Want(t, "307", adaptertest.Attrs(first), attrs{status: int64(307)})
					if size == "small" { // net/http stops sending what nobody reads
						adaptertest.Want(t, "307", adaptertest.Attrs(first), attrs{reqBody: cut})
					}
					adaptertest.Want(t, "after 307", adaptertest.Attrs(s.next(t)), attrs{status: int64(200), reqBody: cut, resBody: cut})
					if b := got(t, client, post(t, address+"/303", body)); b != "" {
						t.Errorf("answer %.20q", b)
					}
					adaptertest.Want(t, "303", adaptertest.Attrs(s.next(t)), attrs{status: int64(303)})
					adaptertest.Want(t, "after 303", adaptertest.Attrs(s.next(t)), attrs{"http.request.method": "GET", status: int64(200), reqBody: nil})
					s.none(t)
				})
			}
		}
	}
}

// TestSentTwice: the same request, sent twice, is two events.
func TestSentTwice(t *testing.T) {
	for protocol, h2 := range protocols {
		for way, wrap := range clientWays {
			for size, body := range sizes {
				t.Run(protocol+"/"+way+"/"+size, func(t *testing.T) {
					s := newSpans(t, trace.SpanKindClient)
					address, client := start(t, http.HandlerFunc(content), h2)
					client.Transport = wrap(client.Transport, s.TracerProvider, all)
					req := post(t, address+"/echo", body)
					for range 2 {
						if b := got(t, client, req); b != body {
							t.Errorf("answer %.20q", b)
						}
						adaptertest.Want(t, way, adaptertest.Attrs(s.next(t)), attrs{status: int64(200), reqBody: body[:min(len(body), 8192)], resBody: body[:min(len(body), 8192)]})
						req.Body, _ = req.GetBody()
					}
					s.none(t)
				})
			}
		}
	}
}

// TestLostConnection: net/http sends again, on another connection, what a server has
// closed unanswered; the event has the body once.
func TestLostConnection(t *testing.T) {
	for way, wrap := range clientWays {
		for size, body := range sizes {
			if size == "large" {
				continue // net/http sends nothing again of which it has sent a part
			}
			if way == "alongside" && body != "" {
				continue // the body is a write of its own there, so a part may have been sent
			}
			t.Run(way+"/"+size, func(t *testing.T) {
				lis, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = lis.Close() })
				go func() {
					for n := 0; ; n++ {
						c, err := lis.Accept()
						if err != nil {
							return
						}
						in := bufio.NewReader(c)
						for calls := 0; ; calls++ {
							r, err := http.ReadRequest(in)
							if err != nil || n == 0 && calls == 1 {
								break // the second one on the first connection
							}
							b, _ := io.ReadAll(r.Body)
							_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok")
							if string(b) != body {
								t.Errorf("%d bytes arrived", len(b))
							}
						}
						_ = c.Close()
					}
				}()
				s := newSpans(t, trace.SpanKindClient)
				base := &http.Transport{}
				t.Cleanup(base.CloseIdleConnections)
				client := &http.Client{Timeout: patience, Transport: wrap(base, s.TracerProvider, all)}
				for range 2 {
					if b := got(t, client, post(t, "http://"+lis.Addr().String(), body)); b != "ok" {
						t.Errorf("answer %q", b)
					}
					adaptertest.Want(t, way, adaptertest.Attrs(s.next(t)), attrs{status: int64(200), reqBody: body[:min(len(body), 8192)], resBody: "ok"})
				}
				s.none(t)
			})
		}
	}
}

// TestRefusedStream is the same for HTTP/2.
func TestRefusedStream(t *testing.T) {
	for way, wrap := range clientWays {
		for size, body := range sizes {
			t.Run(way+"/"+size, func(t *testing.T) {
				lis, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = lis.Close() })
				go refuseFirst(lis, len(body))
				s := newSpans(t, trace.SpanKindClient)
				base := &http.Transport{Protocols: new(http.Protocols)}
				base.Protocols.SetUnencryptedHTTP2(true)
				t.Cleanup(base.CloseIdleConnections)
				client := &http.Client{Timeout: patience, Transport: wrap(base, s.TracerProvider, all)}
				if b := got(t, client, post(t, "http://"+lis.Addr().String(), body)); b != "ok" {
					t.Errorf("answer %q", b)
				}
				adaptertest.Want(t, way, adaptertest.Attrs(s.next(t)), attrs{status: int64(200), reqBody: body[:min(len(body), 8192)], resBody: "ok"})
				s.none(t)
			})
		}
	}
}

// refuseFirst refuses the first stream of each connection, and answers the others when
// their bodies have come.
func refuseFirst(lis net.Listener, size int) {
	for {
		c, err := lis.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = c.Close() }()
			if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
				return
			}
			f := http2.NewFramer(c, c)
			_ = f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
			_ = f.WriteWindowUpdate(0, 1<<20)
			came := map[uint32]int{}
			first := uint32(0)
			for {
				frame, err := f.ReadFrame()
				if err != nil {
					return
				}
				switch frame := frame.(type) {
				case *http2.SettingsFrame:
					if !frame.IsAck() {
						_ = f.WriteSettingsAck()
					}
				case *http2.HeadersFrame:
					if first == 0 {
						first = frame.StreamID
						_ = f.WriteRSTStream(first, http2.ErrCodeRefusedStream)
					}
				case *http2.DataFrame:
					if came[frame.StreamID] += len(frame.Data()); frame.StreamID != first && came[frame.StreamID] == size && frame.StreamEnded() {
						// ":status: 200", and "content-type: text/plain" as literals (RFC 7541).
						_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: frame.StreamID, EndHeaders: true, BlockFragment: []byte("\x88\x0f\x10\x0atext/plain")})
						_ = f.WriteData(frame.StreamID, true, []byte("ok"))
					}
				}
			}
		}()
	}
}

// flaky fails the first time, when it has read half of the body.
type flaky struct {
	http.RoundTripper

	failed bool
}

func (f *flaky) RoundTrip(r *http.Request) (*http.Response, error) {
	if !f.failed {
		f.failed = true
		_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
		_ = r.Body.Close()
		return nil, errors.New("lost")
	}
	return f.RoundTripper.RoundTrip(r)
}

// TestFailedAttempt: an attempt that failed is an event with what was sent of it.
func TestFailedAttempt(t *testing.T) {
	body := strings.Repeat("half", 1000)
	for way, wrap := range clientWays {
		s := newSpans(t, trace.SpanKindClient)
		address, client := start(t, http.HandlerFunc(content), false)
		client.Transport = wrap(&flaky{RoundTripper: client.Transport}, s.TracerProvider, all)
		req := post(t, address+"/echo", body)
		if res, err := client.Do(req); err == nil {
			_ = res.Body.Close()
			t.Error("no error")
		}
		adaptertest.Want(t, way, adaptertest.Attrs(s.next(t)), attrs{status: nil, reqBody: body[:len(body)/2], "apispan.request.body.incomplete": true})
		req.Body = io.NopCloser(bytes.NewReader([]byte(body)))
		if b := got(t, client, req); b != body {
			t.Errorf("answer %.20q", b)
		}
		adaptertest.Want(t, way, adaptertest.Attrs(s.next(t)), attrs{status: int64(200), reqBody: body, resBody: body})
	}
}
