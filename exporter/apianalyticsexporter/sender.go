// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configcompression"
	"go.opentelemetry.io/collector/config/confighttp"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/payload"
)

const (
	// maxRetryAfter caps what a backend may ask for: a consumer of the queue
	// sleeps for that long.
	maxRetryAfter = 5 * time.Minute
	// onceIdleTimeout is how long a connection may be idle where a request that may
	// have been taken is not sent again: less than servers wait (Node's 5 s is
	// the shortest default in use) before they close it, perhaps just as the next
	// request is written.
	onceIdleTimeout = 2 * time.Second
	// fastestGzip costs half the CPU of the library's default at about a tenth
	// more bytes.
	fastestGzip = 1
)

// now is time.Now; it is a function of its own for the places that take a clock.
func now() time.Time { return time.Now() }

// sender sends requests to one endpoint of a backend and judges the replies. It
// holds no state between requests.
type sender struct {
	transport transport
	endpoint  string
	enc       backend.Endpoint
	spec      backend.Spec
	frame     payload.Frame
	tel       *telemetry
	// observe sees the header of every answer and must not block; may be nil.
	observe func(http.Header)
	// maxRetryAfter and now are set by tests.
	maxRetryAfter time.Duration
	now           func() time.Time
}

// answer is what became of one request.
type answer struct {
	outcome outcome
	status  int // 0 without an answer
	// err says why the request is not delivered; nil if it is.
	err error
	// wait is how long the backend asked us to wait; 0 means our backoff decides.
	wait time.Duration
	// taken is how many of the first events are delivered although the request
	// is not.
	taken int
	// skipped is how many events of a delivered request the backend left out.
	skipped int
	// final is true if the events may have been taken and must not be sent again.
	final bool
}

func newSender(c choice, client confighttp.ClientConfig, enc backend.Endpoint, tel *telemetry) *sender {
	spec := enc.Spec()
	if client.Endpoint == "" {
		client.Endpoint = c.endpoint
	}
	if client.Compression == "" {
		client.Compression = c.compression
	}
	if client.Compression == configcompression.TypeGzip && client.CompressionParams.Level == 0 {
		client.CompressionParams.Level = fastestGzip
	}
	if _, once := enc.(backend.NoAnswerPolicy); once && (client.IdleConnTimeout <= 0 || client.IdleConnTimeout > onceIdleTimeout) {
		client.IdleConnTimeout = onceIdleTimeout
	}
	frame := payload.Frame{
		Prefix: spec.Prefix, Separator: spec.Separator, Suffix: spec.Suffix,
		MaxItems: spec.MaxItems, MaxBytes: spec.MaxRequestBytes,
	}
	_, wantBody := enc.(backend.AnswerReader)
	return &sender{
		transport: c.transportFor(client.Endpoint)(transportParams{
			endpoint: client.Endpoint, client: client, backend: enc, frame: frame, wantBody: wantBody,
		}),
		endpoint:      client.Endpoint,
		enc:           enc,
		spec:          spec,
		frame:         frame,
		tel:           tel,
		maxRetryAfter: maxRetryAfter,
		now:           now,
	}
}

func (s *sender) start(ctx context.Context, host component.Host, set component.TelemetrySettings) error {
	return s.transport.start(ctx, host, set)
}

func (s *sender) shutdown(ctx context.Context) error { return s.transport.shutdown(ctx) }

// send sends one request with the given items.
func (s *sender) send(ctx context.Context, items [][]byte) answer {
	r := s.transport.send(ctx, items)
	if r.status != 0 && s.observe != nil {
		s.observe(r.header)
	}
	a := s.judge(r, len(items))
	s.tel.request(ctx, a.outcome, s.frame.Size(items), r.took)
	return a
}

// judge decides by status alone.
func (s *sender) judge(r reply, events int) answer {
	if r.status == 0 {
		if r.err == nil {
			r.err = &sendError{backend: s.spec.Name, events: events, kind: "the connection failed"}
		}
		a := answer{outcome: outcomeNoAnswer, err: r.err, wait: s.spec.MinBackoff, taken: min(max(r.taken, 0), events)}
		if events > 0 && a.taken == events {
			return answer{outcome: outcomeDelivered}
		}
		if p, ok := s.enc.(backend.NoAnswerPolicy); ok {
			a.final = !p.RetryNoAnswer(r.loss)
		}
		return a
	}
	refusal := &sendError{backend: s.spec.Name, status: r.status, events: events}
	class := s.enc.Classify(r.status)
	if r.handshake && class != backend.Retry {
		class = backend.Outage
	}
	switch {
	case class == backend.Delivered && r.status/100 == 2:
		a := answer{outcome: outcomeDelivered, status: r.status}
		if reader, ok := s.enc.(backend.AnswerReader); ok {
			a.skipped = min(max(reader.Skipped(r.body), 0), events)
		}
		return a
	case class == backend.Reject:
		return answer{outcome: outcomeReject, status: r.status, err: refusal}
	case class == backend.GiveUp:
		return answer{outcome: outcomeUnconfirmed, status: r.status, err: refusal, final: true}
	default:
		a := answer{outcome: outcomeRetry, status: r.status, err: refusal, wait: s.spec.MinBackoff}
		if class == backend.Outage {
			a.outcome = outcomeOutage
		}
		if d, ok := retryAfter(r.header, s.now()); ok {
			a.wait = min(d, s.maxRetryAfter)
		}
		return a
	}
}
