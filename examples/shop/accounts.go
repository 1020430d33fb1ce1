// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"

	"github.com/apispan/apispan/examples/shop/shopdata"
	"github.com/apispan/apispan/instrumentation/entities"
)

// reportAccounts tells the analytics backend who the customers are. A service
// does this where an account is made or changes, and never on every request; the
// shop has its customers from the start, so it does it once, at the start.
func reportAccounts(ctx context.Context) (err error) {
	// Without a Collector the shop starts all the same.
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var opts []otlploghttp.Option
	// As in newExporter: without an endpoint it is a Collector on this machine.
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT") == "" {
		opts = append(opts, otlploghttp.WithInsecure())
	}
	exporter, err := otlploghttp.New(ctx, opts...)
	if err != nil {
		return err
	}
	provider := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter)))
	// Shutdown sends what the batch processor holds. A service that runs on keeps
	// the provider until its end.
	defer func() { err = errors.Join(err, provider.Shutdown(ctx)) }()

	client := entities.New(entities.WithLoggerProvider(provider))
	for _, u := range shopdata.Users() {
		err = errors.Join(err,
			client.UpdateUser(ctx, entities.User{
				ID: u.ID, CompanyID: u.CompanyID, Email: u.Email, FullName: u.Name,
				Metadata: entities.Metadata{"api_key_id": u.KeyID},
			}),
			client.UpdateCompany(ctx, entities.Company{ID: u.CompanyID}),
			client.UpdateSubscription(ctx, entities.Subscription{
				ID: u.SubscriptionID, CompanyID: u.CompanyID, Status: entities.StatusActive,
			}),
		)
	}
	return err
}
