// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"bytes"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"

	"github.com/apispan/apispan/internal/httpattr"
)

// clientExchange is one round trip: the record, the context and the wrappers of
// both bodies in one allocation.
type clientExchange struct {
	record

	node    node
	tracing *clientTracing // nil if the span is somebody else's

	r       *http.Request
	reqBody sentBody
	small   []byte      // the body of the request, if it is sent in one piece with the header
	bare    atomic.Bool // the transport was given the body of the last attempt as it is
	attempt atomic.Int32
	sent    atomic.Int64 // bytes of the body of the last attempt
	metrics measuring

	header     http.Header
	resSize    int64         // as announced
	resInner   io.ReadCloser // the body as the base gave it
	resOuter   io.ReadCloser // the body as otelhttp gave it
	wasEarly   bool
	snaps      int // how often the body was set before its end, with snapped bytes
	snapped    int
	empty      bool          // the base gave no body, or http.NoBody
	oddBody    io.ReadCloser // which of them, or the stream after a switch of protocols
	resRequest *http.Request // that the base has put on the response
	bodyClosed atomic.Bool
}

// captureRequest wraps the body of the request, and of its repetitions: a
// transport that sends again takes a new body from GetBody.
//
// given is the request as the caller made it, whose body is not wrapped yet, or nil
// if we do not see it.
func (ex *clientExchange) captureRequest(base http.RoundTripper, given *http.Request) {
	r := ex.r
	if r.Body == nil || r.Body == http.NoBody || !ex.startRequest(r) && ex.tracing == nil && given == nil {
		return
	}
	ex.reqBody = sentBody{ReadCloser: r.Body, ex: ex}
	if given != nil {
		if ex.small = smallBody(base, given); ex.small != nil {
			ex.sendSmall()
			return
		}
	}
	if r.Body = &ex.reqBody; given != nil && isUsedUp(given, given.Body) {
		r.Body = given.Body
		ex.bare.Store(true)
	}
	if again := r.GetBody; again != nil {
		r.GetBody = func() (io.ReadCloser, error) {
			b, err := again()
			if err != nil && ex.tracing != nil {
				ex.attempt.Add(1) // the last attempt will have sent nothing
				ex.sent.Store(0)
				ex.sentClosed(true)
			}
			if err != nil || b == nil || b == http.NoBody {
				return b, err
			}
			n := ex.attempt.Add(1)
			ex.sent.Store(0)
			ex.req.restart()
			bare := ex.bare.Load() && isUsedUp(r, b)
			ex.bare.Store(bare)
			ex.sentClosed(bare)
			if bare {
				return b, nil
			}
			return &sentBody{ReadCloser: b, ex: ex, attempt: n}, nil
		}
	}
}

// maxSmall is the size of the buffer that net/http writes a request to, by default.
const maxSmall = 4 << 10

// smallBody returns what a request will send, if net/http would send it in one piece
// with the header: it does so for bodies that it knows to be in memory, and not for a
// wrapper around one. Nothing is read; the result is nil for all others.
func smallBody(base http.RoundTripper, r *http.Request) []byte {
	v, ok := inMemory(r, r.Body)
	if !ok || !isSmall(base, r) {
		return nil
	}
	var b []byte
	switch in := v.Field(0).Interface().(type) {
	case *bytes.Buffer:
		b = in.Bytes()
	case *bytes.Reader:
		b = make([]byte, in.Len())
		_, _ = in.ReadAt(b, in.Size()-int64(len(b)))
	case *strings.Reader:
		b = make([]byte, in.Len())
		_, _ = in.ReadAt(b, in.Size()-int64(len(b)))
	}
	if int64(len(b)) != r.ContentLength {
		return nil
	}
	return b
}

func isSmall(base http.RoundTripper, r *http.Request) bool {
	if r.ContentLength > maxSmall || len(r.TransferEncoding) > 0 || r.Header["Expect"] != nil {
		return false
	}
	_, ok := base.(*http.Transport)
	return ok
}

func inMemory(r *http.Request, body io.ReadCloser) (v reflect.Value, ok bool) {
	if r.ContentLength <= 0 || body == nil {
		return v, false
	}
	v = reflect.ValueOf(body)
	t := v.Type()
	return v, t == nopCloser || t == nopCloserWriterTo
}

// isUsedUp reports whether the body of a request is not as long as the request says,
// mostly since the request was sent before. net/http finds that out before it has sent
// anything, where it knows the body, and starts anew with another from GetBody.
func isUsedUp(r *http.Request, body io.ReadCloser) bool {
	v, ok := inMemory(r, body)
	if !ok || len(r.TransferEncoding) > 0 {
		return false
	}
	in, ok := reflect.TypeAssert[interface{ Len() int }](v.Field(0))
	return ok && int64(in.Len()) != r.ContentLength
}

// The types of io.NopCloser, which net/http looks into.
var (
	nopCloser         = reflect.TypeOf(io.NopCloser(nil))
	nopCloserWriterTo = reflect.TypeOf(io.NopCloser(&bytes.Reader{}))
)

// sendSmall lets net/http send a copy of a small body, which it knows to be in memory.
func (ex *clientExchange) sendSmall() {
	body := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(ex.small)), nil }
	ex.r.Body, _ = body()
	if ex.r.GetBody != nil {
		ex.r.GetBody = body
	}
}

// sentAll reads a small body once it was sent, as the transport would have: for
// whoever counts, and because the caller may look. If the round trip failed it may not
// have been sent, and can be again.
func (ex *clientExchange) sentAll(err error) {
	if ex.bare.Load() {
		ex.sentClosed(true) // nobody will say so
	}
	if ex.small == nil {
		return
	}
	if err == nil {
		_, _ = io.Copy(io.Discard, &ex.reqBody)
	}
	_ = ex.reqBody.Close()
}

// startRequest reports whether the body of the request is captured.
func (ex *clientExchange) startRequest(r *http.Request) bool {
	c := ex.cfg
	if c == nil || !c.anyBodies {
		return false
	}
	limit, want := ex.mayWant(r, true)
	if !want {
		return false
	}
	size := r.ContentLength
	if size == 0 { // means unknown for a request that has a body
		size = -1
	}
	ex.req.start(limit, size, c.budget)
	return true
}

// sentBody is the body of one attempt.
type sentBody struct {
	io.ReadCloser

	ex      *clientExchange
	attempt int32
}

func (b *sentBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.attempt == b.ex.attempt.Load() {
		b.ex.req.add(p[:max(0, min(n, len(p)))], err)
		b.ex.sent.Add(int64(n))
	}
	return n, err
}

// Close lets the metrics go first: the underlying Close may block.
func (b *sentBody) Close() error {
	if b.ex.tracing != nil {
		if b.attempt == b.ex.attempt.Load() {
			b.ex.sentClosed(true)
		}
		b.ex.measure()
	}
	return b.ReadCloser.Close()
}

// response takes the header of the response and arranges for its body.
func (ex *clientExchange) response(res *http.Response, owner *ClientTransport) {
	if !ex.responded(res) {
		return
	}
	ex.resInner = res.Body
	res.Body = (*innerBody)(ex)
	if owner == nil || res.Request == nil || res.Request.Context().Value(owner) != any(&ex.node) {
		// Nobody will tell us of an early Close in time, so what is known goes on the
		// span now.
		ex.wasEarly = true
		o := ex.outcome()
		o.early = true
		ex.finish(o)
	}
}

// responded takes the header of the response, and finishes the exchange unless a
// body follows.
func (ex *clientExchange) responded(res *http.Response) (body bool) {
	c := ex.cfg
	ex.header = res.Header
	if ex.r.Method != http.MethodHead {
		ex.resSize = max(res.ContentLength, 0)
	}
	ex.responseHeader(res.Header, res.StatusCode)
	ex.statedEventID(res.Header)
	o := ex.outcome()
	if _, ok := res.Body.(io.Writer); ok || res.StatusCode == http.StatusSwitchingProtocols {
		o.hijacked = true // the protocol was switched
		ex.oddBody = res.Body
		ex.finish(o)
		return false
	}
	ex.empty = res.Body == nil || res.Body == http.NoBody
	if ex.empty {
		ex.oddBody = res.Body
	}
	if res.Body == nil && ex.tracing == nil && ex.node.owner == nil {
		res.Body = http.NoBody // otelhttp would read from nil
	}
	if res.Body == nil || res.Body == http.NoBody || ex.r.Method == http.MethodHead {
		ex.finish(o)
		return false
	}
	if c.anyBodies {
		if limit, want := ex.mayWant(ex.r, false); want {
			ex.res.start(limit, res.ContentLength, c.budget)
			if httpattr.MediaType(ex.resType) == "text/event-stream" {
				ex.res.streams()
			}
		}
	}
	return true
}

func (ex *clientExchange) outcome() *outcome {
	return &outcome{r: ex.r, status: ex.status, header: ex.header, resSize: ex.resSize}
}

// done is called when the body of the response has ended, failed or been closed.
func (ex *clientExchange) done() {
	if ex.cfg == nil || !ex.bodyClosed.CompareAndSwap(false, true) {
		return
	}
	if ex.wasEarly {
		ex.setBodies(ex.outcome(), true)
		return
	}
	ex.finish(ex.outcome())
}

// innerBody stands below otelhttp's wrapper and sees the end of the body before
// that ends the span.
type innerBody clientExchange

func (b *innerBody) Read(p []byte) (int, error) {
	n, err := b.resInner.Read(p)
	ex := (*clientExchange)(b)
	if ex.res.add(p[:max(0, min(n, len(p)))], err); err != nil {
		ex.done()
	} else if ex.wasEarly && n > 0 {
		if ex.res.whole() {
			ex.done()
		} else {
			ex.snapshot()
		}
	}
	return n, err
}

// snapshot sets what there is of the body of a response whose early Close we would hear
// of too late. It does so at the first reads, and later whenever there is twice as much.
func (ex *clientExchange) snapshot() {
	const always = 8
	n := ex.res.kept()
	if n == ex.snapped || ex.snaps >= always && n < 2*ex.snapped || len(ex.resCodings) > 0 {
		return
	}
	ex.snapped = n
	ex.snaps++
	ex.setBodies(ex.outcome(), false)
}

func (b *innerBody) Close() error {
	(*clientExchange)(b).done()
	return b.resInner.Close()
}

// outerBody stands above otelhttp's wrapper and hears of Close before that ends
// the span.
type outerBody clientExchange

func (ex *clientExchange) wrapOuter(res *http.Response) {
	if ex.empty {
		_ = res.Body.Close() // otelhttp has put something there, and waits for its end
		res.Body = ex.oddBody
		return
	}
	if half, ok := ex.oddBody.(closeWriter); ok {
		if theirs, ok := res.Body.(io.ReadWriteCloser); ok {
			res.Body = &halfStream{theirs, half}
		}
	}
	if ex.resInner == nil || ex.wasEarly {
		return
	}
	ex.resOuter = res.Body
	res.Body = (*outerBody)(ex)
}

func (b *outerBody) Read(p []byte) (int, error) { return b.resOuter.Read(p) }

func (b *outerBody) Close() error {
	(*clientExchange)(b).done()
	return b.resOuter.Close()
}

// closeWriter is what a stream after a switch of protocols has whose one direction can be
// closed alone, as http.Transport's can.
type closeWriter interface{ CloseWrite() error }

// halfStream gives otelhttp's stream back what it hides.
type halfStream struct {
	io.ReadWriteCloser
	closeWriter
}
