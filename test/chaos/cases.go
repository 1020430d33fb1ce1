// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/apispan/apispan/test/harness"
	"github.com/apispan/apispan/test/load"
)

// testCase is one line of the contract.
type testCase struct {
	name  string
	what  string
	kafka bool
	// run puts the world to the test. ctx ends with the whole run; programs live as
	// long as the second context.
	run func(ctx, programs context.Context, w *world) error
}

var cases = []testCase{
	{name: "kill", what: "the Collector is killed at random moments, while it starts, too; the backend flaps", run: caseKill},
	{name: "sigterm", what: "the Collector is stopped and started under load, as in a rolling upgrade; the backend flaps", run: caseSigterm},
	{name: "no-disk", what: "the same kills without a disk: the sender waits for the backend's answer", run: caseNoDisk},
	{name: "faults", what: "the backend misbehaves in each way for a while", run: caseFaults},
	{name: "credential", what: "the backend answers 401, until the key is mended", run: caseCredential},
	{name: "outage", what: "the backend is down for long; memory stays bounded", run: caseOutage},
	{name: "queue-full", what: "the queue is full: senders are refused and come back", run: caseQueueFull},
	{name: "disk-full", what: "the queue's disk is full, and the Collector is killed then", run: caseDiskFull},
	{name: "oversize", what: "events too large for the backend, among others", run: caseOversize},
	{name: "two-backends", what: "one of two backends is down; the other notices nothing", run: caseTwoBackends},
	{name: "gateway", what: "agent and gateway, killed in turn; mutual TLS between them", run: caseGateway},
	{name: "gateways", what: "an agent and two gateways behind a balancer; one gateway is killed, then the other", run: caseGateways},
	{name: "app", what: "the application restarts under traffic", run: caseApp},
	{name: "app-kill", what: "the application is killed under traffic; only what its SDK had not exported is lost", run: caseAppKill},
	{name: "clock", what: "spans from an hour ago and from tomorrow", run: caseClock},
	{name: "kafka", what: "Kafka between: broker, agent and gateway are killed in turn; records that are no OTLP among the others", kafka: true, run: caseKafka},
	{name: "refuse-all", what: "the backend refuses everything, with one status after the other; the Collector is killed meanwhile", run: caseRefuseAll},
	{name: "slow-backend", what: "the backend needs a time for each event, more than the timeout for a request", run: caseSlowBackend},
	{name: "dry-run", what: "a dry run between an outage and its end", run: caseDryRun},
	{name: "poison", what: "the backend refuses one event and fails at another, always; one consumer", run: casePoison},
	{name: "growth", what: "requests as large as the agent takes, which redaction makes larger; the gateway's front refuses", run: caseGrowth},
	{name: "memory", what: "small requests that decode to gigabytes, or nest a million deep", run: caseMemory},
	{name: "soak", what: "sustained load; memory, goroutines and files do not grow", run: caseSoak},
}

// caseKill: the moments are drawn from the start of the process, so that some fall
// into start-up, where the queue recovers what was in flight.
func caseKill(ctx, programs context.Context, w *world) error {
	return w.killed(ctx, programs, "moesif.yaml", w.opt.kills, 50*time.Millisecond)
}

// caseNoDisk: with wait_for_result the acknowledgement means that the backend has
// the events, so there is nothing to recover.
func caseNoDisk(ctx, programs context.Context, w *world) error {
	return w.killed(ctx, programs, "no-disk.yaml", 8, 300*time.Millisecond)
}

// killed kills the Collector under load, each time between earliest and 2.5 s after
// its start, while the backend flaps.
func (w *world) killed(ctx, programs context.Context, config string, kills int, earliest time.Duration) error {
	n, err := w.collector(programs, "collector", config, w.toMoesif()...)
	if err != nil {
		return err
	}
	stop := w.load(ctx, n.otlp, load.Options{})
	err = w.whileFlapping(ctx, w.moesif, func() error {
		for range kills {
			sleep(ctx, between(w.rng, earliest, 2500*time.Millisecond))
			n.kill()
			if err := n.start(programs); err != nil {
				return err
			}
		}
		return n.ready(ctx)
	})
	report, lerr := stop()
	w.notef("%d kills; %d answers or connections refused", kills, report.Refused)
	w.expectAll("moesif")
	return then(errors.Join(err, lerr), func() error { return w.settle(ctx, n) })
}

func caseSigterm(ctx, programs context.Context, w *world) error {
	n, err := w.collector(programs, "collector", "moesif.yaml", w.toMoesif()...)
	if err != nil {
		return err
	}
	stop := w.load(ctx, n.otlp, load.Options{})
	const stops = 6
	longest := time.Duration(0)
	err = w.whileFlapping(ctx, w.moesif, func() error {
		for range stops {
			sleep(ctx, between(w.rng, 500*time.Millisecond, 2500*time.Millisecond))
			begin := time.Now()
			if err := n.stop(30 * time.Second); err != nil {
				return err
			}
			longest = max(longest, time.Since(begin))
			if err := n.start(programs); err != nil {
				return err
			}
		}
		return n.ready(ctx)
	})
	_, lerr := stop()
	w.notef("%d stops, the longest took %s", stops, longest.Round(10*time.Millisecond))
	w.expectAll("moesif")
	return then(errors.Join(err, lerr), func() error { return w.settle(ctx, n) })
}

func caseFaults(ctx, programs context.Context, w *world) error {
	n, err := w.collector(programs, "collector", "moesif.yaml", w.toMoesif()...)
	if err != nil {
		return err
	}
	stop := w.load(ctx, n.otlp, load.Options{})
	for _, f := range allFaults {
		if err := w.moesif.set(f); err != nil {
			return err
		}
		sleep(ctx, 1500*time.Millisecond)
		if err := w.moesif.set(healthy); err != nil {
			return err
		}
		sleep(ctx, 500*time.Millisecond)
	}
	_, lerr := stop()
	w.moesif.mu.Lock()
	for _, f := range allFaults {
		if f != down && w.moesif.seen[f] == 0 {
			err = fmt.Errorf("the fault %s hit no request, so the case says nothing about it", f)
		}
	}
	w.moesif.mu.Unlock()
	w.expectAll("moesif")
	return then(errors.Join(err, lerr), func() error { return w.settle(ctx, n) })
}

func caseOutage(ctx, programs context.Context, w *world) error {
	n, err := w.collector(programs, "collector", "moesif.yaml", w.toMoesif(
		// Room for the outage; the file grows to less than twice this.
		set{"exporters.api_analytics/moesif.sending_queue.queue_size", int64(w.opt.outage)*2000 + 64<<20},
	)...)
	if err != nil {
		return err
	}
	if err := w.moesif.set(down); err != nil {
		return err
	}
	begin := time.Now()
	report, err := w.load(ctx, n.otlp, load.Options{
		Count: w.opt.outage, Batch: 200, Shape: load.Shape{RequestBody: 200, ResponseBody: 200},
	})()
	if err != nil {
		return err
	}
	w.notef("%d exchanges taken in %s of outage, %d MiB resident", report.Acked, time.Since(begin).Round(time.Second), n.peak.Load())
	if m, err := n.scrape(ctx); err == nil && report.Acked > 0 {
		file, _ := dirSize(filepath.Join(w.dir, n.name))
		queued := sum(m, "otelcol_exporter_queue_size", `exporter="api_analytics/moesif"`)
		w.notef("%.0f bytes of queue for each exchange with bodies of 200 bytes, %.2f bytes of disk for each of those", queued/float64(report.Acked), float64(file)/queued)
	}
	// Also across a restart in the middle.
	n.kill()
	if err := n.start(programs); err != nil {
		return err
	}
	if err := errors.Join(n.ready(ctx), w.moesif.set(healthy)); err != nil {
		return err
	}
	begin = time.Now()
	w.expectAll("moesif")
	w.expect(func() error {
		if n.peak.Load() > 700 {
			return fmt.Errorf("%w: %d MiB resident, more than 700", errLost, n.peak.Load())
		}
		return nil
	})
	err = w.settle(ctx, n)
	w.notef("caught up in %s", time.Since(begin).Round(time.Second))
	return err
}

// caseTwoBackends: ReadMe must have everything while Moesif is down.
func caseTwoBackends(ctx, programs context.Context, w *world) error {
	n, err := w.collector(programs, "collector", "all-backends.yaml", w.toMoesif(
		set{"exporters.api_analytics/readme.endpoint", w.readme.url()},
	)...)
	if err != nil {
		return err
	}
	if err := w.moesif.set(hanging); err != nil {
		return err
	}
	report, err := w.load(ctx, n.otlp, load.Options{Count: 3 * w.opt.rate, Rate: w.opt.rate})()
	if err != nil {
		return err
	}
	begin := time.Now()
	wait, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err = n.proc.Wait(wait, "all exchanges at ReadMe", func() error {
		if got := w.distinct("readme"); got < report.Acked {
			return fmt.Errorf("%d of %d", got, report.Acked)
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.notef("readme had all %d exchanges %s after the last, with %d at moesif", report.Acked, time.Since(begin).Round(time.Millisecond), w.distinct("moesif"))
	w.expectAll("moesif")
	w.expectAll("readme")
	return then(w.moesif.set(healthy), func() error { return w.settle(ctx, n) })
}

// caseApp: the shop example records exchanges with the real SDK. What it has
// recorded when it ends in order must arrive; when it is killed, what its SDK had not
// exported yet is lost, which the contract says.
func caseApp(ctx, programs context.Context, w *world) error {
	n, err := w.collector(programs, "collector", "moesif.yaml", w.toMoesif()...)
	if err != nil {
		return err
	}
	recorded := 0
	for range 3 {
		k, err := w.shopLife(ctx, programs, n)
		if err != nil {
			return err
		}
		recorded += k
	}
	w.expect(func() error {
		got := w.distinct("moesif")
		w.notef("moesif: %d exchanges recorded in 3 lives of the application, %d arrived", recorded, got)
		if got != recorded || recorded == 0 {
			return fmt.Errorf("%w: %d exchanges recorded, %d arrived", errLost, recorded, got)
		}
		return nil
	})
	return w.settle(ctx, n)
}

// caseAppKill: the client of the shop knows how many answers it got; what is not at
// the backend was in the memory of the shop.
func caseAppKill(ctx, programs context.Context, w *world) error {
	n, err := w.collector(programs, "collector", "moesif.yaml", w.toMoesif()...)
	if err != nil {
		return err
	}
	shop, addr, err := harness.StartShop(ctx, programs, w.bin.shop, "dropin", n.shopEnv())
	if err != nil {
		return err
	}
	const rate = 100
	traffic, err := harness.Start(programs, w.bin.traffic, harness.StartOptions{
		Args: []string{"-target", "http://" + addr, "-requests", "100000", "-rate", fmt.Sprint(rate), "-duration", "5s"},
	})
	if err != nil {
		return err
	}
	sleep(ctx, between(w.rng, 3*time.Second, 4*time.Second))
	arrivedBefore := w.distinct("moesif")
	shop.Kill()
	_ = traffic.Stop(10 * time.Second)
	w.expect(func() error {
		arrived := w.distinct("moesif")
		w.notef("moesif: %d events in all, %d of them before the kill; the SDK exports every second", arrived, arrivedBefore)
		if arrivedBefore < rate {
			return fmt.Errorf("%w: only %d events in the 3 seconds before the kill", errLost, arrivedBefore)
		}
		return nil
	})
	return w.settle(ctx, n)
}

// shopEnv points the shop's SDK at the Collector.
func (n *node) shopEnv() []string {
	return []string{"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_EXPORTER_OTLP_ENDPOINT=" + n.otlp}
}

// shopLife runs the shop under traffic, ends it in order and returns how many
// exchanges it has recorded.
func (w *world) shopLife(ctx, programs context.Context, n *node) (int, error) {
	shop, addr, err := harness.StartShop(ctx, programs, w.bin.shop, "dropin", n.shopEnv())
	if err != nil {
		return 0, err
	}
	traffic, err := harness.Start(programs, w.bin.traffic, harness.StartOptions{
		Args: []string{"-target", "http://" + addr, "-requests", "300", "-rate", "150", "-duration", "1m"},
	})
	if err != nil {
		return 0, err
	}
	if err := traffic.Err(); err != nil {
		return 0, fmt.Errorf("traffic: %w\n%s", err, traffic.Log())
	}
	if err := shop.Stop(70 * time.Second); err != nil {
		return 0, fmt.Errorf("shop: %w", err)
	}
	return harness.ExchangesRecorded(shop)
}

// dirSize is what the files below dir take.
func dirSize(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}
