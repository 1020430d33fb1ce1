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

	"github.com/apispan/apispan/test/harness"
	"github.com/apispan/apispan/test/load"
)

// caseGateway: the agent has its queue on disk and redacts; the gateway has its own
// and the vendor's key.
func caseGateway(ctx, programs context.Context, w *world) error {
	agent, gateways, err := w.agentAndGateways(ctx, programs, 1)
	if err != nil {
		return err
	}
	stop := w.load(ctx, agent.otlp, load.Options{})
	const kills = 16
	err = w.whileFlapping(ctx, w.moesif, func() error {
		for i := range kills {
			n := []*node{agent, gateways[0]}[i%2]
			sleep(ctx, between(w.rng, 100*time.Millisecond, 2*time.Second))
			n.kill()
			if err := n.start(programs); err != nil {
				return err
			}
		}
		return errors.Join(agent.ready(ctx), gateways[0].ready(ctx))
	})
	_, lerr := stop()
	w.notef("gateway and agent killed %d times each", kills/2)
	w.expectAll("moesif")
	return then(errors.Join(err, lerr), func() error { return w.settle(ctx, agent, gateways[0]) })
}

// caseGateways: exchanges are independent of each other, so any balancer will do.
func caseGateways(ctx, programs context.Context, w *world) error {
	agent, gateways, err := w.agentAndGateways(ctx, programs, 2)
	if err != nil {
		return err
	}
	stop := w.load(ctx, agent.otlp, load.Options{})
	err = w.whileFlapping(ctx, w.moesif, func() error {
		for range 2 {
			for _, n := range gateways {
				n.kill()
				// The other one takes over.
				sleep(ctx, between(w.rng, time.Second, 2*time.Second))
				if err := errors.Join(n.start(programs), n.ready(ctx)); err != nil {
					return err
				}
				sleep(ctx, between(w.rng, 500*time.Millisecond, time.Second))
			}
		}
		return nil
	})
	_, lerr := stop()
	w.expectAll("moesif")
	return then(errors.Join(err, lerr), func() error { return w.settle(ctx, append([]*node{agent}, gateways...)...) })
}

// agentAndGateways starts an agent and gateways with mutual TLS between them.
func (w *world) agentAndGateways(ctx, programs context.Context, count int) (agent *node, gateways []*node, err error) {
	tls, err := writeCertificates(filepath.Join(w.dir, "tls"))
	if err != nil {
		return nil, nil, err
	}
	var targets []string
	for i := range count {
		g, err := w.newNode(fmt.Sprintf("gateway%d", i+1), "gateway.yaml", w.toMoesif(
			set{"exporters.api_analytics/readme.endpoint", w.readme.url()},
		)...)
		if err != nil {
			return nil, nil, err
		}
		g.opt.Env = append(g.opt.Env, "TLS_DIR="+tls)
		gateways = append(gateways, g)
		targets = append(targets, strings.TrimPrefix(g.otlp, "http://"))
	}
	front, err := balance(programs, targets)
	if err != nil {
		return nil, nil, err
	}
	agent, err = w.newNode("agent", "agent.yaml",
		set{"exporters.otlp_http/gateway.timeout", "2s"},
		set{"exporters.otlp_http/gateway.retry_on_failure.initial_interval", "200ms"},
		set{"exporters.otlp_http/gateway.retry_on_failure.max_interval", "2s"},
	)
	if err != nil {
		return nil, nil, err
	}
	agent.opt.Env = append(agent.opt.Env, "GATEWAY=https://"+front,
		"TLS_CA="+filepath.Join(tls, "ca.crt"), "TLS_CERT="+filepath.Join(tls, "tls.crt"), "TLS_KEY="+filepath.Join(tls, "tls.key"))
	w.nodes = append(append(w.nodes, gateways...), agent)
	for _, n := range w.nodes {
		if err := errors.Join(n.start(programs), n.ready(ctx)); err != nil {
			return nil, nil, err
		}
	}
	return agent, gateways, nil
}

// caseKafka: neither Collector has a disk; each acknowledges what the next has.
func caseKafka(ctx, programs context.Context, w *world) error {
	if w.bin.broker == "" {
		return skipError{"the broker (test/kafkabroker) needs a newer Go"}
	}
	brokerPort, err := harness.FreePort()
	if err != nil {
		return err
	}
	addr := fmt.Sprintf("127.0.0.1:%d", brokerPort)
	var broker *harness.Process
	startBroker := func() error {
		var err error
		broker, err = harness.Start(programs, w.bin.broker, harness.StartOptions{
			Args: []string{"-listen", addr, "-data", filepath.Join(w.dir, "kafka"), "-topic", "apispan.exchanges", "-partitions", "6", "-junk", "400ms"},
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
	w.nodes = append(w.nodes, agent)
	for i := range 2 {
		g, err := w.newNode(fmt.Sprintf("gateway%d", i+1), "kafka-gateway.yaml", w.toMoesif()...)
		if err != nil {
			return err
		}
		w.nodes = append(w.nodes, g)
	}
	gateway := w.nodes[1]
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
	w.notef("agent, two gateways and broker killed twice each; %d answers or connections refused", report.Refused)
	w.expectAll("moesif")
	if err := errors.Join(err, lerr); err != nil {
		return err
	}
	// Nothing is queued in the Collectors; Kafka has what is missing.
	wait, cancel := context.WithTimeout(ctx, w.opt.drain)
	defer cancel()
	if err := gateway.proc.Wait(wait, "having read everything from Kafka", func() error {
		if s := w.books.Sums("moesif"); s.Lost > 0 {
			return fmt.Errorf("%d are missing", s.Lost)
		}
		return nil
	}); err != nil {
		return notInTime(err)
	}
	w.settled = true
	skipped := 0.0
	for _, g := range w.nodes[1:] {
		m, err := g.scrape(ctx)
		if err != nil {
			return err
		}
		skipped += sum(m, "otelcol_kafka_receiver_unmarshal_failed_spans")
	}
	if w.notef("%.0f records that are no OTLP skipped since the last kills", skipped); skipped == 0 {
		return fmt.Errorf("%w: no record was unreadable, so the case says nothing about them", errLost)
	}
	return nil
}
