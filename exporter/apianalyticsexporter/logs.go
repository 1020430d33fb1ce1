// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/entity"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/fromlog"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/fromspan"
)

// logsExporter makes updates of users, companies and subscriptions, and actions,
// of log records. Its queue has one consumer whatever the configuration says:
// an update must not overtake an older one of the same entity.
type logsExporter struct {
	exporter.Logs // the exporterhelper's
	*core

	translator *entityTranslator
}

func newLogsExporter(ctx context.Context, set exporter.Settings, cfg *Config) (*logsExporter, error) {
	c, err := cfg.choice()
	if err != nil {
		return nil, err
	}
	enc, err := c.newEncoder(cfg.ClientConfig.Endpoint, set.BuildInfo.Version)
	if err != nil {
		return nil, err
	}
	entities, ok := enc.(backend.EntityBackend)
	if !ok && len(cfg.FromLog) == 0 {
		return nil, fmt.Errorf("api_analytics: the backend %s has no users, companies, subscriptions or actions: take this exporter out of the logs pipelines (traces pipelines are not affected), or write `from_log` to make exchanges of access logs", c.name)
	}
	own := *cfg
	if own.QueueConfig.HasValue() {
		queue := *own.QueueConfig.Get()
		queue.NumConsumers = 1
		own.QueueConfig = configoptional.Some(queue)
	}
	base, err := newCore(set, &own, c, enc)
	if err != nil {
		return nil, err
	}
	var encoders map[entity.Kind]backend.EntityEncoder
	if ok {
		encoders = entities.Entities()
	}
	for kind, enc := range encoders {
		base.senders[backend.StreamOf(kind)] = newSender(c, own.ClientConfig, enc, base.tel)
	}
	e := &logsExporter{core: base, translator: newEntityTranslator(c.name, encoders, cfg.RequireRedaction, base.tel, set.Logger)}
	if e.translator.mappings, err = cfg.mappings(); err != nil {
		return nil, err
	}
	events := newTranslator(enc, c, cfg.RequireRedaction, base.tel, set.Logger)
	events.sampler, events.calls, events.trustCallers = newSampler(cfg.Sampling), fromspan.Options{}, cfg.Sampling.TrustCallers
	if events.rules, err = cfg.rules(); err != nil {
		return nil, err
	}
	e.translator.events = events
	e.Logs, err = xexporterhelper.NewLogsRequest(ctx, set, fromHandoff[plog.Logs], e.push, e.options()...)
	if err != nil {
		return nil, err
	}
	e.held.offer = func(ctx context.Context) error { return e.Logs.ConsumeLogs(ctx, plog.NewLogs()) }
	return e, nil
}

// Capabilities implements consumer.Logs.
func (e *logsExporter) Capabilities() consumer.Capabilities { return e.core.Capabilities() }

// Start implements component.Component.
func (e *logsExporter) Start(ctx context.Context, host component.Host) error {
	events := e.translator.events
	var err error
	if events.mask, err = newMasker(e.cfg.MaskEvent, host, events); err != nil {
		return err
	}
	return e.start(ctx, host, e.Logs)
}

// Shutdown implements component.Component.
func (e *logsExporter) Shutdown(ctx context.Context) error { return e.shutdown(ctx, e.Logs) }

// ConsumeLogs implements consumer.Logs.
func (e *logsExporter) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	if !e.started.Load() {
		return errNotStarted
	}
	return e.consume(ctx, e.translator.translate(ctx, ld), func(ctx context.Context) error {
		return e.Logs.ConsumeLogs(ctx, ld)
	})
}

// entityTranslator turns log records into encoded updates. It only reads the
// records.
type entityTranslator struct {
	name             string
	encoders         map[entity.Kind]backend.EntityEncoder
	limits           map[entity.Kind]int // bytes in one item
	requireRedaction bool
	tel              *telemetry
	logger           *zap.Logger
	unredacted       limitedLog
	// mappings read access logs, of which events makes events.
	mappings []fromlog.Mapping
	events   *translator
}

// skipEventName is why a log record is no update.
const skipEventName = "event_name"

func newEntityTranslator(name string, encoders map[entity.Kind]backend.EntityEncoder, requireRedaction bool, tel *telemetry, logger *zap.Logger) *entityTranslator {
	t := &entityTranslator{
		name: name, encoders: encoders, limits: make(map[entity.Kind]int, len(encoders)),
		requireRedaction: requireRedaction, tel: tel, logger: logger,
	}
	for k, enc := range encoders {
		t.limits[k] = enc.Spec().MaxItemBytes
	}
	t.unredacted.now = now
	t.unredacted.unit = "updates"
	return t
}

// entityTally counts one call.
type entityTally struct {
	translated, skipped int
	drops               map[string]int
}

// translate encodes the updates in ld. The result shares no memory with ld.
func (t *entityTranslator) translate(ctx context.Context, ld plog.Logs) *request {
	req := &request{backend: t.name, streams: []backend.Stream{}}
	var n entityTally
	access := ptrace.NewTraces()
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, rec := range sl.LogRecords().All() {
				if !t.access(access, rl.Resource(), rec) {
					t.record(req, rl.Resource(), rec, &n)
				}
			}
		}
	}
	if access.ResourceSpans().Len() > 0 {
		events := t.events.translate(ctx, access)
		req.items = append(req.items, events.items...)
		req.streams = append(req.streams, make([]backend.Stream, len(events.items))...)
		req.size += events.size
	}
	t.tel.translated(ctx, n.translated)
	t.tel.recordsSkipped(ctx, skipEventName, n.skipped)
	for reason, k := range n.drops {
		t.tel.dropped(ctx, reason, k)
	}
	t.unredacted.warn(t.logger,
		"dropped updates that the http_redaction processor has not stamped: put the processor into this logs pipeline, or set require_redaction to false",
		n.drops[reasonUnredacted])
	return req
}

// access adds the exchange that a record of an access log tells to td, as a span.
func (t *entityTranslator) access(td ptrace.Traces, res pcommon.Resource, rec plog.LogRecord) (ok bool) {
	if len(t.mappings) == 0 {
		return false
	}
	if _, is := fromlog.KindOf(rec); is {
		return false
	}
	defer func() {
		if recover() != nil { // the record is counted as one that tells nothing
			ok = false
		}
	}()
	var best ptrace.Span
	for i := range t.mappings {
		span := ptrace.NewSpan()
		is, whole := t.mappings[i].Span(rec, span)
		if is && (whole || !ok) {
			best, ok = span, true
		}
		if whole {
			break
		}
	}
	if ok {
		rs := td.ResourceSpans().AppendEmpty()
		res.CopyTo(rs.Resource())
		best.MoveTo(rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty())
	}
	return ok
}

// record appends the record's update to req, or counts why there is none.
func (t *entityTranslator) record(req *request, res pcommon.Resource, rec plog.LogRecord, n *entityTally) {
	translated := n.translated
	defer func() {
		// One record must not take its neighbours along.
		if recover() != nil {
			n.translated = translated + 1
			count(&n.drops, reasonInternal)
		}
	}()
	x, ok := fromlog.Read(res, rec)
	if !ok {
		n.skipped++
		return
	}
	n.translated++
	if t.requireRedaction && x.RedactionPolicy == "" {
		count(&n.drops, reasonUnredacted)
		return
	}
	enc := t.encoders[x.Kind]
	if enc == nil {
		count(&n.drops, string(backend.DropNoEntity))
		return
	}
	item, drop := enc.AppendEntity(nil, x)
	switch {
	case drop != backend.Keep:
		count(&n.drops, string(drop))
	case len(item) > t.limits[x.Kind]:
		// Nothing in it is less worth than the rest, so nothing is cut.
		count(&n.drops, reasonTooLarge)
	default:
		req.items = append(req.items, item)
		req.streams = append(req.streams, backend.StreamOf(x.Kind))
		req.size += len(item)
	}
}
