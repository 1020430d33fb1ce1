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
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/cerberus"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/cerberus/cerberustest"
)

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
	r := newRig(t, cfg)
	r.ws().CloseTimeout = time.Minute
	r.start()
	if err := r.exp.ConsumeTraces(context.Background(), traces(0, 1)); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	r.shutdown()
	// The library waits for five seconds if nobody answers.
	if took := time.Since(begin); took > 5*time.Second {
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
	r = newRig(t, cfg)
	r.ws().CloseTimeout = 50 * time.Millisecond
	r.start()
	if err := r.exp.ConsumeTraces(context.Background(), traces(0, 1)); err != nil {
		t.Fatal(err)
	}
	begin = time.Now()
	r.shutdown()
	if took := time.Since(begin); took > 5*time.Second {
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
	r.ws().PingInterval = time.Millisecond
	r.start()
	if err := r.exp.ConsumeTraces(context.Background(), traces(0, 1)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // some pings pass
	ws := r.ws()
	if _, idle := ws.Conns(); idle != 1 {
		t.Errorf("%d connections are kept", idle)
	}
	l.cut()
	waitFor(t, "the connection is given up", func() bool {
		all, _ := ws.Conns()
		return all == 0
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
			for c.Write(req.Context(), websocket.MessageText, make([]byte, cerberus.MaxAckBytes+1)) == nil {
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
	fake := cerberustest.Vendor.New(backendtest.Settings{})
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
		down, sent, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		// What the client sent at once may be in the server's buffer already.
		go func() { _, _ = copyAndClose(up, sent) }()
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
	if n := l.cut(); n > cerberus.MaxConns {
		t.Errorf("%d connections", n)
	}
	r.shutdown()
	if n := fake.Stats().Accepted; n != 100 {
		t.Errorf("%d events arrived, want 100", n)
	}
}

func copyAndClose(dst net.Conn, src io.Reader) (int64, error) {
	defer func() { _ = dst.Close() }()
	return io.Copy(dst, src)
}

func pemOf(srv *httptest.Server) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))
}

// BenchmarkWebSocket measures events over loopback, an acknowledgement each, by as
// many connections as the queue has consumers.
func BenchmarkWebSocket(b *testing.B) {
	srv := httptest.NewServer(cerberustest.Vendor.New(backendtest.Settings{Discard: true}))
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
