// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"fmt"
	"maps"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
	"github.com/apispan/apispan/internal/confkeys"
	"github.com/apispan/apispan/internal/inspect"
)

// watch shows an inspector what the exporter does. It is nil where none is configured,
// and then every method is one comparison. It never fails: a panic of the inspector's
// ends the look, and nothing else. The exporters of several signals with one id share it.
type watch struct {
	component string
	sink      inspect.Sink
	masks     masks
	names     *inspect.Names
	items     tracked
	disk      bool

	refs int // guarded by watches
	stop chan struct{}
	done sync.WaitGroup

	translated, sent, retried atomic.Int64
	mu                        sync.Mutex
	settled, before           int64 // before: in the storage when this process began
	dropped, skipped          map[string]int64
	problem                   string
	problemAt                 time.Time
}

type watchKey struct {
	sink      inspect.Sink
	component string
}

var watches = struct {
	sync.Mutex

	all map[watchKey]*watch
}{all: map[watchKey]*watch{}}

// startWatch finds the inspector that is configured, if one is, before the first event.
func (e *core) startWatch(host component.Host) error {
	if e.cfg.Inspector == nil {
		return nil
	}
	sink, err := inspect.Find(host.GetExtensions(), *e.cfg.Inspector, "`inspector`")
	if err != nil {
		return fmt.Errorf("api_analytics: %w", err)
	}
	watches.Lock()
	defer watches.Unlock()
	key := watchKey{sink, e.set.ID.String()}
	w := watches.all[key]
	if w == nil {
		w = &watch{
			component: key.component, sink: sink, masks: newMasks(e), disk: e.persistent,
			stop: make(chan struct{}), dropped: map[string]int64{}, skipped: map[string]int64{},
		}
		w.names = inspect.NewNames(w.masks.text)
		watches.all[key] = w
		w.attach(e)
		w.done.Go(w.tell)
	}
	w.refs++
	e.tel.watch = w
	for _, s := range e.senders {
		if t, ok := s.transport.(*httpTransport); ok {
			t.keep = inspect.MaxAnswer
		}
	}
	return nil
}

func (w *watch) attach(e *core) {
	defer w.recovered()
	s := inspect.Source{Component: w.component, Backend: e.choice.name, DryRun: e.cfg.DryRun}
	if u, err := url.Parse(e.sender.client.Endpoint); err == nil {
		s.Target = u.Host
		if !e.cfg.DryRun && confkeys.Loopback(u.Hostname()) {
			s.Warnings = append(s.Warnings, "`endpoint` is on this machine: a fake or a proxy gets the events, and not the vendor itself")
		}
	}
	if !e.cfg.DryRun && confkeys.ClearText(e.sender.client.Endpoint) {
		s.Warnings = append(s.Warnings, "`endpoint` begins with http:// or ws://: the credential and the events travel unencrypted")
	}
	if !e.cfg.RequireRedaction {
		s.Warnings = append(s.Warnings, "`require_redaction` is false: what no http_redaction has looked at is sent, too")
	}
	w.sink.Attach(s)
}

// stopWatch ends the look; it may be called more than once.
func (e *core) stopWatch() {
	w := e.tel.watch
	if w == nil || e.unwatched.Swap(true) {
		return
	}
	watches.Lock()
	w.refs--
	last := w.refs == 0
	if last {
		delete(watches.all, watchKey{w.sink, w.component})
	}
	watches.Unlock()
	if last {
		close(w.stop)
		w.done.Wait()
	}
}

// tell gives the state once a second, and once more at the end.
func (w *watch) tell() {
	defer w.recovered()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-w.stop:
			w.sink.Delivery(w.component, w.state())
			w.sink.Detach(w.component)
			return
		case <-tick.C:
			w.sink.Delivery(w.component, w.state())
		}
	}
}

func (w *watch) state() inspect.Delivery {
	d := inspect.Delivery{
		Sent: w.sent.Load(), Retried: w.retried.Load(), OldestWaiting: w.items.oldest(now()),
		QueueOnDisk: w.disk, QueueBytes: -1,
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	// What is settled beyond what was translated was in the storage.
	in := w.translated.Load()
	w.before = max(w.before, w.settled-in)
	d.Waiting = in + w.before - w.settled
	d.Dropped, d.Skipped = maps.Clone(w.dropped), maps.Clone(w.skipped)
	d.LastProblem, d.LastProblemAt = w.problem, w.problemAt
	return d
}

func (*watch) recovered() { _ = recover() }

// counted books what telemetry counts; reason is empty for what was sent.
func (w *watch) counted(reason string, n int) {
	if w == nil || n <= 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settled += int64(n)
	if reason == "" {
		w.sent.Add(int64(n))
	} else {
		w.dropped[reason] += int64(n)
	}
}

func (w *watch) countedSkipped(reason string, n int) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.skipped[reason] += int64(n)
}

func (w *watch) countedTranslated(n int) {
	if w != nil {
		w.translated.Add(int64(n))
	}
}

func (w *watch) countedRetried(n int) {
	if w != nil {
		w.retried.Add(int64(n))
	}
}

// left tells that there is no event, and why.
func (w *watch) left(l *look, reason string) {
	if w == nil || !l.wanted {
		return
	}
	defer w.recovered()
	w.sink.Left(l.key, w.component, reason)
}

// encoded tells of the event, and remembers its bytes for what comes after the queue.
func (w *watch) encoded(l *look, ex *exchange.Exchange, enc backend.Encoder, item []byte, cut bool) {
	if w == nil || !l.wanted {
		return
	}
	defer w.recovered()
	w.event(l.key, ex.ID, enc.Spec().ContentType, item, cut, l.secret)
}

func (w *watch) event(k inspect.Key, id, media string, item []byte, cut, secret bool) {
	fp := w.items.add(k, id, media, item)
	data := w.masks.bytes(item)
	if secret && len(data) == len(item) && string(data) == string(item) {
		data = []byte(hidden) // it stands in the event in an encoding that is not known here
	}
	w.sink.Encoded(k, w.component, &inspect.Event{ID: id, Item: fp, Data: data, Media: media, Cut: cut})
}

// batch ends a batch: all exchanges in it are counted.
func (w *watch) batch(l *look) {
	if w == nil {
		return
	}
	defer w.recovered()
	if len(l.kinds) > 0 {
		w.sink.Arrived(w.component, l.kinds)
	}
	w.saw(l)
	l.sums.End()
}

// remade tells that an event was made smaller after the queue.
func (w *watch) remade(was, is []byte) {
	if w == nil {
		return
	}
	defer w.recovered()
	if fp, it, ok := w.items.get(was); ok {
		w.event(it.key, it.id, it.media, is, true, false)
		w.items.pair(fp, inspect.Fingerprint(is))
	}
}

// lost tells that events were given up after they had been encoded.
func (w *watch) lost(items [][]byte, reason string) {
	if w == nil || w.items.none() {
		return
	}
	defer w.recovered()
	for _, item := range items {
		if it, ok := w.items.take(item); ok && reason != reasonDryRun {
			w.sink.Left(it.key, w.component, reason)
		}
	}
}

// answered tells of a request and its answer.
func (w *watch) answered(s *sender, items [][]byte, r backend.Reply, a answer) {
	if w == nil {
		return
	}
	defer w.recovered()
	if a.err != nil {
		w.mu.Lock()
		w.problem, w.problemAt = a.err.Error(), now()
		w.mu.Unlock()
	}
	known, tries := w.items.tried(items)
	if len(known) == 0 {
		return
	}
	q := w.request(s, items, known)
	q.At, q.Took, q.Attempt = now().Add(-r.Took), r.Took, tries
	q.Status, q.Outcome, q.Encoded = a.status, string(a.outcome), int(r.Encoded)
	if a.err != nil {
		q.Problem = a.err.Error()
	}
	q.Answer = w.masks.bytes(r.Begin[:min(len(r.Begin), inspect.MaxAnswer)])
	w.sink.Sent(w.component, q)
	done := a.taken
	if a.outcome == outcomeDelivered {
		done = len(items)
	}
	w.items.forget(known, done)
}

// rehearsed tells of a request that a dry run would send.
func (w *watch) rehearsed(s *sender, items [][]byte) {
	if w == nil {
		return
	}
	defer w.recovered()
	known, _ := w.items.tried(items)
	if len(known) == 0 {
		return
	}
	q := w.request(s, items, known)
	q.At, q.DryRun, q.Outcome = now(), true, "dry_run"
	w.sink.Sent(w.component, q)
}
