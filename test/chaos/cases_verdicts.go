// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apispan/apispan/test/load"
)

// caseRefuseAll: a backend that takes nothing says nothing about an event.
func caseRefuseAll(ctx, programs context.Context, w *world) error {
	n, err := w.collector(programs, "collector", "moesif.yaml", w.toMoesif()...)
	if err != nil {
		return err
	}
	statuses := []int{400, 403, 404, 405, 406, 410, 413, 418, 422, 423, 428, 431, 451, 499}
	var asked atomic.Int64
	refuse := func(rw http.ResponseWriter, _ []byte) bool {
		rw.WriteHeader(statuses[int(asked.Add(1)-1)%len(statuses)])
		return true
	}
	stop := w.load(ctx, n.otlp, load.Options{Rate: min(w.opt.rate, 500)})
	sleep(ctx, time.Second)
	w.moesif.own.Store(&refuse)
	for range 2 {
		sleep(ctx, between(w.rng, 2*time.Second, 4*time.Second))
		n.kill()
		if err := errors.Join(n.start(programs), n.ready(ctx)); err != nil {
			return err
		}
	}
	sleep(ctx, 2*time.Second)
	m, merr := n.scrape(ctx)
	w.moesif.own.Store(nil)
	report, lerr := stop()
	rejected := sum(m, "otelcol_exporter_api_analytics_events_dropped", `reason="rejected`)
	w.notef("%d requests refused; %d exchanges taken meanwhile and before", asked.Load(), report.Acked)
	if rejected > 0 || asked.Load() == 0 {
		merr = errors.Join(merr, fmt.Errorf("%w: %.0f events dropped as rejected, %d requests refused", errLost, rejected, asked.Load()))
	}
	w.expectAll("moesif")
	return then(errors.Join(merr, lerr), func() error { return w.settle(ctx, n) })
}

// caseSlowBackend: what is answered too late is repeated, and may not be so for ever.
func caseSlowBackend(ctx, programs context.Context, w *world) error {
	n, err := w.collector(programs, "collector", "moesif.yaml", w.toMoesif()...)
	if err != nil {
		return err
	}
	const each = 60 * time.Millisecond // 50 events a request: three seconds, and the timeout is two
	slowly := func(_ http.ResponseWriter, content []byte) bool {
		sleep(programs, each*time.Duration(bytes.Count(content, []byte(`"transaction_id"`))))
		return false
	}
	w.moesif.own.Store(&slowly)
	report, err := w.load(ctx, n.otlp, load.Options{Count: 1500})()
	if err != nil {
		return err
	}
	begin := time.Now()
	w.expectAll("moesif")
	w.expect(func() error {
		sums := w.books.Sums("moesif")
		w.notef("%d exchanges in %s, %d repeats", report.Acked, time.Since(begin).Round(time.Second), sums.Repeats)
		if sums.Repeats > 2*sums.Acked {
			return fmt.Errorf("%w: %d repeats of %d exchanges", errLost, sums.Repeats, sums.Acked)
		}
		return nil
	})
	return w.settle(ctx, n)
}

// caseDryRun: what waits on disk is none of a dry run's.
func caseDryRun(ctx, programs context.Context, w *world) error {
	n, err := w.collector(programs, "collector", "moesif.yaml", w.toMoesif()...)
	if err != nil {
		return err
	}
	if err := w.moesif.set(down); err != nil {
		return err
	}
	if _, err := w.load(ctx, n.otlp, load.Options{Count: 2000})(); err != nil {
		return err
	}
	if err := errors.Join(n.stop(time.Minute), w.moesif.set(healthy)); err != nil {
		return err
	}
	before := w.books.Sums("moesif").Arrived
	dry, err := w.newNode("dry", "moesif.yaml", w.toMoesif(set{"exporters.api_analytics/moesif.dry_run", true})...)
	if err != nil {
		return err
	}
	dry.opt.Env = append(dry.opt.Env, "STATE_DIR="+filepath.Join(w.dir, n.name)) // the same queue
	w.nodes = append(w.nodes, dry)
	if err := errors.Join(dry.start(programs), dry.ready(ctx)); err != nil {
		return err
	}
	sleep(ctx, 3*time.Second)
	if now := w.books.Sums("moesif").Arrived; now != before {
		return fmt.Errorf("%w: a dry run sent %d exchanges", errLost, now-before)
	}
	if err := errors.Join(dry.stop(time.Minute), n.start(programs), n.ready(ctx)); err != nil {
		return err
	}
	w.expectAll("moesif")
	return w.settle(ctx, n)
}

// casePoison: neither event holds up another one; the refused one is dropped alone, and
// the other is kept until the backend does not fail any more.
func casePoison(ctx, programs context.Context, w *world) error {
	n, err := w.collector(programs, "collector", "moesif.yaml", w.toMoesif(
		set{"exporters.api_analytics/moesif.sending_queue.num_consumers", 1},
	)...)
	if err != nil {
		return err
	}
	const count, refused, failing = 3000, 57, 1234
	poison := func(rw http.ResponseWriter, content []byte) bool {
		switch {
		case bytes.Contains(content, fmt.Appendf(nil, `-8000-%012x"`, failing)):
			rw.WriteHeader(http.StatusInternalServerError)
		case bytes.Contains(content, fmt.Appendf(nil, `-8000-%012x"`, refused)):
			rw.WriteHeader(http.StatusBadRequest)
		default:
			return false
		}
		return true
	}
	w.moesif.own.Store(&poison)
	if _, err := w.load(ctx, n.otlp, load.Options{Count: count})(); err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, w.opt.drain)
	defer cancel()
	err = n.proc.Wait(wait, "all others delivered", func() error {
		if s := w.books.Sums("moesif"); s.Lost > 2 {
			return fmt.Errorf("%d are missing", s.Lost)
		}
		return nil
	})
	if err != nil {
		return err
	}
	m, err := n.scrape(ctx)
	if err != nil {
		return err
	}
	queued, others := sum(m, "otelcol_exporter_queue_size"), sum(m, "otelcol_exporter_api_analytics_events_dropped")-sum(m, "otelcol_exporter_api_analytics_events_dropped", `reason="rejected"`)
	if queued == 0 || others > 0 {
		return fmt.Errorf("%w: %.0f bytes are queued, %.0f events are dropped for other reasons", errLost, queued, others)
	}
	w.moesif.own.Store(nil)
	w.expect(func() error {
		s := w.books.Sums("moesif")
		w.notef("moesif: %s", s)
		if s.Lost > 1 && w.settled { // the refused one, unless it was tried again after the backend healed
			return fmt.Errorf("%w: %d exchanges are missing: %s", errLost, s.Lost, s.Ranges)
		}
		return nil
	})
	return w.settle(ctx, n)
}

// caseGrowth has the limits in bytes of the shipped configurations, each a sixteenth; what
// decoding takes does not shrink with them.
func caseGrowth(ctx, programs context.Context, w *world) error {
	const limit = 64 << 20 / 16
	gateway, err := w.collector(programs, "gateway", "gateway.yaml", w.toMoesif(
		set{"exporters.api_analytics/readme.endpoint", w.readme.url()},
		set{"receivers.otlp.protocols.http.tls", nil},
		set{"receivers.otlp.protocols.http.max_request_body_size", 2 * limit},
		set{"extensions.otlp_guard.max_decoded_mib", 512 / 4},
	)...)
	if err != nil {
		return err
	}
	front, err := newProxy(gateway.otlp)
	if err != nil {
		return err
	}
	defer front.close()
	agent, err := w.newNode("agent", "agent.yaml",
		set{"receivers.otlp.protocols.http.max_request_body_size", limit},
		set{"extensions.otlp_guard.max_decoded_mib", 256 / 4},
		set{"exporters.otlp_http/gateway.sending_queue.batch.max_size", 8192 / 16},
		set{"exporters.otlp_http/gateway.retry_on_failure.initial_interval", "200ms"},
		set{"exporters.otlp_http/gateway.retry_on_failure.max_interval", "2s"},
	)
	if err != nil {
		return err
	}
	agent.opt.Env = append(agent.opt.Env, "GATEWAY="+front.url())
	w.nodes = append(w.nodes, agent)
	if err := errors.Join(agent.start(programs), agent.ready(ctx)); err != nil {
		return err
	}
	shape := load.Shape{RequestBody: 50, EventID: true}
	report, err := w.load(ctx, agent.otlp, load.Options{Count: 100, Batch: 100, Shape: shape})()
	if err != nil {
		return err
	}
	size := int(report.Bytes) / 100
	full := limit/size - 2 // within the agent's limit, and above it with the stamp
	stop := w.load(ctx, agent.otlp, load.Options{First: 1000, Count: 6 * full, Batch: full, Senders: 2, Shape: shape})
	statuses := []int{401, 403, 404, 405, 500, 501, 301}
	for _, status := range statuses {
		refuse := func(rw http.ResponseWriter, _ []byte) bool { rw.WriteHeader(status); return true }
		front.own.Store(&refuse)
		sleep(ctx, time.Second)
		front.own.Store(nil)
		sleep(ctx, 500*time.Millisecond)
	}
	_, err = stop()
	m, merr := agent.scrape(ctx)
	kept := sum(m, "otelcol_otlp_guard_kept_requests")
	w.notef("requests of %d exchanges, %d bytes each; %.0f refusals of the next hop", full, size, kept)
	if kept == 0 {
		merr = errors.Join(merr, fmt.Errorf("%w: nothing was refused, so the case says nothing", errLost))
	}
	w.expectAll("moesif")
	return then(errors.Join(err, merr), func() error { return w.settle(ctx, agent, gateway) })
}

// caseMemory: what a request costs follows from its size, or it is refused.
func caseMemory(ctx, programs context.Context, w *world) error {
	n, err := w.collector(programs, "collector", "moesif.yaml", w.toMoesif()...)
	if err != nil {
		return err
	}
	stop := w.load(ctx, n.otlp, load.Options{Rate: min(w.opt.rate, 300)})
	bombs := [][]byte{zipped(emptySpans(2 << 20)), zipped(nested(1 << 20))}
	var group sync.WaitGroup
	var taken atomic.Int64
	for range 4 {
		group.Go(func() {
			for i := range 10 {
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.otlp+"/v1/traces", bytes.NewReader(bombs[i%len(bombs)]))
				if err != nil {
					return
				}
				req.Header.Set("Content-Type", "application/x-protobuf")
				req.Header.Set("Content-Encoding", "gzip")
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					continue
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					taken.Add(1)
				}
			}
		})
	}
	group.Wait()
	sleep(ctx, time.Second)
	_, lerr := stop()
	w.notef("requests of %d and %d bytes, four at a time", len(bombs[0]), len(bombs[1]))
	w.expectAll("moesif")
	w.expect(func() error {
		if peak := n.peak.Load(); peak > 600 || taken.Load() > 0 {
			return fmt.Errorf("%w: %d MiB resident, more than 600, or %d bombs taken", errLost, peak, taken.Load())
		}
		return nil
	})
	return then(lerr, func() error { return w.settle(ctx, n) })
}

// emptySpans is an OTLP request of n spans without anything.
func emptySpans(n int) []byte {
	return message(1, message(2, bytes.Repeat([]byte{2<<3 | 2, 0}, n)))
}

// nested is an OTLP request with one span that has a value in lists, so many deep.
func nested(depth int) []byte {
	// From the inside out, and so from the end.
	b := make([]byte, 0, depth*12)
	for range depth {
		for _, field := range []byte{1, 5} { // ArrayValue.values, AnyValue.array_value
			length := binary.AppendUvarint(nil, uint64(len(b)))
			slices.Reverse(length)
			b = append(append(b, length...), field<<3|2)
		}
	}
	slices.Reverse(b)
	attribute := append(message(1, []byte("k")), message(2, b)...)
	return message(1, message(2, message(2, message(9, attribute))))
}

// message is a protobuf field with content.
func message(field byte, content []byte) []byte {
	b := binary.AppendUvarint([]byte{field<<3 | 2}, uint64(len(content)))
	return append(b, content...)
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}
