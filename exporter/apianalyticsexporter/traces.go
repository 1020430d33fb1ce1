// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"net/http"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
)

// tracesExporter stands around the exporterhelper's exporter: it makes events of spans
// before the queue.
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
	enc, err := c.newEncoder(cfg.ClientConfig.Endpoint, set.BuildInfo.Version)
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
	if e.translator.rules, err = cfg.rules(); err != nil {
		return nil, err
	}
	e.translator.calls = cfg.Calls.options()
	e.translator.trustCallers = cfg.Sampling.TrustCallers
	if cfg.Sampling.Source == SamplingVendor {
		if e.rates, err = newRateFetcher(enc, core.sender.client.Endpoint, core.tel, set.Logger); err != nil {
			return nil, err
		}
		e.translator.sampler.rates, e.sender.observe = e.rates.current, e.rates.observe
	}
	e.Traces, err = xexporterhelper.NewTracesRequest(ctx, set, fromHandoff[ptrace.Traces], e.push, e.options()...)
	if err != nil {
		return nil, err
	}
	e.held.offer = func(ctx context.Context) error { return e.Traces.ConsumeTraces(ctx, ptrace.NewTraces()) }
	return e, nil
}

// Capabilities implements consumer.Traces.
func (e *tracesExporter) Capabilities() consumer.Capabilities { return e.core.Capabilities() }

// Start implements component.Component.
func (e *tracesExporter) Start(ctx context.Context, host component.Host) error {
	var err error
	if e.translator.mask, err = newMasker(e.cfg.MaskEvent, host, e.translator); err != nil {
		return err
	}
	e.tellAnswers(host)
	if err := e.start(ctx, host, e.Traces); err != nil {
		return err
	}
	if e.rates == nil || e.cfg.DryRun {
		return nil
	}
	client := e.cfg.ClientConfig
	client.Compression = "" // there is nothing to compress
	return e.rates.start(ctx, e.env(host, client))
}

// tellAnswers lets extensions see the header of every answer that want to: api_policy, to
// which Moesif says there that its rules have changed.
func (e *tracesExporter) tellAnswers(host component.Host) {
	if e.cfg.DryRun {
		return
	}
	for _, ext := range host.GetExtensions() {
		if l, ok := ext.(interface {
			Answered(backend string, h http.Header)
		}); ok {
			before := e.sender.observe
			e.sender.observe = func(h http.Header) {
				if before != nil {
					before(h)
				}
				l.Answered(e.choice.name, h)
			}
		}
	}
}

// Shutdown implements component.Component.
func (e *tracesExporter) Shutdown(ctx context.Context) error {
	if e.rates != nil {
		e.rates.shutdown()
	}
	return e.shutdown(ctx, e.Traces)
}

// ConsumeTraces implements consumer.Traces.
func (e *tracesExporter) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	if !e.started.Load() {
		return errNotStarted
	}
	return e.consume(ctx, e.translator.translate(ctx, td), func(ctx context.Context) error {
		return e.Traces.ConsumeTraces(ctx, td)
	})
}
