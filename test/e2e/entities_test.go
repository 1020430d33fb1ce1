// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"

	"github.com/apispan/apispan/instrumentation/entities"
)

// TestEntitiesArrive sends updates by the SDK through the real collector while the
// backend fails, kills the collector with SIGKILL once they are acknowledged, and
// starts it again: all arrive, redacted, and those of one user in their order.
func TestEntitiesArrive(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the collector")
	}
	bin := programs(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	fakes, collector := startBackends(ctx, t, bin, "-moesif-fault", "status=503,count=3,retry-after=1")

	exporter, err := otlploghttp.New(ctx, otlploghttp.WithEndpointURL("http://"+collector.OTLPHTTP+"/v1/logs"))
	if err != nil {
		t.Fatal(err)
	}
	provider := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter)))
	client := entities.New(entities.WithLoggerProvider(provider))
	const secret, card = "tok-5d41402abc4b2a76", "4111 1111 1111 1111"
	const updates = 20
	var problems []error
	for i := range updates {
		problems = append(problems, client.UpdateUser(ctx, entities.User{
			ID: "user-1", CompanyID: "company-1", FullName: "Ada Lovelace",
			Campaign: entities.Campaign{UTMSource: "newsletter", Referrer: "https://blog.example.com/?password=" + secret},
			Metadata: entities.Metadata{
				"n": i, "note": "paid with " + card, "password": secret,
				"profile": map[string]any{"api_key": secret, "color": "green"},
			},
		}))
	}
	problems = append(problems,
		client.UpdateCompany(ctx, entities.Company{ID: "company-1", Domain: "example.com"}),
		client.UpdateSubscription(ctx, entities.Subscription{
			ID: "subscription-1", CompanyID: "company-1", Status: entities.StatusActive,
			Items: []entities.SubscriptionItem{{PlanID: "pro", Metadata: entities.Metadata{"client_secret": secret}}},
		}),
		client.RecordAction(ctx, entities.Action{Name: "Signed Up", URL: "https://shop.example.com/?access_token=" + secret, UserID: "user-1"}),
		provider.ForceFlush(ctx), // the collector has acknowledged
	)
	if err := errors.Join(problems...); err != nil {
		t.Fatal(err)
	}
	collector.Kill()
	before := len(fakes.Entities("users"))
	if err := collector.Restart(ctx, ctx); err != nil {
		t.Fatal(err)
	}
	if err := collector.Wait(ctx, "all updates", func() error {
		for stream, want := range map[string]int{"users": updates, "companies": 1, "subscriptions": 1, "actions": 1} {
			if n := len(fakes.Entities(stream)); n < want {
				return fmt.Errorf("%d of %d %s arrived", n, want, stream)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(provider.Shutdown(ctx), collector.Stop(30*time.Second)); err != nil {
		t.Error(err)
	}
	_ = fakes.Stop(5 * time.Second)
	for _, r := range fakes.Records() {
		if r.Type == "violation" {
			t.Errorf("%s: %s", r.Backend, r.Message)
		}
		if text := string(r.Entity); strings.Contains(text, secret) || strings.Contains(text, card) {
			t.Errorf("an update of %s holds a secret: %s", r.Stream, text)
		}
	}
	if before == 0 { // else the crash may repeat what had arrived
		for i, r := range fakes.Entities("users")[:updates] {
			var user struct{ Metadata struct{ N int } }
			if err := json.Unmarshal(r.Entity, &user); err != nil || user.Metadata.N != i {
				t.Errorf("update %d arrived as %d, %v", user.Metadata.N, i, err)
			}
		}
	}
	var last map[string]any
	users := fakes.Entities("users")
	if err := json.Unmarshal(users[len(users)-1].Entity, &last); err != nil {
		t.Fatal(err)
	}
	delete(last, "modified_time")
	want := map[string]any{
		"user_id": "user-1", "company_id": "company-1",
		"campaign": map[string]any{"utm_source": "newsletter", "referrer": "https://blog.example.com/?password=[REDACTED]"},
		"metadata": map[string]any{
			"n": float64(updates - 1), "note": "paid with [REDACTED]", "password": "[REDACTED]",
			"profile": map[string]any{"api_key": "[REDACTED]", "color": "green"}, "name": "Ada Lovelace",
		},
	}
	if d := cmp.Diff(want, last); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}
