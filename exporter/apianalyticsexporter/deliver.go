// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.uber.org/zap"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/payload"
)

// This file decides what becomes of events after the queue: sent, held, degraded,
// dropped, or tried again. It acts on answers; what an answer means is send.go's.

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

// delivery is one attempt to deliver one request of the queue.
//
// An event that is refused alone with 401 or 403 raises the question whether it
// is the event that is refused, or our key. A probe answers it at once (see
// backend.Spec.EmptyProbe). Without one, such events are held until the end of the
// attempt: if no event was taken, it is the key, so all are kept and the circuit
// opens. If the key is taken, they are sent alone once more, since it may have
// become so only after they were refused; who is refused even then is refused for
// what it holds, and degraded or dropped. So a key that was refused for a while
// costs no event and no content.
type delivery struct {
	*core

	sender *sender // of the items' stream
	ctx    context.Context
	req    *request

	last    answer
	taken   bool  // the backend takes our key, since it took an event or answered the probe
	held    []int // refused with 401 or 403 and not settled
	auth    int   // the last such status
	outage  bool  // our key is refused
	stopped bool  // last says why

	rejected, refusal int // events refused for good, and the last status
}

// send implements payload.Deliver's callback.
func (d *delivery) send(lo, hi int) payload.Verdict {
	d.last = d.sender.send(d.ctx, d.req.items[lo:hi])
	switch d.last.outcome {
	case outcomeDelivered:
		d.delivered(lo, hi)
		return payload.Taken
	case outcomeReject:
		return payload.Refused
	}
	d.report(d.last)
	if d.last.taken > 0 {
		d.delivered(lo, lo+d.last.taken)
	}
	if d.last.final {
		d.drop(d.ctx, d.req, lo+d.last.taken, hi, reasonUnconfirmed)
		return payload.Settled
	}
	d.stopped = true
	return payload.Stopped
}

// delivered books events that the backend took.
func (d *delivery) delivered(lo, hi int) {
	d.taken = true
	d.report(answer{outcome: outcomeDelivered})
	d.tel.sent(d.ctx, hi-lo)
	d.tel.left(d.ctx, d.last.skipped)
	d.settle(d.req, lo, hi)
}

// refused implements payload.Deliver's callback: item i was refused alone.
func (d *delivery) refused(i int) bool {
	if status := d.last.status; isAuth(status) && !d.taken {
		if !d.sender.spec.EmptyProbe {
			d.held, d.auth = append(d.held, i), status
			return true
		}
		return d.probe() && d.retrial(i)
	}
	return d.unwanted(i)
}

// retrial sends item i once more, alone, now that our key is known to be taken: it
// may have been refused before because the key was.
func (d *delivery) retrial(i int) bool {
	switch d.send(i, i+1) {
	case payload.Refused:
		return d.unwanted(i)
	case payload.Stopped:
		return false
	default:
		return true
	}
}

// unwanted deals with item i, which was refused for what it holds: it is degraded
// or dropped. It reports false if that cannot be done now.
func (d *delivery) unwanted(i int) bool {
	status, reason := d.last.status, reasonRejected
	if dg, ok := d.sender.enc.(backend.Degrader); ok {
		if item, ok := dg.Degrade(nil, d.req.items[i]); ok {
			d.last = d.sender.send(d.ctx, [][]byte{item})
			switch {
			case d.last.outcome == outcomeDelivered:
				d.tel.degraded(d.ctx, 1)
				d.delivered(i, i+1)
				return true
			case d.last.final:
				d.drop(d.ctx, d.req, i, i+1, reasonUnconfirmed)
				return true
			case d.last.outcome != outcomeReject:
				d.report(d.last)
				d.stopped = true
				return false
			}
			status, reason = d.last.status, reasonDegraded
		}
	}
	d.rejected++
	d.refusal = status
	d.drop(d.ctx, d.req, i, i+1, reason)
	return true
}

// probe asks with an empty request whether our key is taken, and reports false if
// it is not or if that cannot be known now.
func (d *delivery) probe() bool {
	a := d.sender.send(d.ctx, nil)
	switch {
	case isAuth(a.status):
		d.outage, d.auth = true, a.status
	case a.outcome == outcomeDelivered || a.outcome == outcomeReject:
		d.taken = true
		return true
	default:
		d.report(a)
		d.stopped = true
	}
	d.last = a
	return false
}

// finish decides about the held events and returns what must be sent again, or
// nil. done is payload.Deliver's result.
func (d *delivery) finish(done int) *request {
	n := len(d.req.items)
	if d.stopped {
		done += d.last.taken
	}
	switch {
	case d.stopped:
	case d.taken:
		for len(d.held) > 0 && d.retrial(d.held[0]) {
			d.held = d.held[1:]
		}
	case len(d.held) > 0:
		d.outage = true
	}
	if d.outage {
		err := &sendError{backend: d.sender.spec.Name, status: d.auth, events: n}
		d.last = answer{outcome: outcomeOutage, status: d.auth, err: err, wait: d.circuit.wait}
		d.circuit.trip(d.sender.now(), d.last)
		d.report(d.last)
	}
	if done == n && len(d.held) == 0 {
		return nil
	}
	rest := d.req.part(done, n)
	for k := len(d.held) - 1; k >= 0; k-- {
		i := d.held[k]
		rest = merge(d.req.part(i, i+1), rest)
	}
	rest.firstTry = d.req.firstTry
	return rest
}

func isAuth(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

// circuitWait is how long nothing is sent after the backend refused our key, so
// that requests that wait are not halved down to single events each.
const circuitWait = time.Minute

// circuit keeps requests from being sent for a while. The zero value is closed.
type circuit struct {
	wait time.Duration

	mu    sync.Mutex
	until time.Time
	cause answer
}

// trip opens the circuit for its wait.
func (c *circuit) trip(now time.Time, cause answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until, c.cause = now.Add(c.wait), cause
}

// open reports whether the circuit is open, and then the answer to give: it says
// why, and to come again when the circuit is closed.
func (c *circuit) open(now time.Time) (answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := c.until.Sub(now)
	if left <= 0 {
		return answer{}, false
	}
	a := c.cause
	a.wait = left
	return a, true
}
