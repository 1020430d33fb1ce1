// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/apispan/apispan/test/harness"
)

// set changes one key of a configuration, as in "exporters.api_analytics/moesif.timeout".
type set struct {
	key   string
	value any
}

// node is one Collector with a configuration of collectorbuild/config.
type node struct {
	name    string
	otlp    string // base URL of OTLP/HTTP
	metrics string // base URL
	health  string // URL
	proc    *harness.Process
	peak    atomic.Int64 // resident memory in MiB, over all lives

	binary string
	opt    harness.StartOptions
}

// newNode makes a Collector that is not started. The configuration is used as it is
// but for addresses and what changes says.
func (w *world) newNode(name, config string, changes ...set) (*node, error) {
	ports := make([]int, 4)
	for i := range ports {
		p, err := harness.FreePort()
		if err != nil {
			return nil, err
		}
		ports[i] = p
	}
	local := func(i int) string { return "127.0.0.1:" + strconv.Itoa(ports[i]) }
	n := &node{name: name, binary: w.bin.collector, otlp: "http://" + local(0), metrics: "http://" + local(2), health: "http://" + local(3) + "/status"}
	state := filepath.Join(w.dir, name)
	changes = append([]set{
		{"receivers.otlp.protocols.http.endpoint", local(0)},
		{"service.telemetry.metrics.readers", []any{map[string]any{"pull": map[string]any{
			"exporter": map[string]any{"prometheus": map[string]any{"host": "127.0.0.1", "port": ports[2]}},
		}}}},
	}, changes...)
	text, err := os.ReadFile(filepath.Join(w.root, "collectorbuild", "config", config))
	if err != nil {
		return nil, err
	}
	if strings.Contains(string(text), "\n      grpc:") {
		changes = append(changes, set{"receivers.otlp.protocols.grpc.endpoint", local(1)})
	}
	overlay, err := overlay(changes)
	if err != nil {
		return nil, err
	}
	over := filepath.Join(w.dir, name+".yaml")
	if err := os.WriteFile(over, overlay, 0o600); err != nil {
		return nil, err
	}
	n.opt = harness.StartOptions{
		Args: []string{"--config", filepath.Join(w.root, "collectorbuild", "config", config), "--config", over},
		Env: []string{
			"STATE_DIR=" + state, "HEALTH_LISTEN=" + local(3),
			"MOESIF_APPLICATION_ID=chaos", "README_API_KEY=chaos",
		},
	}
	return n, nil
}

// overlay is the changes as a document of their own.
func overlay(changes []set) ([]byte, error) {
	root := map[string]any{}
	for _, c := range changes {
		keys := strings.Split(c.key, ".")
		m := root
		for _, k := range keys[:len(keys)-1] {
			next, ok := m[k].(map[string]any)
			if !ok {
				next = map[string]any{}
				m[k] = next
			}
			m = next
		}
		m[keys[len(keys)-1]] = c.value
	}
	return yaml.Marshal(root)
}

// start runs the Collector. It does not wait until it listens.
func (n *node) start(ctx context.Context) error {
	p, err := harness.Start(ctx, n.binary, n.opt)
	if err != nil {
		return err
	}
	n.proc = p
	go n.watch(p)
	return nil
}

// ready waits until the Collector takes OTLP.
func (n *node) ready(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return n.proc.Wait(wait, n.name+" being ready", harness.HTTPReady(n.health))
}

func (n *node) kill() {
	n.proc.Kill()
}

func (n *node) stop(grace time.Duration) error {
	err := n.proc.Stop(grace)
	if n.proc.Signaled(syscall.SIGTERM) {
		return nil // so early that nobody listened for the signal yet
	}
	return err
}

// watch keeps the most memory that the Collector had, until it ends.
func (n *node) watch(p *harness.Process) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if mib, ok := p.Memory(); ok {
			n.peak.Store(max(n.peak.Load(), int64(mib)))
		}
		select {
		case <-p.Done():
			return
		case <-tick.C:
		}
	}
}

// scrape returns the Collector's own metrics by series, such as
// `otelcol_exporter_queue_size{exporter="api_analytics/moesif"}`.
func (n *node) scrape(ctx context.Context) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.metrics+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return nil, err
	}
	m := map[string]float64{}
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		series, value, ok := strings.Cut(strings.TrimSpace(line), "} ")
		if v, err := strconv.ParseFloat(value, 64); ok && err == nil {
			m[series+"}"] = v
		}
	}
	return m, nil
}

// sum adds up the series of a metric whose labels contain all of the given texts.
func sum(m map[string]float64, metric string, labels ...string) (total float64) {
next:
	for series, v := range m {
		if !strings.HasPrefix(series, metric+"{") {
			continue
		}
		for _, l := range labels {
			if !strings.Contains(series, l) {
				continue next
			}
		}
		total += v
	}
	return total
}

// drained waits until the queues of the Collector are empty.
func (n *node) drained(ctx context.Context, limit time.Duration) error {
	wait, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return n.proc.Wait(wait, n.name+" with empty queues", func() error {
		m, err := n.scrape(wait)
		if err != nil {
			return err
		}
		if q := sum(m, "otelcol_exporter_queue_size"); q > 0 {
			return fmt.Errorf("%.0f bytes are queued", q)
		}
		return nil
	})
}
