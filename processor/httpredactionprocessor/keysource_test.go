// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

const sourcePolicy = `
policy: {version: 1, keys: {hmac: [user.id]}, in: {client_ip: {action: hmac}}, hmac: {keys: [{id: c1, source: cerberus}]}}
key_sources: {cerberus: {url: "%s", token: sk-SECRET, refresh: 1s}}
`

// keyService hands out the key that is set; "" is an outage.
func keyService(t *testing.T) (*httptest.Server, *atomic.Value) {
	t.Helper()
	var key atomic.Value
	key.Store("")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if k := key.Load().(string); k != "" && r.Header.Get("X-Api-Key") == "sk-SECRET" {
			_, _ = fmt.Fprintf(w, `{"secret_key":%q}`, k)
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(srv.Close)
	return srv, &key
}

// userToken sends one span through the processor and returns what became of the user
// and the address.
func userToken(t *testing.T, r *redactor) (user, address string) {
	t.Helper()
	td, span := newSpan()
	span.Attributes().PutStr("user.id", secret)
	span.Attributes().PutStr("client.address", "192.168.1.1")
	out := onlySpan(t, r.mustTraces(t, td)).Attributes()
	u, _ := out.Get("user.id")
	a, _ := out.Get("client.address")
	return u.Str(), a.Str()
}

// TestKeySource: masked without a key, tokens with one, other tokens with another,
// and the key stays while the service is away or hands out a short one.
func TestKeySource(t *testing.T) {
	t.Parallel()
	srv, key := keyService(t)
	r := redactorFor(t, fmt.Sprintf(sourcePolicy, srv.URL), componenttest.NewTelemetry())
	host := &statusHost{Host: componenttest.NewNopHost(), seen: make(chan componentstatus.Status, 16)}
	if err := r.start(t.Context(), host); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.shutdown(t.Context()) }()
	next := func(want componentstatus.Status) {
		t.Helper()
		select {
		case got := <-host.seen:
			if got != want {
				t.Fatalf("status %v, want %v", got, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("no status in 20 s, want %v", want)
		}
	}
	next(componentstatus.StatusRecoverableError)
	if user, address := userToken(t, r); user != "[REDACTED]" || address != "[REDACTED]" {
		t.Errorf("without a key: %q, %q", user, address)
	}

	key.Store(strings.Repeat("k", 32))
	next(componentstatus.StatusOK)
	first, address := userToken(t, r)
	if !strings.HasPrefix(first, "hmac:c1:") || !strings.HasPrefix(address, "hmac:c1:") {
		t.Errorf("with a key: %q, %q", first, address)
	}

	key.Store(strings.Repeat("r", 32))
	second := first
	for deadline := time.Now().Add(time.Minute); second == first; second, _ = userToken(t, r) {
		if time.Now().After(deadline) {
			t.Fatal("a rotated key is not taken over")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !strings.HasPrefix(second, "hmac:c1:") {
		t.Errorf("after the rotation: %q", second)
	}

	for _, bad := range []string{"short", ""} {
		key.Store(bad)
		time.Sleep(1200 * time.Millisecond) // the service is asked again
		if again, _ := userToken(t, r); again != second {
			t.Errorf("key %q: the token was %q and is %q", bad, second, again)
		}
	}
}

// TestKeySourceShortKey: a key that is too short to be one makes no tokens.
func TestKeySourceShortKey(t *testing.T) {
	t.Parallel()
	srv, key := keyService(t)
	key.Store("short-key")
	r := redactorFor(t, fmt.Sprintf(sourcePolicy, srv.URL), componenttest.NewTelemetry())
	core, logs := observer.New(zap.ErrorLevel)
	r.logger = zap.New(core)
	if err := r.start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.shutdown(t.Context()) }()
	said := logs.FilterMessageSnippet("An HMAC key is missing").FilterField(zap.Strings("keys", []string{"c1"}))
	if said.Len() == 0 {
		t.Errorf("the log does not name the key: %v", logs.All())
	}
	if user, address := userToken(t, r); user != "[REDACTED]" || address != "[REDACTED]" {
		t.Errorf("%q, %q", user, address)
	}
}
