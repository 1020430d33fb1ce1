// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"io"
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
	// Reading the rest of an answer only serves to use the connection again, so
	// it is worth little.
	maxDrainBytes = 64 << 10
	maxDrainTime  = time.Second
	// fastestGzip costs half the CPU of the library's default at about a tenth
	// more bytes.
	fastestGzip = 1
)

// now is time.Now; it is a function of its own for the places that take a clock.
func now() time.Time { return time.Now() }

// sender posts requests to one backend. It holds no state between requests.
type sender struct {
	client *http.Client
	url    string
	enc    backend.Encoder
	spec   backend.Spec
	frame  payload.Frame
	tel    *telemetry
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
}

func newSender(c choice, endpoint string, enc backend.Encoder, tel *telemetry) *sender {
	spec := enc.Spec()
	if endpoint == "" {
		endpoint = c.endpoint
	}
	return &sender{
		url:  requestURL(endpoint, spec.Path),
		enc:  enc,
		spec: spec,
		frame: payload.Frame{
			Prefix: spec.Prefix, Separator: spec.Separator, Suffix: spec.Suffix,
			MaxItems: spec.MaxItems, MaxBytes: spec.MaxRequestBytes,
		},
		tel:           tel,
		maxRetryAfter: maxRetryAfter,
		now:           now,
	}
}

// start makes the client; only now the extensions exist that it may need.
func (s *sender) start(ctx context.Context, host component.Host, cfg confighttp.ClientConfig, c choice, set component.TelemetrySettings) error {
	if cfg.Compression == "" {
		cfg.Compression = c.compression
	}
	if cfg.Compression == configcompression.TypeGzip && cfg.CompressionParams.Level == 0 {
		cfg.CompressionParams.Level = fastestGzip
	}
	client, err := cfg.ToClient(ctx, host.GetExtensions(), set)
	if err != nil {
		return err
	}
	// Go would turn the POST into a GET, and a page that answers 200 would look
	// like delivery.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s.client = client
	return nil
}

// send posts one request with the given items.
func (s *sender) send(ctx context.Context, items [][]byte) answer {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	size := s.frame.Size(items)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, s.frame.Reader(items))
	if err != nil {
		// Validate has checked the URL, so this is not reached.
		return answer{outcome: outcomeNoAnswer, err: &sendError{backend: s.spec.Name, events: len(items), kind: "the request could not be built"}}
	}
	req.ContentLength = int64(size)
	// Lets the transport repeat the request on a connection that turned out to
	// be closed before anything was sent.
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(s.frame.Reader(items)), nil }
	req.Header.Set("Content-Type", s.spec.ContentType)
	s.enc.SetHeader(req.Header)

	begin := s.now()
	resp, err := s.client.Do(req) //nolint:bodyclose // drain closes it
	took := s.now().Sub(begin)
	var a answer
	if err != nil {
		a = answer{
			outcome: outcomeNoAnswer,
			err:     newNoAnswer(s.spec.Name, len(items), err),
			wait:    s.spec.MinBackoff,
		}
	} else {
		a = s.judge(resp, len(items))
		drain(resp.Body, cancel)
	}
	s.tel.request(ctx, a.outcome, size, took)
	return a
}

// judge decides by status alone.
func (s *sender) judge(resp *http.Response, events int) answer {
	refusal := &sendError{backend: s.spec.Name, status: resp.StatusCode, events: events}
	switch class := s.enc.Classify(resp.StatusCode); {
	case class == backend.Delivered && resp.StatusCode/100 == 2:
		return answer{outcome: outcomeDelivered, status: resp.StatusCode}
	case class == backend.Reject:
		return answer{outcome: outcomeReject, status: resp.StatusCode, err: refusal}
	default:
		a := answer{outcome: outcomeRetry, status: resp.StatusCode, err: refusal, wait: s.spec.MinBackoff}
		if class == backend.Outage {
			a.outcome = outcomeOutage
		}
		if d, ok := retryAfter(resp.Header, s.now()); ok {
			a.wait = min(d, s.maxRetryAfter)
		}
		return a
	}
}

// drain reads a little of what is left so that the connection can be used again,
// and no more: an answer without end must not hold the queue.
func drain(body io.ReadCloser, cancel context.CancelFunc) {
	timer := time.AfterFunc(maxDrainTime, cancel)
	defer timer.Stop()
	_, _ = io.CopyN(io.Discard, body, maxDrainBytes) // errors are of no interest: the answer is judged
	_ = body.Close()
}
