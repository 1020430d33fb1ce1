// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/metadata"
)

// NewFactory returns the factory of the exporter api_analytics.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(
		metadata.Type,
		createDefaultConfig,
		exporter.WithTraces(createTraces, metadata.TracesStability),
		exporter.WithLogs(createLogs, metadata.LogsStability),
	)
}

func createTraces(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Traces, error) {
	e, err := newTracesExporter(ctx, set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	return e, nil
}

func createLogs(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
	e, err := newLogsExporter(ctx, set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	return e, nil
}
