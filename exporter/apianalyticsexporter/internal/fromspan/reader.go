// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
	"github.com/apispan/apispan/internal/httpattr"
)

// Skip is why a span is no exchange. Values are metric attributes.
type Skip string

const (
	// Taken is the zero value: the span is an exchange.
	Taken Skip = ""
	// SkipKind: the span is neither SERVER nor CLIENT.
	SkipKind Skip = "span_kind"
	// SkipNotHTTP: the span has no request method.
	SkipNotHTTP Skip = "not_http"
	// SkipRequested: the application set apispan.skip.
	SkipRequested Skip = "requested"
	// SkipNested: the span is a part of the call of the SERVER span around it.
	SkipNested Skip = "nested"
	// SkipOtherEnd: the other end of the call speaks for it.
	SkipOtherEnd Skip = "other_end"
)

// Read reads one span. A loop over many spans should use a Reader, which reuses
// memory.
func Read(res pcommon.Resource, span ptrace.Span) (exchange.Exchange, Skip) {
	var r Reader
	r.SetResource(res)
	ex, skip := r.Read(span)
	if skip != Taken {
		return exchange.Exchange{}, skip
	}
	return *ex, Taken
}

// Reader reads spans. The zero value is ready; it is not safe for concurrent use.
type Reader struct {
	// TrustCallers takes weight, randomness and trace id of callers for true.
	TrustCallers bool
	// NeedStamp leaves out what further spans of a call add without having been redacted.
	NeedStamp bool

	ex exchange.Exchange

	serviceName, serviceVersion, environment string

	values   []string // backing of all header values of one span
	request  headerSet
	response headerSet
	metadata []exchange.KeyValue

	have [numFields]uint8 // rank+1 of the attribute that brought the field; 0 = none
	attr [numFields]pcommon.Value

	joined int64 // redactions on further spans of the call
}

// SetResource sets the resource that the next spans belong to.
func (r *Reader) SetResource(res pcommon.Resource) {
	attrs := res.Attributes()
	r.serviceName = first(attrs, serviceNameKeys)
	r.serviceVersion = first(attrs, serviceVersionKeys)
	r.environment = first(attrs, environmentKeys)
}

func first(attrs pcommon.Map, keys []string) string {
	for _, k := range keys {
		if v, ok := attrs.Get(k); ok {
			if s := text(v); s != "" {
				return s
			}
		}
	}
	return ""
}

// Read reads a span by itself. The result, and all it points to, is valid until the next
// call. It is nil unless the Skip is Taken.
func (r *Reader) Read(span ptrace.Span) (*exchange.Exchange, Skip) {
	return r.ReadPart(span, &Part{Ours: span.ParentSpanID() == [8]byte{}})
}

// ReadPart reads a span together with what its batch says about it.
func (r *Reader) ReadPart(span ptrace.Span, part *Part) (*exchange.Exchange, Skip) {
	var dir exchange.Direction
	switch span.Kind() {
	case ptrace.SpanKindServer:
		dir = exchange.Incoming
	case ptrace.SpanKindClient:
		dir = exchange.Outgoing
	default:
		return nil, SkipKind
	}
	r.reset()
	r.collect(span.Attributes())
	r.events(span)
	if levoRoot(span) != "" {
		r.levo(span.Attributes())
	}

	method := r.method()
	if method != "" && part.Skip == Taken {
		r.join(part)
	}
	switch {
	case method == "" && part.Skip == SkipNested:
		return nil, SkipNested // the response of a call in two spans
	case method == "":
		return nil, SkipNotHTTP
	case part.Skip != Taken:
		return nil, part.Skip
	case r.have[fieldSkip] != 0 && r.attr[fieldSkip].Type() == pcommon.ValueTypeBool && r.attr[fieldSkip].Bool():
		// Text is what is copied from baggage: no caller hides its calls.
		return nil, SkipRequested
	}

	ex := &r.ex
	*ex = exchange.Exchange{
		TraceID:        span.TraceID(),
		SpanID:         span.SpanID(),
		ParentSpanID:   span.ParentSpanID(),
		SpanName:       validUTF8(span.Name()),
		Direction:      dir,
		Start:          span.StartTimestamp().AsTime(),
		End:            span.EndTimestamp().AsTime(),
		Method:         method,
		Route:          r.text(fieldRoute),
		Status:         r.status(),
		Protocol:       protocol(r.text(fieldProtocol)),
		UserID:         r.text(fieldUserID),
		UserEmail:      r.text(fieldUserEmail),
		UserName:       r.text(fieldUserFullName),
		SessionID:      r.text(fieldSessionID),
		CompanyID:      r.text(fieldCompanyID),
		SubscriptionID: r.text(fieldSubscriptionID),
		ConsumerID:     r.text(fieldConsumerID),
		ConsumerLabel:  r.text(fieldConsumerLabel),
		ConsumerEmail:  r.text(fieldConsumerEmail),
		ServiceName:    r.serviceName,
		ServiceVersion: r.serviceVersion,
		Environment:    r.environment,
		APIVersion:     r.text(fieldAPIVersion),
		BlockedBy:      r.text(fieldBlockedBy),
		GuardAction:    r.text(fieldGuardAction),
		GuardRule:      r.text(fieldGuardRule),

		SessionKey:      r.text(fieldSessionKey),
		SessionAuthType: r.text(fieldSessionAuthType),
		RedactionPolicy: r.text(fieldPolicy),
	}
	if span.StartTimestamp() == 0 {
		ex.Start = ex.End
	}
	if end := part.End.AsTime(); part.End != 0 && end.After(ex.End) {
		ex.End = end
	}
	if ex.End.Before(ex.Start) {
		ex.End = ex.Start
	}
	if ex.UserName == "" {
		ex.UserName = r.text(fieldUserName)
	}
	ex.RedactionCount, _ = r.integer(fieldRedactionCount)
	ex.RedactionCount += r.joined
	ex.RedactionRules, ex.RedactionDecisions = r.list(fieldRedactionRules), r.list(fieldRedactionDecisions)
	ex.RedactionUpstream = exchange.Redaction{Policies: r.list(fieldUpstreamPolicy), Rules: r.list(fieldUpstreamRules)}
	ex.RedactionUpstream.Count, _ = r.integer(fieldUpstreamCount)

	ex.Request.Headers = r.request.sorted()
	ex.Response.Headers = r.response.sorted()
	r.readBody(&ex.Request.Body, fieldReqBody, fieldReqBodySize, fieldReqTruncated, fieldReqIncomplete)
	r.readBody(&ex.Response.Body, fieldRespBody, fieldRespBodySize, fieldRespTruncated, fieldRespIncomplete)

	if ex.UserAgent = r.text(fieldUserAgent); ex.UserAgent == "" {
		ex.UserAgent = ex.Request.Get("user-agent")
	}
	r.readURL(ex)
	r.addHost(ex)
	r.readPeers(ex)
	r.readOperation(ex)
	r.readMetadata(ex)

	r.readWeight(ex, span, part.Ours)
	ex.ID = eventID(r.text(fieldEventID), ex, part.Twin)
	return ex, Taken
}

func (r *Reader) reset() {
	r.request.reset()
	r.response.reset()
	clear(r.values)
	clear(r.metadata)
	r.values, r.metadata = r.values[:0], r.metadata[:0]
	r.have = [numFields]uint8{}
	r.joined = 0
}

// collect files every attribute once: as a header, as metadata, or as the field
// of the alias table.
func (r *Reader) collect(attrs pcommon.Map) {
	for key, v := range attrs.All() {
		if a, ok := aliasByKey[key]; ok {
			if a.read != readField {
				r.addHeaders(a, v)
				continue
			}
			if isUnset(v, a.field) {
				continue
			}
			if have := r.have[a.field]; have == 0 || a.rank+1 < have {
				r.have[a.field] = a.rank + 1
				r.attr[a.field] = v
			}
			continue
		}
		if isOperationKey(key) {
			r.addOperation(key, v)
			continue
		}
		e, name := httpattr.Below(key)
		if e == nil {
			if i := slices.Index(httpattr.EncodedBodies[:], key); i >= 0 {
				r.encodedBody(bodyFields[i][0], v)
			}
			continue
		}
		switch e.Place {
		case httpattr.RequestField:
			r.addHeader(&r.request, name, v, e.Rank > 0)
		case httpattr.ResponseField:
			r.addHeader(&r.response, name, v, e.Rank > 0)
		case httpattr.Metadata:
			if x, ok := metadataValue(v, 0); ok {
				r.metadata = append(r.metadata, exchange.KeyValue{Key: validUTF8(name), Value: x})
			}
		}
	}
}

// encodedBody reads a body that is base64, which counts less than any other.
func (r *Reader) encodedBody(f field, v pcommon.Value) {
	content, ok := httpattr.DecodeBody(text(v))
	if r.have[f] != 0 || !ok {
		return
	}
	r.have[f], r.attr[f] = math.MaxUint8, pcommon.NewValueStr(content)
}

// isUnset reports whether v says nothing, so that an alias may speak instead. An
// empty body is a body.
func isUnset(v pcommon.Value, f field) bool {
	switch v.Type() {
	case pcommon.ValueTypeEmpty:
		return true
	case pcommon.ValueTypeStr:
		return v.Str() == "" && f != fieldReqBody && f != fieldRespBody
	case pcommon.ValueTypeMap, pcommon.ValueTypeSlice:
		// Only a body is a structure, and only of some fields the first of a list counts.
		return v.Type() == pcommon.ValueTypeMap && f != fieldReqBody && f != fieldRespBody
	default:
		return false
	}
}

func (r *Reader) text(f field) string {
	if r.have[f] == 0 {
		return ""
	}
	return text(r.attr[f])
}

// maxList bounds what is read of a list.
const maxList = 64

// list reads a list of texts; one text is a list of one.
func (r *Reader) list(f field) (out []string) {
	if r.have[f] == 0 {
		return nil
	}
	v := r.attr[f]
	if v.Type() != pcommon.ValueTypeSlice {
		if t := text(v); t != "" {
			out = append(out, t)
		}
		return out
	}
	for _, e := range v.Slice().All() {
		if t := text(e); t != "" && len(out) < maxList {
			out = append(out, t)
		}
	}
	return out
}

func (r *Reader) integer(f field) (int64, bool) {
	if r.have[f] == 0 {
		return 0, false
	}
	return integer(r.attr[f])
}

func (r *Reader) port(f field) int {
	if r.have[f] == 0 {
		return 0
	}
	return port(r.attr[f])
}

func (r *Reader) method() string {
	m := r.text(fieldMethod)
	if m == "_OTHER" {
		if original := r.text(fieldMethodOriginal); original != "" {
			m = original
		}
	}
	return strings.ToUpper(strings.TrimSpace(m))
}

func (r *Reader) status() int {
	n, ok := r.integer(fieldStatus)
	if !ok || n < 100 || n > 999 {
		return 0
	}
	return int(n)
}

// protocol turns the spellings of http.flavor ("HTTP/1.1", "2.0") into "1.1", "2".
func protocol(s string) string {
	if len(s) > 5 && strings.EqualFold(s[:5], "http/") {
		s = s[5:]
	}
	if s != "1.0" {
		s = strings.TrimSuffix(s, ".0")
	}
	if len(s) > 8 {
		return ""
	}
	return s
}

func (r *Reader) readBody(b *exchange.Body, content, size, truncated, incomplete field) {
	b.Size = -1
	if n, ok := r.integer(size); ok && n >= 0 {
		b.Size = n
	}
	b.Incomplete = r.have[incomplete] != 0 && flag(r.attr[incomplete])
	b.Truncated = r.have[truncated] != 0 && flag(r.attr[truncated])
	if r.have[content] == 0 {
		return
	}
	v := r.attr[content]
	switch v.Type() {
	case pcommon.ValueTypeStr:
		b.Data = v.Str()
		b.Binary = !utf8.ValidString(b.Data)
	case pcommon.ValueTypeBytes:
		b.Data = string(v.Bytes().AsRaw())
		b.Binary = true
	case pcommon.ValueTypeSlice, pcommon.ValueTypeMap:
		b.Data = string(appendJSON(nil, v, 0)) // a body that the producer has parsed
	default:
		b.Data = scalar(v)
	}
	b.Captured = true
}

// readMetadata puts the entries in key order; of equal keys the first stays.
func (r *Reader) readMetadata(ex *exchange.Exchange) {
	if len(r.metadata) == 0 {
		return
	}
	slices.SortStableFunc(r.metadata, func(a, b exchange.KeyValue) int { return cmp.Compare(a.Key, b.Key) })
	ex.Metadata = slices.CompactFunc(r.metadata, func(a, b exchange.KeyValue) bool { return a.Key == b.Key })
}

func firstOf(s ...string) string {
	for _, x := range s {
		if x != "" {
			return x
		}
	}
	return ""
}
