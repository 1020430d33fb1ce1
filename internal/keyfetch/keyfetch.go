// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package keyfetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apispan/apispan/internal/confkeys"
)

// Path is appended to the base URL.
const Path = "/api/secret-key"

// DefaultKey is the key of an installation whose operator never chose one. It is
// public, so hashes under it can be reversed by trying.
const DefaultKey = "default-hmac-secret-change-in-production"

// Defaults and limits.
const (
	DefaultRefresh = 10 * time.Minute

	attemptTimeout = 5 * time.Second
	firstBackoff   = 500 * time.Millisecond
	maxBackoff     = time.Minute
	maxAnswerBytes = 64 << 10
	maxKeyBytes    = 4096
)

// Config says where the key is. BaseURL and Token are required.
type Config struct {
	// BaseURL is scheme and host, and a path if the service has one.
	BaseURL string
	// Token is the account's API key.
	Token string
	// Refresh is the time between fetches once there is a key; 0 means
	// DefaultRefresh.
	Refresh time.Duration
	// OnEvent, if set, is told what came of each fetch that changes something:
	// the first key, another key, the first failure after a success (or after
	// the start). Calls do not overlap, and none is made after Stop.
	OnEvent func(Event)

	// firstBackoff is shortened by tests; 0 means the constant.
	firstBackoff time.Duration
}

// Event tells what came of a fetch.
type Event struct {
	// Err says why there is no new key; nil if there is one.
	Err error
	// Default is true if the key is DefaultKey.
	Default bool
}

// Source keeps one key. Its methods may be called from anywhere.
type Source struct {
	cfg Config
	url string
	key atomic.Pointer[string]

	stop  context.CancelFunc
	done  sync.WaitGroup
	tried chan struct{} // closed after the first attempt
}

// New returns a source without a key, which Start lets run. The error names no
// key of a configuration, since two components have different ones.
func New(cfg Config) (*Source, error) {
	if err := URL.Check(cfg.BaseURL); err != nil {
		return nil, err
	}
	switch {
	case cfg.Token == "":
		return nil, errors.New("the token is empty")
	case cfg.Refresh < 0:
		return nil, fmt.Errorf("the refresh interval %v is negative", cfg.Refresh)
	}
	if cfg.Refresh == 0 {
		cfg.Refresh = DefaultRefresh
	}
	if cfg.firstBackoff == 0 {
		cfg.firstBackoff = firstBackoff
	}
	return &Source{cfg: cfg, url: strings.TrimRight(cfg.BaseURL, "/") + Path, tried: make(chan struct{})}, nil
}

// URL is what the base URL has to be.
var URL = confkeys.URL{Example: "https://cerberus.example.com"}

// Key returns the key in use, or "" while there is none.
func (s *Source) Key() string {
	if k := s.key.Load(); k != nil {
		return *k
	}
	return ""
}

// Start begins to fetch in the background with the client, until Stop. It is called
// at most once.
func (s *Source) Start(client *http.Client) {
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	c := *client
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s.done.Go(func() { s.run(ctx, &c) })
}

// Wait waits for the end of the first attempt, which takes five seconds at most, or
// for ctx: a component that starts can so have a key before its first data.
func (s *Source) Wait(ctx context.Context) {
	select {
	case <-s.tried:
	case <-ctx.Done():
	}
}

// Stop ends fetching and waits for it. The key stays. It may be called without
// Start, and again.
func (s *Source) Stop() {
	if s.stop != nil {
		s.stop()
		s.done.Wait()
	}
}

func (s *Source) run(ctx context.Context, client *http.Client) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	backoff := s.cfg.firstBackoff
	failing, first := false, true
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		key, wait, err := s.fetch(ctx, client)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			old := s.key.Swap(&key)
			changed := old == nil || *old != key || failing
			if first {
				close(s.tried)
				first = false
			}
			if changed {
				s.tell(Event{Default: key == DefaultKey})
			}
			failing, backoff = false, s.cfg.firstBackoff
			timer.Reset(s.cfg.Refresh)
			continue
		}
		if first {
			close(s.tried)
			first = false
		}
		if !failing {
			s.tell(Event{Err: err})
		}
		failing = true
		timer.Reset(max(wait, backoff))
		backoff = min(2*backoff, maxBackoff)
	}
}

func (s *Source) tell(e Event) {
	if s.cfg.OnEvent != nil {
		s.cfg.OnEvent(e)
	}
}

// errFetch begins every error of a fetch.
const errFetch = "fetching the HMAC key failed: "

// fetch asks once. wait is how long the service wants to be left alone.
func (s *Source) fetch(ctx context.Context, client *http.Client) (key string, wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, http.NoBody)
	if err != nil {
		return "", 0, errors.New(errFetch + "the request could not be built")
	}
	req.Header.Set("X-API-Key", s.cfg.Token) //nolint:canonicalheader // the vendor's spelling
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "apispan")
	resp, err := client.Do(req)
	if err != nil {
		// The library's message quotes the URL.
		if ctx.Err() != nil {
			return "", 0, errors.New(errFetch + "no answer in time")
		}
		return "", 0, errors.New(errFetch + "no connection")
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
	switch {
	case resp.StatusCode != http.StatusOK:
		hint := ""
		wait, _ := RetryAfter(resp.Header, time.Now())
		switch resp.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden:
			hint = "; check the token"
		case http.StatusNotFound:
			hint = "; check the address"
		}
		return "", wait, fmt.Errorf(errFetch+"the answer is %d%s", resp.StatusCode, hint)
	case err != nil:
		return "", 0, errors.New(errFetch + "the answer broke off")
	case len(body) > maxAnswerBytes:
		return "", 0, fmt.Errorf(errFetch+"the answer is longer than %d bytes", maxAnswerBytes)
	}
	var answer struct {
		SecretKey string `json:"secret_key"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return "", 0, errors.New(errFetch + "the answer is not the expected JSON")
	}
	if n := len(answer.SecretKey); n == 0 || n > maxKeyBytes {
		return "", 0, fmt.Errorf(errFetch+"the answer holds a key of %d bytes; 1 to %d are expected", n, maxKeyBytes)
	}
	return answer.SecretKey, 0, nil
}
