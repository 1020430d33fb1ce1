// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// fewCalls are calls of today, so that no TTL is about them.
func fewCalls(n int) []call {
	list := makeCalls(n)
	for i := range list {
		list[i].at = time.Now().Add(time.Duration(i) * time.Millisecond).Truncate(time.Microsecond)
	}
	return list
}

// TestBadTables: what the engine itself says of a table that is not as it should be becomes an
// error with key and fix, everything waits until it is mended, and nothing is lost.
func TestBadTables(t *testing.T) {
	e := startEngine(t)
	good := func(db string) []string {
		return append([]string{"CREATE DATABASE IF NOT EXISTS " + db}, stepsFor(t, db+".api_events", "", "")...)
	}
	for i, tt := range []struct {
		name      string
		have      func(db string) []string
		later     []string // after ten calls were stored
		told      string
		mend      func(db string) []string
		different int // rows that are lost by what was done
	}{
		{name: "no database", told: "`clickhouse::database`", mend: good},
		{name: "no table", have: func(db string) []string { return []string{"CREATE DATABASE " + db} }, told: "`clickhouse::table`", mend: good},
		{
			name: "older", have: func(db string) []string { return good(db)[:2] }, told: "has version 1 of the schema and this exporter needs 2",
			mend: func(db string) []string { return good(db)[2:] },
		},
		{
			name: "another type", have: func(db string) []string {
				list := good(db)
				list[1] = strings.Replace(list[1], "status UInt16", "status Date", 1)
				return list
			},
			told: "has another type than UInt16", mend: func(db string) []string {
				return []string{"ALTER TABLE " + db + ".api_events MODIFY COLUMN status UInt16"}
			},
		},
		{
			name: "a column that goes away", have: good, later: []string{"ALTER TABLE {db}.api_events DROP COLUMN blocked_by"}, told: "no column blocked_by: add it as LowCardinality(String)",
			mend: func(db string) []string {
				return []string{"ALTER TABLE " + db + ".api_events ADD COLUMN blocked_by LowCardinality(String)"}
			},
		},
		{name: "a table that goes away", have: good, later: []string{"DROP TABLE {db}.api_events"}, told: "`clickhouse::table`", mend: good, different: 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db := fmt.Sprintf("bad_%d", i)
			if tt.have != nil {
				for _, s := range tt.have(db) {
					e.must(s)
				}
			}
			c := newCollector(t, e, answers, "CREATE=false", "DATABASE="+db).ready()
			list := fewCalls(20)
			sent := 10
			if tt.later != nil {
				c.send(spans(list[10:]))
				sent = 20 - tt.different
				for _, s := range tt.later {
					e.must(strings.ReplaceAll(s, "{db}", db))
				}
			}
			done := make(chan struct{})
			go func() { defer close(done); c.send(spans(list[:10])) }()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := c.proc.Wait(ctx, "the error", func() error {
				if !strings.Contains(c.proc.Log(), tt.told) {
					return errors.New("not told: " + tt.told)
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
			for _, s := range tt.mend(db) {
				e.must(s)
			}
			<-done
			if n := e.number("SELECT uniqExact(event_id) AS n FROM " + db + ".api_events"); n != int64(sent) {
				t.Errorf("%d events, want %d", n, sent)
			}
		})
	}
}

// TestReadOnly: a server that writes nothing is told as such, and gets everything later.
func TestReadOnly(t *testing.T) {
	e := startEngine(t)
	c := newCollector(t, e, answers).ready()
	list := fewCalls(20)
	c.send(spans(list[:10]))
	_ = e.proc.Stop(20 * time.Second)
	e.start("-readonly")
	done := make(chan struct{})
	go func() { defer close(done); c.send(spans(list[10:])) }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.proc.Wait(ctx, "the error", func() error {
		if !strings.Contains(c.proc.Log(), "the error 164") || !strings.Contains(c.proc.Log(), "is read-only: write another `clickhouse::user`") {
			return errors.New("not told")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	_ = e.proc.Stop(20 * time.Second)
	e.start()
	<-done
	if n := e.number("SELECT uniqExact(event_id) AS n FROM api.api_events"); n != 20 {
		t.Errorf("%d events, want 20", n)
	}
}

// TestConstraint: the row that a table refuses is dropped alone.
func TestConstraint(t *testing.T) {
	e := startEngine(t)
	c := newCollector(t, e, answers).ready()
	list := fewCalls(30)
	c.send(spans(list[:10]))
	e.must("ALTER TABLE api.api_events ADD CONSTRAINT no_teapot CHECK status != 418")
	list[17].status = 418
	c.send(spans(list[10:]))
	if n := e.number("SELECT count() AS n FROM api.api_events"); n != 29 {
		t.Errorf("%d rows, want all but one of 30", n)
	}
	if slices.Contains([]int64{0}, e.number("SELECT count() AS n FROM api.api_events WHERE event_id = '"+list[18].eventID()+"'")) {
		t.Error("its neighbour is missing")
	}
}
