// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/internal/poll"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	ours := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	theirs := ours.Add(3 * time.Hour) // the backend's clock, or ours, is wrong
	date := func(d time.Duration) string { return theirs.Add(d).Format(http.TimeFormat) }
	for _, tc := range []struct {
		value, date string
		want        time.Duration
		ok          bool
	}{
		{value: "", ok: false},
		{value: "0", want: 0, ok: true},
		{value: "1", want: time.Second, ok: true},
		{value: " 7 ", want: 7 * time.Second, ok: true},
		{value: "86400", want: poll.MaxRetryAfter, ok: true},
		{value: "99999999999999999999999999", want: poll.MaxRetryAfter, ok: true},
		{value: "-1", ok: false},
		{value: "1.5", ok: false},
		{value: "soon", ok: false},
		{value: date(90 * time.Second), date: date(0), want: 90 * time.Second, ok: true},
		{value: date(-90 * time.Second), date: date(0), want: 0, ok: true},
		{value: date(0), want: poll.MaxRetryAfter, ok: true}, // without Date our clock must do
		{value: date(0), date: "nonsense", want: poll.MaxRetryAfter, ok: true},
		{value: "Sunday, 06-Nov-94 08:49:37 GMT", date: date(0), want: 0, ok: true},
	} {
		h := http.Header{}
		if tc.value != "" {
			h.Set("Retry-After", tc.value)
		}
		if tc.date != "" {
			h.Set("Date", tc.date)
		}
		got, ok := poll.RetryAfter(h, ours)
		if got != tc.want || ok != tc.ok {
			t.Errorf("%q with date %q: %v %v, want %v %v", tc.value, tc.date, got, ok, tc.want, tc.ok)
		}
	}
}

// startSender returns a started sender for cfg.
func startSender(t *testing.T, cfg *Config) *sender {
	t.Helper()
	r := newRig(t, cfg)
	if err := r.exp.startSenders(context.Background(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	return r.exp.sender
}

// TestRequest looks at what arrives.
func TestRequest(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var body []byte
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	}))
	defer srv.Close()

	s := startSender(t, testConfig(srv.URL+"/collector/"))
	if a := s.send(context.Background(), [][]byte{[]byte(`{"a":1}`), []byte(`{"b":2}`)}); a.err != nil {
		t.Fatal(a.err)
	}
	if got.Method != http.MethodPost || got.URL.Path != "/collector/v1/events/batch" {
		t.Errorf("%s %s", got.Method, got.URL)
	}
	for k, want := range map[string]string{
		"Content-Type": "application/json", "Content-Encoding": "gzip",
		"X-Moesif-Application-Id": appID, "User-Agent": "apispan/1.2.3",
	} {
		if got.Header.Get(k) != want {
			t.Errorf("%s: %q", k, got.Header.Get(k))
		}
	}
	gz, err := gzip.NewReader(strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(gz); err != nil || string(b) != `[{"a":1},{"b":2}]` {
		t.Errorf("body %q, %v", b, err)
	}

	// ReadMe is not compressed by default; then the length is announced.
	cfg := testConfig(srv.URL)
	cfg.Moesif = createDefaultConfig().(*Config).Moesif
	cfg.ReadMe = configoptional.Some(ReadMeConfig{APIKey: configopaque.String("key"), Development: "auto", Gates: all()})
	s = startSender(t, cfg)
	if a := s.send(context.Background(), [][]byte{[]byte(`{}`)}); a.err != nil {
		t.Fatal(a.err)
	}
	if got.URL.Path != "/v1/request" || got.ContentLength != 4 || string(body) != "[{}]" || got.Header.Get("Content-Encoding") != "" {
		t.Errorf("%s, %d bytes announced, body %q, encoding %q", got.URL, got.ContentLength, body, got.Header.Get("Content-Encoding"))
	}
	if user, pass, ok := got.BasicAuth(); !ok || user != "key" || pass != "" {
		t.Error("no credential")
	}
}

// TestMinBackoff: without Retry-After the backend's shortest wait counts.
func TestMinBackoff(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{"": 15 * time.Second, "1": time.Second, "x": 15 * time.Second} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if header != "" {
				w.Header().Set("Retry-After", header)
			}
			w.WriteHeader(http.StatusServiceUnavailable)
		}))
		s := startSender(t, testConfig(srv.URL))
		s.spec.MinBackoff = 15 * time.Second
		if a := s.send(context.Background(), [][]byte{[]byte(`{}`)}); a.wait != want || a.outcome != outcomeRetry {
			t.Errorf("Retry-After %q: %+v", header, a)
		}
		srv.Close()
	}
	s := startSender(t, testConfig("http://127.0.0.1:1"))
	s.spec.MinBackoff = 15 * time.Second
	if a := s.send(context.Background(), [][]byte{[]byte(`{}`)}); a.wait != 15*time.Second || a.outcome != outcomeNoAnswer {
		t.Errorf("no answer: %+v", a)
	}
}

// oddEncoder calls everything delivered.
type oddEncoder struct{ lineEncoder }

func (oddEncoder) Classify(int) backend.Class { return backend.Delivered }

func TestOnly2xxDelivers(t *testing.T) {
	t.Parallel()
	s := startSender(t, testConfig("http://127.0.0.1:1"))
	s.enc = oddEncoder{}
	for code, want := range map[int]outcome{200: outcomeDelivered, 204: outcomeDelivered, 302: outcomeRetry, 500: outcomeRetry} {
		if a := s.judge(backend.Reply{Status: code, Header: http.Header{}}, 1); a.outcome != want {
			t.Errorf("%d: %s", code, a.outcome)
		}
	}
}

// TestErrorTexts pins what operators read, and that nothing else is in it.
func TestErrorTexts(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]string{
		500: "api_analytics: moesif answered 500 to a request with 3 events",
		401: "api_analytics: moesif answered 401 to a request with 3 events; check the credential in the block `moesif`",
		402: "api_analytics: moesif answered 402 to a request with 3 events; check the subscription of the account",
		404: "api_analytics: moesif answered 404 to a request with 3 events; check `endpoint` (redirects are not followed)",
	} {
		if got := (&sendError{backend: "moesif", status: code, events: 3}).Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}

	text := func(err error) string {
		return strings.TrimPrefix(err.Error(), "api_analytics: moesif gave no answer to a request with 1 events: ")
	}
	send := func(endpoint string, change func(*Config)) error {
		cfg := testConfig(endpoint)
		if change != nil {
			change(cfg)
		}
		return startSender(t, cfg).send(context.Background(), [][]byte{[]byte(`{}`)}).err
	}

	refused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := refused.Addr().String()
	_ = refused.Close()
	if err := send("http://"+addr, nil); text(err) != "connection refused" {
		t.Errorf("refused: %v", err)
	}
	if err := send("http://name.invalid", nil); text(err) != "the host name could not be resolved" {
		t.Errorf("dns: %v", err)
	}

	tlsServer := httptest.NewUnstartedServer(http.NotFoundHandler())
	tlsServer.Config.ErrorLog = log.New(io.Discard, "", 0)
	tlsServer.StartTLS()
	defer tlsServer.Close()
	if err := send(tlsServer.URL, nil); !strings.HasPrefix(text(err), "TLS handshake failed: the certificate is signed by an unknown authority; ") {
		t.Errorf("tls: %v", err)
	}

	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer silent.Close()
	err = send(silent.URL, func(cfg *Config) { cfg.ClientConfig.Timeout = 50 * time.Millisecond })
	if text(err) != "timeout" || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("timeout: %v", err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err = startSender(t, testConfig(silent.URL)).send(ctx, [][]byte{[]byte(`{}`)}).err
	if text(err) != "canceled" || !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if got := newNoAnswer("moesif", 1, fmt.Errorf("what a library says about %s", marker)); text(got) != "the connection failed" {
		t.Errorf("unknown: %v", got)
	}
}

// TestConnectionReuse: answers are read, so that connections are kept.
func TestConnectionReuse(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen[r.RemoteAddr] = true
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, strings.Repeat("x", 10_000)+strconv.Itoa(len(seen)))
	}))
	defer srv.Close()
	s := startSender(t, testConfig(srv.URL))
	for range 20 {
		if a := s.send(context.Background(), [][]byte{[]byte(`{}`)}); a.err != nil {
			t.Fatal(a.err)
		}
	}
	if len(seen) != 1 {
		t.Errorf("%d connections for 20 requests", len(seen))
	}
}
