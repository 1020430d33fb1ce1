// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

//go:generate go run ./internal/genwriter

import (
	"bufio"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"go.opentelemetry.io/otel/attribute"
)

// flushErrorer is what http.ResponseController looks for first.
type flushErrorer interface{ FlushError() error }

// serverExchange is one request being served: the record, the ResponseWriter and
// the request body in one allocation. It is never pooled, since a handler may hold
// on to any of them. The types rw0 to rw127 are it under other names; they get
// Header, Write, WriteHeader and Unwrap from the embedded serverCore.
type serverExchange struct{ serverCore }

type serverCore struct {
	record

	node node // used if nobody before us has made one

	w     http.ResponseWriter // what the handler's calls go to
	under http.ResponseWriter // what w wraps, if we know; it may have interfaces that w lost
	h     http.Header         // of w, once it was asked for
	r     *http.Request
	orig  *http.Request // that r is a copy of, if we know: the server's own
	// shield stands outside otelhttp where the connection may be taken over. Whoever
	// does that writes the status by hand; we tell it to otelhttp, and shut the shield,
	// because the server must not hear of it.
	shield *serverExchange
	body   io.ReadCloser // of the request

	// Of a span of our own.
	tracing *serverTracing // nil if the span is somebody else's
	arrived time.Time
	written atomic.Int64 // bytes that went through Write

	shut     bool        // of the shield
	wrote    atomic.Bool // the final header was sent
	sized    atomic.Bool // with a Content-Length
	planned  atomic.Bool // the request body is decided on
	trailed  bool        // the request may have trailers that nobody has announced
	taken    atomic.Bool // the connection was hijacked
	returned bool        // the handler came back without a panic

	copied bool // bytes went through ReadFrom, past otelhttp's count; guarded by record.mu

	mendedBuf [1]attribute.KeyValue
}

// Unwrap is for http.ResponseController.
func (c *serverCore) Unwrap() http.ResponseWriter { return c.w }

// Header goes past otelhttp, which does nothing with it, to the server: its hook
// costs two allocations a call.
func (c *serverCore) Header() http.Header {
	if c.under != nil {
		return c.under.Header()
	}
	h := c.w.Header()
	if c.h == nil {
		c.h = h
	}
	return h
}

// sent is the header for our own reading.
func (c *serverCore) sent() http.Header {
	if c.h != nil {
		return c.h
	}
	return c.Header()
}

func (c *serverCore) WriteHeader(status int) {
	if c.shut {
		return
	}
	if c.late("WriteHeader") {
		return
	}
	if status < 100 || status > 999 || c.taken.Load() && switchedStatus(c.r) != 0 {
		// net/http panics at these, or ignores them. otelhttp would take note of it.
		c.beneath().WriteHeader(status)
		return
	}
	c.header(status)
	c.w.WriteHeader(status)
}

// header notes the final status and the header that goes with it.
func (c *serverCore) header(status int) {
	if status >= 100 && status <= 199 && status != http.StatusSwitchingProtocols {
		return // informational; the final one is still to come
	}
	if c.taken.Load() && switchedStatus(c.r) != 0 || !c.wrote.CompareAndSwap(false, true) {
		return
	}
	if c.cfg == nil { // only traced
		c.mu.Lock()
		c.status = status
		c.mu.Unlock()
		return
	}
	h := c.sent()
	if c.eventID != "" {
		// What a handler has added, as a proxy does, or cleared, as after a 103.
		have := h[c.cfg.eventHeader]
		if len(have) != 1 || len(have[0]) != len(c.cfg.eventPrefix)+len(c.eventID) || !strings.HasSuffix(have[0], c.eventID) {
			h[c.cfg.eventHeader] = []string{c.cfg.eventPrefix + c.eventID}
		}
	}
	size := int64(-1)
	if v := h["Content-Length"]; len(v) > 0 { // net/http looks at the first one
		if n, err := strconv.ParseInt(v[0], 10, 64); err == nil && n >= 0 {
			size = n
			c.sized.Store(true)
		}
	}
	c.responseHeader(h, status)
	if !c.cfg.anyBodies || c.r.Method == http.MethodHead || !bodyAllowed(status) {
		return
	}
	if limit, want := c.mayWant(c.r, false); want {
		c.res.alone = c.cfg.streamed.Load()
		c.res.start(limit, size, c.cfg.budget)
	}
}

// unheader undoes header, for a call that turned out to send nothing.
func (c *serverCore) unheader() {
	if c.cfg != nil {
		c.noResponse()
		c.res.unstart()
	}
	c.sized.Store(false)
	c.wrote.Store(false)
}

func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// implicit does what the first Write or Flush does. Like otelhttp, a span of our own
// says so to the writer below if that watches WriteHeader.
func (c *serverCore) implicit() {
	switch {
	case c.wrote.Load():
	case c.tracing != nil && watchesHeader(c.w):
		c.WriteHeader(http.StatusOK)
	default:
		c.header(http.StatusOK)
	}
}

func (c *serverCore) Write(p []byte) (int, error) {
	if c.taken.Load() && c.late("Write") {
		return 0, http.ErrHijacked
	}
	c.implicit()
	n, err := c.w.Write(p)
	c.passed(p, n, err)
	return n, err
}

// passed notes what a Write did.
func (c *serverCore) passed(p []byte, n int, err error) {
	c.res.add(p[:max(0, min(n, len(p)))], err)
	if c.tracing == nil {
		return
	}
	c.written.Add(int64(n))
	if c.tracing.writeEvents {
		messageEvent(c.span, "write", WroteBytesKey, n)
	}
}

func (c *serverCore) writeString(s string) (int, error) {
	if c.taken.Load() && c.late("Write") {
		return 0, http.ErrHijacked
	}
	c.implicit()
	var n int
	var err error
	if sw, ok := c.w.(io.StringWriter); ok {
		n, err = sw.WriteString(s)
	} else {
		n, err = c.w.Write(stringBytes(s)) // as otelhttp does, whose writer has no WriteString
	}
	c.passed(stringBytes(s), n, err)
	return n, err
}

// stringBytes is s as bytes without a copy. Writers must not change what they are
// given (io.Writer), and capture.add does not.
func stringBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

func (c *serverCore) flush() {
	c.implicit()
	c.res.streams()
	c.w.(http.Flusher).Flush()
}

func (c *serverCore) flushError() error {
	if f, ok := c.w.(flushErrorer); ok {
		c.implicit()
		c.res.streams()
		return f.FlushError()
	}
	// A wrapper between us and the server dropped the method. All that its Flush
	// can do for itself is to note the header, so let it see one.
	if !c.wrote.Load() {
		c.WriteHeader(http.StatusOK)
	}
	c.res.streams()
	return c.under.(flushErrorer).FlushError()
}

func (c *serverCore) hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := c.w.(http.Hijacker).Hijack()
	if err == nil {
		c.taken.Store(true)
	}
	return conn, rw, err
}

func (c *serverCore) push(target string, o *http.PushOptions) error {
	return c.w.(http.Pusher).Push(target, o)
}

func (c *serverCore) closeNotify() <-chan bool {
	return c.w.(http.CloseNotifier).CloseNotify() //nolint:staticcheck // frameworks still ask for it
}

// readFrom hands the source to the server's ReadFrom, so that the response is
// framed as without us. While bytes are still wanted they are taken from a reader
// around the source.
func (c *serverCore) readFrom(src io.Reader) (n int64, err error) {
	if !c.wrote.Load() {
		c.header(http.StatusOK)
		defer func() {
			if n == 0 { // nothing to send, so no header was sent
				c.unheader()
			}
		}()
	}
	rf := c.w.(io.ReaderFrom)
	limit := c.res.room()
	if limit == 0 {
		n, err = rf.ReadFrom(src)
		c.res.count(n, err)
		c.setCopied(n)
		return n, err
	}
	n, err = c.readFromTee(rf, src, limit)
	if err != nil {
		c.res.count(0, err)
	}
	c.setCopied(n)
	return n, err
}

func (c *serverCore) readFromTee(rf io.ReaderFrom, src io.Reader, limit int64) (int64, error) {
	if !c.sized.Load() && c.r.ProtoAtLeast(1, 1) {
		// Chunked: each piece shows on the wire, so the server must get the ones that
		// the source gives. It would not let the kernel copy them anyway.
		t := &tee{src: src, c: c, left: math.MaxInt64}
		if _, ok := src.(io.WriterTo); ok {
			return rf.ReadFrom(teeWriterTo{t})
		}
		return rf.ReadFrom(t)
	}
	// The rest is copied by the kernel if it can be. net/http looks at the first 512
	// bytes by itself.
	t := &tee{src: src, c: c, left: max(limit, 512)}
	n, err := rf.ReadFrom(t)
	if err == nil && !t.ended {
		var rest int64
		rest, err = rf.ReadFrom(src)
		c.res.count(rest, err)
		n += rest
	}
	return n, err
}

func (c *serverCore) setCopied(n int64) {
	c.mu.Lock()
	c.copied = c.copied || n > 0
	c.mu.Unlock()
}

// tee copies what is read, up to a limit, into the capture.
type tee struct {
	src   io.Reader
	c     *serverCore
	left  int64
	ended bool
}

func (t *tee) Read(p []byte) (int, error) {
	if t.left <= 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > t.left {
		p = p[:t.left]
	}
	n, err := t.src.Read(p)
	t.left -= int64(n)
	t.ended = t.ended || err != nil
	t.c.res.add(p[:max(0, min(n, len(p)))], nil)
	return n, err
}

// teeWriterTo is a tee around a source that writes itself.
type teeWriterTo struct{ *tee }

func (t teeWriterTo) WriteTo(w io.Writer) (int64, error) {
	return t.src.(io.WriterTo).WriteTo(teeWriter{w, t.c})
}

type teeWriter struct {
	io.Writer

	c *serverCore
}

func (t teeWriter) Write(p []byte) (int, error) {
	n, err := t.Writer.Write(p)
	t.c.res.add(p[:max(0, min(n, len(p)))], err)
	return n, err
}

// SetReadDeadline, SetWriteDeadline and EnableFullDuplex are those of the server, for
// whoever asks for them without http.ResponseController; an error if it has none.
func (c *serverCore) SetReadDeadline(t time.Time) error {
	return http.NewResponseController(c.w).SetReadDeadline(t)
}

// SetWriteDeadline is like SetReadDeadline.
func (c *serverCore) SetWriteDeadline(t time.Time) error {
	return http.NewResponseController(c.w).SetWriteDeadline(t)
}

// EnableFullDuplex is like SetReadDeadline.
func (c *serverCore) EnableFullDuplex() error {
	return http.NewResponseController(c.w).EnableFullDuplex()
}
