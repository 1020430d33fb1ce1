// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/entity"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// field is a column of text, with comma, quoted name and colon.
type field struct{ key, value string }

// Append implements [backend.Encoder].
func (e *Encoder) Append(dst []byte, ex *exchange.Exchange) ([]byte, backend.Drop) {
	if e.SelfTraffic(ex) {
		return dst, backend.DropSelfTraffic
	}
	dst = wire.AppendString(append(dst, `{"event_id":`...), ex.ID)
	dst = appendTime(dst, `,"time":`, ex.Start)
	for _, f := range [...]field{
		{`,"service":`, ex.ServiceName}, {`,"service_version":`, ex.ServiceVersion}, {`,"environment":`, ex.Environment},
		{`,"api_version":`, ex.APIVersion}, {`,"direction":`, wire.Direction(ex)}, {`,"method":`, ex.Method}, {`,"scheme":`, ex.Scheme},
		{`,"protocol":`, ex.Protocol}, {`,"host":`, ex.Host}, {`,"route":`, ex.Route}, {`,"operation":`, ex.Operation},
		{`,"path":`, ex.Path}, {`,"query":`, ex.Query}, {`,"client_address":`, ex.ClientAddress}, {`,"user_agent":`, ex.UserAgent},
		{`,"blocked_by":`, ex.BlockedBy}, {`,"redaction_policy":`, ex.RedactionPolicy},
	} {
		dst = wire.AppendText(dst, f.key, f.value)
	}
	for _, f := range [...]field{
		{`,"consumer_id":`, ex.ConsumerID}, {`,"consumer_label":`, ex.ConsumerLabel}, {`,"consumer_email":`, ex.ConsumerEmail},
		{`,"user_id":`, ex.UserID}, {`,"user_name":`, ex.UserName}, {`,"user_email":`, ex.UserEmail}, {`,"company_id":`, ex.CompanyID},
		{`,"subscription_id":`, ex.SubscriptionID}, {`,"session_id":`, ex.SessionID},
	} {
		dst = wire.AppendIdentity(dst, f.key, f.value)
	}
	if status := ex.StatusCode(); status != 0 {
		dst = wire.AppendInt(dst, `,"status":`, int64(status))
	}
	dst = wire.AppendInt(dst, `,"duration_us":`, ex.Duration().Microseconds())
	dst = wire.AppendInt(dst, `,"weight":`, max(ex.Weight, 1))
	dst = wire.AppendID(dst, `,"trace_id":`, ex.TraceID[:])
	dst = wire.AppendID(dst, `,"span_id":`, ex.SpanID[:])
	dst = wire.AppendID(dst, `,"parent_span_id":`, ex.ParentSpanID[:])
	dst = request.append(dst, &ex.Request)
	dst = response.append(dst, &ex.Response)
	dst = appendMetadata(dst, ex.Metadata)
	for _, what := range ex.Shed {
		dst = wire.AppendShed(dst, what)
	}
	if ex.RedactionCount > 0 {
		dst = wire.AppendInt(dst, `,"redaction_count":`, ex.RedactionCount)
	}
	return append(dst, '}'), backend.Keep
}

// side has the columns of one side.
type side struct{ size, headers, body, encoding, truncated string }

var request, response = newSide("request"), newSide("response")

func newSide(name string) side {
	key := func(column string) string { return `,"` + name + "_" + column + `":` }
	return side{key("size"), key("headers"), key("body"), key("body_encoding"), key("body_truncated") + "true"}
}

// append appends what is known of a message.
func (s *side) append(dst []byte, m *exchange.Message) []byte {
	if m.Body.Size >= 0 {
		dst = wire.AppendInt(dst, s.size, m.Body.Size)
	}
	dst, mark := wire.Open(dst, s.headers)
	dst = wire.Close(wire.AppendFields(dst, m.Headers), s.headers, mark)
	if b := &m.Body; b.Captured || b.Data != "" {
		var encoding string
		dst, encoding = wire.AppendContent(append(dst, s.body...), b.Data)
		dst = wire.AppendText(dst, s.encoding, encoding)
		if b.Truncated || b.Incomplete {
			dst = append(dst, s.truncated...)
		}
	}
	return dst
}

// appendMetadata appends a map of texts.
func appendMetadata(dst []byte, list []exchange.KeyValue) []byte {
	const key = `,"metadata":`
	dst, mark := wire.Open(dst, key)
	return wire.Close(wire.AppendMetadata(dst, list, appendText), key, mark)
}

// appendText appends a value as a text: a list or an object as JSON.
func appendText(dst []byte, kv *exchange.KeyValue) ([]byte, bool) {
	switch v := kv.Value.(type) {
	case string:
		return wire.AppendString(dst, v), true
	case []any, map[string]any:
		doc, ok := wire.AppendValue(nil, v)
		return wire.AppendString(dst, string(doc)), ok
	}
	dst, ok := wire.AppendValue(append(dst, '"'), kv.Value) // nothing in it is to be escaped
	return append(dst, '"'), ok
}

// Times beyond these would wrap around in the expressions of partitions and TTL.
var earliest, latest = time.Unix(0, 0).UTC(), time.Date(2105, 12, 31, 23, 59, 59, 999_999_000, time.UTC)

// appendTime appends a time as DateTime64 has it, whatever the server's settings; one that
// is not known is left out.
func appendTime(dst []byte, key string, t time.Time) []byte {
	switch {
	case t.IsZero():
		return dst
	case t.Before(earliest):
		t = earliest
	case t.After(latest):
		t = latest
	}
	return t.UTC().AppendFormat(append(dst, key...), `"2006-01-02 15:04:05.000000"`)
}

type entityEncoder struct {
	table

	kind entity.Kind
}

// Entities implements [backend.EntityBackend]: a table for each kind, and a row for each
// update, since a row that replaces another would erase what it does not know.
func (e *Encoder) Entities() map[entity.Kind]backend.EntityEncoder {
	m := map[entity.Kind]backend.EntityEncoder{}
	for _, k := range []entity.Kind{entity.User, entity.Company, entity.Subscription, entity.Action} {
		m[k] = &entityEncoder{newTable(e.config, e.Base, k), k}
	}
	return m
}

// AppendEntity implements [backend.EntityEncoder].
func (e *entityEncoder) AppendEntity(dst []byte, x *entity.Entity) ([]byte, backend.Drop) {
	switch {
	case x.Kind != e.kind:
		return dst, backend.DropNoEntity
	case !wire.Identifies(x.OwnID()) || !wire.IsUUID(x.ID):
		return dst, backend.DropNoID
	}
	dst = wire.AppendString(append(dst, `{"update_id":`...), x.ID)
	for _, f := range [...]field{
		{`,"id":`, x.OwnID()}, {`,"user_id":`, x.UserID}, {`,"company_id":`, x.CompanyID}, {`,"subscription_id":`, x.SubscriptionID},
		{`,"session_id":`, x.SessionID}, {`,"email":`, x.UserEmail}, {`,"name":`, x.UserName}, {`,"client_address":`, x.ClientAddress},
		{`,"user_agent":`, x.UserAgent}, {`,"company_domain":`, x.CompanyDomain}, {`,"status":`, x.Status}, {`,"url":`, x.URL},
		{`,"service":`, x.ServiceName}, {`,"environment":`, x.Environment}, {`,"redaction_policy":`, x.RedactionPolicy},
	} {
		dst = wire.AppendIdentity(dst, f.key, f.value)
	}
	dst = wire.AppendCampaign(dst, &x.Campaign)
	dst = appendTime(dst, `,"time":`, x.Time)
	dst = appendTime(dst, `,"period_start":`, x.PeriodStart)
	dst = appendTime(dst, `,"period_end":`, x.PeriodEnd)
	if len(x.Items) > 0 {
		dst = wire.AppendText(dst, `,"items":`, string(wire.AppendItems(nil, x.Items, `,"id":`)))
	}
	return append(appendMetadata(dst, x.Metadata), '}'), backend.Keep
}
