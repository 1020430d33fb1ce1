// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package inspector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"sync"
	"time"
)

// What a Tail expects.
const (
	ExpectNone = "none" // no exchange that the query takes
	ExpectAny  = "any"  // at least one
)

// Tail prints exchanges as they pass.
type Tail struct {
	Client *Client
	Query  string
	JSON   bool
	// Last is how many of those that have passed already are printed first, -1 all.
	Last int
	// For is how long to look; negative is without end. Wait is how long the inspector may
	// take to appear.
	For, Wait time.Duration
	// Expect is ExpectNone, ExpectAny, or empty. Either ends the look when it is decided.
	Expect   string
	Out, Err io.Writer

	// settle is how long an exchange is held back for what becomes of it.
	settle time.Duration

	mu      sync.Mutex // of what is below
	since   time.Time  // of the inspector that is known
	printed map[string]struct{}
	older   map[string]struct{} // printed before, so that neither grows for ever
	held    map[string]held
	seq     int64
	found   bool
	end     context.CancelFunc
	failed  error
}

type held struct {
	row   []byte
	since time.Time
}

type list struct {
	Rows  []json.RawMessage
	Next  string
	Query struct{ Terms []struct{ Problem string } }
}

type status struct {
	Since time.Time
	Stats struct {
		Seen, Kept int64
		NotShown   int64 `json:"not_shown"`
	}
}

const (
	maxPrinted = 50_000
	// settleTime is how long the backends' answers are waited for before a line is printed.
	settleTime = time.Second
	// connectTime is how long the stream may take to begin.
	connectTime = 30 * time.Second
	// tries are the pauses between attempts to connect.
	firstPause, longestPause = 200 * time.Millisecond, 5 * time.Second
)

// Run looks until the time is over, ctx ends, or what is expected is decided. ok is false if
// it is not as expected.
func (t *Tail) Run(ctx context.Context) (ok bool, err error) {
	if t.settle == 0 {
		t.settle = settleTime
	}
	t.printed, t.older, t.held = map[string]struct{}{}, map[string]struct{}{}, map[string]held{}
	s, err := t.await(ctx)
	if err != nil {
		return false, err
	}
	t.since = s.Since
	run, cancel := context.WithCancel(ctx)
	defer cancel()
	t.end = cancel
	if err := t.catchUp(run, true); err != nil && run.Err() == nil {
		return false, err
	}
	if t.For == 0 {
		cancel()
	}
	if t.For > 0 {
		// The time begins with the stream, or without it in the end.
		late := time.AfterFunc(t.For+connectTime, cancel)
		defer late.Stop()
	}
	var flusher sync.WaitGroup
	flusher.Go(func() { t.flush(run) })
	connected, err := t.follow(run)
	cancel()
	flusher.Wait()
	if err != nil {
		return false, err
	}
	return t.verdict(ctx, connected)
}

// await asks for the status until there is one.
func (t *Tail) await(ctx context.Context) (s status, err error) {
	deadline := time.Now().Add(t.Wait)
	for {
		err = t.Client.Get(ctx, "/api/status", nil, &s)
		var gone *UnreachableError
		if !errors.As(err, &gone) || time.Now().After(deadline) {
			return s, err
		}
		pause(ctx, firstPause)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// follow reads the stream, and comes again when it breaks off. connected is whether it was
// there at the end.
func (t *Tail) follow(ctx context.Context) (connected bool, err error) {
	last, wait := "", firstPause
	fresh := true // what came since the list is not known
	var begun *time.Timer
	defer func() {
		if begun != nil {
			begun.Stop()
		}
	}()
	for ctx.Err() == nil {
		err := t.Client.Stream(ctx, url.Values{"q": {t.Query}}, last, func(e Event) error {
			if !connected {
				connected, wait = true, firstPause
			}
			if t.For > 0 && begun == nil {
				begun = time.AfterFunc(t.For, t.end)
			}
			if e.ID != "" {
				last = e.ID
			}
			if fresh || e.Name == "reset" {
				fresh = false
				if err := t.catchUp(ctx, false); err != nil {
					return err
				}
			}
			if e.Name == "exchange" {
				return t.take(e.Data)
			}
			return nil
		})
		var gone *UnreachableError
		switch {
		case ctx.Err() != nil:
			return connected, t.problem()
		case !errors.As(err, &gone):
			return connected, err
		case connected:
			sayf(t.Err, "the connection was lost: reconnecting\n")
		}
		connected, fresh = false, last == ""
		pause(ctx, wait)
		wait = min(2*wait, longestPause)
	}
	return connected, t.problem()
}

func (t *Tail) problem() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}

// catchUp prints what the list has and the stream had not: at the begin the last ones.
func (t *Tail) catchUp(ctx context.Context, begin bool) error {
	var s status
	if err := t.Client.Get(ctx, "/api/status", nil, &s); err != nil {
		return err
	}
	t.mu.Lock()
	if !s.Since.Equal(t.since) {
		sayf(t.Err, "the Collector was started again: what it had is gone\n")
		t.since, t.seq = s.Since, 0
		t.printed, t.older = map[string]struct{}{}, map[string]struct{}{}
	}
	after := t.seq
	t.mu.Unlock()

	var rows [][]byte
	newest := after
	for before := ""; ; {
		q := url.Values{"q": {t.Query}, "limit": {"1000"}}
		if before != "" {
			q.Set("before", before)
		}
		var l list
		if err := t.Client.Get(ctx, "/api/exchanges", q, &l); err != nil {
			return err
		}
		for _, term := range l.Query.Terms {
			if term.Problem != "" {
				return fmt.Errorf("the query cannot be used: %s", Harmless(term.Problem))
			}
		}
		done := l.Next == ""
		for _, raw := range l.Rows {
			var r row
			if json.Unmarshal(raw, &r) != nil {
				return errors.New("a row of the inspector's list cannot be read: is it of the same version?")
			}
			newest = max(newest, r.Seq)
			if r.Seq <= after || begin && t.Last >= 0 && len(rows) >= t.Last {
				done = true
				break
			}
			rows = append(rows, raw)
		}
		if done {
			break
		}
		before = l.Next
	}
	t.mu.Lock()
	t.seq = max(t.seq, newest)
	t.mu.Unlock()
	for _, raw := range slices.Backward(rows) {
		if err := t.take(raw); err != nil {
			return err
		}
	}
	return nil
}

// take deals with an exchange that the query takes: new, or changed.
func (t *Tail) take(raw []byte) error {
	var r row
	if json.Unmarshal(raw, &r) != nil || r.ID == "" {
		return errors.New("a row of the inspector's cannot be read: is it of the same version?")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known(r.ID) {
		return nil
	}
	if t.Expect == "" && !r.settled() {
		h, ok := t.held[r.ID]
		if !ok {
			h.since = time.Now()
		}
		h.row = slices.Clone(raw)
		t.held[r.ID] = h
		return nil
	}
	return t.print(&r, raw)
}

func (t *Tail) known(id string) bool {
	_, a := t.printed[id]
	_, b := t.older[id]
	return a || b
}

// flush prints what was held back for long enough.
func (t *Tail) flush(ctx context.Context) {
	tick := time.NewTicker(t.settle / 10)
	defer tick.Stop()
	for end := false; !end; {
		select {
		case <-ctx.Done():
			end = true
		case <-tick.C:
		}
		t.mu.Lock()
		var due []row
		for id, h := range t.held {
			if end || time.Since(h.since) >= t.settle {
				var r row
				_ = json.Unmarshal(h.row, &r) // take has read it
				r.ID = id
				due = append(due, r)
			}
		}
		slices.SortFunc(due, func(a, b row) int { return int(a.Seq - b.Seq) })
		for i := range due {
			if err := t.print(&due[i], t.held[due[i].ID].row); err != nil && t.failed == nil {
				t.failed = err
				t.end()
			}
		}
		t.mu.Unlock()
	}
}

// print is called under the lock.
func (t *Tail) print(r *row, raw []byte) error {
	delete(t.held, r.ID)
	if len(t.printed) >= maxPrinted {
		t.printed, t.older = map[string]struct{}{}, t.printed
	}
	t.printed[r.ID] = struct{}{}
	t.seq = max(t.seq, r.Seq)
	t.found = true
	if t.Expect != "" {
		defer t.end()
	}
	if !t.JSON {
		_, err := fmt.Fprintln(t.Out, r)
		return err
	}
	line, err := HarmlessJSON(raw)
	if err == nil {
		_, err = t.Out.Write(append(line, '\n'))
	}
	return err
}

// verdict says at the end whether it is as expected.
func (t *Tail) verdict(ctx context.Context, connected bool) (bool, error) {
	t.mu.Lock()
	found := t.found
	t.mu.Unlock()
	switch {
	case t.Expect == ExpectAny && !found:
		sayf(t.Err, "no exchange was seen that the query takes, and one was expected\n")
		return false, nil
	case t.Expect == ExpectNone && found:
		sayf(t.Err, "an exchange was seen that the query takes, and none was expected\n")
		return false, nil
	case t.Expect != ExpectNone:
		return true, nil
	case !connected && t.For != 0:
		sayf(t.Err, "that there was none cannot be said: the connection was lost\n")
		return false, nil
	}
	var s status
	if err := t.Client.Get(ctx, "/api/status", nil, &s); err != nil {
		return false, err
	}
	if missed := max(s.Stats.Seen-s.Stats.Kept, s.Stats.NotShown); missed > 0 {
		sayf(t.Err, "that there was none cannot be said: of %d exchanges, %d were not kept; raise details_per_second of the extension, or send less\n", s.Stats.Seen, missed)
		return false, nil
	}
	return true, nil
}
