// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.opentelemetry.io/collector/config/configcompression"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/webhook/webhooktest"
)

// TestWebhookDelivers sends spans to a receiver that checks every request: the URL
// with its query, the token, the format, compressed or not.
func TestWebhookDelivers(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"ndjson", "har"} {
		for _, compression := range []string{"none", "gzip"} {
			t.Run(format+"/"+compression, func(t *testing.T) {
				t.Parallel()
				fake := webhooktest.Vendor.New(backendtest.Settings{Credential: "a-token"})
				urls := make(chan string, 10)
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					urls <- r.URL.String()
					fake.ServeHTTP(w, r)
				}))
				t.Cleanup(server.Close)

				cfg := createDefaultConfig().(*Config)
				c := cfg.Webhook.GetOrInsertDefault()
				c.Endpoint, c.Format, c.BearerToken = server.URL+"/in?tenant=shop", format, "a-token"
				cfg.ClientConfig.Compression = configcompression.Type(compression)
				if err := cfg.Validate(); err != nil {
					t.Fatal(err)
				}
				r := newRig(t, cfg).start()
				if err := r.exp.ConsumeTraces(context.Background(), traces(0, 7)); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				if err := fake.Wait(ctx, 7); err != nil {
					t.Fatalf("%v: %q", err, fake.Violations())
				}
				if got := <-urls; got != "/in?tenant=shop" {
					t.Errorf("sent to %s", got)
				}
				if v := fake.Violations(); len(v) > 0 {
					t.Errorf("%q", v)
				}
			})
		}
	}
}
