// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.uber.org/zap"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/payload"
)

// push delivers one request of the queue; the exporterhelper calls it again with
// what is left if it returns an error that is not permanent.
func (e *core) push(ctx context.Context, r xexporterhelper.Request) error {
	req, ok := r.(*request)
	if !ok {
		return consumererror.NewPermanent(fmt.Errorf("api_analytics: cannot send a request of type %T", r))
	}
	e.setAside(ctx, req)
	n := len(req.items)
	switch {
	case n == 0:
		return nil
	case req.backend != e.choice.name:
		e.drop(ctx, req, 0, n, reasonWrongBackend)
		e.set.Logger.Error("dropped events that were stored for another backend under this exporter's id: give each backend an exporter of its own",
			zap.String("backend", e.choice.name), zap.Int("events", n))
		return nil
	case e.cfg.DryRun:
		e.rehearse(ctx, req)
		return nil
	}
	if req.firstTry.IsZero() {
		req.firstTry = e.sender.now()
	}
	if a, open := e.circuit.open(e.sender.now()); open {
		return e.again(ctx, req, a)
	}

	req = req.grouped()
	for lo := 0; lo < n; {
		hi := req.run(lo)
		rest, why := e.deliver(ctx, req.part(lo, hi), req.stream(lo))
		if rest != nil {
			if hi < n {
				rest = merge(rest, req.part(hi, n))
			}
			rest.firstTry = req.firstTry
			return e.again(ctx, rest, why)
		}
		lo = hi
	}
	return nil
}

// deliver sends a request whose items are of one stream. It returns what must be
// sent again, if anything, and why.
func (e *core) deliver(ctx context.Context, req *request, stream backend.Stream) (rest *request, why answer) {
	s := e.senders[stream]
	if s == nil {
		e.drop(ctx, req, 0, len(req.items), reasonWrongBackend)
		e.set.Logger.Error("dropped stored items of a kind that this backend does not have, or this version of the exporter does not know",
			zap.String("backend", e.choice.name), zap.Int("events", len(req.items)))
		return nil, answer{}
	}
	d := &delivery{core: e, sender: s, ctx: ctx, req: req}
	rest = d.finish(payload.Deliver(s.frame, req.items, d.send, d.refused))
	e.rejected.warn(e.set.Logger, "dropped events that the backend refuses to take; the others of their requests are delivered",
		d.rejected, zap.String("backend", e.choice.name), zap.Int("status", d.refusal))
	return rest, d.last
}

// again asks the exporterhelper for another attempt, or gives up.
func (e *core) again(ctx context.Context, rest *request, a answer) error {
	n := len(rest.items)
	retry := e.cfg.RetryConfig
	if !e.sync {
		// In the other case the events go back to the caller.
		waited := e.sender.now().Sub(rest.firstTry)
		if !retry.Enabled || retry.MaxElapsedTime > 0 && waited+max(a.wait, retry.InitialInterval/2) > retry.MaxElapsedTime {
			e.drop(ctx, rest, 0, n, reasonExhausted)
			return consumererror.NewPermanent(a.err)
		}
	}
	if retry.Enabled {
		e.tel.retried(ctx, n)
	}
	var err error = &undelivered{rest: rest, cause: a.err}
	if a.wait > 0 {
		err = exporterhelper.NewThrottleRetry(err, a.wait)
	}
	return err
}

// setAside counts and logs stored requests that could not be read. Their content
// is unknown, so only the size is told.
func (e *core) setAside(ctx context.Context, req *request) {
	for _, stored := range req.unreadable {
		e.tel.unreadable(ctx, 1)
		e.set.Logger.Error("a stored request could not be read and is skipped: it is damaged, or was written by a newer version of this exporter",
			zap.String("backend", e.choice.name), zap.Int("bytes", len(stored)))
	}
	req.unreadable = nil
}

func (e *core) drop(ctx context.Context, req *request, lo, hi int, reason string) {
	e.tel.dropped(ctx, reason, hi-lo)
	e.settle(req, lo, hi)
}

// settle closes the books on events that are sent or dropped.
func (e *core) settle(req *request, lo, hi int) {
	req.settle(lo, hi)
	if !e.sync && !e.persistent {
		e.pending.Add(int64(lo - hi))
	}
}
