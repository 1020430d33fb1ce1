// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/apispan/apispan/test/load"
)

// TestKills: the collector of the shipped configuration is killed again and again under load,
// while it starts, too, and the engine now and then. Every exchange that was acknowledged is
// one row, and after the merge no event is there twice.
func TestKills(t *testing.T) {
	e := startEngine(t)
	kills := 100
	if n, err := strconv.Atoi(os.Getenv("KILLS")); err == nil {
		kills = n
	}
	c := newCollector(t, e, "clickhouse.yaml", "CLICKHOUSE_DATABASE=api")
	books := load.NewBooks()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	stop := make(chan struct{})
	sent := make(chan uint64)
	go func() {
		var next uint64
		defer func() { sent <- next }()
		// In parts that are acknowledged as a whole, so that nothing is on its way at the end.
		for ctx.Err() == nil {
			const part = 500
			if _, err := load.Send(ctx, load.Options{
				Target: c.otlp, Run: 7, Rate: 1000, Count: part, First: next, Senders: 2, Shape: load.Shape{EventID: true, RequestBody: 100}, Books: books,
			}); err != nil {
				t.Error(err)
				return
			}
			next += part
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	for i := range kills {
		// From 50 ms, when it recovers its queue, to 1.5 s after its start.
		time.Sleep(50*time.Millisecond + time.Duration(i*7919%1450)*time.Millisecond)
		c.proc.Kill()
		if i%20 == 10 {
			e.proc.Kill()
			e.start()
		}
		c.start()
	}
	close(stop)
	n := int64(<-sent)
	for until := time.Now().Add(5 * time.Minute); e.number("SELECT uniqExact(event_id) AS n FROM api.api_events") < n && time.Now().Before(until); {
		time.Sleep(200 * time.Millisecond)
	}
	repeats := e.number("SELECT count() - uniqExact(event_id) AS n FROM api.api_events")
	if got := e.number("SELECT count() AS n FROM api.api_events FINAL"); got != n {
		t.Errorf("%d rows with FINAL, %d acknowledged", got, n)
	}
	e.must("OPTIMIZE TABLE api.api_events FINAL")
	for _, row := range e.rows("SELECT event_id, weight FROM api.api_events", nil) {
		id := row["event_id"].(string)
		if number, ok := load.EventNumber(id); ok {
			books.Arrive("table", number, id)
		}
	}
	s := books.Sums("table")
	t.Logf("%d kills: %d acknowledged, %d repeats stored before the merge; then %s", kills, n, repeats, s)
	if s.Acked != int(n) || s.Arrived != int(n) || s.Lost+s.Repeats+s.Changed > 0 {
		t.Errorf("%+v", s)
	}
	if got := e.number("SELECT sum(weight) AS n FROM api.api_events"); got != n {
		t.Errorf("usage is %d, want %d", got, n)
	}
}
