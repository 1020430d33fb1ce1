// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"errors"
	"iter"
	"net/http"
	"slices"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/payload"
)

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
	return d.suspects.vouched(d.req.items[i], d.sender.takes.Load(), d.sender.now())
}

// retrial sends item i once more, alone. It reports false if what becomes of it cannot
// be decided now.
func (d *delivery) retrial(i int) bool {
	// What is taken while this request is on its way does not vouch for its answer.
	vouched := d.vouched(i)
	switch d.send(i, i+1) {
	case payload.Refused:
		return d.unwanted(i, vouched)
	case payload.Stopped:
		return false
	default:
		if d.last.outcome == outcomeDelivered {
			d.suspects.takenBack(d.req.items[i], d.sender.now())
		}
		return true
	}
}

// unwanted deals with item i, which was refused alone twice: it is degraded, or
// dropped if another event vouches for the backend. It reports false if that cannot
// be done now.
func (d *delivery) unwanted(i int, vouched bool) bool {
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
	if !d.suspects.refusedAgain(d.req.items[i], d.sender.now()) {
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
