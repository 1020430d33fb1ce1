// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestSwitching: an answer that turns the connection over is one as any other, and holds up
// neither the caller nor Close.
func TestSwitching(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		asked.Add(1)
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn) // until the other side closes
		_ = conn.Close()
	}))
	defer srv.Close()
	errs := make(chan error, 100)
	l := Start(func(ctx context.Context) (time.Duration, error) {
		return Get(ctx, srv.Client(), Request{URL: srv.URL, Header: http.Header{}, Timeout: time.Minute}, func(*http.Response) error { return nil })
	}, Pace{Interval: time.Millisecond}, func(err error) { errs <- err })
	if err := <-errs; !strings.Contains(err.Error(), "101") {
		t.Error(err)
	}
	for asked.Load() < 3 {
		time.Sleep(time.Millisecond)
	}
	l.Close()
}

// TestHint: what may be new is fetched before its time, but not sooner than after a while
// and not while a failure is waited out; what is told during a fetch counts for nothing.
func TestHint(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	var fail atomic.Bool
	var l *Loop
	ready := make(chan struct{})
	l = Start(func(context.Context) (time.Duration, error) {
		<-ready
		l.Hint(0)
		n.Add(1)
		if fail.Load() {
			return time.Hour, errors.New("down")
		}
		return 0, nil
	}, Pace{Interval: time.Hour}, func(error) {})
	defer l.Close()
	close(ready)
	until := func(want int64) {
		t.Helper()
		for end := time.Now().Add(time.Minute); n.Load() < want; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d fetches, want %d", n.Load(), want)
			}
		}
		time.Sleep(20 * time.Millisecond)
		if got := n.Load(); got != want {
			t.Fatalf("%d fetches, want %d", got, want)
		}
	}
	until(1) // and no second one by the hint within
	l.Hint(time.Hour)
	until(1)
	fail.Store(true)
	l.Hint(0)
	until(2)
	l.Hint(0)
	until(2)
	l.Refresh()
	until(3)
}
