// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Command shop is a small net/http API with API analytics: every exchange is
// captured on the span that OpenTelemetry records for it.
//
// Read instrument.go first (the few lines that a service needs), then
// telemetry.go (the OpenTelemetry SDK), then shopapi (the application).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
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

	"github.com/apispan/apispan/examples/shop/shopapi"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to listen on; port 0 takes a free one")
	mode := flag.String("mode", modeDropIn, "instrumentation: dropin (httpcapture instead of otelhttp) or alongside (httpcapture within otelhttp)")
	accounts := flag.Bool("accounts", false, "tell the backend about the customers, too (OTLP/HTTP; the Collector needs a logs pipeline)")
	policy := flag.String("policy", os.Getenv("SHOP_POLICY"), "`URL` of blocking rules, such as http://127.0.0.1:8091/v1/policy of the Collector's api_policy; none are applied without")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "shop: unexpected argument; see shop -help\n")
		os.Exit(2)
	}

	// The first signal starts the shutdown, a second one ends the process.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	if *accounts {
		if err := reportAccounts(ctx); err != nil {
			slog.Warn("accounts were not reported", "error", err) // the shop works without
		}
	}
	if err := run(ctx, *listen, *mode, *policy, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "shop: %v\n", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, then finishes the open requests and sends the
// spans that are still queued.
func run(ctx context.Context, listen, mode, policy string, stdout io.Writer) (err error) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		slog.Warn("telemetry", "error", err)
	}))
	counter := &exchangeCounter{}
	tp, err := newTracerProvider(ctx, counter)
	if err != nil {
		return err
	}
	defer func() {
		flush, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if lost := tp.Shutdown(flush); lost != nil {
			err = errors.Join(err, fmt.Errorf("spans were not delivered: %w", lost))
		}
		// What must have arrived at a backend that takes everything.
		_ = json.NewEncoder(stdout).Encode(map[string]any{"msg": "stopped", "exchanges": counter.n.Load()})
	}()

	// The payment service is a stub of our own on a second port.
	payListener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	payments := newServer(shopapi.PaymentStub())
	defer func() { _ = payments.Close() }()

	client, wrap, err := instrument(mode, tp)
	if err != nil {
		return err
	}
	shop := shopapi.New(shopapi.Config{
		PaymentURL: "http://" + payListener.Addr().String(),
		Client:     client,
	})
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		_ = payListener.Close()
		return err
	}
	handler, closeRules, err := guarded(ctx, shop, policy)
	if err != nil {
		return errors.Join(err, payListener.Close(), listener.Close())
	}
	defer closeRules()
	server := newServer(wrap(handler))

	failed := make(chan error, 2)
	go func() { failed <- payments.Serve(payListener) }()
	go func() { failed <- server.Serve(listener) }()

	// One line of JSON for whoever started us; logs go to standard error.
	if err := json.NewEncoder(stdout).Encode(map[string]string{
		"msg": "listening", "addr": listener.Addr().String(), "mode": mode,
	}); err != nil {
		return err
	}

	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	shop.Close()
	grace, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(err, server.Shutdown(grace))
}

func newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       60 * time.Second,
	}
}
