// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/apispan/apispan/internal/harness"
)

// TestCrashLosesNothing kills the collector with SIGKILL again and again, under
// traffic and with a backend that keeps failing, and restarts it. The traffic is
// the same as in an undisturbed run (same seed, same number of requests), so every
// event of that run must arrive here, too; some may come twice, with the same id.
func TestCrashLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the collector")
	}
	calm := crashRun(t, 0, nil)
	rough := crashRun(t, 3, []string{
		"-moesif-fault", "status=503,count=4,retry-after=1",
		"-readme-fault", "reset,count=1",
	})
	for _, backend := range []string{"moesif", "readme"} {
		if calm[backend] == 0 || rough[backend] != calm[backend] {
			t.Errorf("%s: %d distinct events with crashes and faults, %d without", backend, rough[backend], calm[backend])
		}
	}
	t.Logf("distinct events: calm %v, with crashes and faults %v", calm, rough)
}

// crashRun sends the same traffic each time and returns the number of distinct
// events by backend.
func crashRun(t *testing.T, kills int, faults []string) map[string]int {
	t.Helper()
	bin := programs(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	fakes, err := harness.StartFakes(ctx, bin.fakes, faults, nil)
	if err != nil {
		t.Fatal(err)
	}
	collector, err := harness.StartCollector(ctx, ctx, bin.collector, harness.CollectorOptions{
		Config: filepath.Join(repoRoot(t), "collectorbuild", "config", "demo.yaml"),
		State:  t.TempDir(), Moesif: fakes.Moesif, ReadMe: fakes.ReadMe,
	})
	if err != nil {
		t.Fatal(err)
	}
	shop, addr, err := harness.StartShop(ctx, ctx, bin.shop, "dropin", collector.HTTPEnv())
	if err != nil {
		t.Fatal(err)
	}
	traffic, err := harness.Start(ctx, bin.traffic, harness.StartOptions{
		// One worker: the order of calls, and so every event, is the same each time.
		Args: []string{"-target", "http://" + addr, "-requests", "500", "-rate", "100", "-workers", "1", "-duration", "2m", "-json"},
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
	counts := map[string]int{"moesif": fakes.Count("moesif"), "readme": fakes.Count("readme")}
	_ = fakes.Stop(5 * time.Second)
	return counts
}
