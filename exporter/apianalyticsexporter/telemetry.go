// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"cmp"
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"go.opentelemetry.io/collector/component"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/metadata"
)

// Reasons of dropped events besides backend.Drop. Each is explained in the README.
const (
	reasonUnredacted   = "unredacted"
	reasonTooLarge     = "too_large"
	reasonInternal     = "internal"
	reasonRejected     = "rejected"
	reasonDegraded     = "rejected_degraded"
	reasonUnconfirmed  = "unconfirmed"
	reasonExhausted    = "retries_exhausted"
	reasonRefused      = "refused"
	reasonShutdown     = "shutdown"
	reasonDryRun       = "dry_run"
	reasonWrongBackend = "wrong_backend"
	reasonMask         = "mask_event"
	reasonMaskFailed   = "mask_event_failed"
)

// skipSampled is why an exchange is no event besides fromspan.Skip.
const skipSampled = "sampled"

// outcome is what became of one request; values are metric attributes.
type outcome string

const (
	outcomeDelivered   outcome = "delivered"
	outcomeRetry       outcome = "retry"
	outcomeReject      outcome = "reject"
	outcomeOutage      outcome = "outage"
	outcomeNoAnswer    outcome = "no_answer"
	outcomeUnconfirmed outcome = "unconfirmed"
)

var outcomes = [...]outcome{
	outcomeDelivered, outcomeRetry, outcomeReject, outcomeOutage, outcomeNoAnswer, outcomeUnconfirmed,
}

// telemetry counts. Attribute sets are built once.
type telemetry struct {
	b        *metadata.TelemetryBuilder
	exporter attribute.KeyValue
	all      metric.MeasurementOption
	outcomes map[outcome]metric.MeasurementOption
	watch    *watch // nil: nobody looks; set before the first event
}

func newTelemetry(set component.TelemetrySettings, id component.ID) (*telemetry, error) {
	b, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, err
	}
	t := &telemetry{
		b:        b,
		exporter: attribute.String("exporter", id.String()),
		outcomes: make(map[outcome]metric.MeasurementOption, len(outcomes)),
	}
	t.all = metric.WithAttributeSet(attribute.NewSet(t.exporter))
	for _, o := range outcomes {
		t.outcomes[o] = metric.WithAttributeSet(attribute.NewSet(t.exporter, attribute.String("outcome", string(o))))
	}
	return t, nil
}

func (t *telemetry) reason(r string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(t.exporter, attribute.String("reason", r)))
}

func (t *telemetry) translated(ctx context.Context, n int) {
	if n > 0 {
		t.b.ExporterAPIAnalyticsEventsTranslated.Add(ctx, int64(n), t.all)
		t.watch.countedTranslated(n)
	}
}

func (t *telemetry) sent(ctx context.Context, n int) {
	t.b.ExporterAPIAnalyticsEventsSent.Add(ctx, int64(n), t.all)
	t.watch.counted("", n)
}

func (t *telemetry) dropped(ctx context.Context, reason string, n int) {
	if n > 0 {
		t.b.ExporterAPIAnalyticsEventsDropped.Add(ctx, int64(n), t.reason(reason))
		t.watch.counted(reason, n)
	}
}

func (t *telemetry) skipped(ctx context.Context, reason string, n int) {
	if n > 0 {
		t.b.ExporterAPIAnalyticsSpansSkipped.Add(ctx, int64(n), t.reason(reason))
		t.watch.countedSkipped(reason, n)
	}
}

func (t *telemetry) recordsSkipped(ctx context.Context, reason string, n int) {
	if n > 0 {
		t.b.ExporterAPIAnalyticsLogRecordsSkipped.Add(ctx, int64(n), t.reason(reason))
		t.watch.countedSkipped(reason, n)
	}
}

// truncated counts events that were too large, by what had to be given up at last.
func (t *telemetry) truncated(ctx context.Context, reason string, n int) {
	t.b.ExporterAPIAnalyticsEventsTruncated.Add(ctx, int64(n), t.reason(reason))
}

// left counts what a backend says it left out of requests that it took.
func (t *telemetry) left(ctx context.Context, n int) {
	if n > 0 {
		t.b.ExporterAPIAnalyticsEventsLeftOut.Add(ctx, int64(n), t.all)
	}
}

// degraded counts events that were taken with less, by why they were not whole.
func (t *telemetry) degraded(ctx context.Context, reason string, n int) {
	t.b.ExporterAPIAnalyticsEventsDegraded.Add(ctx, int64(n), t.reason(reason))
}

func (t *telemetry) ratesFetched(ctx context.Context, ok bool) {
	o := outcomeDelivered
	if !ok {
		o = outcomeRetry
	}
	t.b.ExporterAPIAnalyticsSamplingConfigFetches.Add(ctx, 1, t.outcomes[o])
}

func (t *telemetry) ratesIgnored(ctx context.Context, n int) {
	if n > 0 {
		t.b.ExporterAPIAnalyticsSamplingConfigIgnored.Add(ctx, int64(n), t.all)
	}
}

func (t *telemetry) unkeyed(ctx context.Context, n int) {
	if n > 0 {
		t.b.ExporterAPIAnalyticsEventsUnkeyed.Add(ctx, int64(n), t.all)
	}
}

func (t *telemetry) retried(ctx context.Context, n int) {
	t.b.ExporterAPIAnalyticsEventsRetried.Add(ctx, int64(n), t.all)
	t.watch.countedRetried(n)
}

func (t *telemetry) unreadable(ctx context.Context, n int) {
	t.b.ExporterAPIAnalyticsQueueUnreadable.Add(ctx, int64(n), t.all)
}

func (t *telemetry) request(ctx context.Context, o outcome, bytes int, took time.Duration) {
	attrs := t.outcomes[o]
	t.b.ExporterAPIAnalyticsRequests.Add(ctx, 1, attrs)
	t.b.ExporterAPIAnalyticsRequestSize.Add(ctx, int64(bytes), attrs)
	t.b.ExporterAPIAnalyticsRequestDuration.Record(ctx, took.Seconds(), attrs)
}

// limitedLog logs at most once a minute and carries what was held back.
type limitedLog struct {
	now  func() time.Time
	next atomic.Int64 // unix nanoseconds before which nothing is logged
	held atomic.Int64
	unit string // of what is counted; "" means "events"
}

const logInterval = time.Minute

func (l *limitedLog) warn(logger *zap.Logger, msg string, n int, fields ...zap.Field) {
	if n <= 0 {
		return
	}
	l.held.Add(int64(n))
	now, next := l.now().UnixNano(), l.next.Load()
	if now < next || !l.next.CompareAndSwap(next, now+int64(logInterval)) {
		return
	}
	logger.Warn(msg, append(fields, zap.Int64(cmp.Or(l.unit, "events"), l.held.Swap(0)))...)
}
