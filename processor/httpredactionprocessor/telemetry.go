// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"cmp"
	"context"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/apispan/apispan/processor/httpredactionprocessor/internal/metadata"
	"github.com/apispan/apispan/redact"
)

type signal string

const (
	signalTraces signal = "traces"
	signalLogs   signal = "logs"
)

// telemetry writes the processor's own metrics. The attribute sets are built once.
type telemetry struct {
	builder    *metadata.TelemetryBuilder
	signal     metric.MeasurementOption
	values     [numPlaces][numActions]metric.MeasurementOption
	ok, failed metric.MeasurementOption

	mu        sync.Mutex
	decisions map[decision]metric.MeasurementOption
}

// decision is what a rule of the policy did in a part of an exchange.
type decision struct{ rule, part, action, outcome string }

func newTelemetry(b *metadata.TelemetryBuilder, s signal) *telemetry {
	t := &telemetry{
		builder:   b,
		decisions: map[decision]metric.MeasurementOption{},
		signal:    option(attribute.String("signal", string(s))),
		ok:        option(attribute.String("result", "ok")),
		failed:    option(attribute.String("result", "error")),
	}
	for p := range numPlaces {
		for a := range numActions {
			t.values[p][a] = option(
				attribute.String("action", actionNames[a]),
				attribute.String("place", placeNames[p]),
			)
		}
	}
	return t
}

func option(kvs ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(kvs...))
}

func (t *telemetry) flush(ctx context.Context, c *tally) {
	if c.items > 0 {
		t.builder.ProcessorHTTPRedactionItems.Add(ctx, c.items, t.signal)
	}
	if c.dropped > 0 {
		t.builder.ProcessorHTTPRedactionItemsDropped.Add(ctx, c.dropped, t.signal)
	}
	for f, n := range c.failures {
		t.builder.ProcessorHTTPRedactionFailClosed.Add(ctx, n,
			option(attribute.String("outcome", f.outcome), attribute.String("part", f.part)))
	}
	if !c.any {
		return
	}
	for p := range numPlaces {
		for a := range numActions {
			if n := c.values[p][a]; n > 0 {
				t.builder.ProcessorHTTPRedactionValues.Add(ctx, n, t.values[p][a])
			}
		}
	}
}

// decided counts by rule. Rules are those of the policy, so their number is bounded;
// where a value stood within its document is not told, since its keys are captured.
func (t *telemetry) decided(ctx context.Context, totals []redact.Count) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range totals {
		c := &totals[i]
		d := decision{c.Rule, c.Place, c.Action, c.Outcome}
		with, ok := t.decisions[d]
		if !ok {
			with = option(
				attribute.String("rule", cmp.Or(c.Rule, "none")), attribute.String("part", c.Place),
				attribute.String("decision", c.Action), attribute.String("outcome", c.Outcome))
			t.decisions[d] = with
		}
		t.builder.ProcessorHTTPRedactionDecisions.Add(ctx, int64(c.N), with)
	}
}

func (t *telemetry) reloaded(ctx context.Context, ok bool) {
	if ok {
		t.builder.ProcessorHTTPRedactionKeyReloads.Add(ctx, 1, t.ok)
	} else {
		t.builder.ProcessorHTTPRedactionKeyReloads.Add(ctx, 1, t.failed)
	}
}

func (t *telemetry) keysMissing(ctx context.Context, n int64) {
	t.builder.ProcessorHTTPRedactionKeysMissing.Record(ctx, n)
}
