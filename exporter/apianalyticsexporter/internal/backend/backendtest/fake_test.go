// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/moesif/moesiftest"
)

// request sends a sound request, after change, to a new fake.
type request struct {
	method, path, body string
	header             http.Header
}

func moesifRequestTo(url string, r request) (*http.Response, error) {
	req, err := http.NewRequest(r.method, url+r.path, strings.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	req.Header = r.header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp, err
}

func soundRequest(t *testing.T) request {
	return request{
		method: http.MethodPost, path: "/v1/events/batch", body: "[" + string(backendtest.Sound(t, "moesif", "full")) + "]",
		header: http.Header{
			"Content-Type": {"application/json; charset=utf-8"}, "User-Agent": {"test/1"},
			"X-Moesif-Application-Id": {"app"},
		},
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(r *request)
		want   int
	}{
		{"sound", func(*request) {}, 201},
		{"gzip", func(r *request) {
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			_, _ = io.WriteString(w, r.body)
			_ = w.Close()
			r.body = b.String()
			r.header.Set("Content-Encoding", "gzip")
		}, 201},
		{"not gzip", func(r *request) { r.header.Set("Content-Encoding", "gzip") }, 400},
		{"other coding", func(r *request) { r.header.Set("Content-Encoding", "zstd") }, 400},
		{"method", func(r *request) { r.method = http.MethodPut }, 405},
		{"path", func(r *request) { r.path = "/v1/events" }, 404},
		{"no credential", func(r *request) { r.header.Del("X-Moesif-Application-Id") }, 401},
		{"wrong credential", func(r *request) { r.header.Set("X-Moesif-Application-Id", "other") }, 401},
		{"content type", func(r *request) { r.header.Set("Content-Type", "text/plain") }, 400},
		{"charset", func(r *request) { r.header.Set("Content-Type", "application/json; charset=latin1") }, 400},
		{"user agent", func(r *request) { r.header.Set("User-Agent", "Go-http-client/1.1") }, 400},
		{"not JSON", func(r *request) { r.body += "]" }, 400},
		{"empty", func(r *request) { r.body = "" }, 400},
		{"empty array", func(r *request) { r.body = "[]" }, 400},
		{"object", func(r *request) { r.body = strings.Trim(r.body, "[]") }, 400},
		{"bad event", func(r *request) { r.body = r.body[:len(r.body)-1] + ",{}]" }, 400},
		{"too many", func(r *request) { r.body = "[" + strings.Repeat("{},", 200) + "{}]" }, 413},
		{"large event", func(r *request) { r.body = `[{"a":"` + strings.Repeat("x", 1_000_000) + `"}]` }, 413},
		{"large request", func(r *request) { r.body = "[" + strings.Repeat(" ", moesiftest.Vendor.MaxBytes) + "]" }, 413},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fake := moesiftest.Vendor.New(backendtest.Settings{Credential: "app"})
			srv := httptest.NewServer(fake)
			defer srv.Close()
			r := soundRequest(t)
			tt.change(&r)
			resp, err := moesifRequestTo(srv.URL, r)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tt.want {
				t.Errorf("answer %d, want %d: %q", resp.StatusCode, tt.want, fake.Violations())
			}
			stats := fake.Stats()
			if accepted := tt.want == 201; accepted != (stats.Accepted == 1) || accepted == (stats.Violations > 0) {
				t.Errorf("after %d: %+v", tt.want, stats)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	fake := moesiftest.Vendor.New(backendtest.Settings{})
	srv := httptest.NewServer(fake)
	defer srv.Close()
	fake.Script(
		backendtest.Fault{Status: 503, Count: 2, RetryAfter: "7"},
		backendtest.Fault{Reset: true},
		backendtest.Fault{Take: true, Reset: true},
		backendtest.Fault{Body: "not json"},
		backendtest.Fault{Delay: 30 * time.Millisecond},
		backendtest.Fault{Status: 401, Count: -1},
	)
	r := soundRequest(t)
	for i, want := range []struct {
		status, taken int
		retryAfter    string
	}{
		{503, 0, "7"}, {503, 0, "7"}, {0, 0, ""}, {0, 1, ""}, {201, 2, ""}, {201, 3, ""}, {401, 3, ""}, {401, 3, ""},
	} {
		start := time.Now()
		resp, err := moesifRequestTo(srv.URL, r)
		switch {
		case want.status == 0:
			if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
				t.Errorf("request %d: %v, want a reset", i, err)
			}
		case err != nil:
			t.Fatalf("request %d: %v", i, err)
		case resp.StatusCode != want.status || resp.Header.Get("Retry-After") != want.retryAfter:
			t.Errorf("request %d: %d with Retry-After %q, want %d and %q",
				i, resp.StatusCode, resp.Header.Get("Retry-After"), want.status, want.retryAfter)
		}
		if i == 5 && time.Since(start) < 30*time.Millisecond {
			t.Error("the answer was not delayed")
		}
		if s := fake.Stats(); s.Accepted+s.Duplicates != want.taken {
			t.Errorf("request %d: %d events taken, want %d", i, s.Accepted+s.Duplicates, want.taken)
		}
	}
	fake.Heal()
	if resp, err := moesifRequestTo(srv.URL, r); err != nil || resp.StatusCode != http.StatusCreated {
		t.Errorf("healed: %v, %v", resp, err)
	}
	if s := fake.Stats(); s != (backendtest.Stats{Requests: 9, Accepted: 1, Duplicates: 3}) {
		t.Errorf("stats: %+v", s)
	}
	events := fake.Events()
	if len(events) != 4 || events[0].Duplicate || !events[3].Duplicate || events[0].Backend != "moesif" {
		t.Errorf("events: %d", len(events))
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	fake := moesiftest.Vendor.New(backendtest.Settings{})
	srv := httptest.NewServer(fake)
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- fake.Wait(ctx, 1) }()
	if _, err := moesifRequestTo(srv.URL, soundRequest(t)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := fake.Wait(ended, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait after the end: %v", err)
	}
}
