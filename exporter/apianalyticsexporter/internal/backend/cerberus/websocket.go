// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cerberus

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
)

const (
	// ackTimeout is how long the vendor's client waits for one frame after each
	// event. The client's timeout may be shorter.
	ackTimeout = 5 * time.Second
	// MaxAckBytes bounds a frame of the server's; a frame that is longer than
	// maxVerdictBytes is not looked into.
	MaxAckBytes     = 64 << 10
	maxVerdictBytes = 4 << 10
	// A server may say more than one frame for an event, or something unasked: a frame
	// that comes late would be taken for the acknowledgement of the next event. So a
	// ping, whose answer comes behind them, goes between two events until a connection
	// had none for proofs events, and always if there ever was one.
	proofs       = 3
	fenceTimeout = time.Second
	// A connection that is not used is pinged, so that one which died without a
	// word does not cost the next event its first attempt.
	pingInterval = 30 * time.Second
	pingTimeout  = 10 * time.Second
	// MaxConns bounds the connections where no queue does; others wait.
	MaxConns = 32
	// closeTimeout bounds the closing handshakes at shutdown.
	closeTimeout = 2 * time.Second
)

// WebSocket sends each item in a text frame and takes the next frame of the server
// as its acknowledgement. One event is in flight on a connection, so there are as
// many connections as senders at the same time, up to MaxConns. Connections are kept.
type WebSocket struct {
	endpoint string
	enc      *Encoder
	client   *http.Client

	// AckTimeout, PingInterval and CloseTimeout are set before Start, by tests.
	AckTimeout, PingInterval, CloseTimeout time.Duration

	slots chan struct{} // one for each connection in use

	chatty atomic.Bool // there were frames that acknowledge nothing

	mu   sync.Mutex
	idle []*wsConn // the last used one is used first
	all  map[*wsConn]struct{}
	done sync.WaitGroup
}

func newWebSocket(endpoint string, e backend.Endpoint) backend.Transport {
	enc, _ := e.(*Encoder)
	return &WebSocket{
		endpoint: endpoint, enc: enc, AckTimeout: ackTimeout, PingInterval: pingInterval, CloseTimeout: closeTimeout,
		slots: make(chan struct{}, MaxConns), all: make(map[*wsConn]struct{}),
	}
}

// Start makes the client of the handshakes.
func (t *WebSocket) Start(ctx context.Context, env backend.Env) (err error) {
	if t.client, err = env.NewClient(ctx); err == nil && t.client.Timeout > 0 {
		t.AckTimeout = min(t.AckTimeout, t.client.Timeout)
	}
	return err
}

// Shutdown closes the connections, with a handshake where the server takes part.
func (t *WebSocket) Shutdown(ctx context.Context) error {
	t.mu.Lock()
	var closing sync.WaitGroup
	conns := make([]*wsConn, 0, len(t.all))
	for c := range t.all {
		conns = append(conns, c)
		closing.Go(func() { _ = c.ws.Close(websocket.StatusNormalClosure, "") })
	}
	t.idle = nil
	t.mu.Unlock()

	closed := make(chan struct{})
	go func() {
		closing.Wait()
		t.done.Wait()
		close(closed)
	}()
	timer := time.NewTimer(t.CloseTimeout)
	defer timer.Stop()
	select {
	case <-closed:
	case <-timer.C:
	case <-ctx.Done():
	}
	for _, c := range conns {
		c.cancel()
	}
	<-closed
	if t.client != nil {
		t.client.CloseIdleConnections()
	}
	return nil
}

// Send implements [backend.Transport]. An event that is not acknowledged is not delivered;
// it is sent again, later or at once, and may so arrive twice.
func (t *WebSocket) Send(ctx context.Context, items [][]byte, p backend.Patience) (r backend.Reply) {
	begin := time.Now()
	var slowest time.Duration
	defer func() { r.Took, r.Used = time.Since(begin), p.Used(slowest, t.AckTimeout) }()
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	case <-ctx.Done():
		return backend.Reply{Err: ctx.Err(), Loss: backend.NotSent}
	}
	var frame []byte
	for i, item := range items {
		frame = t.enc.AppendFrame(frame[:0], item)
		sent := time.Now()
		r = t.sendOne(ctx, frame, p)
		slowest = max(slowest, time.Since(sent))
		if r.Status != http.StatusOK || r.Handshake {
			r.Taken = i
			return r
		}
	}
	return backend.Reply{Status: http.StatusOK}
}

// sendOne sends one frame. If a kept connection turns out to be closed, a new one
// is tried at once, and only once: the event may be why.
func (t *WebSocket) sendOne(ctx context.Context, frame []byte, p backend.Patience) backend.Reply {
	for fresh := false; ; fresh = true {
		c, kept, refusal := t.conn(ctx, fresh)
		if c == nil {
			return refusal
		}
		within, cancel := p.Within(ctx, t.AckTimeout)
		answer, err := c.exchange(within, frame)
		cancel()
		if err == nil {
			if t.fence(ctx, c) {
				t.keep(c)
			} else {
				c.cancel()
			}
			return backend.Reply{Status: verdict(answer)}
		}
		if errors.Is(err, errConnClosed) {
			c.lastWords()
		}
		c.cancel()
		<-c.dead
		// The server said why it closed the connection.
		if status := closeStatus(c.err); status != 0 {
			return backend.Reply{Status: status}
		}
		if kept && errors.Is(err, errConnClosed) && ctx.Err() == nil {
			continue
		}
		return backend.Reply{Err: err, Loss: backend.MaybeTaken}
	}
}

// fence makes sure that what the server has said so far is not taken for the
// acknowledgement of the next event. It reports false if it cannot.
func (t *WebSocket) fence(ctx context.Context, c *wsConn) bool {
	if c.clean >= proofs && !t.chatty.Load() {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, fenceTimeout)
	defer cancel()
	if c.ws.Ping(ctx) != nil {
		return false
	}
	c.clean++
	if c.drain() {
		t.chatty.Store(true)
	}
	return true
}

// conn returns a connection, and whether it was kept from before, or the reply of
// the handshake that failed.
func (t *WebSocket) conn(ctx context.Context, fresh bool) (c *wsConn, kept bool, refusal backend.Reply) {
	t.mu.Lock()
	for n := len(t.idle); n > 0 && c == nil && !fresh; n = len(t.idle) {
		c, t.idle = t.idle[n-1], t.idle[:n-1]
		if c.closed() {
			c = nil
		}
	}
	t.mu.Unlock()
	if c != nil {
		return c, true, backend.Reply{}
	}
	header := make(http.Header)
	t.enc.SetHeader(header)
	//nolint:bodyclose // Dial says that it need not be closed: what is left of it is in memory
	ws, resp, err := websocket.Dial(ctx, t.endpoint, &websocket.DialOptions{HTTPClient: t.client, HTTPHeader: header})
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			return nil, false, backend.Reply{Status: resp.StatusCode, Header: resp.Header, Handshake: true}
		}
		return nil, false, backend.Reply{Err: err, Loss: backend.NotSent}
	}
	c = t.open(ws)
	t.fence(ctx, c) // a server may greet
	return c, false, backend.Reply{}
}

// open makes a connection of ws and lets its goroutines run.
func (t *WebSocket) open(ws *websocket.Conn) *wsConn {
	ws.SetReadLimit(MaxAckBytes)
	// The context of a read is the connection's life.
	ctx, cancel := context.WithCancel(context.Background())
	c := &wsConn{ws: ws, cancel: cancel, acks: make(chan []byte, 1), dead: make(chan struct{})}
	t.mu.Lock()
	t.all[c] = struct{}{}
	t.mu.Unlock()
	t.done.Go(func() {
		c.read(ctx)
		t.mu.Lock()
		delete(t.all, c)
		t.mu.Unlock()
	})
	t.done.Go(func() { c.ping(ctx, t.PingInterval) })
	return c
}

// Conns returns how many connections there are, and how many of them wait for an event.
func (t *WebSocket) Conns() (all, idle int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.all), len(t.idle)
}

func (t *WebSocket) keep(c *wsConn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !c.closed() {
		t.idle = append(t.idle, c)
	}
}
