// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backend

import (
	"context"
	"net/http"
	"time"
)

// Transport carries requests to a backend and reports what came back. It judges
// nothing: what a reply means is the exporter's to say, once for all transports. The
// scheme of the endpoint chooses the transport (see Facts.Transports).
type Transport interface {
	// Start opens what is needed; only now the extensions exist.
	Start(ctx context.Context, env Env) error
	// Send delivers the items as one request and waits for the reply, as long as p
	// says. It is called concurrently. Without items it sends an empty request (see
	// Spec.EmptyProbe).
	Send(ctx context.Context, items [][]byte, p Patience) Reply
	// Shutdown frees what Start opened. Send is not called afterwards.
	Shutdown(ctx context.Context) error
}

// Patience is how long a transport waits for an answer.
type Patience struct {
	// Timeouts is by how much the configured timeout is multiplied, at least 1.
	Timeouts int
	// Stop is done when the Collector stops; then one timeout has to do.
	Stop context.Context
}

// Within returns a context that ends with ctx, or when the patience with a wait that
// begins now does.
func (p Patience) Within(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		return context.WithCancel(ctx)
	}
	if p.Timeouts <= 1 || p.Stop == nil {
		return context.WithTimeout(ctx, timeout)
	}
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, timeout*time.Duration(p.Timeouts))
	forget := context.AfterFunc(p.Stop, func() {
		timer := time.NewTimer(timeout - time.Since(begin))
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
			cancel()
		}
	})
	return ctx, func() { forget(); cancel() }
}

// Used returns what part of the patience a wait was.
func (p Patience) Used(took, timeout time.Duration) float64 {
	return float64(took) / float64(max(1, timeout*time.Duration(max(1, p.Timeouts))))
}

// NewTransport makes the transport to an endpoint, as it is configured.
type NewTransport func(endpoint string, e Endpoint) Transport

// Reply is what came back for one request.
type Reply struct {
	// Status is the HTTP status, or the one that means the same; 0 is no answer.
	Status int
	// Handshake is true if the status is the answer to a handshake: no event was
	// sent, so that whatever is refused, it is us.
	Handshake bool
	// Foreign says why a successful answer is certainly not the backend's, see
	// Answers.Foreign; "" if it may be.
	Foreign string
	// Header is read for Retry-After and Date; it may be nil.
	Header http.Header
	// Body is a prefix of a successful answer, for an AnswerReader, or of any, for
	// [Failures].
	Body []byte
	// Begin is the begin of any answer, for somebody who looks on; empty if nobody does.
	Begin []byte
	// Err says why there is no answer, and Loss how far the request got. The text
	// of the error is never shown.
	Err  error
	Loss Loss
	// Taken is how many of the first items the backend confirmed before the answer
	// failed to come. It counts only if Status is 0.
	Taken int
	// Used is what part of the patience the slowest answer took.
	Used float64
	// Encoded is the length of the content as it was sent, if that was compressed; 0 is not known.
	Encoded int64
	// Took is the time until the head of the answer, or until it was given up.
	Took time.Duration
}
