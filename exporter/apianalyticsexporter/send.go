// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/config/configcompression"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/confmap"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/payload"
	"github.com/apispan/apispan/internal/poll"
)

// This file sends one request and says what the answer means, in one place for all
// backends and transports: sender.judge. What then becomes of the events is deliver.go's.

const (
	// onceIdleTimeout is how long a connection may be idle where a request that may
	// have been taken is not sent again: less than servers wait (Node's 5 s is
	// the shortest default in use) before they close it, perhaps just as the next
	// request is written.
	onceIdleTimeout = 2 * time.Second
	// fastestGzip costs half the CPU of the library's default at about a tenth
	// more bytes.
	fastestGzip = 1
	// statusOriginTimeout is what a known delivery network answers if the server behind
	// it does not in time.
	statusOriginTimeout = 524
)

// now is time.Now; it is a function of its own for the places that take a clock.
func now() time.Time { return time.Now() }

// sender sends requests to one endpoint of a backend and judges the replies.
type sender struct {
	transport backend.Transport
	client    confighttp.ClientConfig // as it is used
	enc       backend.Endpoint
	spec      backend.Spec
	frame     payload.Frame
	tel       *telemetry
	// observe sees the header of every answer and must not block; may be nil.
	observe func(http.Header)
	// maxRetryAfter and now are set by tests.
	maxRetryAfter time.Duration
	now           func() time.Time
	// takes counts the requests that the backend took, and streak the events that it
	// refused alone since the last one.
	takes  atomic.Uint64
	streak atomic.Int64
	// finals counts the answers in a row after which events were given up.
	finals atomic.Int64
	pace   pace
	ready  readiness
	// stopping is done when the Collector stops: nothing waits any more than it must.
	stopping context.Context
	stop     context.CancelFunc
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
	// late is true if the answer did not come in time: fewer events may be answered.
	late bool
	// fewer is true if the backend failed at the request and did not say that it is busy:
	// one of the events may be why.
	fewer bool
	// held is true if events are left because nothing vouches for the backend.
	held bool
}

func newSender(c choice, client confighttp.ClientConfig, enc backend.Endpoint, tel *telemetry) *sender {
	client.Endpoint = c.endpoint(client.Endpoint)
	if client.Compression == "" {
		client.Compression = configcompression.Type(cmp.Or(c.Compression, "none"))
	}
	if client.Compression == configcompression.TypeGzip && client.CompressionParams.Level == 0 {
		client.CompressionParams.Level = fastestGzip
	}
	if _, once := enc.(backend.NoAnswerPolicy); once {
		limitIdle(&client, onceIdleTimeout)
	}
	spec := enc.Spec()
	s := &sender{
		client: client, enc: enc, spec: spec, tel: tel, maxRetryAfter: poll.MaxRetryAfter, now: now,
		frame: payload.Frame{
			Prefix: spec.Prefix, Separator: spec.Separator, Suffix: spec.Suffix,
			MaxItems: spec.MaxItems, MaxBytes: spec.MaxRequestBytes,
		},
	}
	s.stopping, s.stop = context.WithCancel(context.Background())
	scheme, _, _ := strings.Cut(client.Endpoint, ":")
	if other := c.Transports[strings.ToLower(scheme)]; other != nil {
		s.transport = other(client.Endpoint, enc)
	} else {
		s.transport = newHTTPTransport(client.Endpoint, enc, s.frame)
	}
	return s
}

// limitIdle makes idle connections close after at most limit. It goes by the keys of
// the configuration: the fields behind them have moved since confighttp v0.160.
func limitIdle(client *confighttp.ClientConfig, limit time.Duration) {
	have := confmap.New()
	if have.Marshal(client) != nil {
		return
	}
	for _, key := range []string{"keepalive::idle_conn_timeout", "idle_conn_timeout"} {
		d, _ := time.ParseDuration(fmt.Sprint(have.Get(key)))
		if d > 0 && d <= limit || setKey(client, key, limit.String()) == nil {
			return
		}
	}
}

// setKey sets one key of the configuration of an HTTP client.
func setKey(client *confighttp.ClientConfig, key string, value any) error {
	conf := confmap.NewFromStringMap(map[string]any{key: value})
	if own, ok := any(client).(confmap.Unmarshaler); ok {
		return own.Unmarshal(conf)
	}
	return conf.Unmarshal(client)
}

func (s *sender) start(ctx context.Context, env backend.Env) error {
	return s.transport.Start(ctx, env)
}

func (s *sender) shutdown(ctx context.Context) error {
	s.ready.early.Wait()
	return s.transport.Shutdown(ctx)
}

// send sends one request with the given items.
func (s *sender) send(ctx context.Context, items [][]byte) answer {
	if a, ready := s.prepare(ctx, len(items)); !ready {
		return a
	}
	run, err := s.pace.enter(ctx, s.stopping, len(items))
	if err != nil {
		return answer{outcome: outcomeNoAnswer, err: newNoAnswer(s.spec.Name, len(items), err)}
	}
	r := s.transport.Send(ctx, items, backend.Patience{Timeouts: run.patience, Stop: s.stopping})
	if r.Status != 0 && s.observe != nil {
		s.observe(r.Header)
	}
	a := s.judge(r, len(items))
	a.late = a.late && ctx.Err() == nil && s.stopping.Err() == nil
	// What may not be repeated is lost, so that after one such answer little is risked.
	s.pace.leave(run, a.late || a.final, a.outcome == outcomeDelivered, r.Used)
	s.tel.request(ctx, a.outcome, s.frame.Size(items), r.Took)
	s.tel.watch.answered(s, items, r, a)
	if a.outcome != outcomeDelivered && a.outcome != outcomeRetry {
		s.ready.done.Store(false) // what was found may have changed
	}
	return a
}

// judge decides by the status, by what else a backend has for telling of a failure, and by
// whether a success is the backend's.
func (s *sender) judge(r backend.Reply, events int) answer {
	if r.Status == 0 {
		a := answer{outcome: outcomeNoAnswer, err: newNoAnswer(s.spec.Name, events, r.Err), wait: s.spec.MinBackoff, taken: min(max(r.Taken, 0), events)}
		if events > 0 && a.taken == events {
			return answer{outcome: outcomeDelivered}
		}
		if p, ok := s.enc.(backend.NoAnswerPolicy); ok {
			a.final = !p.RetryNoAnswer(r.Loss)
		}
		a.fewer = r.Loss == backend.MaybeTaken
		a.late = a.fewer && errors.Is(a.err, context.DeadlineExceeded)
		return a
	}
	refusal := &sendError{backend: s.spec.Name, status: r.Status, events: events, foreign: r.Foreign}
	class := s.enc.Classify(r.Status)
	if f, failed := s.spec.Failures.Read(r.Header, r.Body); failed {
		class, refusal.code, refusal.advice = f.Verdict(class, r.Status), f.Codes[0], f.Advice
		r.Foreign, refusal.foreign = "", ""
	}
	if r.Handshake && class != backend.Retry || r.Foreign != "" {
		class = backend.Outage
	}
	switch {
	case class == backend.Delivered && r.Status/100 == 2:
		a := answer{outcome: outcomeDelivered, status: r.Status}
		if reader, ok := s.enc.(backend.AnswerReader); ok {
			a.skipped = min(max(reader.Skipped(r.Body), 0), events)
		}
		return a
	case class == backend.Reject:
		return answer{outcome: outcomeReject, status: r.Status, err: refusal}
	case class == backend.GiveUp:
		return answer{outcome: outcomeUnconfirmed, status: r.Status, err: refusal, final: true}
	default:
		a := answer{outcome: outcomeRetry, status: r.Status, err: refusal, wait: s.spec.MinBackoff}
		if class == backend.Outage {
			a.outcome = outcomeOutage
		}
		d, told := poll.RetryAfter(r.Header, s.now())
		if told {
			a.wait = min(d, s.maxRetryAfter)
		}
		// A firewall that answers so, or with a page, may mean one of the events.
		a.fewer = (class == backend.Outage && !r.Handshake || r.Status >= 500 || r.Status == http.StatusRequestTimeout) && !told
		switch r.Status {
		case http.StatusRequestTimeout, http.StatusGatewayTimeout, statusOriginTimeout:
			a.late = class == backend.Retry
		}
		return a
	}
}

// sendError says that events were not delivered. It holds neither the URL nor
// anything that the backend or the network library wrote: those may carry
// secrets or captured data, and errors end up in logs.
type sendError struct {
	backend string
	events  int
	status  int    // of the answer; 0 if there was none
	foreign string // why a success is not the backend's
	kind    string // why there was none
	code    int    // that the backend gave besides; 0 if none
	advice  string // for that code
	cause   error  // context.Canceled or context.DeadlineExceeded, or nil
}

func (e *sendError) Error() string {
	if e.status == 0 {
		return fmt.Sprintf("api_analytics: %s gave no answer to a request with %d events: %s", e.backend, e.events, e.kind)
	}
	if e.advice != "" {
		which := "an error without a number"
		if e.code != 0 {
			which = fmt.Sprintf("the error %d", e.code)
		}
		return fmt.Sprintf("api_analytics: %s answered %d with %s to a request with %d events: %s", e.backend, e.status, which, e.events, e.advice)
	}
	hint := ""
	if e.foreign != "" {
		return fmt.Sprintf("api_analytics: what answered %d in place of %s to a request with %d events is not the backend: %s; nothing is dropped: check `endpoint`, and logins, proxies and firewalls before it",
			e.status, e.backend, e.events, e.foreign)
	}
	switch e.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		hint = "; check the credential in the block `" + e.backend + "`"
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
		hint = "; nothing is dropped as long as it takes no other event: check `endpoint`, and proxies and firewalls before it"
	case http.StatusPaymentRequired:
		hint = "; check the subscription of the account"
	case http.StatusNotFound, http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		hint = "; check `endpoint` (redirects are not followed)"
	}
	return fmt.Sprintf("api_analytics: %s answered %d to a request with %d events%s", e.backend, e.status, e.events, hint)
}

func (e *sendError) Unwrap() error { return e.cause }

// newNoAnswer classifies an error of http.Client.
func newNoAnswer(name string, events int, err error) *sendError {
	e := &sendError{backend: name, events: events, kind: "the connection failed"}
	var (
		dns      *net.DNSError
		netError net.Error
	)
	switch {
	case errors.Is(err, context.Canceled):
		e.kind, e.cause = "canceled", context.Canceled
	case errors.As(err, &netError) && netError.Timeout():
		e.kind, e.cause = "timeout", context.DeadlineExceeded
	case errors.As(err, &dns):
		e.kind = "the host name could not be resolved"
	case tlsFailure(err) != "":
		e.kind = tlsFailure(err)
	case errors.Is(err, syscall.ECONNREFUSED):
		e.kind = "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		e.kind = "connection closed by the other side"
	}
	return e
}
