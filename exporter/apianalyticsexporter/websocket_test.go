// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
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
func (r *rig) ws() *wsTransport { return r.exp.sender.transport.(*wsTransport) }

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
			r := newRig(t, cfg).start()
			r.ws().ackTimeout = time.Second
			fake.Script(backendtest.Fault{Take: true, Count: 4}, tc.fault)
			if err := r.exp.ConsumeTraces(context.Background(), traces(0, 10)); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "all events are sent", func() bool { return r.counts().Sent == 10 })
			r.shutdown()
			r.checkBooks()
			if got, want := fake.Stats().Accepted, 9+tc.copies; got != want {
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
	fake := backendtest.NewCerberus(backendtest.Settings{Credential: cerberusToken})
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
	spanAt(td, 2).Attributes().PutStr("http.request.body.content", `{"q":"`+backendtest.CerberusAttack+`"}`)
	spanAt(td, 6).Attributes().PutEmptySlice("http.request.header.referer").AppendEmpty().SetStr(backendtest.CerberusAttack)
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
			fake := backendtest.NewCerberus(backendtest.Settings{})
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

// TestWebSocketShutdown: a server that neither acknowledges nor closes holds the
// shutdown for a bounded time, and one that does sees a closing handshake.
func TestWebSocketShutdown(t *testing.T) {
	t.Parallel()
	codes := make(chan websocket.StatusCode, 1)
	polite := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		c, err := websocket.Accept(w, req, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		for {
			if _, _, err := c.Read(req.Context()); err != nil {
				codes <- websocket.CloseStatus(err)
				return
			}
			_ = c.Write(req.Context(), websocket.MessageText, []byte("ok"))
		}
	}))
	defer polite.Close()
	cfg := wsConfig(polite)
	withoutQueue(cfg)
	r := newRig(t, cfg).start()
	if err := r.exp.ConsumeTraces(context.Background(), traces(0, 1)); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	r.shutdown()
	if took := time.Since(begin); took > closeTimeout/2 {
		t.Errorf("a polite server: %v", took)
	}
	if code := <-codes; code != websocket.StatusNormalClosure {
		t.Errorf("the server saw %v", code)
	}

	release := make(chan struct{})
	mute := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		c, err := websocket.Accept(w, req, nil)
		if err != nil {
			return
		}
		_, _, _ = c.Read(req.Context())
		_ = c.Write(req.Context(), websocket.MessageText, []byte("ok"))
		<-release // reads nothing more
	}))
	defer mute.Close()
	defer close(release)
	cfg = wsConfig(mute)
	withoutQueue(cfg)
	r = newRig(t, cfg).start()
	if err := r.exp.ConsumeTraces(context.Background(), traces(0, 1)); err != nil {
		t.Fatal(err)
	}
	begin = time.Now()
	r.shutdown()
	if took := time.Since(begin); took > closeTimeout+2*time.Second {
		t.Errorf("a mute server: %v", took)
	}
}

// TestWebSocketPings: an idle connection is pinged, and one that does not answer is
// closed.
func TestWebSocketPings(t *testing.T) {
	t.Parallel()
	fake, srv, l := newCutCerberus(t)
	cfg := wsConfig(srv)
	withoutQueue(cfg)
	r := newRig(t, cfg)
	r.ws().pingInterval = time.Millisecond
	r.start()
	if err := r.exp.ConsumeTraces(context.Background(), traces(0, 1)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // some pings pass
	ws := r.ws()
	ws.mu.Lock()
	idle := len(ws.idle)
	ws.mu.Unlock()
	if idle != 1 {
		t.Errorf("%d connections are kept", idle)
	}
	l.cut()
	waitFor(t, "the connection is given up", func() bool {
		ws.mu.Lock()
		defer ws.mu.Unlock()
		return len(ws.all) == 0
	})
	r.shutdown()
	if fake.Stats().Accepted != 1 {
		t.Error("the event did not arrive")
	}
}

// TestWebSocketBounded: a server that sends without end, or one huge frame, does no
// harm but to its connection.
func TestWebSocketBounded(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		c, err := websocket.Accept(w, req, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		go func() {
			for c.Write(req.Context(), websocket.MessageText, make([]byte, maxAckBytes+1)) == nil {
			}
		}()
		for {
			if _, _, err := c.Read(req.Context()); err != nil {
				return
			}
		}
	}))
	defer srv.Close()
	cfg := wsConfig(srv)
	withoutQueue(cfg)
	cfg.RetryConfig.Enabled = false
	r := newRig(t, cfg).start()
	if err := r.exp.ConsumeTraces(context.Background(), traces(0, 1)); err == nil {
		t.Error("a frame above the limit was taken for an acknowledgement")
	}
	r.shutdown()
	r.checkBooks()
}

// TestWebSocketProxyAndTLS: the handshake goes through the configured proxy and
// trusts the configured authority.
func TestWebSocketProxyAndTLS(t *testing.T) {
	t.Parallel()
	fake := backendtest.NewCerberus(backendtest.Settings{})
	srv := httptest.NewTLSServer(fake)
	defer srv.Close()
	var through atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		through.Add(1)
		if req.Method != http.MethodConnect {
			t.Errorf("the proxy got %s", req.Method)
			return
		}
		up, err := net.Dial("tcp", req.Host)
		if err != nil {
			t.Error(err)
			return
		}
		w.WriteHeader(http.StatusOK)
		down, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		go func() { _, _ = copyAndClose(up, down) }()
		_, _ = copyAndClose(down, up)
	}))
	defer proxy.Close()
	cfg := wsConfig(srv)
	u, _ := url.Parse(srv.URL)
	// Proxies are not used for loopback addresses from the environment, but are if
	// configured.
	cfg.Cerberus.Get().Endpoint = "wss://" + u.Host + "/ws/events"
	cfg.ClientConfig.ProxyURL = proxy.URL
	cfg.ClientConfig.TLS.CAPem = configopaque.String(pemOf(srv))
	withoutQueue(cfg)
	r := newRig(t, cfg).start()
	if err := r.exp.ConsumeTraces(context.Background(), traces(0, 2)); err != nil {
		t.Fatal(err)
	}
	r.shutdown()
	if fake.Stats().Accepted != 2 || through.Load() != 1 {
		t.Errorf("%d events, %d connections through the proxy", fake.Stats().Accepted, through.Load())
	}
}

// TestWebSocketConnectionsBounded: without a queue there are as many senders as
// callers, and yet not as many connections.
func TestWebSocketConnectionsBounded(t *testing.T) {
	t.Parallel()
	fake, srv, l := newCutCerberus(t)
	cfg := wsConfig(srv)
	withoutQueue(cfg)
	r := newRig(t, cfg).start()
	fake.Script(backendtest.Fault{Take: true, Delay: 5 * time.Millisecond, Count: -1})
	var callers sync.WaitGroup
	for i := range 100 {
		callers.Go(func() {
			if err := r.exp.ConsumeTraces(context.Background(), traces(i, 1)); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	if n := l.cut(); n > maxConns {
		t.Errorf("%d connections", n)
	}
	r.shutdown()
	if n := fake.Stats().Accepted; n != 100 {
		t.Errorf("%d events arrived, want 100", n)
	}
}

func copyAndClose(dst, src net.Conn) (int64, error) {
	defer func() { _ = dst.Close() }()
	return io.Copy(dst, src)
}

func pemOf(srv *httptest.Server) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))
}

// BenchmarkWebSocket measures events over loopback, an acknowledgement each, by as
// many connections as the queue has consumers.
func BenchmarkWebSocket(b *testing.B) {
	srv := httptest.NewServer(backendtest.NewCerberus(backendtest.Settings{Discard: true}))
	defer srv.Close()
	for _, consumers := range []int{1, 10} {
		b.Run(fmt.Sprintf("%d connections", consumers), func(b *testing.B) {
			cfg := wsConfig(srv)
			cfg.QueueConfig.Get().NumConsumers = consumers
			r := newRig(b, cfg).start()
			td := traces(0, 10)
			n, begin := int64(0), time.Now()
			for b.Loop() {
				if err := r.exp.ConsumeTraces(context.Background(), td); err != nil {
					b.Fatal(err)
				}
				n += 10
			}
			waitFor(b, "all events are sent", func() bool { return r.counts().Sent == n })
			b.ReportMetric(float64(n)/time.Since(begin).Seconds(), "events/s")
			r.shutdown()
		})
	}
}
