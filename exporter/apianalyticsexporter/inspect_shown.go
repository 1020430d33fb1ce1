// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"encoding/hex"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
	"github.com/apispan/apispan/internal/inspect"
)

// This file writes exchanges and requests in the words of package inspect, without the
// exporter's credentials.

// keyOf names an exchange without ids: the event's is unique.
func keyOf(ex *exchange.Exchange) (k inspect.Key) {
	id := make([]byte, 0, 32)
	for i := range len(ex.ID) {
		if ex.ID[i] != '-' {
			id = append(id, ex.ID[i])
		}
	}
	_, _ = hex.Decode(k.Trace[:], id[:min(len(id), 32)])
	copy(k.Span[:], k.Trace[8:])
	return k
}

func (w *watch) exchange(s inspect.Summary, ex *exchange.Exchange) *inspect.Exchange {
	m := &w.masks
	s.Path, s.Host, s.Start, s.Redacted = ex.Path, ex.Host, ex.Start, ex.RedactionCount
	for _, name := range []*string{
		&s.Service, &s.Method, &s.Route, &s.Path, &s.Host, &s.Operation, &s.UserID, &s.CompanyID, &s.ConsumerID, &s.Label,
	} {
		*name = m.text(*name)
	}
	x := &inspect.Exchange{
		Summary: s, ID: ex.ID, Environment: ex.Environment, Scheme: ex.Scheme, Query: m.text(ex.Query), Protocol: ex.Protocol,
		ClientAddress: m.text(ex.ClientAddress), UserEmail: m.text(ex.UserEmail), UserName: m.text(ex.UserName),
		SessionID: m.text(ex.SessionID), SubscriptionID: m.text(ex.SubscriptionID),
		Request: w.message(&ex.Request), Response: w.message(&ex.Response),
		BlockedBy: m.text(ex.BlockedBy), RedactionPolicy: ex.RedactionPolicy,
		GuardAction: ex.GuardAction, GuardRule: m.text(ex.GuardRule),
	}
	if len(ex.Metadata) > 0 {
		x.Metadata = make(map[string]any, len(ex.Metadata))
		for _, kv := range ex.Metadata {
			x.Metadata[m.text(kv.Key)] = m.value(kv.Value)
		}
	}
	return x
}

func (w *watch) message(msg *exchange.Message) (out inspect.Message) {
	b := &msg.Body
	data := []byte(b.Data[:min(len(b.Data), inspect.MaxValue)])
	out.Body = inspect.Body{
		Data: w.masks.bytes(data), Captured: b.Captured, Binary: b.Binary,
		Truncated: b.Truncated || len(data) < len(b.Data), Incomplete: b.Incomplete, Size: b.Size,
	}
	if len(msg.Headers) > 0 {
		out.Headers = make([]inspect.Header, len(msg.Headers))
	}
	for i, h := range msg.Headers {
		values := make([]string, len(h.Values))
		for j, v := range h.Values {
			values[j] = w.masks.text(v)
		}
		out.Headers[i] = inspect.Header{Name: w.masks.text(h.Name), Values: values}
	}
	return out
}

// request is what is told of a request whoever answers it.
func (w *watch) request(s *sender, items [][]byte, known []knownItem) *inspect.Request {
	q := &inspect.Request{Items: make([]uint64, len(known)), Events: len(items), Bytes: s.frame.Size(items)}
	for i, k := range known {
		q.Items[i] = k.fp
	}
	q.Prefix, q.Separator, q.Suffix = w.masks.text(s.frame.Prefix), s.frame.Separator, w.masks.text(s.frame.Suffix)
	if head, err := s.shown(items); err == nil {
		q.Method, q.URL, q.Headers, q.Coding = head.method, w.masks.text(head.url), head.headers, head.coding
	}
	return q
}
