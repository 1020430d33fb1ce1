// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"

	"github.com/apispan/apispan/internal/httpattr"
)

// looksAt is how many attributes of ours it takes before those on the span are
// counted, which costs an allocation.
const looksAt = 40

// fit takes away what there is no room for, so that the SDK, which drops what comes
// last, has nothing to drop: header fields first, those of the request, which a client
// may send by the hundred, before those of the response; then what stands last.
func (rec *record) fit(attrs []attribute.KeyValue, nHeaders int, o *outcome) []attribute.KeyValue {
	c := rec.cfg
	need := len(attrs) + c.policyAttrs() + len(rec.session) + 1 // the status
	room := c.maxAttrs
	if need > looksAt {
		if s, ok := rec.span.(interface{ Attributes() []attribute.KeyValue }); ok {
			room = min(room, c.maxAttrs+reservedAttributes-len(s.Attributes())-lateAttributes)
		}
	}
	if o.early {
		room -= lateBody
	}
	over := need - room
	if over <= 0 {
		return attrs
	}
	c.drops.add(reasonAttributeLimit, min(over, len(attrs)))
	requests := nHeaders
	for requests > 0 && !strings.HasPrefix(string(attrs[requests-1].Key), httpattr.RequestHeaderPrefix) {
		requests--
	}
	for range 3 {
		end := requests
		switch {
		case requests > 0:
		case nHeaders > 0: // of the response
			end = nHeaders
		default:
			end = len(attrs)
		}
		cut := min(over, end)
		attrs = slices.Delete(attrs, end-cut, end)
		over -= cut
		requests, nHeaders = max(requests-cut, 0), max(nHeaders-cut, 0)
	}
	return attrs
}

// headersLast puts header fields behind all else, those of the request last. If there
// are more attributes than is known here (limits in code, attributes set later), the
// SDK drops the end.
func headersLast(attrs []attribute.KeyValue) []attribute.KeyValue {
	n := 0
	for n < len(attrs) && httpattr.IsHeader(string(attrs[n].Key)) {
		n++
	}
	if n == 0 || n == len(attrs) {
		return attrs
	}
	pooled := attrPool.Get().(*[]attribute.KeyValue)
	head := append(*pooled, attrs[:n]...)
	to := copy(attrs, attrs[n:])
	for _, prefix := range [...]string{httpattr.ResponseHeaderPrefix, httpattr.RequestHeaderPrefix} {
		for i := range head {
			if strings.HasPrefix(string(head[i].Key), prefix) {
				attrs[to] = head[i]
				to++
			}
		}
	}
	putAttrs(pooled, head)
	return attrs
}
