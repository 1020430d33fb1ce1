// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cerberus

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
)

// verdict returns the HTTP status that a frame stands for. What it looks like is not
// documented, so everything is an acknowledgement but a JSON object that says without
// doubt that something failed.
func verdict(frame []byte) int {
	var f struct {
		Error, Errors      json.RawMessage
		Status, Code, Type json.RawMessage
		OK, Success        json.RawMessage
		StatusCode         int `json:"status_code"`
	}
	if len(frame) > maxVerdictBytes || !json.Valid(frame) {
		return http.StatusOK
	}
	_ = json.Unmarshal(frame, &f) // what does not fit says nothing
	failed := string(f.OK) == "false" || string(f.Success) == "false" || backend.Says(f.Error) || backend.Says(f.Errors)
	for _, word := range []json.RawMessage{f.Status, f.Type, f.Code} {
		switch strings.ToLower(strings.Trim(string(word), `"`)) {
		case "error", "err", "fail", "failed", "failure", "rejected", "refused", "invalid", "denied", "unauthorized", "forbidden", "nack":
			failed = true
		}
	}
	for _, number := range []string{string(f.Code), string(f.Status), strconv.Itoa(f.StatusCode)} {
		if n, err := strconv.Atoi(strings.Trim(number, `"`)); err == nil && n >= 400 && n <= 599 {
			return n
		}
	}
	if failed {
		return http.StatusUnprocessableEntity
	}
	return http.StatusOK
}

// closeStatus translates the code with which a server closed a connection (RFC 6455
// section 7.4.1) to the HTTP status of the same meaning; 0 if it says nothing about
// the event.
func closeStatus(err error) int {
	switch websocket.CloseStatus(err) {
	case websocket.StatusMessageTooBig:
		return http.StatusRequestEntityTooLarge
	case websocket.StatusInvalidFramePayloadData, websocket.StatusUnsupportedData:
		return http.StatusUnprocessableEntity
	case websocket.StatusPolicyViolation:
		return http.StatusForbidden
	case websocket.StatusInternalError:
		return http.StatusInternalServerError
	case websocket.StatusTryAgainLater, websocket.StatusServiceRestart:
		return http.StatusServiceUnavailable
	}
	return 0
}

// wsConn is one connection. One sender uses it at a time.
type wsConn struct {
	ws     *websocket.Conn
	cancel context.CancelFunc // closes the connection without a handshake
	acks   chan []byte
	clean  int           // how often nothing was said but acknowledgements
	dead   chan struct{} // closed when nothing can be read any more
	err    error         // why; set before dead is closed
}

func (c *wsConn) closed() bool {
	select {
	case <-c.dead:
		return true
	default:
		return false
	}
}

// read takes every frame for an acknowledgement.
func (c *wsConn) read(ctx context.Context) {
	defer close(c.dead)
	defer c.cancel()
	for {
		_, r, err := c.ws.Reader(ctx)
		var frame []byte
		if err == nil {
			if frame, err = io.ReadAll(io.LimitReader(r, maxVerdictBytes+1)); err == nil {
				_, err = io.Copy(io.Discard, r)
			}
		}
		if err != nil {
			c.err = err
			_ = c.ws.CloseNow()
			return
		}
		select {
		case c.acks <- frame:
		default: // nobody waits for a second one
		}
	}
}

// drain forgets what came unasked, and reports whether there was anything.
func (c *wsConn) drain() bool {
	select {
	case <-c.acks:
		return true
	default:
		return false
	}
}

func (c *wsConn) ping(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		pong, cancel := context.WithTimeout(ctx, pingTimeout)
		err := c.ws.Ping(pong)
		cancel()
		if err != nil {
			c.cancel()
			return
		}
	}
}

// lastWords waits a little for the reason that a server gives before it closes: what
// is written to it may fail before that is read.
func (c *wsConn) lastWords() {
	timer := time.NewTimer(100 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-c.dead:
	case <-timer.C:
	}
}

// errConnClosed says that a connection ended before the acknowledgement.
var errConnClosed = fmt.Errorf("connection closed: %w", io.ErrUnexpectedEOF)

// exchange sends a frame and waits for the acknowledgement. After an error the
// connection cannot be used: an acknowledgement that comes late would be taken for
// that of the next event.
func (c *wsConn) exchange(ctx context.Context, frame []byte) (answer []byte, err error) {
	if c.drain() {
		c.clean = 0
	}
	if err := c.ws.Write(ctx, websocket.MessageText, frame); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, errConnClosed
	}
	select {
	case answer = <-c.acks:
		return answer, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.dead:
		select {
		case answer = <-c.acks: // the last it said
			return answer, nil
		default:
			return nil, errConnClosed
		}
	}
}
