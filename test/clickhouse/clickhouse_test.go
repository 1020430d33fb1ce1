// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package clickhouse holds the SQL of the backend clickhouse, and what the real exporter
// inserts, to a ClickHouse engine.
package clickhouse

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apispan/apispan/test/harness"
)

// engine is a running program of the folder engine.
type engine struct {
	t    testing.TB
	url  string
	dir  string
	proc *harness.Process
	bin  string
}

// startEngine starts an engine with no data.
func startEngine(t testing.TB) *engine {
	t.Helper()
	return startEngineIn(t, "")
}

// startEngineIn starts one with the data in a directory, "" for a new one. It skips the test,
// with a word, where there is no engine.
func startEngineIn(t testing.TB, dir string) *engine {
	t.Helper()
	if os.Getenv("CHDB_LIB_PATH") == "" {
		t.Skip("no ClickHouse engine: `make clickhouse` fetches one, or CHDB_LIB_PATH names a libchdb.so")
	}
	root, err := harness.FindRoot()
	if err != nil {
		t.Fatal(err)
	}
	b := &harness.Builder{Root: root, Progress: t.Logf}
	bin, err := b.Program(context.Background(), "test/clickhouse/engine")
	if err != nil {
		t.Fatal(err)
	}
	port, err := harness.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	if dir == "" {
		dir = t.TempDir()
	}
	e := &engine{t: t, bin: bin, dir: dir, url: "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	e.start()
	t.Cleanup(func() { _ = e.proc.Stop(20 * time.Second) })
	return e
}

func (e *engine) start(args ...string) {
	e.t.Helper()
	var err error
	e.proc, err = harness.Start(context.Background(), e.bin, harness.StartOptions{
		Args: append([]string{"-listen", strings.TrimPrefix(e.url, "http://"), "-path", e.dir}, args...),
		Env:  []string{"CHDB_LIB_PATH=" + os.Getenv("CHDB_LIB_PATH")},
	})
	if err != nil {
		e.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := e.proc.Wait(ctx, "the engine being ready", harness.HTTPReady(e.url+"/ping")); err != nil {
		e.t.Fatal(err)
	}
}

// ask executes a statement; params are for a query.
func (e *engine) ask(statement string, params map[string]string) ([]byte, error) {
	q := url.Values{"default_format": {"JSONEachRow"}}
	for k, v := range params {
		q.Set("param_"+k, v)
	}
	resp, err := http.Post(e.url+"/?"+q.Encode(), "text/plain", strings.NewReader(statement))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%d: %s", resp.StatusCode, out)
	}
	return out, err
}

// must is ask for what has to succeed.
func (e *engine) must(statement string) {
	e.t.Helper()
	if _, err := e.ask(statement, nil); err != nil {
		e.t.Fatalf("%v\n%.500s", err, statement)
	}
}

// rows returns those of a query.
func (e *engine) rows(query string, params map[string]string) []map[string]any {
	e.t.Helper()
	out, err := e.ask(query, params)
	if err != nil {
		e.t.Fatalf("%v\n%s", err, query)
	}
	var list []map[string]any
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		dec := json.NewDecoder(bytes.NewReader(s.Bytes()))
		dec.UseNumber()
		var row map[string]any
		if err := dec.Decode(&row); err != nil {
			e.t.Fatalf("%v in %.200s", err, s.Bytes())
		}
		list = append(list, row)
	}
	return list
}

// number is the one number that a query gives.
func (e *engine) number(query string) int64 {
	e.t.Helper()
	rows := e.rows(query, nil)
	if len(rows) != 1 || len(rows[0]) != 1 {
		e.t.Fatalf("%v\n%s", rows, query)
	}
	for _, v := range rows[0] {
		n, err := strconv.ParseInt(fmt.Sprint(v), 10, 64)
		if err != nil {
			e.t.Fatal(err)
		}
		return n
	}
	return 0
}
