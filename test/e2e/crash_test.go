// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/apispan/apispan/test/harness"
)

// TestCrashLosesNothing kills the collector with SIGKILL again and again, under
// traffic and with a backend that keeps failing, and restarts it. Every exchange
// that the shop recorded must arrive at Moesif; some may come twice, with the same
// id.
func TestCrashLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the collector")
	}
	const kills = 3
	bin := programs(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	fakes, collector := startBackends(ctx, t, bin,
		"-moesif-fault", "status=503,count=4,retry-after=1",
		"-readme-fault", "reset,count=1",
	)
	shop, addr, err := harness.StartShop(ctx, ctx, bin.shop, "dropin", collector.HTTPEnv())
	if err != nil {
		t.Fatal(err)
	}
	traffic, err := harness.Start(ctx, bin.traffic, harness.StartOptions{
		Args: []string{"-target", "http://" + addr, "-requests", "500", "-rate", "100", "-duration", "2m"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for range kills {
		time.Sleep(1200 * time.Millisecond) // between two batches of the SDK
		collector.Kill()
		if err := collector.Restart(ctx, ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := traffic.Err(); err != nil {
		t.Fatalf("traffic: %v\n%s", err, traffic.Log())
	}
	// All spans are acknowledged when the shop has ended.
	if err := shop.Stop(70 * time.Second); err != nil {
		t.Fatalf("shop: %v\n%s", err, shop.Log())
	}
	if err := collector.Wait(ctx, "an empty queue", func() error {
		text, err := collector.ScrapeMetrics(ctx)
		if err != nil {
			return err
		}
		return queuesEmpty(text)
	}); err != nil {
		t.Fatal(err)
	}
	// Stopping finishes what is in flight.
	if err := collector.Stop(30 * time.Second); err != nil {
		t.Errorf("collector: %v", err)
	}
	_ = fakes.Stop(5 * time.Second)
	recorded, distinct, repeated := exchangesRecorded(t, shop), fakes.Count("moesif"), 0
	for _, r := range fakes.Records() {
		if r.Duplicate {
			repeated++
		}
	}
	if distinct != recorded {
		t.Errorf("the shop recorded %d exchanges, Moesif has %d", recorded, distinct)
	}
	if fakes.Count("readme") == 0 {
		t.Error("nothing at ReadMe")
	}
	t.Logf("%d exchanges, %d events at Moesif after %d kills; %d came again with the same id", recorded, distinct, kills, repeated)
}
