// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/internal/httpattr"
)

// identityFields are what an inner span may say about the caller.
var identityFields = []field{
	fieldUserID, fieldUserEmail, fieldUserFullName, fieldUserName, fieldSessionID, fieldCompanyID,
	fieldSubscriptionID, fieldConsumerID, fieldConsumerLabel, fieldConsumerEmail,
}

// callFields are what a further span of a call may add besides. Where the URL, the
// connection and the times are concerned, the span itself is right.
var callFields = []field{fieldRoute, fieldStatus, fieldAPIVersion, fieldBlockedBy, fieldGuardAction, fieldGuardRule, fieldSkip}

// bodyFields go together: a size or a mark of another body would be wrong.
var bodyFields = [][]field{
	{fieldReqBody, fieldReqBodySize, fieldReqTruncated, fieldReqIncomplete},
	{fieldRespBody, fieldRespBodySize, fieldRespTruncated, fieldRespIncomplete},
}

// clientFields are what a gateway knows better than the service behind it.
var clientFields = []field{fieldClientAddress, fieldClientPort, fieldURLScheme}

// join adds what further spans of the call have and the span itself lacks.
func (r *Reader) join(part *Part) {
	for _, span := range part.Adds {
		more := r.read(span.Attributes())
		if more == nil {
			continue
		}
		r.fill(more, identityFields)
		r.fill(more, callFields)
		if r.have[fieldSessionKey] == 0 && r.have[fieldSessionAuthType] == 0 {
			r.fill(more, []field{fieldSessionKey, fieldSessionAuthType})
		}
		for _, group := range bodyFields {
			if r.have[group[0]] == 0 && more.have[group[0]] != 0 {
				for _, f := range group {
					r.have[f], r.attr[f] = more.have[f], more.attr[f]
				}
			}
		}
		r.request.add(&more.request)
		r.response.add(&more.response)
		r.metadata = append(r.metadata, more.metadata...)
	}
	for _, span := range part.Inner {
		if !hasIdentity(span) {
			continue
		}
		if more := r.read(span.Attributes()); more != nil {
			r.fill(more, identityFields)
			r.metadata = append(r.metadata, more.metadata...)
		}
	}
	if part.HasOuter {
		if more := r.read(part.Outer.Attributes()); more != nil {
			if more.have[fieldClientAddress] == 0 && more.have[fieldPeerAddress] != 0 {
				more.have[fieldClientAddress], more.attr[fieldClientAddress] = 1, more.attr[fieldPeerAddress]
				more.have[fieldClientPort], more.attr[fieldClientPort] = more.have[fieldPeerPort], more.attr[fieldPeerPort]
			}
			if more.have[fieldClientAddress] != 0 {
				r.have[fieldClientPort] = 0
			}
			for _, f := range clientFields {
				if more.have[f] != 0 {
					r.have[f], r.attr[f] = more.have[f], more.attr[f]
				}
			}
			r.fill(more, identityFields)
		}
	}
}

// events reads what a producer has put into events of the span: "http.request" and
// "http.response" with the keys of spans, or "payload" with the body of one phase.
func (r *Reader) events(span ptrace.Span) {
	for _, e := range span.Events().All() {
		switch e.Name() {
		case "http.request", "http.response":
			more := new(Reader)
			more.collect(e.Attributes())
			for f := range fieldUserID {
				if r.have[f] == 0 && more.have[f] != 0 {
					r.have[f], r.attr[f] = more.have[f], more.attr[f]
				}
			}
			r.request.add(&more.request)
			r.response.add(&more.response)
		case httpattr.PayloadEvent:
			body, ok := e.Attributes().Get(httpattr.PayloadBody)
			if !ok {
				continue
			}
			f := fieldReqBody
			if phase, _ := e.Attributes().Get(httpattr.PayloadPhase); httpattr.IsResponsePhase(phase.AsString()) {
				f = fieldRespBody
			}
			if r.have[f] == 0 && !isUnset(body, f) {
				r.have[f], r.attr[f] = 1, body
			}
		}
	}
}

// read reads the attributes of a further span of the call, or returns nil if they must
// not be used.
func (r *Reader) read(attrs pcommon.Map) *Reader {
	more := new(Reader)
	more.collect(attrs)
	if v, ok := attrs.Get(httpattr.LevoSpanType); ok && v.AsString() != "" {
		more.levo(attrs)
	}
	if r.NeedStamp && more.have[fieldPolicy] == 0 {
		return nil
	}
	if n, ok := more.integer(fieldRedactionCount); ok && n > 0 {
		r.joined += n
	}
	return more
}

func (r *Reader) fill(more *Reader, fields []field) {
	for _, f := range fields {
		if r.have[f] == 0 && more.have[f] != 0 {
			r.have[f], r.attr[f] = more.have[f], more.attr[f]
		}
	}
}

// add files the fields of another span's header, over which those that are there win.
func (h *headerSet) add(more *headerSet) {
	for i := range more.raw {
		more.raw[i].rewritten = true
	}
	h.raw = append(h.raw, more.raw...)
}

// hasIdentity reports whether an inner span says who called, without reading all of it.
func hasIdentity(span ptrace.Span) bool {
	for key := range span.Attributes().All() {
		if e := httpattr.Lookup(key); e != nil && e.Place == httpattr.Identity {
			return true
		}
		if e, _ := httpattr.Below(key); e != nil && e.Place == httpattr.Metadata {
			return true
		}
	}
	return false
}
