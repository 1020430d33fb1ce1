// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Command engine is as much of a ClickHouse server as the tests need: the engine itself,
// which is chDB's library (npm package @chdb/lib-linux-x64-gnu, loaded without cgo), behind
// the HTTP interface on loopback. CHDB_LIB_PATH names the library.
//
//	engine -listen 127.0.0.1:8123 -path DIR
//
// A statement is the parameter `query` followed by the content; parameters that are settings
// hold for an insert, and `param_…` for a query. One statement is executed at a time.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	chdb "github.com/chdb-io/chdb-go/chdb-purego"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address on loopback")
	path := flag.String("path", "", "directory of the data")
	readOnly := flag.Bool("readonly", false, "refuse whatever writes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *listen, *path, *readOnly)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "engine:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listen, path string, readOnly bool) error {
	if path == "" {
		return errors.New("-path is missing")
	}
	conn, err := chdb.NewConnectionFromConnString(path)
	if err != nil {
		return err
	}
	if readOnly {
		if _, err := conn.Query("SET readonly = 1", "TSV"); err != nil {
			return err
		}
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Println("listening on", l.Addr())
	srv := &http.Server{Handler: &server{conn: conn}, ReadHeaderTimeout: time.Minute}
	go func() {
		<-ctx.Done()
		_ = srv.Close()
	}()
	if err = srv.Serve(l); errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	conn.Close()
	return err
}

type server struct {
	mu   sync.Mutex
	conn chdb.ChdbConn
}

var code = regexp.MustCompile(`Code: (\d+)\.`)

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/ping" {
		_, _ = io.WriteString(w, "Ok.\n")
		return
	}
	if r.URL.Path != "/" {
		http.Error(w, "There is no handle "+r.URL.Path, http.StatusNotFound)
		return
	}
	body, err := content(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	query := r.URL.Query()
	statement := body
	if q := query.Get("query"); q != "" {
		statement = withSettings(q, query) + "\n" + body
	}
	out, err := s.execute(statement, query)
	if err != nil {
		status := http.StatusInternalServerError
		if m := code.FindStringSubmatch(err.Error()); m != nil {
			w.Header().Set("X-Clickhouse-Exception-Code", m[1])
			if known, ok := statuses[m[1]]; ok {
				status = known
			}
		}
		http.Error(w, err.Error(), status)
		return
	}
	_, _ = w.Write(out)
}

// statuses are those of src/Server/HTTP/exceptionCodeToHTTPStatus.cpp that tests meet.
var statuses = map[string]int{
	"6": 400, "25": 400, "26": 400, "27": 400, "38": 400, "41": 400, "53": 400, "62": 400, "72": 400, "117": 400, "321": 400, "376": 400,
	"47": 404, "60": 404, "81": 404, "115": 404,
}

func content(r *http.Request) (string, error) {
	var src io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return "", err
		}
		src = z
	}
	b, err := io.ReadAll(src)
	if err == nil && bytes.ContainsRune(b, 0) {
		err = errors.New("a NUL, at which the library's interface would cut the statement")
	}
	return string(b), err
}

// notSettings are parameters of the HTTP interface.
var notSettings = []string{"query", "database", "default_format", "wait_end_of_query"}

// withSettings puts what the URL says into an insert, as the library has no other way.
func withSettings(q string, query url.Values) string {
	insert, format, ok := strings.Cut(q, " FORMAT ")
	if !ok || !strings.HasPrefix(q, "INSERT ") {
		return q
	}
	var list []string
	for name := range query {
		if !slices.Contains(notSettings, name) && !strings.HasPrefix(name, "param_") {
			list = append(list, name+" = '"+strings.ReplaceAll(query.Get(name), "'", "\\'")+"'")
		}
	}
	if len(list) == 0 {
		return q
	}
	slices.Sort(list)
	return insert + " SETTINGS " + strings.Join(list, ", ") + " FORMAT " + format
}

func (s *server) execute(statement string, query url.Values) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range query {
		if strings.HasPrefix(name, "param_") {
			if _, err := s.conn.Query("SET "+name+" = '"+strings.ReplaceAll(query.Get(name), "'", "\\'")+"'", "TSV"); err != nil {
				return nil, err
			}
		}
	}
	format := query.Get("default_format")
	if format == "" {
		format = "TabSeparated"
	}
	result, err := s.conn.Query(statement, format)
	if err != nil {
		return nil, err
	}
	defer result.Free()
	return slices.Clone(result.Buf()), nil
}
