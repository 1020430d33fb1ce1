// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Command collectorbench compares whole Collectors: the CPU that each costs for a
// million exchanges with bodies, from OTLP/HTTP to the last byte sent, in one run.
//
//	go run -C test ./collectorbench            # a few minutes
//	go run -C test ./collectorbench -rounds 5 -exchanges 100000 -body 16000
//	go run -C test ./collectorbench -only "api_analytics gzip, disk queue, fsync" -body 1000,0,8000,32000
//	go run -C test ./collectorbench -only "gzip, memory queue" -rate 5000 # what an open inspector costs
//
// Each round runs each pipeline once, in an order of its own, in a process of its
// own; the table shows medians. The sender and the sink run here, beside the
// Collector, so exchanges/s is what is left of the machine; CPU is the Collector's
// alone. The sink accepts everything and looks at nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/apispan/apispan/test/harness"
	"github.com/apispan/apispan/test/load"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "collectorbench:", err)
		os.Exit(1)
	}
}

type settings struct {
	rounds, exchanges, batch, body, rate int
	profile                              string
}

// result is one run of one pipeline.
type result struct {
	cpu     float64 // seconds for a million exchanges
	rate    float64 // exchanges a second
	memory  float64 // MiB resident at the end
	written float64 // bytes written to disk for each byte of OTLP
	sent    float64 // bytes sent for each byte of OTLP
	looked  float64 // percent of the CPU that were the inspector's, by profile
}

func run(ctx context.Context) error {
	var s settings
	flag.IntVar(&s.rounds, "rounds", 3, "rounds")
	flag.IntVar(&s.exchanges, "exchanges", 60_000, "exchanges in each run")
	flag.IntVar(&s.batch, "batch", 256, "exchanges in an OTLP request")
	bodies := flag.String("body", "1000", "bytes of each of the two bodies, or several such numbers; of larger ones than the first there are fewer exchanges")
	flag.IntVar(&s.rate, "rate", 0, "exchanges a second; 0 is as many as are taken")
	flag.StringVar(&s.profile, "profile", "", "write the profile of the pipeline with the inspector to this file (with -rate)")
	only := flag.String("only", "", "only pipelines whose names contain this text; ratios are of the first")
	flag.Parse()
	root, err := harness.FindRoot()
	if err != nil {
		return err
	}
	b := &harness.Builder{Root: root, Progress: func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }}
	binary, err := b.Collector(ctx, harness.BenchManifest)
	if err != nil {
		return err
	}
	runs, err := plan(s, *only, *bodies)
	if err != nil {
		return err
	}
	results := make([][]result, len(runs))
	for round := range s.rounds {
		for _, i := range rand.Perm(len(runs)) {
			r, err := measure(ctx, binary, runs[i].pipeline, runs[i].settings)
			if err != nil {
				return fmt.Errorf("%s: %w", runs[i].name, err)
			}
			fmt.Fprintf(os.Stderr, "round %d: %-55s %6d bytes %6.1f CPU-s per million\n", round+1, runs[i].name, runs[i].body, r.cpu)
			results[i] = append(results[i], r)
		}
	}
	table(runs, results, s)
	return nil
}

// planned is a pipeline with bodies of one size.
type planned struct {
	pipeline
	settings
}

// plan lists what is measured: each pipeline with each size.
func plan(s settings, only, bodies string) (runs []planned, err error) {
	for _, p := range pipelines {
		if !strings.Contains(p.name, only) {
			continue
		}
		first := 0
		for i, text := range strings.Split(bodies, ",") {
			of := s
			if of.body, err = strconv.Atoi(text); err != nil || of.body < 0 {
				return nil, fmt.Errorf("-body is %q: write bytes, or several numbers of them with commas", bodies)
			}
			if i == 0 {
				first = max(of.body, 1)
			}
			of.exchanges = max(s.exchanges/max(1, of.body/first), min(s.exchanges, 4*s.batch))
			runs = append(runs, planned{p, of})
		}
	}
	return runs, nil
}

func table(runs []planned, results [][]result, s settings) {
	fmt.Printf("%d exchanges a run, %d in a request; medians of %d rounds\n\n", s.exchanges, s.batch, s.rounds)
	fmt.Println("| pipeline | two bodies of bytes | CPU-s per million | ratio | exchanges/s | MiB at the end | disk bytes per byte in | network bytes per byte in |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|--:|")
	median := func(rs []result, f func(result) float64) float64 {
		all := make([]float64, len(rs))
		for i, r := range rs {
			all[i] = f(r)
		}
		slices.Sort(all)
		if len(all) == 0 {
			return 0
		}
		return all[len(all)/2]
	}
	cpu := func(r result) float64 { return r.cpu }
	base := 0.0
	for i, rs := range results {
		if len(rs) == 0 {
			continue
		}
		if base == 0 {
			base = median(rs, cpu)
		}
		fmt.Printf("| %s | %d | %.1f | %.2f | %.0f | %.0f | %.2f | %.2f |\n", runs[i].name, runs[i].body, median(rs, cpu), median(rs, cpu)/base,
			median(rs, func(r result) float64 { return r.rate }), median(rs, func(r result) float64 { return r.memory }),
			median(rs, func(r result) float64 { return r.written }), median(rs, func(r result) float64 { return r.sent }))
	}
	for i, rs := range results {
		if part := median(rs, func(r result) float64 { return r.looked }); part > 0 {
			fmt.Printf("\nBy profile, %.2f %% of the CPU of %q are the inspector's.\n", part, runs[i].name)
		}
	}
}

// sink accepts everything.
type sink struct {
	requests, bytes atomic.Int64
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, _ := io.Copy(io.Discard, r.Body)
	s.bytes.Add(n)
	s.requests.Add(1)
	// What an OTLP receiver answers is also what Moesif's clients accept.
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.WriteHeader(http.StatusOK)
}

// measure runs one pipeline until everything is sent.
func measure(ctx context.Context, binary string, p pipeline, s settings) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "apispan-bench-")
	if err != nil {
		return result{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return result{}, err
	}
	received := &sink{}
	server := &http.Server{Handler: received, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(ln) }()
	defer func() { _ = server.Close() }()

	port, err := harness.FreePort()
	if err != nil {
		return result{}, err
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	if port, err = harness.FreePort(); err != nil {
		return result{}, err
	}
	profiler := fmt.Sprintf("127.0.0.1:%d", port)
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte(p.config(addr, profiler, "http://"+ln.Addr().String(), dir)), 0o600); err != nil {
		return result{}, err
	}
	c, err := harness.Start(ctx, binary, harness.StartOptions{Args: []string{"--config", config}})
	if err != nil {
		return result{}, err
	}
	defer c.Kill()
	if err := c.Wait(ctx, "listening", func() error {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			return err
		}
		return conn.Close()
	}); err != nil {
		return result{}, err
	}

	if p.inspector {
		closePage, err := openPage(ctx, c)
		if err != nil {
			return result{}, err
		}
		defer closePage()
	}
	o := load.Options{
		Target: "http://" + addr, Run: 1, Batch: s.batch, Rate: s.rate,
		Shape: load.Shape{RequestBody: s.body, ResponseBody: s.body},
	}
	// Warm up: caches, connections, heap.
	o.Count = 10 * s.batch
	if _, err := load.Send(ctx, o); err != nil {
		return result{}, err
	}
	idle(ctx, c, received)
	before, bytesBefore, writtenBefore := cpuTime(c.Pid()), received.bytes.Load(), written(c.Pid())
	begin := time.Now()
	var looked <-chan float64
	if p.inspector && s.rate > 0 {
		looked = profiled(ctx, profiler, s.profile, time.Second*time.Duration(max(1, s.exchanges/s.rate-1)))
	}
	o.First, o.Count = uint64(o.Count), s.exchanges
	report, err := load.Send(ctx, o)
	if err != nil {
		return result{}, err
	}
	if report.Acked < s.exchanges || report.Refused > 0 {
		return result{}, fmt.Errorf("%d of %d exchanges were taken, %d requests refused", report.Acked, s.exchanges, report.Refused)
	}
	took := idle(ctx, c, received).Sub(begin)
	n := float64(report.Acked)
	memory, _ := c.Memory()
	r := result{
		cpu:     (cpuTime(c.Pid()) - before).Seconds() / n * 1e6,
		rate:    n / took.Seconds(),
		memory:  float64(memory),
		written: float64(written(c.Pid())-writtenBefore) / float64(report.Bytes),
		sent:    float64(received.bytes.Load()-bytesBefore) / float64(report.Bytes),
	}
	if looked != nil {
		r.looked = <-looked
	}
	if err := c.Stop(time.Minute); err != nil {
		return result{}, err
	}
	if ctx.Err() != nil {
		return result{}, errors.New("it took too long")
	}
	return r, nil
}

// idle waits until the Collector has used no CPU to speak of, and the sink has got
// nothing, for a while. It returns when that began.
func idle(ctx context.Context, c *harness.Process, received *sink) time.Time {
	const quiet = 1200 * time.Millisecond
	since, requests, cpu := time.Now(), received.requests.Load(), cpuTime(c.Pid())
	for time.Since(since) < quiet && ctx.Err() == nil {
		time.Sleep(50 * time.Millisecond)
		if n, used := received.requests.Load(), cpuTime(c.Pid()); n != requests || used-cpu > 100*time.Millisecond {
			since, requests, cpu = time.Now(), n, used
		}
	}
	return since
}

func (p pipeline) config(addr, profiler, sinkURL, dir string) string {
	var b strings.Builder
	extensions := []string{}
	level := "warn"
	if p.storage || p.inspector {
		b.WriteString("extensions:\n")
	}
	if p.inspector {
		extensions, level = append(extensions, "api_inspector", "pprof"), "info"
		fmt.Fprintf(&b, "  api_inspector: { endpoint: \"localhost:0\" }\n  pprof: { endpoint: %s }\n", profiler)
	}
	if p.storage {
		extensions = append(extensions, "file_storage")
		fmt.Fprintf(&b, "  file_storage: { directory: %s/queue, create_directory: true, fsync: %v }\n", dir, p.fsync)
	}
	fmt.Fprintf(&b, "receivers:\n  otlp:\n    protocols:\n      http: { endpoint: %s, max_request_body_size: 67108864 }\n", addr)
	fmt.Fprintf(&b, "processors:\n  memory_limiter: { check_interval: 1s, limit_mib: 4000, spike_limit_mib: 500 }%s", p.processors)
	fmt.Fprintf(&b, "\nexporters:%s\n", strings.ReplaceAll(p.exporter, "$SINK", sinkURL))
	processors := append([]string{"memory_limiter"}, components(p.processors)...)
	fmt.Fprintf(&b, "service:\n  telemetry: { metrics: { level: none }, logs: { level: %s } }\n  extensions: [%s]\n", level, strings.Join(extensions, ", "))
	fmt.Fprintf(&b, "  pipelines:\n    traces: { receivers: [otlp], processors: [%s], exporters: [%s] }\n",
		strings.Join(processors, ", "), strings.Join(components(p.exporter), ", "))
	return b.String()
}

// components are the ids in a block of YAML that is indented by two.
func components(block string) (ids []string) {
	for line := range strings.Lines(block) {
		if id, ok := strings.CutPrefix(line, "  "); ok && id[0] != ' ' {
			ids = append(ids, strings.TrimSuffix(strings.TrimSpace(id), ":"))
		}
	}
	return ids
}
