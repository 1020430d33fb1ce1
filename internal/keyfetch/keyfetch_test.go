// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package keyfetch

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "sk-SECRET-token"

// service hands out what answer says.
type service struct {
	*httptest.Server

	mu     sync.Mutex
	answer func(w http.ResponseWriter, r *http.Request)
	calls  int
}

func newService(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) *service {
	t.Helper()
	s := &service{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.calls++
		answer := s.answer
		s.mu.Unlock()
		if r.URL.Path != Path || r.Method != http.MethodGet {
			t.Errorf("%s %s", r.Method, r.URL.Path)
		}
		if r.Header.Get("X-Api-Key") != token {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) set(answer func(w http.ResponseWriter, r *http.Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func key(k string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintf(w, `{"secret_key":%q,"other":1}`, k) }
}

func status(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, `{"detail":"SECRET-detail"}`)
	}
}

// start returns a running source and what it reports.
func start(t *testing.T, cfg Config, client *http.Client) (*Source, <-chan Event) {
	t.Helper()
	events := make(chan Event, 64)
	cfg.OnEvent = func(e Event) { events <- e }
	cfg.firstBackoff = time.Millisecond
	if cfg.Token == "" {
		cfg.Token = token
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if s.Key() != "" {
		t.Fatal("a key before the start")
	}
	s.Start(client)
	t.Cleanup(s.Stop)
	return s, events
}

func next(t *testing.T, events <-chan Event) Event {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(time.Minute):
		t.Fatal("nothing reported")
		return Event{}
	}
}

func TestFetchAndRotate(t *testing.T) {
	t.Parallel()
	srv := newService(t, key("first"))
	s, events := start(t, Config{BaseURL: srv.URL + "/", Refresh: time.Millisecond}, srv.Client())
	s.Wait(t.Context())
	if s.Key() == "" {
		t.Error("no key after Wait")
	}
	if e := next(t, events); e.Err != nil || e.Default || s.Key() != "first" {
		t.Errorf("first: %+v, key %q", e, s.Key())
	}
	srv.set(key("second"))
	if e := next(t, events); e.Err != nil || s.Key() != "second" {
		t.Errorf("rotated: %+v, key %q", e, s.Key())
	}
	srv.set(status(http.StatusInternalServerError))
	if e := next(t, events); e.Err == nil || s.Key() != "second" {
		t.Errorf("a failure takes the key away: %+v, key %q", e, s.Key())
	}
	srv.set(key(DefaultKey))
	if e := next(t, events); e.Err != nil || !e.Default || s.Key() != DefaultKey {
		t.Errorf("the known default is not told: %+v", e)
	}
	s.Stop()
	if s.Key() != DefaultKey {
		t.Error("Stop takes the key away")
	}
}

// TestFailures: each kind of failure is told once, without anything of the answer,
// and a key that comes later is taken.
func TestFailures(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		want   string
	}{
		"401":           {status(401), "answers 401: check the token"},
		"403":           {status(403), "answers 403: check the token"},
		"404":           {status(404), "answers 404: check the address"},
		"429":           {status(429), "answers 429"},
		"500":           {status(500), "answers 500"},
		"201":           {status(201), "answers 201"},
		"redirect":      {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, "answers 302"},
		"garbage":       {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>SECRET</html>") }, "answers with what is not the expected JSON"},
		"other JSON":    {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `["SECRET"]`) }, "answers with what is not the expected JSON"},
		"key no string": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"secret_key":17}`) }, "answers with what is not the expected JSON"},
		"key empty":     {key(""), "answers with a key of 0 bytes; 1 to 4096 are expected"},
		"key huge":      {key(strings.Repeat("k", 5000)), "answers with a key of 5000 bytes; 1 to 4096 are expected"},
		"body huge":     {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1<<20)) }, "answers with more than 65536 bytes"},
		"broken off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{`)
		}, "breaks its answer off"},
		"closed at once": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newService(t, tc.answer)
			s, events := start(t, Config{BaseURL: srv.URL}, srv.Client())
			e := next(t, events)
			if want := "fetching the HMAC key failed: the service " + tc.want; e.Err == nil || e.Err.Error() != want {
				t.Errorf("got %v, want %q", e.Err, want)
			}
			if s.Key() != "" {
				t.Error("there is a key")
			}
			srv.set(key("late"))
			if e := next(t, events); e.Err != nil || s.Key() != "late" {
				t.Errorf("afterwards: %+v, key %q", e, s.Key())
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	srv := newService(t, key("k"))
	url := srv.URL
	srv.Close()
	s, events := start(t, Config{BaseURL: url}, &http.Client{})
	if e := next(t, events); e.Err == nil || strings.Contains(e.Err.Error(), "127.0.0.1") {
		t.Errorf("%v", e.Err)
	}
	s.Stop()
	s.Stop()
}

// TestStopDoesNotWaitForAnswer: a service that hangs does not hold the shutdown.
func TestStopDoesNotWaitForAnswer(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}, 1), make(chan struct{})
	srv := newService(t, func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	s, _ := start(t, Config{BaseURL: srv.URL}, srv.Client())
	<-asked
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	s.Wait(canceled)
	begin := time.Now()
	s.Stop()
	if took := time.Since(begin); took > attemptTimeout/2 {
		t.Errorf("Stop took %v", took)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, cfg := range []Config{
		{Token: "t"}, {BaseURL: "host", Token: "t"}, {BaseURL: "ftp://host", Token: "t"}, {BaseURL: "https://", Token: "t"},
		{BaseURL: "https://u:SECRET@host", Token: "t"}, {BaseURL: "https://host?SECRET", Token: "t"}, {BaseURL: "https://host/\x00", Token: "t"},
		{BaseURL: "https://host"}, {BaseURL: "https://host", Token: "t", Refresh: -1},
	} {
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	var s Source
	s.Stop() // never started
}
