// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// ScopeName is the instrumentation scope of the metrics.
const ScopeName = "github.com/apispan/apispan/instrumentation/guard"

// failure is why there was no decision.
type failure uint8

const (
	failNoRules failure = iota
	failPanic
	failTimeout
	failBody // could not be looked at; the other conditions were
	numFailures
)

var failureNames = [numFailures]string{"no_rules", "panic", "timeout", "body"}

// counts are kept as plain numbers, since an instrument would cost more than a decision
// without rules.
type counts struct {
	decided [Block + 1]atomic.Int64
	failed  [numFailures]atomic.Int64
	left    atomic.Int64
}

func (c *counts) fail(f failure) { c.failed[f].Add(1) }

// register shows the numbers as metrics.
func (c *counts) register(p metric.MeterProvider, g *Guard) {
	m := p.Meter(ScopeName)
	decisions, err1 := m.Int64ObservableCounter("apispan.guard.decisions", metric.WithUnit("{request}"),
		metric.WithDescription("Requests for which a rule was fulfilled, by what was done, or would have been"))
	failures, err2 := m.Int64ObservableCounter("apispan.guard.failures", metric.WithUnit("{request}"),
		metric.WithDescription("Requests that were served because there was no decision, by reason"))
	age, err3 := m.Float64ObservableGauge("apispan.guard.policy.age", metric.WithUnit("s"),
		metric.WithDescription("How long ago the source has confirmed the rules in force"))
	rules, err4 := m.Int64ObservableGauge("apispan.guard.rules", metric.WithUnit("{rule}"),
		metric.WithDescription("Rules in force"))
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			otel.Handle(err)
			return
		}
	}
	_, err := m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for a, names := range actions {
			if names[0] != "" {
				o.ObserveInt64(decisions, c.decided[a].Load(), metric.WithAttributes(attribute.String("action", names[g.mode])))
			}
		}
		for f := range c.failed {
			o.ObserveInt64(failures, c.failed[f].Load(), metric.WithAttributes(attribute.String("reason", failureNames[f])))
		}
		o.ObserveInt64(failures, c.left.Load(), metric.WithAttributes(attribute.String("reason", "header_left_out")))
		o.ObserveInt64(failures, g.limits.Refused(), metric.WithAttributes(attribute.String("reason", "not_counted")))
		r, _ := g.rules()
		if r == nil {
			o.ObserveInt64(rules, 0)
			return nil
		}
		o.ObserveInt64(rules, int64(r.set.Rules()))
		if s, ok := g.source.(aged); ok {
			o.ObserveFloat64(age, s.Age().Seconds())
		}
		return nil
	}, decisions, failures, age, rules)
	if err != nil {
		otel.Handle(err)
	}
}
