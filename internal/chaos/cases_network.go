// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/apispan/apispan/internal/harness"
	"github.com/apispan/apispan/internal/load"
)

// caseGateway: the agent has its queue on disk and redacts; the gateway has its own
// and the vendor's key.
func caseGateway(ctx, programs context.Context, w *world) error {
	tls, err := writeCertificates(filepath.Join(w.dir, "tls"))
	if err != nil {
		return err
	}
	gateway, err := w.newNode("gateway", "gateway.yaml", w.toMoesif(
		set{"exporters.api_analytics/readme.endpoint", w.readme.url()},
	)...)
	if err != nil {
		return err
	}
	gateway.opt.Env = append(gateway.opt.Env, "TLS_DIR="+tls)
	agent, err := w.newNode("agent", "agent.yaml",
		set{"exporters.otlp_http/gateway.tls.ca_file", filepath.Join(tls, "ca.crt")},
		set{"exporters.otlp_http/gateway.tls.cert_file", filepath.Join(tls, "tls.crt")},
		set{"exporters.otlp_http/gateway.tls.key_file", filepath.Join(tls, "tls.key")},
		set{"exporters.otlp_http/gateway.timeout", "2s"},
		set{"exporters.otlp_http/gateway.retry_on_failure.initial_interval", "200ms"},
		set{"exporters.otlp_http/gateway.retry_on_failure.max_interval", "2s"},
	)
	if err != nil {
		return err
	}
	agent.opt.Env = append(agent.opt.Env, "GATEWAY="+strings.Replace(gateway.otlp, "http://", "https://", 1))
	w.nodes = append(w.nodes, gateway, agent)
	for _, n := range w.nodes {
		if err := errors.Join(n.start(programs), n.ready(ctx)); err != nil {
			return err
		}
	}
	stop := w.load(ctx, agent.otlp, load.Options{})
	const kills = 8
	err = w.whileFlapping(ctx, w.moesif, func() error {
		for i := range kills {
			n := w.nodes[i%2]
			// Not while it starts: the agent's exporter is the Collector's own, whose
			// queue can lose what was in flight then.
			sleep(ctx, between(w.rng, time.Second, 2500*time.Millisecond))
			n.kill()
			if err := errors.Join(n.start(programs), n.ready(ctx)); err != nil {
				return err
			}
		}
		return nil
	})
	_, lerr := stop()
	w.notef("gateway and agent killed %d times each", kills/2)
	w.expectAll("moesif")
	return then(errors.Join(err, lerr), func() error { return w.settle(ctx, agent, gateway) })
}

// caseKafka: neither Collector has a disk; each acknowledges what the next has.
func caseKafka(ctx, programs context.Context, w *world) error {
	brokerPort, err := harness.FreePort()
	if err != nil {
		return err
	}
	addr := fmt.Sprintf("127.0.0.1:%d", brokerPort)
	var broker *harness.Process
	startBroker := func() error {
		var err error
		broker, err = harness.Start(programs, w.bin.broker, harness.StartOptions{
			Args: []string{"-listen", addr, "-data", filepath.Join(w.dir, "kafka"), "-topic", "apispan.exchanges", "-partitions", "6"},
		})
		if err != nil {
			return err
		}
		wait, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		return broker.Wait(wait, "listening", func() error {
			if !strings.Contains(broker.Log(), "listening") {
				return errors.New("not yet")
			}
			return nil
		})
	}
	if err := startBroker(); err != nil {
		return err
	}
	defer func() { broker.Kill() }()
	agent, err := w.newNode("agent", "kafka-agent.yaml")
	if err != nil {
		return err
	}
	gateway, err := w.newNode("gateway", "kafka-gateway.yaml", w.toMoesif()...)
	if err != nil {
		return err
	}
	w.nodes = append(w.nodes, agent, gateway)
	for _, n := range w.nodes {
		n.opt.Env = append(n.opt.Env, "KAFKA_BROKERS="+addr)
		if err := errors.Join(n.start(programs), n.ready(ctx)); err != nil {
			return err
		}
	}
	stop := w.load(ctx, agent.otlp, load.Options{Rate: min(w.opt.rate, 1000)})
	err = w.whileFlapping(ctx, w.moesif, func() error {
		for range 2 {
			for _, n := range w.nodes {
				sleep(ctx, between(w.rng, time.Second, 2*time.Second))
				n.kill()
				if err := errors.Join(n.start(programs), n.ready(ctx)); err != nil {
					return err
				}
			}
			sleep(ctx, between(w.rng, time.Second, 2*time.Second))
			broker.Kill()
			sleep(ctx, between(w.rng, time.Second, 3*time.Second))
			if err := startBroker(); err != nil {
				return err
			}
		}
		sleep(ctx, 2*time.Second)
		return nil
	})
	report, lerr := stop()
	w.notef("agent, gateway and broker killed twice each; %d answers or connections refused", report.Refused)
	w.expectAll("moesif")
	if err := errors.Join(err, lerr); err != nil {
		return err
	}
	// Nothing is queued in the Collectors; Kafka has what is missing.
	wait, cancel := context.WithTimeout(ctx, w.opt.drain)
	defer cancel()
	err = gateway.proc.Wait(wait, "having read everything from Kafka", func() error {
		if s := w.books.Sums("moesif"); s.Lost > 0 {
			return fmt.Errorf("%d are missing", s.Lost)
		}
		return nil
	})
	if err != nil && w.opt.verbose {
		return err
	}
	return nil // the books tell
}
