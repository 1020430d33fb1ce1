// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"net/http"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/internal/httpattr"
)

// record is what is collected about one exchange, on either side.
type record struct {
	cfg  *config
	span trace.Span
	req0 *http.Request // as it was when the capture began

	// mu guards what follows, as a handler may leave goroutines behind.
	mu       sync.Mutex
	finished bool
	skip     bool
	answered bool // the round trip of a client has come back
	stamped  bool // the policy was applied once; the rest of a late body may follow
	sending  bool // the body of the request was still being sent when the rest was recorded
	guest    bool // on a server span that neither we nor otelhttp made: its host may be a name
	status   int  // of the final response, 0 while there is none
	inside   *inside
	attrs    *[]attribute.KeyValue // pooled: request headers, then response headers
	nReq     int                   // how many of attrs are request headers
	// Content-Type, whether there was one, and Content-Encoding, as sent.
	resType    string
	resKnown   bool
	resCodings []string
	// The same of the request, taken before the handler can change it.
	reqType    string
	reqKnown   bool
	reqCodings []string

	declared  *Identity            // from WithIdentityFrom
	session   []attribute.KeyValue // from WithSessionKey; no policy touches it
	mended    []attribute.KeyValue // see appendMended
	eventID   string
	foreignID string // that the other side stated

	// optionsCall is an OPTIONS request that is left out if it is answered as one.
	optionsCall, optionsAnswer bool

	where  *where      // if there are rules for routes
	route  string      // that SetRoute stated
	stated atomic.Bool // it has

	req, res capture
}

// attrPool holds the slices that attributes are collected in: SetAttributes
// copies them.
var attrPool = sync.Pool{New: func() any {
	s := make([]attribute.KeyValue, 0, 48)
	return &s
}}

// putAttrs gives a slice back. Whoever shortens it clears what he cuts off.
func putAttrs(s *[]attribute.KeyValue, used []attribute.KeyValue) {
	if cap(used) > 512 {
		return
	}
	clear(used)
	*s = used[:0]
	attrPool.Put(s)
}

// begin takes what must be taken before anybody can change it.
func (rec *record) begin(cfg *config, span trace.Span, r *http.Request) {
	rec.cfg, rec.span, rec.req0 = cfg, span, r
	rec.attrs = attrPool.Get().(*[]attribute.KeyValue)
	var dropped int
	*rec.attrs, dropped = cfg.reqSet.collect(*rec.attrs, r.Header)
	rec.nReq = len(*rec.attrs)
	cfg.drops.add(reasonHeaderLimit, dropped)
	if len(cfg.routes) > 0 {
		rec.where = new(where)
		rec.where.note(r)
	}
	if cfg.anyBodies {
		rec.reqType, rec.reqKnown = contentType(r.Header)
		if vs := r.Header["Content-Encoding"]; len(vs) > 0 {
			rec.reqCodings = append([]string(nil), vs...)
		}
	}
	if cfg.anyResolver {
		rec.declared = &Identity{}
		cfg.resolve(rec.declared, r, "", notInBody)
	}
	rec.session = cfg.session(r)
	rec.ownEventID(span)
}

// responseHeader takes the header of the final response. It is called at the
// moment the header is sent: later changes are not on the wire.
func (rec *record) responseHeader(h http.Header, status int) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if rec.finished {
		return
	}
	rec.status = status
	rec.optionsAnswer = rec.optionsCall && answersOptions(h, status)
	var dropped int
	*rec.attrs, dropped = rec.cfg.resSet.collect(*rec.attrs, h)
	rec.resType, rec.resKnown = contentType(h)
	if vs := h["Content-Encoding"]; len(vs) > 0 {
		rec.resCodings = append([]string(nil), vs...)
	}
	rec.cfg.drops.add(reasonHeaderLimit, dropped)
}

// over notes that the round trip has come back: what is sent under its context from
// now on, even the same request again, is an exchange of its own.
func (rec *record) over() {
	rec.mu.Lock()
	rec.answered = true
	rec.mu.Unlock()
}

// noResponse undoes responseHeader.
func (rec *record) noResponse() {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.status, rec.resType, rec.resKnown, rec.resCodings = 0, "", false, nil
	if rec.attrs != nil {
		clear((*rec.attrs)[rec.nReq:])
		*rec.attrs = (*rec.attrs)[:rec.nReq]
	}
}

// wantsBody decides whether a body is captured.
func wantsBody(p *plan, contentType string, known bool) bool {
	return p.enabled && p.bodies != BodiesOff && (!known || p.records(contentType))
}

// wantsRequest is wantsBody for the request, for which a resolver may ask too.
func (rec *record) wantsRequest(p *plan) bool {
	return wantsBody(p, rec.reqType, rec.reqKnown) ||
		p.enabled && rec.cfg.jsonBody && httpattr.IsJSON(rec.reqType)
}

// outcome is how an exchange ended.
type outcome struct {
	r        *http.Request
	header   http.Header
	status   int
	err      error
	failed   bool // panic, or no response
	hijacked bool
	// ended means that whoever writes the response has come to its end, short that
	// he has not.
	ended, short bool
	// early means that the body of the response is still to come: it is recorded
	// by setBodies.
	early bool
	// resSize is the size of the response body if only we know it, else 0; reqSize
	// that of a request body that was not read to its end, as announced.
	resSize, reqSize int64
	// served is what a span of our own says of the response, empty if the span is
	// somebody else's.
	served served
}

func (o *outcome) isError() bool { return o.failed || o.err != nil || o.status >= 400 }

// finish puts everything on the span, in one call. Only the first call counts.
// No panic leaves it: neither the application's callbacks nor a mistake of ours
// may change how an exchange ends.
func (rec *record) finish(o *outcome) {
	rec.mu.Lock()
	if rec.finished {
		rec.mu.Unlock()
		return
	}
	rec.finished = true
	pooled, skip := rec.attrs, rec.skip
	rec.attrs = nil
	rec.mu.Unlock()

	used := *pooled
	defer func() {
		if recover() != nil {
			rec.cfg.drops.add(reasonInternal, 1)
			rec.req.finish(false)
			rec.res.finish(false)
			rec.set(nil, o)
		}
		putAttrs(pooled, used)
	}()
	used = rec.assemble(o, used, skip)
}

// set puts attributes on the span and returns them. What an event cannot do without is
// among them, the status too, and before header fields. Of two of the same key the later
// counts, and otelhttp's come last.
func (rec *record) set(attrs []attribute.KeyValue, o *outcome) []attribute.KeyValue {
	// Alongside, the status may have another name; then only if it might be evicted.
	if o.status > 0 && !o.failed && (!rec.cfg.alongside || len(attrs) > looksAt) {
		attrs = append(attrs, attribute.Int(httpattr.ResponseStatusCode, o.status))
	}
	attrs = o.served.responseAttributes(headersLast(attrs))
	rec.span.SetAttributes(attrs...)
	return attrs
}

// skipped marks an exchange that is left out.
func (rec *record) skipped(attrs []attribute.KeyValue, route string, o *outcome) []attribute.KeyValue {
	rec.req.finish(false)
	rec.res.finish(false)
	clear(attrs)
	attrs = append(attrs[:0], attribute.Bool(httpattr.Skip, true))
	if route != "" {
		attrs = append(attrs, attribute.String(httpattr.Route, route))
	}
	return rec.set(append(attrs, rec.mended...), o)
}

// bodies ends both captures.
func (rec *record) bodies(o *outcome, p *plan) (req, res body, full string) {
	c := rec.cfg
	keep := p.bodies == BodiesAll || p.bodies == BodiesOnError && o.isError()
	take := rec.req.finish
	if rec.sending = o.early && rec.req.open(); rec.sending {
		take = rec.req.soFar
	}
	rq := take(keep || c.jsonBody)
	rq.limit(p.reqMax)
	req = c.makeBody(rq, rec.reqType, rec.reqKnown, rec.reqCodings, p, p.reqMax)
	if c.jsonBody && req.text {
		full = req.content
	}
	if !keep || !wantsBody(p, rec.reqType, rec.reqKnown) {
		req = body{contentType: req.contentType}
	}
	if !o.early {
		res = rec.responseBody(o, p, keep)
	} else {
		// Nobody may read it, and of that we would hear too late.
		res.incomplete = keep && wantsBody(p, rec.resType, rec.resKnown) && rec.res.open()
	}
	if c.side == clientSide { // where nobody else says it
		if o.reqSize = 0; !req.whole() {
			if o.reqSize = max(o.r.ContentLength, 0); req.set && !rec.sending {
				o.reqSize = max(o.reqSize, rec.req.total())
			}
		}
		if res.whole() {
			o.resSize = 0
		} else if res.set {
			o.resSize = max(o.resSize, rec.res.total())
		}
	}
	return req, res, full
}

func (rec *record) responseBody(o *outcome, p *plan, keep bool) body {
	if o.ended {
		rec.res.ended()
	}
	// The plan was not known for certain when the body began.
	keep = keep && wantsBody(p, rec.resType, rec.resKnown)
	cp := rec.res.finish(keep)
	if c := rec.cfg; cp.on && c.streamed.Load() != cp.stream {
		c.streamed.Store(cp.stream)
	}
	if !keep || o.hijacked {
		return body{}
	}
	cp.limit(p.resMax)
	cp.complete = cp.complete && !o.short
	return rec.cfg.makeBody(cp, rec.resType, rec.resKnown, rec.resCodings, p, p.resMax)
}

// assemble builds the attributes and sets them.
func (rec *record) assemble(o *outcome, attrs []attribute.KeyValue, skip bool) []attribute.KeyValue {
	c := rec.cfg
	route := ""
	if c.side == serverSide {
		route = rec.routeFor(o.r)
	}
	p := rec.planFor(o.r)
	if rec.optionsCall && !rec.optionsAnswer {
		rec.optionsAnswer = rec.res.total() == 0 && o.resSize == 0 && (rec.req0.Body == nil || rec.req0.Body == http.NoBody)
	}
	if skip || !p.enabled || rec.optionsAnswer {
		return rec.skipped(attrs, route, o)
	}

	req, res, json := rec.bodies(o, p)
	id := Identity{}
	var meta []attribute.KeyValue
	over := 0
	if rec.inside != nil {
		id, meta, over = rec.inside.id, rec.inside.meta, rec.inside.over
	}
	if c.anyCallback() {
		ex := Exchange{
			Request: o.r, Outgoing: c.side == clientSide, Route: route, StatusCode: o.status,
			ResponseHeader: o.header, RequestBody: req.content, ResponseBody: res.content, Err: o.err,
		}
		if c.callSkip(ex) {
			return rec.skipped(attrs, route, o)
		}
		c.callIdentity(ex, &id)
		var n int
		meta, n = c.callMetadata(ex, meta)
		over += n
	}
	if c.anyResolver {
		id.merge(rec.declared)
		if c.jsonBody {
			c.resolve(&id, o.r, json, inBody)
		}
	}
	c.drops.add(reasonMetadataLimit, over)

	if len(c.routes) > 0 {
		attrs = rec.onlySelected(attrs, p)
	}
	nHeaders := len(attrs)
	attrs = appendBody(attrs, &req, reqKeys)
	attrs = appendBody(attrs, &res, resKeys)
	if o.hijacked {
		attrs = append(attrs, attribute.Bool(httpattr.Hijacked, true))
	}
	if route != "" {
		attrs = append(attrs, attribute.String(httpattr.Route, route))
	}
	if o.reqSize > 0 {
		attrs = append(attrs, attribute.Int64(httpattr.RequestBodySize, o.reqSize))
	}
	if o.resSize > 0 {
		attrs = append(attrs, attribute.Int64(httpattr.ResponseBodySize, o.resSize))
	}
	if rec.eventID != "" {
		attrs = append(attrs, attribute.String(httpattr.EventID, rec.eventID))
	}
	if rec.foreignID != "" {
		attrs = append(attrs, attribute.String(httpattr.MetadataPrefix+foreignEventID[c.side], rec.foreignID))
	}
	attrs = append(attrs, rec.mended...)
	if c.side == serverSide {
		attrs = c.appendTarget(attrs, o.r, rec.guest)
	}
	attrs = c.appendIdentity(attrs, &id)
	attrs = append(attrs, meta...)
	attrs = rec.fit(attrs, nHeaders, o)
	if c.policy != nil {
		attrs = rec.redact(attrs, o)
	}
	attrs = append(attrs, rec.session...)
	return rec.set(marked(attrs), o)
}

// marked sees to it that the span can be told from one that is only traced:
// captureexport looks for that.
func marked(attrs []attribute.KeyValue) []attribute.KeyValue {
	for i := range attrs {
		if httpattr.IsCaptured(string(attrs[i].Key)) {
			return attrs
		}
	}
	return append(attrs, attribute.Bool(httpattr.Captured, true))
}

// onlySelected leaves the headers that the plan of the route wants.
func (rec *record) onlySelected(attrs []attribute.KeyValue, p *plan) []attribute.KeyValue {
	out := attrs[:0]
	for i, kv := range attrs {
		sd := requestSide
		if i >= rec.nReq {
			sd = responseSide
		}
		if p.selects(kv.Key, sd) {
			out = append(out, kv)
		}
	}
	clear(attrs[len(out):])
	return out
}

// query is the query string with the values of credential parameters masked, or
// raw if a policy follows.
func (c *config) query(raw string) string {
	if c.policy == nil {
		raw = maskQuery(raw)
	}
	return cleanValue(raw, c.policy != nil)
}
