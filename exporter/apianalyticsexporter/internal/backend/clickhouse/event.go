// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"time"
	"unicode/utf8"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// field is a column of text, with comma, quoted name and colon.
type field struct{ key, value string }

// Append implements [backend.Encoder]. The id comes first, where Query looks for it.
func (e *Encoder) Append(dst []byte, ex *exchange.Exchange) ([]byte, backend.Drop) {
	if ex.CallOutBy(e.userAgent) {
		return dst, backend.DropSelfTraffic
	}
	dst = append(dst, `{"event_id":`...)
	dst = wire.AppendString(dst, ex.ID)
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
	if ex.Status >= 100 && ex.Status <= 999 {
		dst = wire.AppendInt(dst, `,"status":`, int64(ex.Status))
	}
	dst = wire.AppendInt(dst, `,"duration_us":`, max(ex.End.Sub(ex.Start).Microseconds(), 0))
	dst = wire.AppendInt(dst, `,"weight":`, max(ex.Weight, 1))
	dst = wire.AppendID(dst, `,"trace_id":`, ex.TraceID[:])
	dst = wire.AppendID(dst, `,"span_id":`, ex.SpanID[:])
	dst = wire.AppendID(dst, `,"parent_span_id":`, ex.ParentSpanID[:])
	dst = appendMessage(dst, `,"request_`, &ex.Request)
	dst = appendMessage(dst, `,"response_`, &ex.Response)
	dst = appendMetadata(dst, ex.Metadata)
	for _, what := range ex.Shed {
		dst = wire.AppendShed(dst, what)
	}
	if ex.RedactionCount > 0 {
		dst = wire.AppendInt(dst, `,"redaction_count":`, ex.RedactionCount)
	}
	return append(dst, '}'), backend.Keep
}

// appendMessage appends what is known of one side; prefix begins its columns.
func appendMessage(dst []byte, prefix string, m *exchange.Message) []byte {
	if m.Body.Size >= 0 {
		dst = wire.AppendInt(append(dst, prefix...), `size":`, m.Body.Size)
	}
	if len(m.Headers) > 0 {
		dst = append(append(dst, prefix...), `headers":{`...)
		for i := 0; i < len(m.Headers); {
			if i > 0 {
				dst = append(dst, ',')
			}
			name := m.Headers[i].Name
			dst = append(wire.AppendString(dst, name), ':', '"')
			// Fields of one name stand together, and are one value as RFC 9110 has it.
			for first := true; i < len(m.Headers) && m.Headers[i].Name == name; i++ {
				for _, v := range m.Headers[i].Values {
					if !first {
						dst = append(dst, ", "...)
					}
					dst, first = wire.AppendEscaped(dst, v), false
				}
			}
			dst = append(dst, '"')
		}
		dst = append(dst, '}')
	}
	b := &m.Body
	if !b.Captured && b.Data == "" {
		return dst
	}
	dst = append(append(dst, prefix...), `body":`...)
	encoding := `body_encoding":"text"`
	if utf8.ValidString(b.Data) {
		dst = wire.AppendString(dst, b.Data)
	} else {
		dst, encoding = wire.AppendBase64(dst, b.Data), `body_encoding":"base64"`
	}
	dst = append(append(dst, prefix...), encoding...)
	if b.Truncated || b.Incomplete {
		dst = append(append(dst, prefix...), `body_truncated":true`...)
	}
	return dst
}

// appendMetadata appends a map of texts: a number or bool as JSON has it, and a list or
// object as a JSON text.
func appendMetadata(dst []byte, list []exchange.KeyValue) []byte {
	mark := len(dst)
	dst = append(dst, `,"metadata":{`...)
	start := len(dst)
	for i := range list {
		if i > 0 && list[i].Key == list[i-1].Key {
			continue
		}
		member, ok := len(dst), true
		if member > start {
			dst = append(dst, ',')
		}
		dst = append(wire.AppendString(dst, list[i].Key), ':', '"')
		switch v := list[i].Value.(type) {
		case string:
			dst = wire.AppendEscaped(dst, v)
		case []any, map[string]any:
			var doc []byte
			doc, ok = wire.AppendValue(nil, v)
			dst = wire.AppendEscaped(dst, string(doc))
		default: // nothing in these needs to be escaped
			dst, ok = wire.AppendValue(dst, v)
		}
		if dst = append(dst, '"'); !ok {
			dst = dst[:member]
		}
	}
	if len(dst) == start {
		return dst[:mark]
	}
	return append(dst, '}')
}

// Times beyond these would wrap around in the expressions of partitions and TTL.
var earliest, latest = time.Unix(0, 0).UTC(), time.Date(2105, 12, 31, 23, 59, 59, 999_999_000, time.UTC)

// appendTime appends a time as DateTime64 has it, whatever the server's settings; one that
// is not known is left out.
func appendTime(dst []byte, key string, t time.Time) []byte {
	if t.IsZero() {
		return dst
	}
	if t = t.UTC(); t.Before(earliest) {
		t = earliest
	} else if t.After(latest) {
		t = latest
	}
	return append(t.AppendFormat(append(append(dst, key...), '"'), "2006-01-02 15:04:05.000000"), '"')
}
