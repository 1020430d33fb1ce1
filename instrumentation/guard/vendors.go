// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/apispan/apispan/internal/guardrules"
	"github.com/apispan/apispan/internal/keyfetch"
)

// Moesif is a Source that asks Moesif itself: GET /v1/rules and /v1/config. In a service
// prefer HTTP and the Collector's api_policy, which asks once for all services and keeps
// the key.
//
// Source: https://www.moesif.com/docs/api#get-governance-rules
func Moesif(applicationID string, opts ...SourceOption) (*Polled, error) {
	cfg, err := configure(opts, "https://api.moesif.net", DefaultInterval)
	if err != nil {
		return nil, err
	}
	if applicationID == "" {
		return nil, errors.New("guard: Moesif: the application id is empty")
	}
	if err := checkURL("Moesif", cfg.base, true); err != nil {
		return nil, err
	}
	m := &moesif{cfg: cfg, header: http.Header{"X-Moesif-Application-Id": {applicationID}, "Accept": {"application/json"}}}
	return start(cfg, m.fetch), nil
}

// moesif asks for rules and configuration, which make rules only together.
type moesif struct {
	cfg    sourceConfig
	header http.Header
	tags   [2]string
}

func (m *moesif) fetch(ctx context.Context) (fetched, error) {
	base := strings.TrimRight(m.cfg.base, "/")
	b := guardrules.NewBuilder()
	var tags [2]string
	for i, path := range []string{"/v1/rules", "/v1/config"} {
		wait, err := m.cfg.get(ctx, base+path, m.header, func(r *http.Response) error {
			names := []string{"X-Moesif-Config-Etag"}
			if i == 0 {
				names = []string{"X-Moesif-Rules-Tag", "X-Moesif-Rules-Etag"}
			}
			for _, name := range names {
				if t := r.Header.Get(name); t != "" {
					tags[i] = t
				}
			}
			if i == 1 && tags == m.tags && tags[0] != "" && tags[1] != "" {
				b = nil // as they were: the configuration may be large
				return nil
			}
			return b.Read(r.Body)
		})
		if err != nil {
			return fetched{wait: wait}, fmt.Errorf("guard: Moesif: %s %w", path, err)
		}
	}
	if b == nil {
		return fetched{}, nil
	}
	rules, err := build(b)
	if err != nil {
		return fetched{}, fmt.Errorf("guard: Moesif: the answer %w", err)
	}
	m.tags = tags
	return fetched{rules: rules}, nil
}

func build(b *guardrules.Builder) (*Rules, error) {
	set, problems, err := b.Build()
	if err != nil {
		return nil, err
	}
	r := &Rules{set: set}
	for _, p := range problems {
		r.problems = append(r.problems, p)
	}
	return r, nil
}

// Metlo is a Source that asks Metlo's backend: GET /api/v1/agent-config. The open backend
// has no rules that block; they come with Metlo's commercial one.
func Metlo(apiKey string, opts ...SourceOption) (*Polled, error) {
	cfg, err := configure(opts, "https://app.metlo.com", DefaultInterval)
	if err != nil {
		return nil, err
	}
	if apiKey == "" {
		return nil, errors.New("guard: Metlo: the API key is empty")
	}
	if err := checkURL("Metlo", cfg.base, true); err != nil {
		return nil, err
	}
	url := strings.TrimRight(cfg.base, "/") + "/api/v1/agent-config"
	header := http.Header{"Authorization": {apiKey}, "Accept": {"application/json"}}
	return start(cfg, func(ctx context.Context) (fetched, error) {
		b := guardrules.NewBuilder()
		wait, err := cfg.get(ctx, url, header, func(r *http.Response) error { return b.Read(r.Body) })
		if err != nil {
			return fetched{wait: wait}, fmt.Errorf("guard: Metlo: %w", err)
		}
		rules, err := build(b)
		if err != nil {
			return fetched{}, errors.New("guard: Metlo: the answer has no wafConfig, as that of the open backend, which has no rules that block")
		}
		return fetched{rules: rules}, nil
	}), nil
}

// longPoll is how long the source HTTP lets the server wait for other rules.
const longPoll = 30 * time.Second

// HTTP is a Source of a service that hands out rules, as the Collector's extension
// api_policy does: GET url, with If-None-Match and Prefer: wait (RFC 7240), so that new
// rules are there at once. A server that does not wait is asked at the interval.
func HTTP(url string, opts ...SourceOption) (*Polled, error) {
	cfg, err := configure(opts, url, DefaultInterval)
	if err != nil {
		return nil, err
	}
	if err := checkURL("HTTP", url, cfg.bearer != ""); err != nil {
		return nil, err
	}
	etag := ""
	return start(cfg, func(ctx context.Context) (fetched, error) {
		header := http.Header{"Accept": {"application/json"}}
		if cfg.bearer != "" {
			header["Authorization"] = []string{"Bearer " + cfg.bearer}
		}
		if etag != "" {
			header["If-None-Match"] = []string{etag}
			header["Prefer"] = []string{fmt.Sprintf("wait=%d", int(longPoll/time.Second))}
		}
		began := time.Now()
		b := guardrules.NewBuilder()
		tag, waited := "", false
		wait, err := cfg.get(ctx, url, header, func(r *http.Response) error {
			tag = r.Header.Get("ETag")
			waited = strings.Contains(r.Header.Get("Preference-Applied"), "wait")
			if r.StatusCode == http.StatusNotModified {
				b = nil
				return nil
			}
			return b.Read(r.Body)
		})
		if err != nil {
			return fetched{wait: wait}, fmt.Errorf("guard: HTTP: %w", err)
		}
		got := fetched{}
		if waited && time.Since(began) < 2*longPoll {
			got.wait = 100 * time.Millisecond
		}
		if b == nil {
			return got, nil
		}
		if got.rules, err = build(b); err != nil {
			return fetched{}, fmt.Errorf("guard: HTTP: the answer %w", err)
		}
		etag = tag
		return got, nil
	}), nil
}

// get asks once and lets use read the answer.
func (c *sourceConfig) get(ctx context.Context, url string, header http.Header, use func(*http.Response) error) (wait time.Duration, err error) {
	limit := requestTimeout
	if header["Prefer"] != nil {
		limit += longPoll
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, errors.New("the request could not be built")
	}
	req.Header = header.Clone()
	req.Header.Set("User-Agent", "apispan")
	resp, err := c.client.Do(req)
	if err != nil { // what the library says quotes the URL
		if ctx.Err() != nil {
			return 0, errors.New("has not answered in time")
		}
		return 0, errors.New("cannot be reached")
	}
	defer func() {
		_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
		_ = resp.Body.Close()
	}()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotModified:
		if header["If-None-Match"] == nil {
			return 0, errors.New("answers 304 to a request without a condition")
		}
	case http.StatusUnauthorized, http.StatusForbidden:
		return 0, fmt.Errorf("answers %d: check the key", resp.StatusCode)
	default:
		d, _ := keyfetch.RetryAfter(resp.Header, time.Now())
		return min(d, c.interval), fmt.Errorf("answers %d", resp.StatusCode)
	}
	return 0, use(resp)
}
