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
	case !e.sender.spec.Reads(req.backend):
		e.drop(ctx, req, 0, n, reasonWrongBackend)
		e.set.Logger.Error("dropped events that were stored for another backend, or in another form, under this exporter's id: give each backend an exporter of its own, and let the queue run empty before its format changes",
			zap.String("backend", e.choice.name), zap.Int("events", n))
		return nil
	case e.cfg.DryRun:
		e.rehearse(ctx, req)
		return nil
	}
	e.held.resume(req)
	if req.firstTry.IsZero() {
		req.firstTry = e.suspects.firstTry(req, e.sender.now())
	}
	if a, open := e.circuit.open(e.sender.now()); open {
		return e.again(ctx, req, a)
	}
	if s := e.senders[req.stream(0)]; s != nil && e.held.offer != nil {
		if wait, early := e.suspects.early(req, s.takes.Load(), s.now()); early {
			return e.early(ctx, req, wait)
		}
		e.held.fresh()
	}
	req = req.grouped()
	for lo := 0; lo < n; {
		hi := req.run(lo)
		rest, why := e.deliver(ctx, req.part(lo, hi), req.stream(lo))
		if rest != nil {
			if trial := rest.trial; hi < n {
				rest = merge(rest, req.part(hi, n))
				rest.trial = trial
			}
			if (why.fewer || why.held) && e.suspects.only(rest) {
				return e.hold(ctx, rest, why)
			}
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
	d := &delivery{core: e, sender: s, ctx: ctx, req: req, ordered: stream != backend.Events}
	rest = d.run()
	e.rejected.warn(e.set.Logger, "dropped events that the backend refuses alone, again and again, while it takes others",
		d.rejected, zap.String("backend", e.choice.name), zap.Int("status", d.refusal))
	return rest, d.last
}

// again asks the exporterhelper for another attempt, or gives up.
func (e *core) again(ctx context.Context, rest *request, a answer) error {
	n := len(rest.items)
	if e.exhausted(rest, a) {
		e.drop(ctx, rest, 0, n, reasonExhausted)
		return consumererror.NewPermanent(a.err)
	}
	if e.cfg.RetryConfig.Enabled {
		e.tel.retried(ctx, n)
	}
	var err error = &undelivered{rest: rest, cause: a.err}
	if a.wait > 0 {
		err = exporterhelper.NewThrottleRetry(err, a.wait)
	}
	return err
}

// exhausted reports whether there is no other attempt.
func (e *core) exhausted(rest *request, a answer) bool {
	if e.sync {
		return false // the events go back to the caller
	}
	retry := e.cfg.RetryConfig
	waited := e.sender.now().Sub(rest.firstTry)
	return !retry.Enabled || retry.MaxElapsedTime > 0 && waited+max(a.wait, retry.InitialInterval/2) > retry.MaxElapsedTime
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
	e.tel.watch.lost(req.items[lo:hi], reason)
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
// An answer that refuses an event may be a verdict about the event, about our key, or
// about everything that we send (a firewall, a wrong path, an incident at the vendor).
// So an event that is refused alone is held, and refused for what it holds only if the
// backend has taken another one since, and then refuses it alone once more. It is
// degraded then, or dropped. What nobody vouches for is kept: a few events are tried
// again with the usual backoff; if everything is refused, the circuit opens.
//
// If the status speaks of our key (401, 403), a probe answers that question before all
// others (see backend.Spec.EmptyProbe). So neither a key that was refused for a while
// nor an incident costs an event or its content.
type delivery struct {
	*core

	sender *sender // of the items' stream
	ctx    context.Context
	req    *request

	last    answer
	ordered bool  // no event may overtake another
	took    bool  // the backend took an event in this attempt
	taken   bool  // the backend takes our key, since it took an event or answered the probe
	held    []int // refused alone and not settled
	status  int   // the last refusal of a held one
	why     error
	streak  int    // refused alone since an event was taken
	since   uint64 // what the backend had taken when the streak began
	outage  bool   // nothing is taken
	stopped bool   // last says why
	size    int    // most events in the next request, 0: no limit
	// first and failed are the first event of the request that stopped us, and how many
	// it had.
	first, failed int

	rejected, refusal int // events refused for good, and the last status
}

const (
	// maxStreak is how many events may be refused alone, one after the other, before
	// that is taken for an outage.
	maxStreak = 3
	// doubtful is how many times in a row the backend may fail at a request, which is
	// sent again as it was, before it may be the request's fault.
	doubtful = 3
	// shrink is how many times fewer events are sent together then.
	shrink = 8
	// maxSize bounds what a limit grows to.
	maxSize = 1 << 20
)

// send implements payload.Deliver's callback.
func (d *delivery) send(lo, hi int) payload.Verdict {
	if a, open := d.circuit.open(d.sender.now()); open { // since another consumer tripped it
		d.last, d.stopped = a, true
		return payload.Stopped
	}
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
	lo += d.last.taken
	if d.last.final {
		d.drop(d.ctx, d.req, lo, hi, reasonUnconfirmed)
		if d.sender.finals.Add(1) >= maxStreak {
			a := answer{outcome: outcomeRetry, status: d.last.status, err: d.last.err}
			d.circuit.trip(d.sender.now(), a, true)
		}
		return payload.Settled
	}
	d.stopped, d.first, d.failed = true, lo, hi-lo
	return payload.Stopped
}

// delivered books events that the backend took.
func (d *delivery) delivered(lo, hi int) {
	d.taken, d.took, d.streak = true, true, 0
	d.size = min(2*d.size, maxSize)
	d.sender.streak.Store(0)
	d.sender.finals.Store(0)
	d.sender.takes.Add(1)
	d.circuit.taken()
	d.report(answer{outcome: outcomeDelivered})
	d.tel.sent(d.ctx, hi-lo)
	d.tel.left(d.ctx, d.last.skipped)
	d.settle(d.req, lo, hi)
}

// run makes the attempt and returns what must be sent again, or nil. Suspects come last,
// since the others may vouch for the backend.
func (d *delivery) run() *request {
	fresh := d.suspects.last(d.req)
	n := len(d.req.items)
	d.size = d.req.few
	done := payload.Deliver(fresh, func(lo int) int { return lo + d.fit(d.req.items[lo:fresh]) }, d.send, d.refused)
	if d.stopped {
		done = max(done, d.first)
	}
	if done == fresh {
		for i := fresh; i < n; i++ {
			d.held = append(d.held, i)
		}
		done = n
	}
	d.judgeHeld(fresh == 0)
	rest := d.req.part(done, n)
	for k := len(d.held) - 1; k >= 0; k-- {
		i := d.held[k]
		rest = merge(d.req.part(i, i+1), rest)
	}
	d.concludeRefusals(len(rest.items))
	if len(rest.items) == 0 {
		return nil
	}
	rest.trial = d.req.trial
	if d.stopped && d.last.fewer && d.failed > 0 {
		rest = d.isolate(rest)
	}
	return rest
}

// fit returns how many of the items go into the next request.
func (d *delivery) fit(items [][]byte) int {
	n := d.sender.frame.Fit(items)
	if d.size > 0 {
		n = min(n, d.size)
	}
	return d.sender.pace.fit(n)
}
