// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/fromspan"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/rules"
)

// translator turns spans into encoded events. It only reads the spans.
type translator struct {
	enc              backend.Encoder
	name, stored     string // of the backend; of its items, in the queue
	gates            Gates
	maxItem          int
	keyed            backend.Keyed // nil unless the encoder hashes under a key
	requireRedaction bool
	tel              *telemetry
	logger           *zap.Logger
	unredacted       limitedLog
	hinted           [len(dropHints)]atomic.Bool
	ignored          limitedLog
	rules            *rules.Rules // nil leaves everything as it is
	sampler          *sampler     // nil keeps everything
	mask             *masker      // nil changes nothing
	calls            fromspan.Options
	trustCallers     bool
	scratch          sync.Pool // *scratch
}

// scratch is what one translation needs and the next can reuse.
type scratch struct {
	reader fromspan.Reader
	batch  fromspan.Batch
	buf    []byte
	ends   []int
}

// maxScratch bounds the buffers kept for reuse.
const maxScratch = 8 << 20

func newTranslator(enc backend.Encoder, c choice, requireRedaction bool, tel *telemetry, logger *zap.Logger) *translator {
	spec := enc.Spec()
	t := &translator{
		enc: enc, name: spec.Name, stored: spec.StoredAs(), gates: *c.Gates, maxItem: spec.MaxItemBytes,
		requireRedaction: requireRedaction, tel: tel, logger: logger,
	}
	t.keyed, _ = enc.(backend.Keyed)
	if c.Gates.MaxEventSize > 0 {
		t.maxItem = min(t.maxItem, c.Gates.MaxEventSize)
	}
	t.unredacted.now, t.ignored.now = now, now
	t.scratch.New = func() any { return new(scratch) }
	return t
}

// tally counts one call.
type tally struct {
	translated, unkeyed, ignored int
	truncated, drops, skips      map[string]int // by reason

	left string // why the last span is no event
	look look
}

// leave counts why a span is no event.
func (n *tally) leave(m *map[string]int, reason string) {
	count(m, reason)
	n.left = reason
}

func count(m *map[string]int, key string) {
	if *m == nil {
		*m = make(map[string]int, 4)
	}
	(*m)[key]++
}

// translate encodes the exchanges in td. The result shares no memory with td.
func (t *translator) translate(ctx context.Context, td ptrace.Traces) *request {
	s := t.scratch.Get().(*scratch)
	s.buf, s.ends = s.buf[:0], s.ends[:0]
	var n tally
	keyless := missingKey(t.keyed) != nil
	s.reader.TrustCallers, s.reader.NeedStamp = t.trustCallers, t.requireRedaction
	s.batch.Read(td, &t.calls)
	t.tel.watch.begin(&n.look, td)
	i := -1
	for _, rs := range td.ResourceSpans().All() {
		s.reader.SetResource(rs.Resource())
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				i++
				n.look.at = i
				t.span(ctx, s, span, s.batch.Part(i), &n)
			}
		}
	}

	s.batch.Forget()

	// One allocation of the exact size for all events of the request.
	data := make([]byte, len(s.buf))
	copy(data, s.buf)
	items := make([][]byte, len(s.ends))
	start := 0
	for i, end := range s.ends {
		items[i] = data[start:end:end]
		start = end
	}
	if cap(s.buf) <= maxScratch {
		t.scratch.Put(s)
	}
	if keyless {
		n.unkeyed = len(s.ends)
	}
	t.report(ctx, &n)
	t.tel.watch.batch(&n.look)
	return newRequest(t.stored, items)
}

// dropHints are reasons that are usually a mistake of the configuration: an event lacks
// what its backend requires. They are said once.
var dropHints = [...]struct {
	reason backend.Drop
	text   string
}{
	{backend.DropNoIdentity, "dropped events without a consumer, which this backend requires: set `identity` in http_redaction or WithIdentity in the application so that spans have apispan.consumer.id, user.id, enduser.id or, where the backend's block says so, apispan.company.id or apispan.subscription.id, and let the policy keep it or make it an HMAC token, since a masked one is none; this is said once, further ones are counted in events_dropped as no_identity"},
	{backend.DropWeight, "dropped events that stand for several calls, of which this backend takes none: something before this exporter samples (an SDK's sampler, a processor, apispan.weight); send every call here, as captureexport does beside sampled traces; this is said once, further ones are counted in events_dropped as weight"},
	{reasonMaskFailed, "dropped events because the extension of mask_event failed on them: it returned an error, panicked, or returned what is no JSON object with the event's id; this is said once, further ones are counted in events_dropped as mask_event_failed"},
	{backend.DropNoStatus, "dropped events without a response status, which this backend requires: spans need http.response.status_code, or the calls ended before there was a response; this is said once, further ones are counted in events_dropped as no_status"},
}

func (t *translator) hint(drops map[string]int) {
	for i, h := range dropHints {
		if n := drops[string(h.reason)]; n > 0 && !t.hinted[i].Swap(true) {
			t.logger.Warn(h.text, zap.String("backend", t.name), zap.Int("events", n))
		}
	}
}

// missingKey says what events lack without the key, or is nil.
func missingKey(k backend.Keyed) error {
	if k == nil {
		return nil
	}
	return k.MissingKey()
}

func (t *translator) report(ctx context.Context, n *tally) {
	t.tel.translated(ctx, n.translated)
	t.tel.unkeyed(ctx, n.unkeyed)
	for reason, k := range n.truncated {
		t.tel.truncated(ctx, reason, k)
	}
	for reason, k := range n.drops {
		t.tel.dropped(ctx, reason, k)
	}
	for reason, k := range n.skips {
		t.tel.skipped(ctx, reason, k)
	}
	t.hint(n.drops)
	t.unredacted.warn(t.logger,
		"dropped events that the http_redaction processor has not stamped: put the processor into this pipeline, or set require_redaction to false",
		n.drops[reasonUnredacted])
	t.ignored.warn(t.logger,
		"counted as one the events whose tracestate states a weight that may be a caller's: if only your own services can call, set sampling::trust_callers to true",
		n.ignored)
}

// span appends the span's event to s, or counts why there is none.
func (t *translator) span(ctx context.Context, s *scratch, span ptrace.Span, part *fromspan.Part, n *tally) {
	start, translated := len(s.buf), n.translated
	defer func() {
		// One span must not take its neighbours along.
		if recover() != nil {
			s.buf = s.buf[:start]
			n.translated = translated + 1
			n.leave(&n.drops, reasonInternal)
		}
		if n.left != "" {
			t.tel.watch.left(&n.look, n.left)
		}
	}()
	n.left, n.look.wanted = "", false
	ex, skip := s.reader.ReadPart(span, part)
	if skip != fromspan.Taken {
		count(&n.skips, string(skip))
		t.tel.watch.skip(&n.look, span, skip)
		return
	}
	t.tel.watch.read(&n.look, ex, t.requireRedaction)
	if reason := t.rules.Apply(ex); reason != "" {
		n.leave(&n.skips, reason)
		return
	}
	if ex.WeightIgnored {
		n.ignored++
	}
	if t.sampler != nil && !t.sampler.keep(ex) {
		n.leave(&n.skips, skipSampled)
		return
	}
	n.translated++
	if t.requireRedaction && ex.RedactionPolicy == "" {
		n.leave(&n.drops, reasonUnredacted)
		return
	}
	drop, cut := t.gates.Apply(ex)
	if drop != backend.Keep {
		n.leave(&n.drops, string(drop))
		return
	}
	buf, shed, drop := t.append(s.buf, ex)
	if drop != backend.Keep {
		n.leave(&n.drops, string(drop))
		return
	}
	reason := exchange.ShedBodies
	if len(buf)-start > t.maxItem {
		if buf, reason = t.shrink(buf, start, ex); reason == "" {
			s.buf = buf[:start]
			n.leave(&n.drops, reasonTooLarge)
			return
		}
		cut = true
	}
	if t.mask != nil {
		masked, why := t.mask.apply(ctx, buf[start:])
		if why == "" && len(masked) > t.maxItem {
			why = reasonTooLarge
		}
		if why != "" {
			s.buf = buf[:start]
			n.leave(&n.drops, why)
			return
		}
		buf = append(buf[:start], masked...)
	}
	if cut || shed {
		count(&n.truncated, reason)
	}
	t.tel.watch.encoded(&n.look, ex, t.enc, buf[start:], cut || shed)
	s.buf = buf
	s.ends = append(s.ends, len(buf))
}

// append encodes ex, and reports whether the encoder gave up some of it to keep
// the event small.
func (t *translator) append(dst []byte, ex *exchange.Exchange) ([]byte, bool, backend.Drop) {
	if s, ok := t.enc.(backend.Shedder); ok {
		return s.AppendWithin(dst, ex, t.maxItem)
	}
	dst, drop := t.enc.Append(dst, ex)
	return dst, false, drop
}
