// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/apispan/apispan/test/load"
)

// caseCredential: a refused credential is an outage, not a reason to drop.
func caseCredential(ctx, programs context.Context, w *world) error {
	n, err := w.collector(programs, "collector", "moesif.yaml", w.toMoesif()...)
	if err != nil {
		return err
	}
	if err := w.moesif.set(unpaid); err != nil {
		return err
	}
	report, err := w.load(ctx, n.otlp, load.Options{Count: 2 * w.opt.rate, Rate: w.opt.rate})()
	if err != nil {
		return err
	}
	m, err := n.scrape(ctx)
	if err != nil {
		return err
	}
	outages := sum(m, "otelcol_exporter_api_analytics_requests", `outcome="outage"`)
	w.notef("%d exchanges taken, %.0f requests refused, counted as outage", report.Acked, outages)
	if outages == 0 {
		return fmt.Errorf("%w: no request was counted as outage", errLost)
	}
	w.expectAll("moesif")
	return then(w.moesif.set(healthy), func() error { return w.settle(ctx, n) })
}

// caseQueueFull: what does not fit is refused, and the sender comes back with it.
func caseQueueFull(ctx, programs context.Context, w *world) error {
	const queue = 40 << 20 // the least that the exporter accepts
	n, err := w.collector(programs, "collector", "moesif.yaml", w.toMoesif(
		set{"exporters.api_analytics/moesif.sending_queue.queue_size", queue},
	)...)
	if err != nil {
		return err
	}
	if err := w.moesif.set(unavailable); err != nil {
		return err
	}
	stop := w.load(ctx, n.otlp, load.Options{Count: 24_000, Batch: 200})
	wait, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var refused float64
	err = n.proc.Wait(wait, "a full queue", func() error {
		m, err := n.scrape(wait)
		if err != nil {
			return err
		}
		if refused = sum(m, "otelcol_exporter_api_analytics_events_dropped", `reason="refused"`); refused == 0 {
			return errors.New("nothing is refused")
		}
		return nil
	})
	sleep(ctx, time.Second)
	err = errors.Join(err, w.moesif.set(healthy))
	report, lerr := stop()
	w.notef("%d requests refused and sent again by the sender", report.Refused)
	w.expectAll("moesif")
	return then(errors.Join(err, lerr), func() error { return w.settle(ctx, n) })
}

// diskBytes is the size of the volume in the case disk-full.
const diskBytes = 64 << 20

// caseDiskFull gives the queue a volume of its own that is too small for it, lets
// it fill, kills the Collector on the full disk, and frees space.
func caseDiskFull(ctx, programs context.Context, w *world) error {
	disk := filepath.Join(w.dir, "collector")
	if err := os.MkdirAll(disk, 0o700); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d", diskBytes), "tmpfs", disk).CombinedOutput(); err != nil {
		return skipError{fmt.Sprintf("a small volume cannot be mounted here, which root could: %s", firstLine(out))}
	}
	defer func() { _ = exec.CommandContext(programs, "umount", "-l", disk).Run() }()
	n, err := w.collector(programs, "collector", "moesif.yaml", w.toMoesif()...)
	if err != nil {
		return err
	}
	if err := w.moesif.set(down); err != nil {
		return err
	}
	stop := w.load(ctx, n.otlp, load.Options{})
	wait, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := n.proc.Wait(wait, "a full disk", func() error {
		m, err := n.scrape(wait)
		if err != nil {
			return err
		}
		if sum(m, "otelcol_exporter_api_analytics_events_dropped", `reason="refused"`) == 0 {
			return errors.New("nothing is refused")
		}
		return nil
	}); err != nil {
		return err
	}
	atFull := w.books.Acked()
	sleep(ctx, 2*time.Second)
	n.kill()
	if err := n.start(programs); err != nil {
		return err
	}
	if err := n.ready(ctx); err != nil {
		return fmt.Errorf("on the full disk: %w", err)
	}
	sleep(ctx, 2*time.Second)
	// The backend is back while the disk is full: delivery frees it.
	if err := w.moesif.set(healthy); err != nil {
		return err
	}
	begin := time.Now()
	wait, cancel = context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := n.proc.Wait(wait, "new exchanges being taken", func() error {
		if w.books.Acked() < atFull+w.opt.rate {
			return errors.New("the disk is still full")
		}
		return nil
	}); err != nil {
		return err
	}
	recovered := time.Since(begin)
	report, err := stop()
	w.notef("a second's worth of exchanges was taken again %s after the backend came back", recovered.Round(100*time.Millisecond))
	w.notef("%d exchanges were taken when the disk of %d MiB was full, %d in the end; %d answers or connections refused", atFull, diskBytes>>20, report.Acked, report.Refused)
	w.expectAll("moesif")
	return then(err, func() error { return w.settle(ctx, n) })
}

func firstLine(b []byte) string {
	for i, c := range b {
		if c == '\n' {
			return string(b[:i])
		}
	}
	return string(b)
}

// caseOversize: an event that is too large loses its bodies, or itself, and never
// its neighbours.
func caseOversize(ctx, programs context.Context, w *world) error {
	// No fault here ends with the time limit, and a busy machine needs more than that
	// for requests of 4 MiB.
	patient := set{"exporters.api_analytics/moesif.timeout", "1m"}
	n, err := w.collector(programs, "collector", "moesif.yaml", w.toMoesif(patient)...)
	if err != nil {
		return err
	}
	report, err := w.load(ctx, n.otlp, load.Options{
		Count: 40, Batch: 4, Shape: load.Shape{RequestBody: 3 << 20, ResponseBody: 1000},
	})()
	if err != nil {
		return err
	}
	if err := n.drained(ctx, w.opt.drain); err != nil {
		return err
	}
	m, err := n.scrape(ctx)
	if err != nil {
		return err
	}
	cut := sum(m, "otelcol_exporter_api_analytics_events_truncated")
	w.notef("%d exchanges with bodies of 3 MiB taken, %.0f cut", report.Acked, cut)
	if cut != float64(report.Acked) {
		return fmt.Errorf("%w: %.0f of %d events are counted as cut", errLost, cut, report.Acked)
	}
	w.expectAll("moesif")
	return w.settle(ctx, n)
}

// caseClock: the times of spans are not ours to judge.
func caseClock(ctx, programs context.Context, w *world) error {
	n, err := w.collector(programs, "collector", "moesif.yaml", w.toMoesif()...)
	if err != nil {
		return err
	}
	for i, shift := range []time.Duration{-time.Hour, 24 * time.Hour} {
		_, err := w.load(ctx, n.otlp, load.Options{
			First: uint64(i) * 1000, Count: 1000, Shape: load.Shape{RequestBody: 300, ResponseBody: 300, Shift: shift},
		})()
		if err != nil {
			return err
		}
	}
	w.expectAll("moesif")
	return w.settle(ctx, n)
}

// caseSoak measures at a third and at the end.
func caseSoak(ctx, programs context.Context, w *world) error {
	n, err := w.collector(programs, "collector", "moesif.yaml", w.toMoesif()...)
	if err != nil {
		return err
	}
	stop := w.load(ctx, n.otlp, load.Options{})
	sleep(ctx, w.opt.soak/3)
	early, err := n.vitals()
	if err != nil {
		return err
	}
	sleep(ctx, w.opt.soak-w.opt.soak/3)
	late, err := n.vitals()
	report, lerr := stop()
	w.notef("%d exchanges in %s; after a third: %s; at the end: %s", report.Acked, w.opt.soak, early, late)
	w.expectAll("moesif")
	w.expect(func() error {
		if late.files > early.files+20 || late.threads > early.threads+10 || late.rss > early.rss*3/2+64 {
			return fmt.Errorf("%w: the Collector grows", errLost)
		}
		return nil
	})
	return then(errors.Join(err, lerr), func() error { return w.settle(ctx, n) })
}
