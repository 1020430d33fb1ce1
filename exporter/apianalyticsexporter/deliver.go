// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"

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

// refused implements payload.Deliver's callback: item i was refused alone.
func (d *delivery) refused(i int) bool {
	status := d.last.status
	if isAuth(status) && !d.taken && d.sender.spec.EmptyProbe && !d.probe() {
		return false
	}
	d.status, d.why = status, d.last.err
	takes := d.sender.takes.Load()
	d.suspects.refused(d.req.items[i], takes, d.sender.now())
	if d.streak == 0 {
		d.since = takes
	}
	// What several consumers are refused at a time is no streak yet.
	all := d.sender.streak.Add(1)
	if d.streak++; d.streak >= maxStreak && takes == d.since || all >= maxStreak+d.core.held.consumers {
		d.outage = true
		return false
	}
	d.held = append(d.held, i)
	return true
}

// vouched reports whether the backend has taken another event since item i was
// refused alone.
func (d *delivery) vouched(i int) bool {
	return d.suspects.vouched(d.req.items[i], d.sender.takes.Load())
}

// retrial sends item i once more, alone. It reports false if what becomes of it cannot
// be decided now.
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

// unwanted deals with item i, which was refused alone twice: it is degraded, or
// dropped if another event vouches for the backend. It reports false if that cannot
// be done now.
func (d *delivery) unwanted(i int) bool {
	vouched := d.vouched(i)
	status, reason := d.last.status, reasonRejected
	for step, item := range d.lesser(i, status) {
		d.tel.watch.remade(d.req.items[i], item)
		d.last = d.sender.send(d.ctx, [][]byte{item})
		switch {
		case d.last.outcome == outcomeDelivered:
			d.tel.degraded(d.ctx, step, 1)
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
	if !vouched {
		d.suspects.refused(d.req.items[i], d.sender.takes.Load(), d.sender.now())
		return false
	}
	d.rejected++
	d.refusal = status
	d.drop(d.ctx, d.req, i, i+1, reason)
	return true
}

// lesser yields what can be sent in place of item i, which was refused with the status,
// and why: once without what a firewall may take for an attack, or smaller and smaller.
func (d *delivery) lesser(i, status int) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		item := d.req.items[i]
		if status == http.StatusRequestEntityTooLarge {
			text := string(item)
			for _, step := range d.sender.spec.Slim {
				less, ok := step.Apply(text)
				if text = less; ok && !yield(reasonTooLarge, []byte(text)) {
					return
				}
			}
			return
		}
		if dg, ok := d.sender.enc.(backend.Degrader); ok {
			if less, ok := dg.Degrade(nil, item); ok {
				yield(reasonRejected, less)
			}
		}
	}
}

// degrades reports whether there may be something that can be sent in place of an event.
func (d *delivery) degrades() bool {
	if d.status == http.StatusRequestEntityTooLarge {
		return len(d.sender.spec.Slim) > 0
	}
	_, ok := d.sender.enc.(backend.Degrader)
	return ok && (!isAuth(d.status) || d.taken)
}

// probe asks with an empty request whether our key is taken, and reports false if
// it is not or if that cannot be known now.
func (d *delivery) probe() bool {
	a := d.sender.send(d.ctx, nil)
	switch {
	case isAuth(a.status):
		d.outage, d.status = true, a.status
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

// isolate lets the next attempt begin with fewer events than the backend failed at, down
// to a single one, and with another one then: one of them may be why. Updates of entities
// keep their order.
func (d *delivery) isolate(rest *request) *request {
	if rest.fails++; d.took {
		rest.fails = 1
	}
	if rest.fails < doubtful && rest.few == 0 && !d.last.late {
		return rest
	}
	if d.failed > 1 || d.ordered {
		rest.few, rest.alone = max(1, d.failed/shrink), 0
		return rest
	}
	item := d.req.items[d.first]
	trial, takes := rest.trial, d.sender.takes.Load()
	trial.few, trial.alone = 1, trial.alone+1
	if trial.alone == 1 {
		trial.takes = takes
	}
	if i := slices.IndexFunc(rest.items, func(it []byte) bool { return &it[0] == &item[0] }); i >= 0 {
		one := rest.part(i, i+1)
		rest = merge(merge(rest.part(0, i), rest.part(i+1, len(rest.items))), one)
	}
	switch {
	case d.took || trial.alone > 1 && takes > trial.takes:
		trial.alone = 0
		d.suspects.failed(item, d.sender.now())
	case trial.alone >= max(minAlone, len(rest.items)):
		for _, it := range rest.items {
			d.suspects.failed(it, d.sender.now())
		}
	}
	rest.trial = trial
	return rest
}

// judgeHeld decides about held events as long as one more of them can be decided. If
// there was nothing else to send, the first of them is tried: it may be taken now.
func (d *delivery) judgeHeld(try bool) {
	degrades := d.degrades()
	var settled []int
	for again := true; again && !d.stopped && !d.outage; {
		again = false
		held := d.held
		d.held = d.held[:0:0]
		for _, i := range held {
			if !d.stopped && (try || degrades || d.vouched(i)) {
				try = false
				if d.retrial(i) {
					settled = append(settled, i)
					again = true
					continue
				}
			}
			d.held = append(d.held, i)
		}
		degrades = false
	}
	for _, i := range settled {
		d.suspects.forget(d.req.items[i])
	}
}

// concludeRefusals says what is left: an outage that stops all others, or a few events
// for which nobody vouches yet.
func (d *delivery) concludeRefusals(left int) {
	if d.stopped || !d.outage && len(d.held) == 0 {
		return
	}
	err := &sendError{backend: d.sender.spec.Name, status: d.status, events: left}
	if why := (*sendError)(nil); errors.As(d.why, &why) && why.status == d.status {
		err.code, err.advice = why.code, why.advice
	}
	d.last = answer{outcome: outcomeOutage, status: d.status, err: err, wait: d.sender.spec.MinBackoff, held: true}
	if auth := isAuth(d.status) && !d.taken; d.outage || auth {
		d.last.wait = d.circuit.trip(d.sender.now(), d.last, !auth)
	}
	d.report(d.last)
}

func isAuth(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}
