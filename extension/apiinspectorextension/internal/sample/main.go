// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Command sample runs the extension with invented exchanges, for work on the page and for
// its tests. They go through the same interface, and the real redaction engine, as those of
// a Collector; nothing is sent anywhere.
//
//	go run ./internal/sample -addr 127.0.0.1:8089
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"github.com/apispan/apispan/extension/apiinspectorextension"
	"github.com/apispan/apispan/internal/inspect"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var (
		addr     = flag.String("addr", "127.0.0.1:8089", "where to listen")
		count    = flag.Int("count", 200, "exchanges at the start")
		rate     = flag.Float64("rate", 2, "exchanges a second afterwards; 0 is none")
		raw      = flag.Bool("raw", false, "show values from before the redaction")
		token    = flag.String("token", "on", "on or off (only with -dry)")
		dry      = flag.Bool("dry", false, "every exporter is in dry run")
		seed     = flag.Uint64("seed", 1, "of what is invented")
		learning = flag.Duration("learning", 4*time.Second, "after it, a field is new")
		empty    = flag.Bool("empty", false, "no components and no traffic")
		bare     = flag.Bool("bare", false, "no redaction in the pipeline")
	)
	flag.Parse()
	factory := apiinspectorextension.NewFactory()
	cfg := factory.CreateDefaultConfig().(*apiinspectorextension.Config)
	cfg.ServerConfig.NetAddr.Endpoint, cfg.ShowRaw, cfg.Token, cfg.Learning = *addr, *raw, *token, *learning
	cfg.TraceURL = "https://jaeger.example.com/trace/{trace}"
	if err := cfg.Validate(); err != nil {
		return err
	}
	logger, err := zap.NewDevelopment(zap.AddStacktrace(zap.ErrorLevel))
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ext, err := factory.Create(ctx, extension.Settings{
		ID: component.NewID(factory.Type()),
		TelemetrySettings: component.TelemetrySettings{
			Logger: logger, TracerProvider: tracenoop.NewTracerProvider(), MeterProvider: metricnoop.NewMeterProvider(),
		},
		BuildInfo: component.BuildInfo{Version: "0.0.0-sample"},
	}, cfg)
	if err != nil {
		return err
	}
	if err := ext.Start(ctx, host{}); err != nil {
		return err
	}
	if !*empty {
		m, err := newMaker(ext.(inspect.Sink), *seed, *dry, *bare)
		if err != nil {
			return err
		}
		m.attach()
		m.fill(ctx, *count, *rate, *learning)
	}
	<-ctx.Done()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return ext.Shutdown(ctx)
}

// host is a Collector without other extensions.
type host struct{}

func (host) GetExtensions() map[component.ID]component.Component { return nil }
