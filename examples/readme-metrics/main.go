// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Command readme-metrics is a server whose calls appear in ReadMe Metrics. It
// answers GET / and POST / as the example servers of ReadMe's own SDKs do, so that
// ReadMe's integration suite (github.com/readmeio/metrics-sdks, test/
// integration-metrics.test.js) can run against it; see README.md.
//
// Read capture.go first: it is what a service of your own needs.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// batchDelay is how long a span waits for others. A fifth of a second makes a call
// appear at once; a service under load sends larger batches with the SDK's 5 s.
const batchDelay = 200 * time.Millisecond

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, cmp.Or(os.Getenv("PORT"), "8000"), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "readme-metrics:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. The Collector is where the standard variable
// OTEL_EXPORTER_OTLP_ENDPOINT says, or on this machine.
func run(ctx context.Context, port string, stdout io.Writer) (err error) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { slog.Warn("telemetry", "error", err) }))
	var opts []otlptracehttp.Option
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
		opts = append(opts, otlptracehttp.WithInsecure())
	}
	exporter, err := otlptracehttp.New(ctx, opts...)
	if err != nil {
		return err
	}
	// Every exchange counts, whatever the caller has sampled.
	provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.AlwaysSample()),
		sdktrace.WithBatcher(exporter, sdktrace.WithBatchTimeout(batchDelay)))
	defer func() {
		flush, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		err = errors.Join(err, provider.Shutdown(flush))
	}()

	// IPv4, because ReadMe's suite expects the client's address to look like that.
	listener, err := net.Listen("tcp4", ":"+port)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           capture(routes(), provider, os.Getenv("DOCS_URL")),
		ReadHeaderTimeout: 5 * time.Second,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	// One line for whoever started us.
	if err := json.NewEncoder(stdout).Encode(map[string]string{"msg": "listening", "addr": listener.Addr().String()}); err != nil {
		return err
	}
	select {
	case err = <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return server.Shutdown(grace)
}

// routes is the application.
func routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = io.WriteString(w, `{"message":"hello world"}`)
	})
	mux.HandleFunc("POST /{$}", func(w http.ResponseWriter, r *http.Request) {
		// What the handler does not read is not captured.
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, "the body could not be read", http.StatusBadRequest)
			return
		}
		_, _ = io.WriteString(w, "OK")
	})
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"id": r.PathValue("id")})
	})
	return mux
}
