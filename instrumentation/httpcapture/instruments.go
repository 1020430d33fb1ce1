// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"reflect"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/semconv/v1.41.0/httpconv"
)

// counters are the instruments of one MeterProvider, made when they are first asked for.
type counters struct {
	provider metric.MeterProvider
	drops    func() *drops
	server   func() *serverInstruments
	client   func() *clientInstruments
}

type serverInstruments struct {
	requestSize, responseSize metric.Int64Histogram
	duration                  metric.Float64Histogram
}

type clientInstruments struct {
	requestSize metric.Int64Histogram
	duration    metric.Float64Histogram
}

// lastCounters are shared by wrappers that are made one after the other with the same
// provider: there may be one for every route of an application.
var lastCounters atomic.Pointer[counters]

func countersOf(p metric.MeterProvider) *counters {
	sameable := reflect.TypeOf(p).Comparable()
	if c := lastCounters.Load(); c != nil && sameable && c.provider == p {
		return c
	}
	c := &counters{
		provider: p,
		drops:    sync.OnceValue(func() *drops { return newDrops(p) }),
		server:   sync.OnceValue(func() *serverInstruments { return newServerInstruments(p) }),
		client:   sync.OnceValue(func() *clientInstruments { return newClientInstruments(p) }),
	}
	if sameable {
		lastCounters.Store(c)
	}
	return c
}

func newServerInstruments(p metric.MeterProvider) *serverInstruments {
	meter := p.Meter(ScopeName, metric.WithInstrumentationVersion(provenVersion))
	in, err := httpconv.NewServerRequestBodySize(meter)
	handle(err)
	out, err := httpconv.NewServerResponseBodySize(meter)
	handle(err)
	took, err := httpconv.NewServerRequestDuration(meter)
	handle(err)
	return &serverInstruments{in.Inst(), out.Inst(), took.Inst()}
}

func newClientInstruments(p metric.MeterProvider) *clientInstruments {
	meter := p.Meter(ScopeName, metric.WithInstrumentationVersion(provenVersion))
	out, err := httpconv.NewClientRequestBodySize(meter)
	handle(err)
	took, err := httpconv.NewClientRequestDuration(meter)
	handle(err)
	return &clientInstruments{out.Inst(), took.Inst()}
}
