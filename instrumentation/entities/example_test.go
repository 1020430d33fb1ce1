// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package entities_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/sdk/log"

	"github.com/apispan/apispan/instrumentation/entities"
)

// The whole wiring: the SDK's batch processor and OTLP exporter carry the updates
// to a Collector.
func Example() {
	ctx := context.Background()

	// Stands in for the Collector's otlp receiver.
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println("received:", r.Method, r.URL.Path)
	}))
	defer collector.Close()

	exporter, err := otlploghttp.New(ctx, otlploghttp.WithEndpointURL(collector.URL+"/v1/logs"))
	if err != nil {
		fmt.Println(err)
		return
	}
	provider := log.NewLoggerProvider(log.WithProcessor(log.NewBatchProcessor(exporter)))

	client := entities.New(entities.WithLoggerProvider(provider))
	err = client.UpdateUser(ctx, entities.User{
		ID:        "12345",
		CompanyID: "67890",
		Email:     "ada@example.com",
		Campaign:  entities.Campaign{UTMSource: "newsletter", UTMMedium: "email"},
		Metadata:  entities.Metadata{"plan": "pro", "seats": 12},
	})
	if err != nil {
		fmt.Println(err)
	}

	// Before exit: what the batch processor still holds is sent.
	if err := provider.Shutdown(ctx); err != nil {
		fmt.Println(err)
	}
	// Output: received: POST /v1/logs
}

func ExampleClient_UpdateUsers() {
	client := entities.New() // the global provider
	err := client.UpdateUsers(context.Background(), []entities.User{
		{ID: "1", Email: "ada@example.com"},
		{Email: "nobody@example.com"},
	})
	fmt.Println(err) // the first one is emitted
	// Output: user 1: entities: invalid: User.ID is empty; it is required
}

func ExampleClient_UpdateSubscription() {
	client := entities.New()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	err := client.UpdateSubscription(context.Background(), entities.Subscription{
		ID:          "sub_1",
		CompanyID:   "67890",
		Status:      entities.StatusActive,
		PeriodStart: start,
		PeriodEnd:   start.AddDate(0, 1, 0),
		Items:       []entities.SubscriptionItem{{PlanID: "pro", UnitOfMeasure: "api calls"}},
	})
	fmt.Println(err)
	// Output: <nil>
}

func ExampleClient_RecordAction() {
	client := entities.New()
	err := client.RecordAction(context.Background(), entities.Action{
		Name:   "Signed Up",
		URL:    "https://shop.example.com/signup",
		UserID: "12345",
	})
	fmt.Println(err)
	// Output: <nil>
}
