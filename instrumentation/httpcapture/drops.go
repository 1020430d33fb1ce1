// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// reason says why something was not recorded. The names are public: they are the
// values of the attribute "reason" of the counter apispan.capture.dropped.
type reason uint8

const (
	reasonMemoryBudget reason = iota
	reasonHeaderLimit
	reasonAttributeLimit
	reasonContentCoding
	reasonCallbackPanic
	reasonIdentityLimit
	reasonIdentityCredential
	reasonMetadataLimit
	reasonInternal
	numReasons
)

var reasonNames = [numReasons]string{
	reasonMemoryBudget:       "memory_budget",
	reasonHeaderLimit:        "header_limit",
	reasonAttributeLimit:     "attribute_limit",
	reasonContentCoding:      "content_coding",
	reasonCallbackPanic:      "callback_panic",
	reasonIdentityLimit:      "identity_limit",
	reasonIdentityCredential: "identity_credential",
	reasonMetadataLimit:      "metadata_limit",
	reasonInternal:           "internal",
}

// drops counts what was left out, by reason.
type drops struct {
	counter metric.Int64Counter
}

func newDrops(p metric.MeterProvider) *drops {
	d := &drops{}
	var err error
	d.counter, err = p.Meter(meterName).Int64Counter("apispan.capture.dropped",
		metric.WithUnit("{item}"),
		metric.WithDescription("Items that the capture of HTTP exchanges left out, by reason."))
	if err != nil {
		otel.Handle(err)
		d.counter = noop.Int64Counter{}
	}
	return d
}

// reasonOptions are made once for all wrappers of the process.
var reasonOptions = sync.OnceValue(func() (by [numReasons][]metric.AddOption) {
	for i, n := range reasonNames {
		by[i] = []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", n)))}
	}
	return by
})

const meterName = "github.com/apispan/apispan/instrumentation/httpcapture"

func (d *drops) add(r reason, n int) {
	if n > 0 {
		d.counter.Add(context.Background(), int64(n), reasonOptions()[r]...)
	}
}
