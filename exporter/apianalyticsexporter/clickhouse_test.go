// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/clickhouse/clickhousetest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/clickhouse/schema"
)

// exceptions are answers that tell of a failure, by its number, in all the ways in which
// ClickHouse does.
var exceptions = map[string]func(w http.ResponseWriter, status, code int){
	"header": func(w http.ResponseWriter, status, code int) {
		w.Header().Set("X-Clickhouse-Exception-Code", fmt.Sprint(code))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, vendorText)
	},
	"content": func(w http.ResponseWriter, status, code int) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, clickhousetest.Exception(code, vendorText))
	},
	"content, after other text": func(w http.ResponseWriter, _, code int) {
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, strings.Repeat("1\t2\n", 1000)+"\r\n__exception__\r\n"+clickhousetest.Exception(code, vendorText))
	},
	"200 and a header": func(w http.ResponseWriter, _, code int) {
		w.Header().Set("X-Clickhouse-Exception-Code", fmt.Sprint(code))
		w.WriteHeader(http.StatusOK)
	},
	"content, after much other text": func(w http.ResponseWriter, _, code int) {
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, strings.Repeat("1\t2\n", 15_000)+clickhousetest.Exception(code, vendorText))
	},
	"trailer": func(w http.ResponseWriter, _, code int) {
		w.Header().Set("Trailer", "X-Clickhouse-Exception-Code")
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, "\n")
		w.Header().Set("X-Clickhouse-Exception-Code", fmt.Sprint(code))
	},
	"200, another library's": func(w http.ResponseWriter, _, code int) {
		w.WriteHeader(http.StatusOK)
		_, _ = fmt.Fprintf(w, "Poco::Exception. Code: %d, e.code() = 104, %s", code, vendorText)
	},
	"200, JSON": func(w http.ResponseWriter, _, code int) {
		w.WriteHeader(http.StatusOK)
		_, _ = fmt.Fprintf(w, `{"exception": %q}`, clickhousetest.Exception(code, vendorText))
	},
	"200 that breaks off": func(w http.ResponseWriter, _, code int) {
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, clickhousetest.Exception(code, vendorText))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	},
}

// TestClickHouseExceptions: an exception, however it is told, costs no event, and the error
// has its number and our advice, and nothing of the server's text. A number about rows is
// kept, too, as long as nothing vouches for the server.
func TestClickHouseExceptions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		code, status int
		advice       string
	}{
		{16, 500, "create_schema"}, {27, 400, "nothing is dropped"}, {53, 400, "another type"}, {60, 404, "clickhouse::table"},
		{81, 404, "clickhouse::database"}, {117, 400, "nothing is dropped"}, {164, 500, "read-only"}, {201, 500, "quota"},
		{202, 500, "num_consumers"}, {241, 500, "memory"}, {252, 500, "sending_queue::batch"}, {497, 403, "GRANT"},
		{516, 403, "clickhouse::key"}, {452, 500, "profile"}, {999, 500, "system.errors"}, {62, 400, "system.errors"},
	} {
		for name, write := range exceptions {
			t.Run(fmt.Sprint(tt.code, " ", name), func(t *testing.T) {
				t.Parallel()
				left := 3
				if strings.HasPrefix(tt.advice, "nothing") {
					left = 12 // until three events in a row were refused alone
				}
				r, fake, url, _ := failingClickHouse(t, left, func(w http.ResponseWriter) { write(w, tt.status, tt.code) })
				if err := consume(r, traces(0, 5)); err != nil {
					t.Fatal(err)
				}
				r.shutdown()
				if c := r.checkBooks(); c.Sent != 5 || len(c.Dropped) > 0 || fake.Stats().Accepted != 5 {
					t.Errorf("%+v, %+v", c, fake.Stats())
				}
				checkSilence(t, r, url)
				if name == "200 that breaks off" {
					return // no answer: the head may have been read, or not
				}
				var told strings.Builder
				for _, entry := range r.logs.All() {
					fmt.Fprintln(&told, entry.Message, entry.ContextMap())
				}
				if !strings.Contains(told.String(), fmt.Sprint("error ", tt.code)) || !strings.Contains(told.String(), tt.advice) {
					t.Errorf("the log does not say %d and %q:\n%s", tt.code, tt.advice, told.String())
				}
			})
		}
	}
}

// TestClickHouseNonsense: what a proxy, or anybody in place of ClickHouse, answers is not taken
// for delivery unless it is what ClickHouse answers, and what it says decides about no event.
func TestClickHouseNonsense(t *testing.T) {
	t.Parallel()
	field := func(values ...string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.Header()["X-Clickhouse-Exception-Code"] = values }
	}
	text := func(status int, text string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(status); _, _ = io.WriteString(w, text) }
	}
	for name, answer := range map[string]func(http.ResponseWriter){
		"no number": field("none of your business"), "less than none": field("-1"), "a large number": field(strings.Repeat("9", 40)),
		"two numbers": field("27", "60"), "a refusal of rows": field("27"), "202": text(202, ""), "204": text(204, ""), "206": text(206, ""), "299": text(299, ""),
		"a page": text(200, "<html>"+vendorText), "JSON": text(200, `{"error":"`+vendorText+`"}`), "redirect": text(302, ""), "418": text(418, vendorText),
		"a long answer":                  text(200, strings.Repeat("1\t2\n", 20_000)),
		"an exception behind a long one": text(200, strings.Repeat("1\t2\n", 100_000)+clickhousetest.Exception(27, vendorText)),
		"400":                            text(400, vendorText), "413 and an exception": text(413, clickhousetest.Exception(9999, vendorText)), "two exceptions": text(200, clickhousetest.Exception(27, "")+clickhousetest.Exception(60, "")),
		"rows were not understood, of a page": text(200, "<html>"+clickhousetest.Exception(27, vendorText)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, fake, url, left := failingClickHouse(t, 12, answer)
			if err := consume(r, traces(0, 5)); err != nil {
				t.Fatal(err)
			}
			r.shutdown()
			if c := r.checkBooks(); c.Sent != 5 || len(c.Dropped) > 0 || fake.Stats().Accepted != 5 || left() > 0 {
				t.Errorf("%+v, %+v, %d left", c, fake.Stats(), left())
			}
			checkSilence(t, r, url)
		})
	}
}

// failingClickHouse is an exporter that has started, and a server that answers as it is told
// to so many requests with rows and is as it should be after them. left is how many are still
// to come.
func failingClickHouse(t *testing.T, failures int, answer func(http.ResponseWriter)) (r *rig, fake *backendtest.Fake, url string, left func() int) {
	t.Helper()
	fake = clickhousetest.Vendor.New(backendtest.Settings{})
	var mu sync.Mutex
	left = func() int { mu.Lock(); defer mu.Unlock(); return failures }
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		fails := r.URL.Query().Has("query") && failures > 0
		if fails {
			failures--
		}
		mu.Unlock()
		if fails {
			_, _ = io.Copy(io.Discard, r.Body)
			answer(w)
			return
		}
		fake.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	cfg := backendConfig(t, "clickhouse", srv.URL)
	cfg.RetryConfig.InitialInterval, cfg.RetryConfig.MaxInterval = time.Millisecond, 5*time.Millisecond
	cfg.RetryConfig.MaxElapsedTime = 0
	r = newRig(t, cfg)
	r.exp.circuit.wait = 10 * time.Millisecond
	r.start()
	return r, fake, srv.URL, left
}

// TestClickHouseRefusesOne: an event whose row is not understood is dropped alone, once the
// server has taken others.
func TestClickHouseRefusesOne(t *testing.T) {
	t.Parallel()
	fake := clickhousetest.Vendor.New(backendtest.Settings{})
	srv := httptest.NewServer(onBody(t, fake, func(w http.ResponseWriter, b []byte) bool {
		if strings.Contains(string(b), "poison") {
			exceptions["200 and a header"](w, 0, 27)
			return true
		}
		return false
	}))
	defer srv.Close()
	cfg := backendConfig(t, "clickhouse", srv.URL)
	cfg.ClientConfig.Compression = "none"
	cfg.RetryConfig.InitialInterval, cfg.RetryConfig.MaxInterval = time.Millisecond, 5*time.Millisecond
	r := newRig(t, cfg).start()
	td := traces(0, 9)
	spanAt(td, 4).Attributes().PutStr("url.path", "/poison")
	if err := consume(r, td); err != nil {
		t.Fatal(err)
	}
	r.shutdown()
	if c := r.checkBooks(); c.Sent != 8 || c.Dropped[reasonRejected] != 1 || fake.Stats().Accepted != 8 {
		t.Errorf("%+v, %+v", c, fake.Stats())
	}
	checkSilence(t, r, srv.URL)
}

// TestClickHouseSchema: what the table has got wrong is told before anything is sent, with
// key and fix, and everything waits until it is right.
func TestClickHouseSchema(t *testing.T) {
	t.Parallel()
	newest := clickhousetest.Table(schema.Events, len(schema.Events))
	for name, tt := range map[string]struct{ told, want string }{
		"no database":        {clickhousetest.Have(map[string]string{}), "`clickhouse::database`"},
		"no table":           {clickhousetest.Have(map[string]string{".database": "default"}), "`clickhouse::table`"},
		"older":              {clickhousetest.Table(schema.Events, 1), "has version 1 of the schema and this exporter needs 2: set `clickhouse::create_schema: true`"},
		"no column":          {strings.Replace(newest, "\"status\"", "\"stat\"", 1), "no column status: add it as UInt16"},
		"another type":       {strings.Replace(newest, "UInt16", "Date", 1), "the column status of the table default.api_events has another type than UInt16"},
		"newer":              {strings.NewReplacer(`".version":"2"`, `".version":"3"`, `{"have":{`, `{"have":{"later":"String",`).Replace(newest), ""},
		"types that will do": {strings.NewReplacer("DateTime64(6, 'UTC')", "DateTime64(9)", "LowCardinality(String)", "String", "Nullable(UInt64)", "UInt64").Replace(newest), ""},
		"another service":    {"<html>" + vendorText, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := clickhousetest.Vendor.New(backendtest.Settings{})
			var mended bool
			var mu sync.Mutex
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				wrong := !mended && !r.URL.Query().Has("query")
				mu.Unlock()
				if wrong {
					_, _ = io.WriteString(w, tt.told)
					return
				}
				fake.ServeHTTP(w, r)
			}))
			defer srv.Close()
			cfg := backendConfig(t, "clickhouse", srv.URL)
			cfg.RetryConfig.InitialInterval, cfg.RetryConfig.MaxInterval = time.Millisecond, 5*time.Millisecond
			r := newRig(t, cfg).start()
			done := make(chan error, 1)
			go func() { done <- consume(r, traces(0, 5)) }()
			if tt.want != "" {
				waitFor(t, "the status is told", func() bool { return len(r.host.reported()) > 0 })
				if got := r.host.reported()[0]; got != componentstatus.StatusRecoverableError {
					t.Errorf("status %v", got)
				}
				if err := firstError(r); !strings.Contains(err, tt.want) || strings.Contains(err, vendorText) {
					t.Errorf("told %q, want %q", err, tt.want)
				}
				if s := fake.Stats(); s.Requests > 0 {
					t.Errorf("%+v", s)
				}
				mu.Lock()
				mended = true
				mu.Unlock()
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			r.shutdown()
			if c := r.checkBooks(); c.Sent != 5 || fake.Stats().Accepted != 5 {
				t.Errorf("%+v, %+v", c, fake.Stats())
			}
			checkSilence(t, r, srv.URL)
		})
	}
}

// firstError is that of the first status that was reported.
func firstError(r *rig) string {
	r.host.mu.Lock()
	defer r.host.mu.Unlock()
	return fmt.Sprint(r.host.errs[0])
}

// TestClickHouseSoon: what is wrong is told although no event has come.
func TestClickHouseSoon(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		exceptions["content"](w, http.StatusForbidden, 516)
	}))
	defer srv.Close()
	cfg := backendConfig(t, "clickhouse", srv.URL)
	cfg.ClickHouse.Get().CreateSchema = true
	r := newRig(t, cfg).start()
	waitFor(t, "the status is told", func() bool { return len(r.host.reported()) > 0 })
	if err := firstError(r); !strings.Contains(err, "error 516") || !strings.Contains(err, "`clickhouse::key`") {
		t.Error(err)
	}
	r.shutdown()
	checkSilence(t, r, srv.URL)
}

// TestClickHouseCreates: all steps in order, and the database before them; then it is looked
// at again.
func TestClickHouseCreates(t *testing.T) {
	t.Parallel()
	fake := clickhousetest.Vendor.New(backendtest.Settings{})
	var mu sync.Mutex
	var asked []string
	srv := httptest.NewServer(onBody(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("query") {
			fake.ServeHTTP(w, r)
		}
	}), func(w http.ResponseWriter, b []byte) bool {
		text := string(b)
		if strings.HasPrefix(text, "{") {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, text)
		switch {
		case strings.Contains(text, "system.columns") && len(asked) > 1:
			_, _ = io.WriteString(w, clickhousetest.Table(schema.Events, 2))
		case strings.Contains(text, "system.columns"):
			_, _ = io.WriteString(w, clickhousetest.Have(map[string]string{}))
		}
		return true
	}))
	defer srv.Close()
	cfg := backendConfig(t, "clickhouse", srv.URL)
	cfg.ClientConfig.Compression = "none"
	b := cfg.ClickHouse.Get()
	b.CreateSchema, b.Database, b.Table, b.Retention = true, "an-api", "events", 48*time.Hour
	b.BodyRetention = 0
	r := newRig(t, cfg).start()
	_ = r.exp.sender.send(t.Context(), nil)
	mu.Lock()
	defer mu.Unlock()
	for i, want := range []string{
		"system.columns", "CREATE DATABASE IF NOT EXISTS `an-api`", "CREATE TABLE IF NOT EXISTS `an-api`.`events`", "ALTER TABLE `an-api`.`events`", "ALTER TABLE `an-api`.`events` MODIFY COMMENT", "system.columns",
	} {
		if i >= len(asked) || !strings.Contains(asked[i], want) {
			t.Fatalf("statement %d is not %s: %q", i, want, asked)
		}
	}
	if create := asked[2]; strings.ContainsAny(create, "{}") || strings.Count(create, "TTL") != 1 || !strings.Contains(create, "toIntervalSecond(172800)") {
		t.Error(create)
	}
}
