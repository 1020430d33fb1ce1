// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"errors"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/internal/queueguard"
)

// core is what all signals of one exporter have in common: it delivers encoded
// events and keeps the books.
type core struct {
	cfg    *Config
	set    exporter.Settings
	choice choice
	tel    *telemetry
	sender *sender // of the events
	// senders has the sender of each stream.
	senders map[backend.Stream]*sender

	// sync: the consumer returns what became of the events.
	sync bool
	// persistent: the queue outlives the process.
	persistent bool
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
	started  atomic.Bool // the queue may be used
	stopping atomic.Bool
}

func newCore(set exporter.Settings, cfg *Config, c choice, enc backend.Endpoint) (*core, error) {
	tel, err := newTelemetry(set.TelemetrySettings, set.ID)
	if err != nil {
		return nil, err
	}
	e := &core{
		cfg:        cfg,
		set:        set,
		choice:     c,
		tel:        tel,
		sender:     newSender(c, cfg.ClientConfig, enc, tel),
		sync:       !cfg.QueueConfig.HasValue() || cfg.QueueConfig.Get().WaitForResult,
		persistent: cfg.QueueConfig.HasValue() && cfg.QueueConfig.Get().StorageID != nil,
	}
	e.senders = map[backend.Stream]*sender{backend.Events: e.sender}
	e.rejected.now = now
	e.circuit.wait = circuitWait
	if limit := cfg.RetryConfig.MaxElapsedTime; limit > 0 {
		e.circuit.wait = min(circuitWait, limit/3) // there must be time for another attempt
	}
	e.rehearsal.secret, e.rehearsal.logger, e.rehearsal.limit = string(c.secret), set.Logger, maxDryRunBytes
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
		exporterhelper.WithStart(e.startSender),
		// The client's timeout covers each attempt.
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{Timeout: 0}),
		exporterhelper.WithRetry(retry),
		xexporterhelper.WithQueueBatch(e.cfg.QueueConfig, xexporterhelper.QueueBatchSettings{Encoding: requestEncoding{}}),
	}
}

// tracesExporter stands around the exporterhelper's exporter. It translates
// before the queue, returns early when there is nothing to send, and closes the
// books at shutdown.
type tracesExporter struct {
	exporter.Traces // the exporterhelper's
	*core

	translator *translator
	rates      *rateFetcher // nil unless the vendor's rates are asked for
}

func newTracesExporter(ctx context.Context, set exporter.Settings, cfg *Config) (*tracesExporter, error) {
	c, err := cfg.choice()
	if err != nil {
		return nil, err
	}
	enc, err := c.newEncoder(set.BuildInfo.Version)
	if err != nil {
		return nil, err
	}
	return newWithEncoder(ctx, set, cfg, c, enc)
}

// newWithEncoder is newTracesExporter with any encoder.
func newWithEncoder(ctx context.Context, set exporter.Settings, cfg *Config, c choice, enc backend.Encoder) (*tracesExporter, error) {
	core, err := newCore(set, cfg, c, enc)
	if err != nil {
		return nil, err
	}
	e := &tracesExporter{
		core:       core,
		translator: newTranslator(enc, c, cfg.RequireRedaction, core.tel, set.Logger),
	}
	e.translator.sampler = newSampler(cfg.Sampling)
	if cfg.Sampling.Source == SamplingVendor {
		if e.rates, err = newRateFetcher(enc, core.sender.endpoint, cfg.ClientConfig, core.tel, set.Logger); err != nil {
			return nil, err
		}
		e.translator.sampler.rates, e.sender.observe = e.rates.current, e.rates.observe
	}
	e.Traces, err = xexporterhelper.NewTracesRequest(ctx, set, fromHandoff[ptrace.Traces], e.push, e.options()...)
	if err != nil {
		return nil, err
	}
	return e, nil
}

// Capabilities implements consumer.Traces. The exporterhelper claims to change
// data when it batches; our batches hold encoded events, so with several
// exporters in a pipeline the spans need not be copied for each.
func (e *tracesExporter) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: false}
}

// Start implements component.Component.
func (e *tracesExporter) Start(ctx context.Context, host component.Host) error {
	if err := e.Traces.Start(ctx, e.guardedHost(host)); err != nil {
		return err
	}
	e.started.Store(true)
	if e.rates == nil || e.cfg.DryRun {
		return nil
	}
	return e.rates.start(ctx, host, e.set.TelemetrySettings)
}

// guardedHost puts the guard before the storage.
func (e *core) guardedHost(host component.Host) component.Host {
	if e.guard == nil {
		return host
	}
	return e.guard.Host(host, *e.cfg.QueueConfig.Get().StorageID)
}

// storageFailed tells that the storage refuses to write. The guard keeps what is
// stored; new events are refused.
func (e *core) storageFailed(err error) {
	e.storage.warn(e.set.Logger, "the storage of the queue refuses to write: is its volume full? Senders are asked to come back; what is stored is delivered and kept",
		1, zap.Error(err))
}

var errStorageRefuses = errors.New("api_analytics: the storage of the queue refuses to write")

// startSender runs inside Start, before the queue starts.
func (e *core) startSender(ctx context.Context, host component.Host) error {
	e.host = host
	if e.cfg.DryRun {
		e.set.Logger.Warn("dry_run is true: events are translated and counted, and not sent", zap.String("backend", e.choice.name))
		if e.cfg.DryRunFile != "" {
			return e.rehearsal.open(e.cfg.DryRunFile)
		}
		return nil
	}
	if clearText(e.sender.endpoint) {
		e.set.Logger.Warn("`endpoint` begins with http:// or ws://: the credential and the events travel unencrypted", zap.String("backend", e.choice.name))
	}
	if err := e.choice.keys.start(ctx, host, e.cfg.ClientConfig, e.set.TelemetrySettings, e.keysChanged); err != nil {
		return err
	}
	for _, s := range e.senders {
		if err := s.start(ctx, host, e.set.TelemetrySettings); err != nil {
			return err
		}
	}
	return nil
}

// Shutdown implements component.Component. Afterwards every event is sent,
// counted as dropped, or in the storage.
func (e *tracesExporter) Shutdown(ctx context.Context) error {
	e.stopping.Store(true)
	err := e.Traces.Shutdown(ctx)
	if e.rates != nil {
		e.rates.shutdown()
	}
	return errors.Join(err, e.close(ctx))
}

// close frees the sender and counts what a queue in memory still held. It comes
// after the exporterhelper's shutdown.
func (e *core) close(ctx context.Context) error {
	var errs []error
	for _, s := range e.senders {
		errs = append(errs, s.shutdown(ctx))
	}
	e.choice.keys.shutdown()
	e.rehearsal.close()
	if lost := e.pending.Swap(0); lost > 0 {
		e.tel.dropped(ctx, reasonShutdown, int(lost))
		e.set.Logger.Warn("events in the queue in memory could not be delivered before shutdown: use sending_queue::storage to keep them",
			zap.String("backend", e.choice.name), zap.Int64("events", lost))
	}
	e.tel.b.Shutdown()
	return errors.Join(errs...)
}

// handoff carries the translated request to the exporterhelper's converter.
type handoff struct {
	context.Context

	req *request
}

var errNoHandoff = errors.New("api_analytics: the exporter was called without its wrapper")

// fromHandoff is the converter. It lets go of the request, since the queue keeps
// the context.
func fromHandoff[T any](ctx context.Context, _ T) (xexporterhelper.Request, error) {
	h, ok := ctx.(*handoff)
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

// ConsumeTraces implements consumer.Traces.
func (e *tracesExporter) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	if !e.started.Load() {
		return errNotStarted
	}
	return e.consume(ctx, e.translator.translate(ctx, td), func(ctx context.Context) error {
		return e.Traces.ConsumeTraces(ctx, td)
	})
}

// consume puts req into the queue by way of next, the exporterhelper's consumer.
func (e *core) consume(ctx context.Context, req *request, next func(context.Context) error) error {
	n := len(req.items)
	if n == 0 {
		return nil
	}
	if e.sync {
		return e.consumeSync(ctx, req, next)
	}
	if e.guard != nil && e.guard.Refuse(now()) {
		e.tel.dropped(ctx, reasonRefused, n)
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
		return err
	}
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
	err := next(&handoff{ctx, req})
	if err != nil {
		e.tel.dropped(ctx, reasonRefused, int(l.open.Load()))
	}
	return err
}

// report tells the Collector when the backend refuses us, and when it does no
// longer.
func (e *core) report(a answer) {
	if e.stopping.Load() || e.host == nil {
		return
	}
	if a.outcome == outcomeOutage && !e.outage.Swap(true) {
		componentstatus.ReportStatus(e.host, componentstatus.NewRecoverableErrorEvent(a.err))
	}
	if a.outcome == outcomeDelivered && e.outage.Load() && e.outage.Swap(false) {
		e.reportWell()
	}
}

// keysChanged tells the Collector when there is no HMAC key, and when there is one.
func (e *core) keysChanged(error) {
	if e.stopping.Load() || e.host == nil || e.outage.Load() {
		return // an outage is the worse news; reportWell follows it
	}
	if missing := e.choice.keys.missing(); missing != e.keyless.Swap(missing) {
		e.reportWell()
	}
}

// reportWell tells that the backend takes what we send, with or without key.
func (e *core) reportWell() {
	missing := e.choice.keys.missing()
	e.keyless.Store(missing)
	if missing {
		componentstatus.ReportStatus(e.host, componentstatus.NewRecoverableErrorEvent(errNoKey))
		return
	}
	componentstatus.ReportStatus(e.host, componentstatus.NewEvent(componentstatus.StatusOK))
}
