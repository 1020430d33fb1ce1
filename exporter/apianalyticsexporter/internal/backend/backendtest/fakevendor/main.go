// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Command fakevendor serves fake ingestion endpoints of API-analytics vendors
// on loopback, checks every request against the vendor's schema and limits, and
// writes each accepted event as one line of JSON. README.md describes flags,
// output and exit status, which scripts rely on.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/vendors"
)

// shutdownTimeout bounds how long requests in flight may take at the end.
const shutdownTimeout = 2 * time.Second

const (
	exitOK         = 0
	exitViolations = 1
	exitUsage      = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// endpoint is one vendor's flags and server.
type endpoint struct {
	vendor     backendtest.Vendor
	address    string
	credential string
	secretKey  string
	rules      string // file
	faults     []backendtest.Fault
	fake       *backendtest.Fake
	server     *http.Server
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("fakevendor", flag.ContinueOnError)
	fs.SetOutput(stderr)
	var all []*endpoint
	for _, name := range slices.Sorted(maps.Keys(vendors.All)) {
		e := &endpoint{vendor: vendors.All[name]}
		all = append(all, e)
		fs.StringVar(&e.address, name, "", "`address` for the endpoint of "+name+", such as 127.0.0.1:0; empty: not served")
		fs.StringVar(&e.credential, name+"-"+strings.ReplaceAll(e.vendor.Credential, "_", "-"), "", "the only `credential` to accept; empty: any")
		fs.Func(name+"-fault", "scripted `fault`, such as status=503,count=3; may be repeated", e.addFault)
		if e.vendor.SecretKey != "" {
			fs.StringVar(&e.secretKey, name+"-secret-key", "", "the HMAC `key` to hand out; empty: that of the vendor's test vectors")
		}
	}
	rules := fs.String("moesif-rules", "", "JSON `file` with rules, user_rules and company_rules that Moesif hands out; read for each request")
	record := fs.String("record", "", "append event and violation records to `file` instead of stdout")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitOK
		}
		return exitUsage
	}
	var endpoints []*endpoint
	for _, e := range all {
		if e.address != "" {
			if e.vendor.Name == "moesif" {
				e.rules = *rules
			}
			endpoints = append(endpoints, e)
		}
	}
	if fs.NArg() > 0 || len(endpoints) == 0 {
		fmt.Fprintln(stderr, "fakevendor: give the address of at least one endpoint, such as -moesif 127.0.0.1:0, and no other arguments")
		return exitUsage
	}
	control := &recorder{w: bufio.NewWriter(stdout)}
	records := control
	if *record != "" {
		file, err := os.OpenFile(*record, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			fmt.Fprintln(stderr, "fakevendor: -record:", err)
			return exitUsage
		}
		defer func() { _ = file.Close() }() // records are flushed one by one
		records = &recorder{w: bufio.NewWriter(file)}
	}
	return serve(ctx, endpoints, control, records, stderr)
}

// serve runs the endpoints until ctx ends and returns the exit status.
func serve(ctx context.Context, endpoints []*endpoint, control, records *recorder, stderr io.Writer) int {
	failed := make(chan error, len(endpoints))
	for _, e := range endpoints {
		ln, err := net.Listen("tcp", e.address)
		if err != nil {
			fmt.Fprintf(stderr, "fakevendor: -%s: %v\n", e.vendor.Name, err)
			return exitUsage
		}
		e.start(ln, records, failed)
		control.write(listening{Type: "listening", Backend: e.vendor.Name, URL: "http://" + ln.Addr().String()})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		fmt.Fprintln(stderr, "fakevendor: a server stopped:", err)
	}
	total := summary{Type: "summary"}
	for _, e := range endpoints {
		e.stop()
		stats := e.fake.Stats()
		total.Requests += stats.Requests
		total.Accepted += stats.Accepted
		total.Duplicates += stats.Duplicates
		total.Violations += stats.Violations
	}
	control.write(total)
	if werr := errors.Join(control.err, records.err); werr != nil {
		fmt.Fprintln(stderr, "fakevendor: records are incomplete:", werr)
		return exitUsage
	}
	switch {
	case err != nil:
		return exitUsage
	case total.Violations > 0:
		return exitViolations
	}
	return exitOK
}

func (e *endpoint) start(ln net.Listener, records *recorder, failed chan<- error) {
	e.fake = e.vendor.New(backendtest.Settings{
		Credential: e.credential,
		SecretKey:  e.secretKey,
		Discard:    true,
		OnEvent: func(ev backendtest.Event) {
			if ev.Stream != "" {
				records.write(entity{
					Type: "entity", Backend: ev.Backend, Stream: ev.Stream, ID: ev.ID,
					ReceivedAt: ev.ReceivedAt, Entity: ev.JSON,
				})
				return
			}
			records.write(event{
				Type: "event", Backend: ev.Backend, ID: ev.ID, Duplicate: ev.Duplicate,
				ReceivedAt: ev.ReceivedAt, Event: ev.JSON,
			})
		},
		OnViolation: func(text string) {
			records.write(violation{Type: "violation", Backend: e.vendor.Name, Message: text})
		},
	})
	e.fake.Script(e.faults...)
	var handler http.Handler = e.fake
	if e.rules != "" {
		handler = &blockingRules{e.rules, e.fake}
	}
	e.server = &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := e.server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	}()
}

// stop lets requests in flight finish, so that what was answered was recorded.
func (e *endpoint) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if e.server.Shutdown(ctx) != nil {
		_ = e.server.Close()
	}
}

// Records. Field names and types are stable; new fields may be added.
type (
	listening struct {
		Type    string `json:"type"`
		Backend string `json:"backend"`
		URL     string `json:"url"`
	}
	event struct {
		Type       string          `json:"type"`
		Backend    string          `json:"backend"`
		ID         string          `json:"id"`
		Duplicate  bool            `json:"duplicate"`
		ReceivedAt time.Time       `json:"received_at"`
		Event      json.RawMessage `json:"event"`
	}
	entity struct {
		Type       string          `json:"type"`
		Backend    string          `json:"backend"`
		Stream     string          `json:"stream"`
		ID         string          `json:"id"`
		ReceivedAt time.Time       `json:"received_at"`
		Entity     json.RawMessage `json:"entity"`
	}
	violation struct {
		Type    string `json:"type"`
		Backend string `json:"backend"`
		Message string `json:"message"`
	}
	summary struct {
		Type       string `json:"type"`
		Requests   int    `json:"requests"`
		Accepted   int    `json:"accepted"`
		Duplicates int    `json:"duplicates"`
		Violations int    `json:"violations"`
	}
)

// recorder writes one JSON value a line and flushes it, so that a reader of the
// pipe sees each at once.
type recorder struct {
	mu  sync.Mutex
	w   *bufio.Writer
	err error // the first; later records are not written
}

func (r *recorder) write(v any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return
	}
	enc := json.NewEncoder(r.w)
	enc.SetEscapeHTML(false)
	if r.err = enc.Encode(v); r.err == nil {
		r.err = r.w.Flush()
	}
}
