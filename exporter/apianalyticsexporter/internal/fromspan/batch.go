// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/internal/httpattr"
)

// OTLP's flags of a span: whether it is known that the parent is remote, and whether it
// is (https://github.com/open-telemetry/opentelemetry-proto, SpanFlags).
const (
	flagRemoteKnown = 0x100
	flagRemote      = 0x200
)

// Speaker says who speaks for a call that a gateway and the service behind it have both
// recorded.
type Speaker string

const (
	SpeakBoth    Speaker = "both"
	SpeakService Speaker = "service"
	SpeakGateway Speaker = "gateway"
)

// Options say which spans are one call. The zero value joins nothing.
type Options struct {
	// Nested makes one exchange of nested SERVER spans of one process.
	Nested bool
	// Prefer is who speaks where gateway and service are in one batch; "" is both.
	Prefer Speaker
	// Gateways are the service names of gateways. Without any, a gateway is who passes
	// a request on with the same method and path.
	Gateways []string
	// InnerIdentity takes the identity that inner spans of a process have, too.
	InnerIdentity bool
}

// Part is what the batch says about one of its spans.
type Part struct {
	// Skip is why the span speaks for no exchange, although it has one.
	Skip Skip
	// Ours is true if the trace began in a span of this batch, or in this one, without a
	// parent elsewhere: then trace id and tracestate are not a caller's.
	Ours bool
	// Adds are further spans of the same call, Inner those of which only the identity
	// counts; Outer is the gateway's, which knows the client.
	Adds, Inner []ptrace.Span
	Outer       ptrace.Span
	HasOuter    bool
	// End is when a call in two spans ended; 0 if it has one.
	End    pcommon.Timestamp
	paired bool
	// Twin tells the span from others of its kind with the same ids; nil if there are none.
	Twin []byte
}

// maxSteps bounds how far a chain of parents is followed.
const maxSteps = 32

type spanID struct {
	trace [16]byte
	span  [8]byte
}

type node struct {
	span    ptrace.Span
	process process
	parent  int32 // none: -1
	http    bool
	part    Part
}

// process tells services and their instances apart.
type process struct{ service, instance, pid, host string }

// Batch knows which spans of a batch belong together. The zero value is ready; it may be
// used again and is not safe for concurrent use. Work is linear in the number of spans.
type Batch struct {
	nodes []node
	byID  map[spanID]int32
}

// Read looks at all spans of td. What Part returns is valid until the next Read.
func (b *Batch) Read(td ptrace.Traces, o *Options) {
	clear(b.nodes)
	b.nodes = b.nodes[:0]
	if b.byID == nil {
		b.byID = make(map[spanID]int32)
	}
	clear(b.byID)
	var twins []int32
	for _, rs := range td.ResourceSpans().All() {
		p := processOf(rs.Resource().Attributes())
		for _, ss := range rs.ScopeSpans().All() {
			from, levo := len(b.nodes), false
			for _, span := range ss.Spans().All() {
				levo = levo || levoRoot(span) != ""
				i := int32(len(b.nodes))
				b.nodes = append(b.nodes, node{span: span, process: p, parent: -1, http: isHTTP(span)})
				id := spanID{span.TraceID(), span.SpanID()}
				if id.trace == [16]byte{} || id.span == [8]byte{} {
					continue
				}
				at, taken := b.byID[id]
				switch {
				case !taken:
					b.byID[id] = i
				case b.nodes[at].span.Kind() == span.Kind():
					twins = append(twins, i)
				case span.Kind() == ptrace.SpanKindServer:
					// Zipkin's way: a call's two ends share an id, and children belong to
					// the server.
					b.byID[id] = i
				}
			}
			if levo {
				b.pair(from)
			}
		}
	}
	if len(twins) > 0 {
		b.tellTwins()
	}
	b.link(o)
}

// Part returns what is known about the i-th span, in the order of the batch.
func (b *Batch) Part(i int) *Part { return &b.nodes[i].part }

// Forget lets go of the batch.
func (b *Batch) Forget() {
	clear(b.nodes)
	b.nodes = b.nodes[:0]
	clear(b.byID)
}

func processOf(attrs pcommon.Map) process {
	return process{
		service: first(attrs, serviceNameKeys), instance: first(attrs, []string{"service.instance.id"}),
		pid: first(attrs, []string{"process.pid"}), host: first(attrs, []string{"host.name"}),
	}
}

func isHTTP(span ptrace.Span) bool {
	if k := span.Kind(); k != ptrace.SpanKindServer && k != ptrace.SpanKindClient {
		return false
	}
	for _, key := range methodKeys {
		if v, ok := span.Attributes().Get(key); ok && text(v) != "" {
			return true
		}
	}
	return false
}

var methodKeys = keysOf(httpattr.RequestMethod)

// link follows the parents of all spans.
func (b *Batch) link(o *Options) {
	for i := range b.nodes {
		n := &b.nodes[i]
		if parent := n.span.ParentSpanID(); parent != [8]byte{} {
			if at, ok := b.byID[spanID{n.span.TraceID(), parent}]; ok && int(at) != i {
				n.parent = at
			}
		}
	}
	for i := range b.nodes {
		n := &b.nodes[i]
		n.part.Ours = b.ours(i)
		switch n.span.Kind() {
		case ptrace.SpanKindServer:
			if o.Nested && n.http {
				b.nest(i)
			}
		case ptrace.SpanKindInternal, ptrace.SpanKindUnspecified:
			if o.InnerIdentity {
				if outer := b.outermost(i); outer >= 0 {
					b.nodes[outer].part.Inner = append(b.nodes[outer].part.Inner, n.span)
				}
			}
		}
	}
	if o.Prefer == SpeakService || o.Prefer == SpeakGateway {
		b.choose(o)
	}
}

// remote says what is known about the parent of a span.
func remote(span ptrace.Span) (is, known bool) {
	f := span.Flags()
	return f&flagRemote != 0, f&flagRemoteKnown != 0
}

// inProcess reports whether the parent of node i is in the batch and of the same process.
func (b *Batch) inProcess(i int) bool {
	n := &b.nodes[i]
	if n.parent < 0 {
		return false
	}
	if is, known := remote(n.span); known {
		return !is
	}
	return n.process == b.nodes[n.parent].process
}

// ours reports whether the span's trace began in its process.
func (b *Batch) ours(i int) bool {
	for range maxSteps {
		if b.nodes[i].span.ParentSpanID() == [8]byte{} {
			return true
		}
		if !b.inProcess(i) || b.nodes[i].span.Kind() == ptrace.SpanKindServer && b.nodes[b.nodes[i].parent].span.Kind() == ptrace.SpanKindClient {
			return false
		}
		i = int(b.nodes[i].parent)
	}
	return false
}

// outermost returns the outermost HTTP SERVER span in the process around node i, or -1
// if there is none or the chain of parents has no end.
func (b *Batch) outermost(i int) int {
	found, at := -1, i
	for range maxSteps {
		if !b.inProcess(at) {
			return found
		}
		at = int(b.nodes[at].parent)
		n := &b.nodes[at]
		switch n.span.Kind() {
		case ptrace.SpanKindServer:
			if n.http {
				found = at
			}
		case ptrace.SpanKindInternal, ptrace.SpanKindUnspecified:
		default:
			return found // a call of its own
		}
	}
	return -1
}

// nest makes a SERVER span a part of the one around it.
func (b *Batch) nest(i int) {
	n := &b.nodes[i]
	if outer := b.outermost(i); outer >= 0 && outer != i {
		n.part.Skip = SkipNested
		b.nodes[outer].part.Adds = append(b.nodes[outer].part.Adds, n.span)
		return
	}
	// The outer span ends later, so a batch may end between them.
	if is, known := remote(n.span); known && !is && n.parent < 0 && n.span.ParentSpanID() != [8]byte{} {
		n.part.Skip = SkipNested
	}
}

// choose looks for calls of which a gateway and the service behind it have spans.
func (b *Batch) choose(o *Options) {
	for i := range b.nodes {
		service := &b.nodes[i]
		if !service.http || service.span.Kind() != ptrace.SpanKindServer || service.part.Skip != Taken || service.parent < 0 {
			continue
		}
		// The gateway's CLIENT span may be between, and spans inside it.
		passed, at := int32(-1), service.parent
		for range maxSteps {
			n := &b.nodes[at]
			if n.span.Kind() == ptrace.SpanKindServer && n.http || n.parent < 0 {
				break
			}
			if n.span.Kind() == ptrace.SpanKindClient {
				if passed >= 0 {
					break
				}
				passed = at
			}
			at = n.parent
		}
		gateway := &b.nodes[at]
		if gateway.span.Kind() != ptrace.SpanKindServer || !gateway.http || gateway.process == service.process || !o.passesOn(gateway, service) {
			continue
		}
		if gateway.part.Skip != Taken && gateway.part.Skip != SkipOtherEnd {
			continue
		}
		if passed >= 0 {
			b.nodes[passed].part.Skip = SkipOtherEnd
		}
		if o.Prefer == SpeakService {
			gateway.part.Skip = SkipOtherEnd
			service.part.Outer, service.part.HasOuter = gateway.span, true
		} else {
			service.part.Skip = SkipOtherEnd
			gateway.part.Adds = append(append(gateway.part.Adds, service.span), service.part.Adds...)
			gateway.part.Inner = append(gateway.part.Inner, service.part.Inner...)
		}
	}
}

func (o *Options) passesOn(gateway, service *node) bool {
	if len(o.Gateways) > 0 {
		return slices.Contains(o.Gateways, gateway.process.service)
	}
	var r Reader
	a, skip := r.Read(gateway.span)
	if skip != Taken {
		return false
	}
	method, path := a.Method, strings.Clone(a.Path)
	c, skip := r.Read(service.span)
	return skip == Taken && c.Method == method && c.Path == path
}

// tellTwins makes different ids for spans that have the same ones and are of one kind:
// that of the earliest stays. Order in the batch has no part in it, and spans that are
// the same in all have the same id, since one of them is a repetition.
func (b *Batch) tellTwins() {
	type key struct {
		spanID

		kind ptrace.SpanKind
	}
	groups := map[key][]int32{}
	for i := range b.nodes {
		s := b.nodes[i].span
		k := key{spanID{s.TraceID(), s.SpanID()}, s.Kind()}
		groups[k] = append(groups[k], int32(i))
	}
	for _, g := range groups {
		if len(g) < 2 {
			continue
		}
		least := []byte(nil)
		for _, i := range g {
			n := &b.nodes[i]
			n.part.Twin = digest(n.span)
			if least == nil || bytes.Compare(n.part.Twin, least) < 0 {
				least = n.part.Twin
			}
		}
		for _, i := range g {
			if n := &b.nodes[i]; bytes.Equal(n.part.Twin, least) {
				n.part.Twin = nil
			}
		}
	}
}

// digest is the span's start and a hash of what it says.
func digest(span ptrace.Span) []byte {
	h := sha256.New()
	// Keys of a map are written in order; what cannot be written (NaN) is left out.
	_ = json.NewEncoder(h).Encode([]any{uint64(span.EndTimestamp()), span.Name(), span.ParentSpanID().String()})
	attrs := span.Attributes()
	raw := make(map[string]string, attrs.Len())
	for k, v := range attrs.All() {
		raw[k] = v.AsString()
	}
	_ = json.NewEncoder(h).Encode(raw)
	start := uint64(span.StartTimestamp())
	out := make([]byte, 0, 8+sha256.Size)
	for shift := 56; shift >= 0; shift -= 8 {
		out = append(out, byte(start>>shift))
	}
	return h.Sum(out)
}
