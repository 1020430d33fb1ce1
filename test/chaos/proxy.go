// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// fault is how the backend misbehaves for a while.
type fault string

const (
	healthy     fault = "healthy"
	down        fault = "down"         // connections are refused
	throttled   fault = "429"          // with Retry-After
	broken      fault = "500"          //
	unavailable fault = "503"          // with a Retry-After in the past
	hanging     fault = "hang"         // no answer until the client gives up
	resetEarly  fault = "reset-before" // connection reset, nothing taken
	resetLate   fault = "reset-after"  // taken, then connection reset
	cutAnswer   fault = "cut-answer"   // taken, half an answer
	garbage     fault = "garbage"      // taken, an answer that is no JSON
	slow        fault = "slow"         // taken, after a second
	portal      fault = "portal"       // 200 with a page, nothing taken
	unpaid      fault = "401"          // not among the random ones
)

var allFaults = []fault{down, throttled, broken, unavailable, hanging, resetEarly, resetLate, cutAnswer, garbage, slow, portal}

// proxy stands before a backend and misbehaves on command.
type proxy struct {
	target string // base URL of the backend
	addr   string
	client *http.Client
	now    atomic.Value // fault
	// own answers requests instead while it is set, and reports false for those that it
	// leaves to the backend. It gets the content without its coding.
	own atomic.Pointer[func(w http.ResponseWriter, content []byte) bool]

	mu     sync.Mutex
	server *http.Server // nil while down
	seen   map[fault]int
}

func newProxy(target string) (*proxy, error) {
	p := &proxy{
		target: target, seen: map[fault]int{},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32, DisableCompression: true}},
	}
	p.now.Store(healthy)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.addr = ln.Addr().String()
	p.serve(ln)
	return p, nil
}

func (p *proxy) url() string { return "http://" + p.addr }

func (p *proxy) serve(ln net.Listener) {
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	go func(s *http.Server) { _ = s.Serve(ln) }(p.server)
}

// set begins a fault, which ends the one before.
func (p *proxy) set(f fault) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Store(f)
	if f == down {
		if p.server != nil {
			_ = p.server.Close()
			p.server = nil
		}
		return nil
	}
	if p.server == nil {
		ln, err := net.Listen("tcp", p.addr)
		if err != nil {
			return fmt.Errorf("the backend cannot come back: %w", err)
		}
		p.serve(ln)
	}
	return nil
}

func (p *proxy) close() {
	_ = p.set(down)
	p.client.CloseIdleConnections()
}

// flap changes faults at random moments until ctx ends, and heals the backend then.
func (p *proxy) flap(ctx context.Context, rng *rand.Rand) error {
	for ctx.Err() == nil {
		f := healthy
		if rng.IntN(2) == 0 {
			f = allFaults[rng.IntN(len(allFaults))]
		}
		if err := p.set(f); err != nil {
			return err
		}
		sleep(ctx, between(rng, 100*time.Millisecond, 900*time.Millisecond))
	}
	return p.set(healthy)
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, _ := p.now.Load().(fault)
	p.mu.Lock()
	p.seen[f]++
	p.mu.Unlock()
	if own := p.own.Load(); own != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil || (*own)(w, plain(body)) {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	refuse := func(status int, retryAfter string) {
		_, _ = io.Copy(io.Discard, r.Body)
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(status)
	}
	switch f {
	case throttled:
		refuse(http.StatusTooManyRequests, "1")
		return
	case broken:
		refuse(http.StatusInternalServerError, "")
		return
	case unpaid:
		refuse(http.StatusUnauthorized, "")
		return
	case unavailable:
		refuse(http.StatusServiceUnavailable, "Wed, 21 Oct 2015 07:28:00 GMT")
		return
	case portal:
		w.Header().Set("Content-Type", "text/html")
		refuse(http.StatusOK, "")
		_, _ = io.WriteString(w, "<!doctype html><title>Sign in</title>")
		return
	case hanging:
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		return
	case resetEarly:
		reset(w)
		return
	case slow:
		sleep(r.Context(), time.Second)
	default:
	}
	status, body, err := p.forward(r)
	switch {
	case err != nil, f == resetLate:
		reset(w)
	case f == cutAnswer:
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"accep`)
		reset(w)
	case f == garbage:
		w.WriteHeader(status)
		_, _ = w.Write([]byte{0xff, 0, '<', 'h', 't', 'm', 'l'})
	default:
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}
}

// plain takes gzip off.
func plain(body []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return body
	}
	content, _ := io.ReadAll(z)
	return content
}

func (p *proxy) forward(r *http.Request) (int, []byte, error) {
	// What has arrived is taken, whatever becomes of the client.
	req, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), r.Method, p.target+r.URL.RequestURI(), r.Body)
	if err != nil {
		return 0, nil, err
	}
	req.Header = r.Header.Clone()
	req.ContentLength = r.ContentLength
	resp, err := p.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, body, err
}

// reset closes the connection such that the peer sees a reset.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// between draws a duration from [lo, hi).
func between(rng *rand.Rand, lo, hi time.Duration) time.Duration {
	return lo + time.Duration(rng.Int64N(int64(hi-lo)))
}

var errLost = errors.New("out of contract")
