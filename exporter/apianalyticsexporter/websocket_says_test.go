// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// wsServer takes events by a script and knows them by their user.
type wsServer struct {
	greeting string
	// event handles the n-th event (from 0) of all. It reports whether the connection
	// goes on.
	event func(c *websocket.Conn, n int, word string) bool

	mu    sync.Mutex
	taken map[string]int
	n     int
	dials int
}

func (s *wsServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	c.SetReadLimit(1 << 20)
	s.mu.Lock()
	s.dials++
	s.mu.Unlock()
	if s.greeting != "" {
		_ = c.Write(r.Context(), websocket.MessageText, []byte(s.greeting))
	}
	for {
		_, data, err := c.Read(r.Context())
		if err != nil {
			return
		}
		_, rest, _ := bytes.Cut(data, []byte(`"user_id":"`))
		word, _, _ := bytes.Cut(rest, []byte(`"`))
		s.mu.Lock()
		n := s.n
		s.n++
		s.mu.Unlock()
		if !s.event(c, n, string(word)) {
			return
		}
	}
}

func (s *wsServer) take(word string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken[word]++
}

func say(c *websocket.Conn, text string) {
	_ = c.Write(context.Background(), websocket.MessageText, []byte(text))
}

func startWS(t *testing.T, s *wsServer, change func(*Config)) *rig {
	t.Helper()
	s.taken = map[string]int{}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	cfg := wsConfig(srv)
	if change != nil {
		change(cfg)
	}
	return newRig(t, cfg).start()
}

// TestWebSocketSurplus: what a server says besides one acknowledgement an event confirms
// no event.
func TestWebSocketSurplus(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*wsServer{
		"greeting":       {greeting: `{"type":"welcome"}`},
		"two for each":   {},
		"three for each": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			more := strings.Count("two for each", name) + 2*strings.Count("three for each", name)
			// Each third event is not taken: the connection ends without a word.
			s.event = func(c *websocket.Conn, n int, word string) bool {
				if n%3 == 0 {
					return false
				}
				s.take(word)
				for range 1 + more {
					say(c, `{"status":"ok"}`)
				}
				return true
			}
			r := startWS(t, s, oneConsumer)
			for i := range 12 {
				if err := r.words(fmt.Sprint("w", i)); err != nil {
					t.Fatal(err)
				}
			}
			waitFor(t, "all are sent", func() bool { return r.counts().Sent == 12 })
			s.mu.Lock()
			defer s.mu.Unlock()
			for i := range 12 {
				if s.taken[fmt.Sprint("w", i)] == 0 {
					t.Errorf("w%d was confirmed and not taken", i)
				}
			}
		})
	}
}

// TestWebSocketErrorFrame: a frame that says that an event was not taken is no
// acknowledgement.
func TestWebSocketErrorFrame(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"error":"invalid event"}`, `{"errors":[{"field":"endpoint"}]}`, `{"status":"error"}`, `{"type":"error","message":"no"}`,
		`{"ok":false}`, `{"success":false}`, `{"code":422}`, `{"status":400}`, `{"status_code":"x","error":{"a":1}}`, `{"status":"FAILED"}`,
		`{"code":503}`, `{"code":"500"}`,
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			s := &wsServer{}
			failing := 3
			s.event = func(c *websocket.Conn, _ int, word string) bool {
				s.mu.Lock()
				fail := word == "w1" && failing > 0
				if fail {
					failing--
				}
				s.mu.Unlock()
				if fail {
					say(c, text)
					return true
				}
				s.take(word)
				say(c, `{"status":"ok","error":null}`)
				return true
			}
			r := startWS(t, s, func(cfg *Config) {
				oneConsumer(cfg)
				cfg.RetryConfig.MaxElapsedTime = 0
			})
			for i := range 3 {
				if err := r.words(fmt.Sprint("w", i)); err != nil {
					t.Fatal(err)
				}
			}
			waitFor(t, "all are settled", func() bool { c := r.counts(); return c.Sent+c.droppedAll() == 3 })
			c := r.checkBooks()
			s.mu.Lock()
			defer s.mu.Unlock()
			if int(c.Sent) != len(s.taken) || c.Sent+c.Dropped["rejected"]+c.Dropped["rejected_degraded"] != 3 {
				t.Errorf("taken %v, %+v", s.taken, c)
			}
		})
	}
}

// TestWebSocketPoisonCloses: an event for which the server always ends the connection does
// not hold up the others of its batch, and causes no storm of connections.
func TestWebSocketPoisonCloses(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*websocket.Conn){
		"1011":           func(c *websocket.Conn) { _ = c.Close(websocket.StatusInternalError, "") },
		"1001":           func(c *websocket.Conn) { _ = c.Close(websocket.StatusGoingAway, "") },
		"without a word": func(*websocket.Conn) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &wsServer{}
			poison := 0
			s.event = func(c *websocket.Conn, _ int, word string) bool {
				if word == "poison" {
					s.mu.Lock()
					poison++
					s.mu.Unlock()
					end(c)
					return false
				}
				s.take(word)
				say(c, "ok")
				return true
			}
			r := startWS(t, s, func(cfg *Config) {
				oneConsumer(cfg)
				cfg.RetryConfig.MaxElapsedTime = 0
				cfg.RetryConfig.InitialInterval, cfg.RetryConfig.MaxInterval = 20*time.Millisecond, 100*time.Millisecond
			})
			begin := time.Now()
			if err := r.words("a", "b", "poison", "c", "d"); err != nil {
				t.Fatal(err)
			}
			for i := range 20 {
				if err := r.words(fmt.Sprint("w", i)); err != nil {
					t.Fatal(err)
				}
			}
			waitFor(t, "the others are sent", func() bool { return r.counts().Sent == 24 })
			s.mu.Lock()
			defer s.mu.Unlock()
			attempts := 2 + int(time.Since(begin)/(10*time.Millisecond)) // the backoff is random by a half
			if len(s.taken) != 24 || poison > 2*attempts || s.dials > 2*attempts+2 {
				t.Errorf("taken %v; the poison was seen %d times, %d connections", s.taken, poison, s.dials)
			}
			if c := r.counts(); c.droppedAll() != 0 {
				t.Errorf("%+v", c)
			}
		})
	}
}
