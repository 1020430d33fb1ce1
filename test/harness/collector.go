// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// CollectorOptions says how to run otelcol-apispan.
type CollectorOptions struct {
	// Config is a file below collectorbuild/config.
	Config string
	// State is a directory for the persistent queue.
	State string
	// Moesif and ReadMe are the base URLs to deliver to.
	Moesif, ReadMe string
	// Inspector is where the page is, such as localhost:8089; empty takes a free port.
	Inspector string
	// Env and Args are added to what the configuration needs.
	Env, Args []string
}

// Collector is a running otelcol-apispan.
type Collector struct {
	*Process

	OTLPHTTP, OTLPGRPC string // host:port
	Metrics            string // URL of the Prometheus endpoint
	Inspector          string // host:port

	binary string
	start  StartOptions
}

// StartCollector runs the collector on free loopback ports and returns when it
// takes OTLP, or when wait is done. The program lives as long as ctx.
func StartCollector(wait, ctx context.Context, binary string, opt CollectorOptions) (*Collector, error) {
	var ports [4]int
	for i := range ports {
		p, err := FreePort()
		if err != nil {
			return nil, err
		}
		ports[i] = p
	}
	c := &Collector{
		OTLPHTTP: fmt.Sprintf("127.0.0.1:%d", ports[0]),
		OTLPGRPC: fmt.Sprintf("127.0.0.1:%d", ports[1]),
		Metrics:  fmt.Sprintf("http://127.0.0.1:%d/metrics", ports[2]),

		Inspector: opt.Inspector,
	}
	if c.Inspector == "" {
		c.Inspector = fmt.Sprintf("127.0.0.1:%d", ports[3])
	}
	env := append([]string{
		"OTLP_HTTP=" + c.OTLPHTTP,
		"OTLP_GRPC=" + c.OTLPGRPC,
		"METRICS_PORT=" + strconv.Itoa(ports[2]),
		"STATE_DIR=" + opt.State,
		"INSPECTOR_LISTEN=" + c.Inspector,
		"MOESIF_ENDPOINT=" + opt.Moesif,
		"README_ENDPOINT=" + opt.ReadMe,
	}, opt.Env...)
	c.binary = binary
	c.start = StartOptions{Args: append([]string{"--config", opt.Config}, opt.Args...), Env: env}
	return c, c.Restart(wait, ctx)
}

// Restart runs the collector again with the same ports, configuration and state.
// The old process must have ended.
func (c *Collector) Restart(wait, ctx context.Context) error {
	p, err := Start(ctx, c.binary, c.start)
	if err != nil {
		return err
	}
	c.Process = p
	return p.Wait(wait, "listening for OTLP", func() error {
		for _, addr := range []string{c.OTLPHTTP, c.OTLPGRPC} {
			conn, err := net.DialTimeout("tcp", addr, time.Second)
			if err != nil {
				return errors.New("not listening")
			}
			conn.Close()
		}
		return nil
	})
}

// pageLine is what the inspector says at its start.
var pageLine = regexp.MustCompile(`The inspector is at (http\S+?)["\s]`)

// Page is the address of the inspector's page, with its token.
func (c *Collector) Page() (string, error) {
	m := pageLine.FindStringSubmatch(c.Log() + "\n")
	if m == nil {
		return "", fmt.Errorf("the collector did not say where its page is:\n%s", c.Log())
	}
	return m[1], nil
}

// HTTPEnv makes an SDK send OTLP over HTTP to the collector.
func (c *Collector) HTTPEnv() []string {
	return []string{"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_EXPORTER_OTLP_ENDPOINT=http://" + c.OTLPHTTP}
}

// GRPCEnv makes an SDK send OTLP over gRPC to the collector.
func (c *Collector) GRPCEnv() []string {
	return []string{"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_ENDPOINT=http://" + c.OTLPGRPC}
}

// ScrapeMetrics returns the collector's own metrics in Prometheus text form.
func (c *Collector) ScrapeMetrics(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Metrics, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	return string(b), err
}

// StartShop runs the example shop on a free loopback port and returns its
// address when it listens.
func StartShop(wait, ctx context.Context, binary, mode string, env []string) (*Process, string, error) {
	addr := make(chan string, 1)
	p, err := Start(ctx, binary, StartOptions{
		Args: []string{"-listen", "127.0.0.1:0", "-mode", mode},
		Env:  env,
		Line: func(line string) {
			var m struct{ Msg, Addr string }
			if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &m) == nil && m.Msg == "listening" {
				select {
				case addr <- m.Addr:
				default:
				}
			}
		},
	})
	if err != nil {
		return nil, "", err
	}
	select {
	case a := <-addr:
		return p, a, nil
	case <-p.Done():
		return nil, "", fmt.Errorf("the shop ended at once: %w\n%s", p.Err(), p.Log())
	case <-wait.Done():
		p.Kill()
		return nil, "", wait.Err()
	}
}

// ExchangesRecorded is how many exchanges the shop says that it has recorded, once
// it has ended.
func ExchangesRecorded(shop *Process) (int, error) {
	for line := range strings.Lines(shop.Log()) {
		var s struct {
			Msg       string
			Exchanges int
		}
		if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &s) == nil && s.Msg == "stopped" {
			return s.Exchanges, nil
		}
	}
	return 0, fmt.Errorf("the shop did not say how many exchanges it recorded:\n%s", shop.Log())
}
