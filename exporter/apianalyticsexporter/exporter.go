// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.uber.org/zap"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/internal/confkeys"
	"github.com/apispan/apispan/internal/queueguard"
)

// core is what both signals of one exporter have in common: it lives as long as the
// exporterhelper's exporter, puts requests into its queue, and keeps the books.
type core struct {
	cfg    *Config
	set    exporter.Settings
	choice choice
	tel    *telemetry
	sender *sender       // of the events
	keyed  backend.Keyed // nil unless the encoder hashes under a key
	// senders has the sender of each stream.
	senders map[backend.Stream]*sender

	// sync: the consumer returns what became of the events.
	sync bool
	// persistent: the queue outlives the process.
	persistent bool
	// unused is the storage that a dry run leaves alone; nil without one.
	unused *component.ID
	// pending is how many events wait in the queue in memory or are being sent.
	pending atomic.Int64

	// guard stands before the storage; nil without one.
	guard *queueguard.Guard

	// rehearsal is where a dry run writes to.
	rehearsal rehearsal

	rejected limitedLog
	storage  limitedLog
	host     component.Host
	outage   atomic.Bool
	keyless  atomic.Bool // reported that there is no HMAC key
	circuit  circuit
	suspects suspects
	held     holding
	started  atomic.Bool // the queue may be used
	stopping atomic.Bool
	// unwatched: the inspector has been told that this is the end.
	unwatched atomic.Bool
}

func newCore(set exporter.Settings, cfg *Config, c choice, enc backend.Encoder) (*core, error) {
	tel, err := newTelemetry(set.TelemetrySettings, set.ID)
	if err != nil {
		return nil, err
	}
	persistent := cfg.QueueConfig.HasValue() && cfg.QueueConfig.Get().StorageID != nil
	var unused *component.ID
	if persistent && cfg.DryRun {
		unused = cfg.QueueConfig.Get().StorageID
		cfg, persistent = withoutStorage(cfg), false
	}
	e := &core{
		cfg:        cfg,
		set:        set,
		choice:     c,
		tel:        tel,
		sender:     newSender(c, cfg.ClientConfig, enc, tel),
		sync:       !cfg.QueueConfig.HasValue() || cfg.QueueConfig.Get().WaitForResult,
		persistent: persistent,
		unused:     unused,
	}
	e.keyed, _ = enc.(backend.Keyed)
	e.senders = map[backend.Stream]*sender{backend.Events: e.sender}
	e.rejected.now = now
	e.suspects.initial, e.suspects.most = cfg.RetryConfig.InitialInterval, cfg.RetryConfig.MaxInterval
	if cfg.QueueConfig.HasValue() {
		e.held.consumers = int64(cfg.QueueConfig.Get().NumConsumers)
	}
	e.circuit.wait = circuitWait
	if limit := cfg.RetryConfig.MaxElapsedTime; limit > 0 {
		e.circuit.wait = min(circuitWait, limit/3) // there must be time for another attempt
	}
	e.rehearsal.secret, e.rehearsal.logger, e.rehearsal.limit = c.Secret, set.Logger, maxDryRunBytes
	if e.persistent {
		e.guard = &queueguard.Guard{StandIn: standIn, OnFailure: e.storageFailed}
		e.storage.now, e.storage.unit = now, "failures"
	}
	return e, nil
}

// options are the exporterhelper's for every signal.
func (e *core) options() []exporterhelper.Option {
	retry := e.cfg.RetryConfig
	if !e.sync {
		// We decide ourselves when to give up, or nobody would count it.
		retry.MaxElapsedTime = 0
	}
	return []exporterhelper.Option{
		exporterhelper.WithStart(e.startSenders),
		// The client's timeout covers each attempt.
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{Timeout: 0}),
		exporterhelper.WithRetry(retry),
		xexporterhelper.WithQueueBatch(e.cfg.QueueConfig, xexporterhelper.QueueBatchSettings{Encoding: requestEncoding{}}),
	}
}

// Capabilities implements consumer.Traces and consumer.Logs. The exporterhelper claims
// to change data when it batches; our batches hold encoded events, so with several
// exporters in a pipeline the data need not be copied for each.
func (*core) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: false}
}

// start starts helper, the exporterhelper's exporter, with the guard before its
// storage.
func (e *core) start(ctx context.Context, host component.Host, helper component.Component) error {
	if e.guard != nil {
		host = e.guard.Host(host, *e.cfg.QueueConfig.Get().StorageID)
	}
	if err := e.startWatch(host); err != nil {
		return err
	}
	if err := helper.Start(ctx, host); err != nil {
		e.stopWatch()
		for _, s := range e.senders {
			s.stop()
		}
		return err
	}
	e.started.Store(true)
	return nil
}

// startSenders runs inside start, before the queue starts.
func (e *core) startSenders(ctx context.Context, host component.Host) error {
	e.host = host
	if e.cfg.DryRun {
		return e.startRehearsal(host)
	}
	if confkeys.ClearText(e.sender.client.Endpoint) {
		e.set.Logger.Warn("`endpoint` begins with http:// or ws://: the credential and the events travel unencrypted", zap.String("backend", e.choice.name))
	}
	if e.keyed != nil {
		if err := e.keyed.StartKey(ctx, e.env(host, e.cfg.ClientConfig), e.keysChanged); err != nil {
			return err
		}
	}
	for _, s := range e.senders {
		if err := s.start(ctx, e.env(host, s.client)); err != nil {
			return err
		}
		e.prepareSoon(s)
	}
	return nil
}

// env is what the Collector offers to what runs in the background.
func (e *core) env(host component.Host, client confighttp.ClientConfig) backend.Env {
	return backend.Env{
		NewClient: func(ctx context.Context) (*http.Client, error) {
			c, err := toClient(ctx, client, host.GetExtensions(), e.set.TelemetrySettings)
			if err != nil {
				return nil, err
			}
			// Go would turn a POST into a GET, and a page that answers 200 would look
			// like delivery.
			c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			return c, nil
		},
		Log: func(level slog.Level, text string, err error) {
			log := e.set.Logger.Info
			if level >= slog.LevelWarn {
				log = e.set.Logger.Warn
			}
			if err != nil {
				log(text, zap.Error(err))
				return
			}
			log(text)
		},
	}
}

// shutdown ends helper, frees the senders and counts what a queue in memory still held.
// Afterwards every event is sent, counted as dropped, or in the storage.
func (e *core) shutdown(ctx context.Context, helper component.Component) error {
	e.stopping.Store(true)
	for _, s := range e.senders {
		s.stop()
	}
	errs := []error{helper.Shutdown(ctx)}
	for _, s := range e.senders {
		errs = append(errs, s.shutdown(ctx))
	}
	if e.keyed != nil {
		e.keyed.StopKey()
	}
	e.rehearsal.close()
	if lost := e.pending.Swap(0); lost > 0 {
		e.tel.dropped(ctx, reasonShutdown, int(lost))
		e.set.Logger.Warn("events in the queue in memory could not be delivered before shutdown: use sending_queue::storage to keep them",
			zap.String("backend", e.choice.name), zap.Int64("events", lost))
	}
	e.stopWatch()
	e.tel.b.Shutdown()
	return errors.Join(errs...)
}

// handoff takes a translated request past the exporterhelper, which has its own idea of
// when data becomes a request: in a callback that sees the context and the data, after
// which nobody tells us how many events there were. We translate before, since we
// return early without events and count those that the queue refuses; the callback
// takes the request out of the context. It is taken once, because the queue keeps the
// context for as long as the request waits.
type handoff struct {
	context.Context

	req *request
}

type handoffKey struct{}

// Value implements context.Context, so that the request is found below contexts that
// the exporterhelper makes of this one, too.
func (h *handoff) Value(key any) any {
	if key == (handoffKey{}) {
		return h
	}
	return h.Context.Value(key)
}

var errNoHandoff = errors.New("api_analytics: the exporter was called without its wrapper")

// fromHandoff is the exporterhelper's converter.
func fromHandoff[T any](ctx context.Context, _ T) (xexporterhelper.Request, error) {
	h, ok := ctx.Value(handoffKey{}).(*handoff)
	if !ok || h.req == nil {
		return nil, errNoHandoff
	}
	req := h.req
	h.req = nil
	return req, nil
}

// errNotStarted refuses what comes before the queue has started. A receiver that
// serves several signals listens as soon as the first of their pipelines has started.
// The exporterhelper's persistent queue, offered something before it has read what is
// stored (v0.155.0), panics, or begins to count from zero and so loses all of it.
var errNotStarted = errors.New("api_analytics: the exporter has not started yet: try again")

var errStorageRefuses = errors.New("api_analytics: the storage of the queue refuses to write")

// consume puts req into the queue by way of next, the exporterhelper's consumer.
func (e *core) consume(ctx context.Context, req *request, next func(context.Context) error) error {
	n := len(req.items)
	switch {
	case n == 0:
		return nil
	case e.sync:
		return e.consumeSync(ctx, req, next)
	case e.guard != nil && e.guard.Refuse(now()):
		e.tel.dropped(ctx, reasonRefused, n)
		e.tel.watch.lost(req.items, reasonRefused)
		return errStorageRefuses
	}
	if !e.persistent {
		e.pending.Add(int64(n))
	}
	if err := next(&handoff{ctx, req}); err != nil {
		if !e.persistent {
			e.pending.Add(int64(-n))
		}
		e.tel.dropped(ctx, reasonRefused, n)
		e.tel.watch.lost(req.items, reasonRefused)
		return err
	}
	e.held.offered()
	return nil
}

// consumeSync waits for the result. What is not settled when an error comes back
// is the caller's again.
func (e *core) consumeSync(ctx context.Context, req *request, next func(context.Context) error) error {
	n := len(req.items)
	l := new(ledger)
	l.open.Store(int64(n))
	req.ledgers = make([]*ledger, n)
	for i := range req.ledgers {
		req.ledgers[i] = l
	}
	items := req.items
	err := next(&handoff{ctx, req})
	if err != nil {
		e.tel.dropped(ctx, reasonRefused, int(l.open.Load()))
		e.tel.watch.lost(items, reasonRefused)
	}
	return err
}

// storageFailed tells that the storage refuses to write. The guard keeps what is
// stored; new events are refused.
func (e *core) storageFailed(err error) {
	e.storage.warn(e.set.Logger, "the storage of the queue refuses to write: is its volume full? Senders are asked to come back; what is stored is delivered and kept",
		1, zap.Error(err))
}

// report tells the Collector when the backend refuses us, and when it does no
// longer.
func (e *core) report(a answer) {
	if e.stopping.Load() || e.host == nil {
		return
	}
	if a.outcome == outcomeOutage && !e.outage.Swap(true) {
		e.set.Logger.Warn("the backend refuses us, not the events: nothing is dropped, they wait in the queue until it takes one",
			zap.String("backend", e.choice.name), zap.Int("status", a.status), zap.Error(a.err))
		componentstatus.ReportStatus(e.host, componentstatus.NewRecoverableErrorEvent(a.err))
	}
	if a.outcome == outcomeDelivered && e.outage.Load() && e.outage.Swap(false) {
		e.set.Logger.Info("the backend takes events again", zap.String("backend", e.choice.name))
		e.reportWell()
	}
}

// keysChanged tells the Collector when there is no HMAC key, and when there is one.
func (e *core) keysChanged() {
	if e.stopping.Load() || e.host == nil || e.outage.Load() {
		return // an outage is the worse news; reportWell follows it
	}
	if missing := missingKey(e.keyed) != nil; missing != e.keyless.Swap(missing) {
		e.reportWell()
	}
}

// reportWell tells that the backend takes what we send, with or without key.
func (e *core) reportWell() {
	status := componentstatus.NewEvent(componentstatus.StatusOK)
	missing := missingKey(e.keyed)
	if missing != nil {
		status = componentstatus.NewRecoverableErrorEvent(missing)
	}
	e.keyless.Store(missing != nil)
	componentstatus.ReportStatus(e.host, status)
}
