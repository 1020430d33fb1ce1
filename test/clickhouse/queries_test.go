// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	schemaDir  = "exporter/apianalyticsexporter/internal/backend/clickhouse/schema"
	queriesDir = "docs/clickhouse"
)

// eventSteps are the statements that make the table api.api_events, in order.
func eventSteps(t testing.TB, ttl, bodyTTL string) []string {
	t.Helper()
	return stepsFor(t, "api.api_events", ttl, bodyTTL)
}

func stepsFor(t testing.TB, table, ttl, bodyTTL string) []string {
	t.Helper()
	fill := strings.NewReplacer("{table}", table, "{ttl}", ttl, "{body_ttl}", bodyTTL, "\n\n", ";\n")
	return strings.Split(fill.Replace(readDir(t, schemaDir)["events.sql"]), ";\n")
}

// inAPI is a query over the tables of the database api, which is not the default one.
func inAPI(query string) string { return strings.ReplaceAll(query, "FROM api_", "FROM api.api_") }

// TestQueries: what the real exporter inserts is what the documented queries find, to the
// last digit, although every tenth call was delivered twice. Then the repeats are merged away,
// and what a consumer used is what it used.
func TestQueries(t *testing.T) {
	e := startEngine(t)
	list := makeCalls(calls)
	c := newCollector(t, e, answers).ready()
	const batch = 2000
	for lo := 0; lo < len(list); lo += batch {
		c.send(spans(list[lo : lo+batch]))
		if lo == 0 {
			e.must("SYSTEM STOP MERGES api.api_events")
		}
	}
	if n := e.number("SELECT count() AS n FROM api.api_events"); n != calls {
		t.Fatalf("%d rows, want %d", n, calls)
	}
	// The same request again is not stored, by its token.
	c.send(spans(list[len(list)-batch:]))
	if n := e.number("SELECT count() AS n FROM api.api_events"); n != calls {
		t.Errorf("%d rows after a request that was sent again, want %d", n, calls)
	}
	// The same calls in other requests are.
	rng := rand.New(rand.NewPCG(1, 1))
	var again []call
	for i := range list {
		if rng.IntN(10) == 0 {
			again = append(again, list[i])
		}
	}
	for part := range slices.Chunk(again, batch/3) {
		c.send(spans(part))
	}
	if n := e.number("SELECT count() - uniqExact(event_id) AS n FROM api.api_events"); n != int64(len(again)) {
		t.Errorf("%d repeats are stored, want %d: this would prove nothing", n, len(again))
	}
	files := readDir(t, queriesDir)
	for _, iv := range []interval{{begin, begin.AddDate(0, 0, days)}, {begin.AddDate(0, 0, 9), begin.AddDate(0, 0, 20).Add(7 * time.Hour)}, {begin.AddDate(1, 0, 0), begin.AddDate(1, 0, 1)}} {
		const route, consumer = "/v1/orders/{id}", "consumer-003"
		params := map[string]string{
			"from": iv.from.Format(time.DateTime), "to": iv.to.Format(time.DateTime), "route": route, "consumer": consumer,
		}
		for name, want := range map[string][]row{
			"endpoints.sql": endpoints(list, iv), "consumers.sql": consumers(list, iv), "slow_calls.sql": slowCalls(list, iv),
			"new_consumers.sql": newConsumers(list, iv), "adoption.sql": adoption(list, iv, route), "last_calls.sql": lastCalls(list, iv, consumer),
		} {
			compare(t, name, e.rows(inAPI(files[name]), params), want, iv.from.Year() == begin.Year())
		}
	}
	if len(files) != 6 {
		t.Errorf("%d queries", len(files))
	}
	e.must("SYSTEM START MERGES api.api_events")
	e.must("OPTIMIZE TABLE api.api_events FINAL")
	if n := e.number("SELECT count() AS n FROM api.api_events"); n != calls {
		t.Errorf("%d rows after the merge, want %d", n, calls)
	}
	used := map[string]float64{}
	for i := range list {
		used[list[i].consumer] += float64(list[i].weight)
	}
	got := map[string]float64{}
	for _, r := range e.rows("SELECT consumer_id, sum(weight) AS n FROM api.api_events GROUP BY consumer_id", nil) {
		got[r["consumer_id"].(string)] = number(r["n"])
	}
	if !maps.Equal(got, used) {
		t.Errorf("usage by consumer: %v, want %v", got, used)
	}
}

// compare holds what the engine gave to the reference: same rows, same order.
func compare(t *testing.T, name string, got []map[string]any, want []row, some bool) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 && some {
		t.Errorf("%s: %d rows, want %d", name, len(got), len(want))
		return
	}
	for i, w := range want {
		for column, value := range w {
			var ok bool
			switch v := value.(type) {
			case float64:
				ok = math.Abs(number(got[i][column])-v) <= 1e-12*max(1, math.Abs(v))
			default:
				a, _ := json.Marshal(got[i][column])
				b, _ := json.Marshal(v)
				ok = string(a) == string(b)
			}
			if !ok {
				t.Errorf("%s, row %d: %s is %v, want %v", name, i, column, got[i][column], value)
				return
			}
		}
	}
}

func number(v any) float64 {
	var f float64
	if _, err := fmt.Sscan(fmt.Sprint(v), &f); err != nil {
		return math.NaN()
	}
	return f
}

// TestUpgrade: a table of version 1 with a row becomes one of the newest, by the exporter,
// and keeps the row; what was done may be done again; a table that is not ours stays as it is.
func TestUpgrade(t *testing.T) {
	e := startEngine(t)
	steps := eventSteps(t, "TTL toDateTime(time) + toIntervalSecond(86400000)\n", " TTL toDateTime(time) + toIntervalSecond(3600000)")
	e.must("CREATE DATABASE api")
	e.must(steps[0])
	e.must("INSERT INTO api.api_events (event_id, time, service, route) VALUES ('5f0c2c2e-8b1a-5d3e-9a77-1f2e3d4c5b6a', now64(), 'old', '/old')")
	c := newCollector(t, e, answers).ready()
	list := makeCalls(50)
	for i := range list {
		list[i].at = time.Now().Add(time.Duration(i) * time.Millisecond).Truncate(time.Microsecond)
	}
	c.send(spans(list))
	if n := e.number("SELECT count() AS n FROM api.api_events"); n != 51 {
		t.Errorf("%d rows, want the old one and 50", n)
	}
	check := func() {
		t.Helper()
		if rows := e.rows("SELECT comment FROM system.tables WHERE database = 'api' AND name = 'api_events'", nil); len(rows) != 1 || rows[0]["comment"] != "apispan schema 2" {
			t.Errorf("the table says %v", rows)
		}
		if n := e.number("SELECT count() AS n FROM system.data_skipping_indices WHERE database = 'api' AND table = 'api_events'"); n != 6 {
			t.Errorf("%d indexes", n)
		}
		if n := e.number("SELECT count() AS n FROM system.columns WHERE database = 'api' AND table = 'api_events' AND name = 'operation'"); n != 1 {
			t.Error("there is no column operation")
		}
	}
	check()
	for _, statement := range steps {
		e.must(statement)
	}
	check()
	// An endpoint and its newest calls: the key is used, and so are the indexes.
	plan := fmt.Sprint(e.rows("EXPLAIN indexes = 1 SELECT event_id FROM api.api_events WHERE service = 'shop' AND trace_id = '00'", nil))
	if !strings.Contains(plan, "PrimaryKey") || !strings.Contains(plan, "by_trace") {
		t.Errorf("the plan is %s", plan)
	}
}

// TestCreate: everything from nothing, in a database that is not there, with async inserts;
// and what JSONEachRow would take by its leniency is refused.
func TestCreate(t *testing.T) {
	e := startEngine(t)
	c := newCollector(t, e, answers, "ASYNC=true").ready()
	list := makeCalls(500)
	c.send(spans(list))
	if n := e.number("SELECT count() AS n FROM api.api_events"); n != 500 {
		t.Errorf("%d rows", n)
	}
	for row, ok := range map[string]bool{
		`{"event_id":"5f0c2c2e-8b1a-5d3e-9a77-1f2e3d4c5b6a","time":"2026-01-31 10:11:12.345678","status":200}`: true,
		`{"event_id":"5f0c2c2e-8b1a-5d3e-9a77-1f2e3d4c5b6a","unknown":1}`:                                      false,
		`{"event_id":"no-uuid"}`:                            false,
		`{"status":"x"}`:                                    false,
		`{"time":"2026-01-31T10:11:12.345Z"}`:               false,
		`{"time":"yesterday"}`:                              false,
		`{"request_headers":{"a":1}}`:                       true, // numbers are texts
		`{"request_headers":["a"]}`:                         false,
		`{"shed_bodies":"perhaps"}`:                         false,
		`{"weight":"many"}`:                                 false,
		`{"path":"\u0000\u2028"}`:                           true,
		`{"path":"\ud800"}`:                                 false,
		`{"operation":"tools/call x","response_size":null}`: true,
	} {
		_, err := e.ask("INSERT INTO api.api_events SETTINGS input_format_skip_unknown_fields = 0, date_time_input_format = 'basic' FORMAT JSONEachRow "+row, nil)
		if (err == nil) != ok {
			t.Errorf("%s: %v, want taken %v", row, err, ok)
		}
	}
}
