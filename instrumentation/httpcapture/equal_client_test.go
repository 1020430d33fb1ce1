// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

type typedError struct{}

func (typedError) Error() string     { return "typed" }
func (typedError) ErrorType() string { return "my_type" }

// pipe is the body of a response after a switch of protocols.
type pipe struct {
	io.Reader

	err error
}

func (p pipe) Write(b []byte) (int, error) { return len(b), p.err }
func (pipe) Close() error                  { return errors.New("close failed") }

// far is the network: what it does is generated.
type far struct {
	rnd  *rand.Rand
	seen []string
	open []io.Closer // bodies of requests, to close after the round trip
}

func (f *far) RoundTrip(r *http.Request) (*http.Response, error) {
	rnd := f.rnd
	_, served := otelhttp.LabelerFromContext(r.Context())
	_, labeled := httpcapture.ClientLabelerFromContext(r.Context())
	f.seen = append(f.seen, fmt.Sprint(r.Header, r.URL, served, labeled, httptrace.ContextClientTrace(r.Context()) != nil,
		r.Body == nil, r.Body == http.NoBody, trace.SpanFromContext(r.Context()).SpanContext()))
	attempt := func(b io.ReadCloser) {
		switch {
		case b == nil:
		case chance(rnd, 4):
			_, _ = b.Read(make([]byte, 100))
		default:
			_, _ = io.Copy(io.Discard, b)
		}
		switch {
		case b == nil:
		case chance(rnd, 3):
			f.open = append(f.open, b)
		default:
			_ = b.Close()
		}
	}
	attempt(r.Body)
	for r.GetBody != nil && chance(rnd, 3) {
		if b, err := r.GetBody(); err == nil {
			attempt(b)
		}
	}
	if chance(rnd, 5) {
		l, _ := httpcapture.ClientLabelerFromContext(r.Context())
		l.Add(attribute.Int("label", rnd.IntN(3)))
	}
	if chance(rnd, 5) {
		trace.SpanFromContext(r.Context()).SetAttributes(attribute.Int("mine", 1), attribute.String("error.type", "mine"))
	}
	if chance(rnd, 6) {
		return nil, pick[error](rnd, io.ErrUnexpectedEOF, &net.OpError{Op: "dial", Err: errors.New("refused")}, typedError{},
			fmt.Errorf("wrapped: %w", context.Canceled), fmt.Errorf("wrapped: %w", typedError{}), struct{ error }{io.EOF})
	}
	text := strings.Repeat("y", rnd.IntN(20000))
	res := &http.Response{StatusCode: pick(rnd, 200, 200, 204, 301, 400, 404, 500, 599, 600, 99, 0, 101), Request: r,
		Header: http.Header{"Content-Type": {pick(rnd, "text/plain", "image/png")}, "X-Event-Id": {"event-1"}}, ContentLength: pick(rnd, -1, int64(len(text)))}
	switch {
	case res.StatusCode == http.StatusSwitchingProtocols:
		res.Body = pipe{strings.NewReader(text), pick(rnd, nil, errors.New("broken pipe"))}
	case chance(rnd, 5):
		res.Body = http.NoBody
	case chance(rnd, 5):
		res.Body = &failingBody{strings.NewReader(text), pick[error](rnd, io.ErrUnexpectedEOF, typedError{})}
	default:
		res.Body = io.NopCloser(strings.NewReader(text))
	}
	return res, nil
}

// clientRequest generates a request as an application makes it.
func clientRequest(rnd *rand.Rand) *http.Request {
	r := request(rnd)
	if r.URL != nil {
		r.URL.Scheme = pick(rnd, "http", "https", "", "unix")
		r.URL.Host = pick(rnd, r.Host, r.Host, "api.example:443", "api.example:80")
		r.URL.User = pick(rnd, nil, url.UserPassword("u", "secret"))
	}
	if chance(rnd, 5) {
		r.Header.Set("Host", "header.example:8443")
	}
	if r.Body != nil && r.Body != http.NoBody && chance(rnd, 2) {
		text, fails := strings.Repeat("r", rnd.IntN(3000)), rnd.IntN(5)
		calls := 0
		r.GetBody = func() (io.ReadCloser, error) {
			if calls++; calls == fails {
				return nil, errors.New("no other")
			}
			if calls == 5 {
				return http.NoBody, nil
			}
			return io.NopCloser(strings.NewReader(text)), nil
		}
	}
	return r
}

type transport func(http.RoundTripper, ...otelhttp.Option) http.RoundTripper

// roundTrip runs one generated exchange of a client.
func (l *lab) roundTrip(t *testing.T, seed uint64, wrap transport, opts []otelhttp.Option) (s story) {
	rnd := rand.New(rand.NewPCG(3, seed))
	r := clientRequest(rnd)
	ctx, end := around(rnd, l.provider)
	r = r.WithContext(ctx)
	base := &far{rnd: rnd}
	before := fmt.Sprint(r.Header, r.URL, r.Body)
	res, err := wrap(base, opts...).RoundTrip(r)
	if after := fmt.Sprint(r.Header, r.URL, r.Body); after != before {
		t.Errorf("the caller's request changed from %s to %s", before, after)
	}
	s.Wire = append(s.Wire, fmt.Sprint(err))
	if err == nil {
		_, writes := res.Body.(io.Writer)
		s.Wire = append(s.Wire, fmt.Sprint(res.StatusCode, writes))
		if w, ok := res.Body.(io.Writer); ok {
			_, err := w.Write([]byte("hello"))
			s.Wire = append(s.Wire, fmt.Sprint(err))
		}
		switch rnd.IntN(4) {
		case 0:
			n, err := res.Body.Read(make([]byte, 50))
			s.Wire = append(s.Wire, fmt.Sprint(n, err))
		case 1:
		default:
			b, err := io.ReadAll(res.Body)
			s.Wire = append(s.Wire, fmt.Sprint(len(b), err))
		}
		s.Wire = append(s.Wire, fmt.Sprint(res.Body.Close(), res.Body.Close()))
	}
	for _, b := range base.open {
		_, _ = b.(io.Reader).Read(make([]byte, 1000))
		_ = b.Close()
	}
	end()
	s.Wire = append(s.Wire, base.seen...)
	for len(l.ended) > 0 {
		s.Spans = append(s.Spans, l.tell(t, <-l.ended))
	}
	return s
}

// TestEqualClientSpans is TestEqualServerSpans for transports.
func TestEqualClientSpans(t *testing.T) {
	t.Parallel()
	transports := [3]transport{
		func(rt http.RoundTripper, opts ...otelhttp.Option) http.RoundTripper {
			return otelhttp.NewTransport(rt, opts...)
		},
		func(rt http.RoundTripper, opts ...otelhttp.Option) http.RoundTripper {
			return httpcapture.NewTransport(rt, opts...)
		},
		func(rt http.RoundTripper, opts ...otelhttp.Option) http.RoundTripper {
			return httpcapture.NewTransport(rt, append(opts, httpcapture.WithOtelhttpSpans())...)
		},
	}
	compareAll(t, true, func(l *lab, seed uint64, i int, opts []otelhttp.Option) story {
		return l.roundTrip(t, seed, transports[i], opts)
	})
}

// compareAll runs generated exchanges in three ways: plain otelhttp, ours, and
// ours WithOtelhttpSpans.
func compareAll(t *testing.T, client bool, run func(l *lab, seed uint64, way int, opts []otelhttp.Option) story) {
	t.Helper()
	recorded, seeds := 0, uint64(500)
	if raceEnabled {
		seeds = 50
	}
	for seed := range seeds {
		var labs [3]*lab
		var opts [3][]otelhttp.Option
		policy, mended := false, false
		for i := range labs {
			rnd := rand.New(rand.NewPCG(1, seed))
			labs[i] = newLab(rnd)
			opts[i], policy = labs[i].options(t, rnd, client)
		}
		for n := range uint64(12) {
			var got [3]story
			for i := range got {
				got[i] = run(labs[i], seed*100+n, i, slices.Clip(opts[i]))
			}
			mended = mended || got[1].Mended
			sameBothWays(t, fmt.Sprintf("seed %d, exchange %d", seed, n), got[2], got[1])
			recorded += len(got[0].Spans)
			if !policy {
				sameAsOtelhttp(t, fmt.Sprintf("seed %d, exchange %d", seed, n), got[0], got[1])
			}
		}
		want := labs[0].metrics(t)
		for i, name := range map[int]string{1: "own", 2: "delegating"} {
			if mended {
				continue // ours counts what otelhttp does not
			}
			if diff := cmp.Diff(want, labs[i].metrics(t), sorted); diff != "" {
				t.Fatalf("seed %d, metrics (-otelhttp +%s):\n%s", seed, name, diff)
			}
		}
	}
	if recorded < 6*int(seeds) {
		t.Errorf("only %d spans compared", recorded)
	}
}
