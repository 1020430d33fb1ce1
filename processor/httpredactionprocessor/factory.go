// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"

	"github.com/apispan/apispan/processor/httpredactionprocessor/internal/metadata"
)

var capabilities = consumer.Capabilities{MutatesData: true}

// NewFactory returns the factory of the http_redaction processor.
func NewFactory() processor.Factory {
	return processor.NewFactory(
		metadata.Type,
		createDefaultConfig,
		processor.WithTraces(createTraces, metadata.TracesStability),
		processor.WithLogs(createLogs, metadata.LogsStability),
	)
}

func createTraces(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Traces) (processor.Traces, error) {
	p, err := newRedactor(set, cfg.(*Config), signalTraces)
	if err != nil {
		return nil, err
	}
	return processorhelper.NewTraces(ctx, set, cfg, next, onceStarted(p, p.processTraces),
		processorhelper.WithCapabilities(capabilities),
		processorhelper.WithStart(p.startPipeline),
		processorhelper.WithShutdown(p.shutdown))
}

func createLogs(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Logs) (processor.Logs, error) {
	p, err := newRedactor(set, cfg.(*Config), signalLogs)
	if err != nil {
		return nil, err
	}
	return processorhelper.NewLogs(ctx, set, cfg, next, onceStarted(p, p.processLogs),
		processorhelper.WithCapabilities(capabilities),
		processorhelper.WithStart(p.startPipeline),
		processorhelper.WithShutdown(p.shutdown))
}

var errNotStarted = errors.New("http_redaction: the pipeline has not started yet: try again")

func (r *redactor) startPipeline(ctx context.Context, host component.Host) error {
	err := r.start(ctx, host)
	r.started.Store(err == nil)
	return err
}

// onceStarted refuses what comes before the processor has started. A receiver that
// serves several signals listens as soon as the first of their pipelines has started;
// the exporters of the others, which start before their processors, may not have. Some
// lose what is in their queue on disk if something is offered to it then.
func onceStarted[T any](r *redactor, process func(context.Context, T) (T, error)) func(context.Context, T) (T, error) {
	return func(ctx context.Context, data T) (T, error) {
		if !r.started.Load() {
			return data, errNotStarted
		}
		return process(ctx, data)
	}
}
