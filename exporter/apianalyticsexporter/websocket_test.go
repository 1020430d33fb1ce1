// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/cerberus"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/cerberus/cerberustest"
)

// wsConfig is the configuration for the fake's WebSocket.
func wsConfig(srv *httptest.Server) *Config {
	cfg := cerberusConfig("")
	c := cfg.Cerberus.Get()
	c.Endpoint = "ws" + strings.TrimPrefix(srv.URL, "http") + "/ws/events"
	c.ClientID, c.SecretKey = "shop", "a-key"
	return cfg
}

// ws returns the exporter's transport.
func (r *rig) ws() *cerberus.WebSocket { return r.exp.sender.transport.(*cerberus.WebSocket) }

func TestWebSocketDelivers(t *testing.T) {
	t.Parallel()
	fake, srv := newCerberus(t)
	cfg := wsConfig(srv)
	cfg.ClientConfig.Headers = configopaque.MapList{{Name: "X-Tenant", Value: "shop"}}
	var tenant, agent atomic.Value
	var handshakes atomic.Int64
	srv.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		handshakes.Add(1)
		tenant.Store(req.Header.Get("X-Tenant"))
		agent.Store(req.Header.Get("User-Agent"))
		fake.ServeHTTP(w, req)
	})
	r := newRig(t, cfg).start()
	for i := range 5 {
		if err := r.exp.ConsumeTraces(context.Background(), traces(10*i, 10)); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "all events are there", func() bool { return fake.Stats().Accepted == 50 })
	r.shutdown()
	if c := r.checkBooks(); c.Sent != 50 || c.Requests["delivered"] != 50 {
		t.Errorf("%+v", c)
	}
	if v := fake.Violations(); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
	if n := handshakes.Load(); n > 5 || tenant.Load() != "shop" || agent.Load() != "apispan/1.2.3" {
		t.Errorf("%d handshakes, X-Tenant %v, User-Agent %v", n, tenant.Load(), agent.Load())
	}
	r.checkQuiet()
}

// TestWebSocketFaults: whatever happens to an acknowledgement, every event arrives,
// and the books are right.
func TestWebSocketFaults(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault  backendtest.Fault
		copies int // of the event that the fault hits
	}{
		"late":                   {backendtest.Fault{Delay: 50 * time.Millisecond, Count: 3}, 1},
		"too late":               {backendtest.Fault{Take: true, Delay: 2 * time.Second}, 2},
		"missing":                {backendtest.Fault{Status: 1}, 1},
		"missing, taken":         {backendtest.Fault{Status: 1, Take: true}, 2},
		"connection lost":        {backendtest.Fault{Reset: true}, 1},
		"connection lost, taken": {backendtest.Fault{Reset: true, Take: true}, 2},
		"garbage is an ack":      {backendtest.Fault{Take: true, Status: 200, Body: "<html>"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, srv := newCerberus(t)
			cfg := wsConfig(srv)
			r := newRig(t, cfg)
			unanswered := strings.HasPrefix(name, "missing") || name == "too late"
			if unanswered {
				r.ws().AckTimeout = time.Second
			}
			r.start()
			fake.Script(backendtest.Fault{Take: true, Count: 4}, tc.fault)
			if err := r.exp.ConsumeTraces(context.Background(), traces(0, 10)); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "all events are sent", func() bool { return r.counts().Sent == 10 })
			r.shutdown()
			r.checkBooks()
			// With a short timeout a busy machine may send another one twice.
			if got, want := fake.Stats().Accepted, 9+tc.copies; got < want || got > want && !unanswered {
				t.Errorf("%d events arrived, want %d", got, want)
			}
		})
	}
}

// cutter is a listener whose connections can be cut: the server's own means do not
// reach those that became WebSockets.
type cutter struct {
	net.Listener

	mu    sync.Mutex
	conns []net.Conn
}

func (l *cutter) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.mu.Lock()
		l.conns = append(l.conns, c)
		l.mu.Unlock()
	}
	return c, err
}

// cut closes all connections and returns how many there were.
func (l *cutter) cut() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.conns)
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.conns = nil
	return n
}

func newCutCerberus(t *testing.T) (*backendtest.Fake, *httptest.Server, *cutter) {
	t.Helper()
	fake := cerberustest.Vendor.New(backendtest.Settings{Credential: cerberusToken})
	srv := httptest.NewUnstartedServer(fake)
	l := &cutter{Listener: srv.Listener}
	srv.Listener = l
	srv.Start()
	t.Cleanup(srv.Close)
	return fake, srv, l
}

// TestWebSocketServerRestarts: a kept connection that the server closed costs no
// attempt.
func TestWebSocketServerRestarts(t *testing.T) {
	t.Parallel()
	fake, srv, l := newCutCerberus(t)
	cfg := wsConfig(srv)
	withoutQueue(cfg)
	cfg.RetryConfig.Enabled = false
	r := newRig(t, cfg).start()
	for range 3 {
		if err := r.exp.ConsumeTraces(context.Background(), traces(0, 2)); err != nil {
			t.Fatal(err)
		}
		if l.cut() != 1 {
			t.Error("no connection was kept")
		}
	}
	r.shutdown()
	if n := fake.Stats().Accepted; n != 6 {
		t.Errorf("%d events arrived, want 6", n)
	}
	if c := r.checkBooks(); c.Sent != 6 {
		t.Errorf("%+v", c)
	}
}

// TestWebSocketPoison: an event for which the server closes the connection is
// degraded or dropped, and the others arrive.
func TestWebSocketPoison(t *testing.T) {
	t.Parallel()
	fake, srv := newCerberus(t)
	cfg := wsConfig(srv)
	withoutQueue(cfg)
	r := newRig(t, cfg).start()
	td := traces(0, 10)
	spanAt(td, 2).Attributes().PutStr("http.request.body.content", `{"q":"`+cerberustest.Attack+`"}`)
	spanAt(td, 6).Attributes().PutEmptySlice("http.request.header.referer").AppendEmpty().SetStr(cerberustest.Attack)
	if err := r.exp.ConsumeTraces(context.Background(), td); err != nil {
		t.Fatal(err)
	}
	r.shutdown()
	if c := r.checkBooks(); c.Sent != 9 || c.Degraded != 1 || c.Dropped["rejected_degraded"] != 1 {
		t.Errorf("%+v", c)
	}
	if n := fake.Stats().Accepted; n != 9 {
		t.Errorf("%d events arrived, want 9", n)
	}
}

// TestWebSocketWrongToken: the server closes the connection for every event; none
// is dropped.
func TestWebSocketWrongToken(t *testing.T) {
	t.Parallel()
	_, srv := newCerberus(t)
	cfg := wsConfig(srv)
	cfg.Cerberus.Get().Token = "sk-other"
	r := newRig(t, cfg).start()
	if err := r.exp.ConsumeTraces(context.Background(), traces(0, 5)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the outage is reported", func() bool {
		return slices.Contains(r.host.reported(), componentstatus.StatusRecoverableError)
	})
	r.shutdown()
	if c := r.checkBooks(); c.Sent != 0 || c.Dropped["shutdown"] != 5 {
		t.Errorf("%+v", c)
	}
	r.checkQuiet()
}

// TestWebSocketHandshakeRefused: an answer to a handshake is never about an event,
// and never a delivery.
func TestWebSocketHandshakeRefused(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 302, 400, 401, 403, 404, 413, 429, 500, 503} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			fake := cerberustest.Vendor.New(backendtest.Settings{})
			var open atomic.Bool
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if !open.Load() {
					w.Header().Set("Location", "/elsewhere")
					w.WriteHeader(status)
					return
				}
				fake.ServeHTTP(w, req)
			}))
			defer srv.Close()
			r := newRig(t, wsConfig(srv)).start()
			if err := r.exp.ConsumeTraces(context.Background(), traces(0, 3)); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "it is tried again", func() bool { return r.counts().Retried >= 3 })
			outage := slices.Contains(r.host.reported(), componentstatus.StatusRecoverableError)
			if want := status < 429; outage != want {
				t.Errorf("outage reported: %v, want %v", outage, want)
			}
			open.Store(true)
			waitFor(t, "all events are sent", func() bool { return r.counts().Sent == 3 })
			r.shutdown()
			r.checkBooks()
		})
	}
}
