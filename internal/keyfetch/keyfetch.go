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
	"sync/atomic"
	"time"

	"github.com/apispan/apispan/internal/confkeys"
	"github.com/apispan/apispan/internal/poll"
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
	// the first key, another key, a failure (once, until another kind comes, or a
	// key). Calls do not overlap, and none is made after Stop.
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

	loop *poll.Loop // nil before Start

	failing bool // the loop's goroutine alone uses it
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
	return &Source{cfg: cfg, url: strings.TrimRight(cfg.BaseURL, "/") + Path}, nil
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
	client = poll.NoRedirects(client)
	pace := poll.Pace{Interval: s.cfg.Refresh, Backoff: s.cfg.firstBackoff, MaxBackoff: maxBackoff}
	s.loop = poll.Start(func(ctx context.Context) (time.Duration, error) { return s.fetch(ctx, client) }, pace, func(err error) {
		s.failing = true
		s.tell(Event{Err: fmt.Errorf("fetching the HMAC key failed: the service %w", err)})
	})
}

// Wait waits for the end of the first attempt, which takes five seconds at most, or
// for ctx: a component that starts can so have a key before its first data.
func (s *Source) Wait(ctx context.Context) { _ = s.loop.Wait(ctx) }

// Stop ends fetching and waits for it. The key stays. It may be called without
// Start, and again.
func (s *Source) Stop() {
	if s.loop != nil {
		s.loop.Close()
	}
}

func (s *Source) tell(e Event) {
	if s.cfg.OnEvent != nil {
		s.cfg.OnEvent(e)
	}
}

// fetch asks once, and puts a key in use.
func (s *Source) fetch(ctx context.Context, client *http.Client) (time.Duration, error) {
	key := ""
	wait, err := poll.Get(ctx, client, poll.Request{
		URL: s.url, Timeout: attemptTimeout, Credential: "token",
		Header: http.Header{"X-Api-Key": {s.cfg.Token}, "Accept": {"application/json"}},
	}, func(r *http.Response) (err error) {
		key, err = readKey(r)
		return err
	})
	if err != nil || ctx.Err() != nil {
		return wait, err
	}
	old := s.key.Swap(&key)
	if old == nil || *old != key || s.failing {
		s.failing = false
		s.tell(Event{Default: key == DefaultKey})
	}
	return 0, nil
}

func readKey(r *http.Response) (string, error) {
	if r.StatusCode != http.StatusOK {
		return "", fmt.Errorf("answers %d", r.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxAnswerBytes+1))
	switch {
	case err != nil:
		return "", errors.New("breaks its answer off")
	case len(body) > maxAnswerBytes:
		return "", fmt.Errorf("answers with more than %d bytes", maxAnswerBytes)
	}
	var answer struct {
		SecretKey string `json:"secret_key"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return "", errors.New("answers with what is not the expected JSON")
	}
	if n := len(answer.SecretKey); n == 0 || n > maxKeyBytes {
		return "", fmt.Errorf("answers with a key of %d bytes; 1 to %d are expected", n, maxKeyBytes)
	}
	return answer.SecretKey, nil
}
