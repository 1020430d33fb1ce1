// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package show

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"unicode/utf8"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/keep"
	"github.com/apispan/apispan/internal/inspect"
)

// object is a JSON object whose members keep their order.
type object struct{ b bytes.Buffer }

func (o *object) put(name string, v any) {
	b, err := marshal(v)
	if err != nil {
		return
	}
	if o.b.Len() == 0 {
		o.b.WriteByte('{')
	} else {
		o.b.WriteByte(',')
	}
	n, _ := marshal(name)
	o.b.Write(n)
	o.b.WriteByte(':')
	o.b.Write(b)
}

func (o *object) text(name, v string) {
	if v != "" {
		o.put(name, clean(v))
	}
}

// name leaves out a mask, too: it would make one of all who were masked.
func (o *object) name(name, v string) {
	if !inspect.IsMask(v) {
		o.text(name, v)
	}
}

func (o *object) sub(name string, s *object) {
	if s.b.Len() > 0 {
		o.put(name, s)
	}
}

// MarshalJSON implements json.Marshaler.
func (o *object) MarshalJSON() ([]byte, error) {
	if o.b.Len() == 0 {
		return []byte("{}"), nil
	}
	return append(bytes.Clone(o.b.Bytes()), '}'), nil
}

// marshal is json.Marshal without escapes for HTML: these are files, not pages.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// Event is the exchange as the webhook backend sends it, "apispan.event/1", in one line.
func Event(r *keep.Record) []byte {
	x := Exchange(r)
	var o object
	o.put("schema", "apispan.event/1")
	o.put("id", eventID(r, x))
	o.put("direction", map[bool]string{false: "incoming", true: "outgoing"}[x.Outgoing])
	o.put("start", Start(r, x).Format("2006-01-02T15:04:05.000Z"))
	o.put("duration_ms", Millis(max(x.Duration, 0)))
	o.put("method", clean(orOther(x.Method)))
	o.put("url", visible(URL(x)))
	o.text("protocol", x.Protocol)
	o.put("request", message(&x.Request))
	if x.Status >= 100 && x.Status <= 999 {
		o.put("status", x.Status)
		o.put("response", message(&x.Response))
	}
	context(&o, r, x)
	b, _ := o.MarshalJSON()
	return bytes.ReplaceAll(b, []byte("\n"), []byte(" "))
}

// context is what both formats say beyond the messages.
func context(o *object, r *keep.Record, x *inspect.Exchange) {
	o.text("route", x.Route)
	var client, user, consumer, service, trace, redaction object
	client.text("address", x.ClientAddress)
	o.sub("client", &client)
	o.text("user_agent", Get(&x.Request, "user-agent"))
	user.name("id", x.UserID)
	user.name("name", x.UserName)
	user.name("email", x.UserEmail)
	o.sub("user", &user)
	if !inspect.IsMask(x.SessionID) {
		o.text("session_id", x.SessionID)
	}
	o.name("company_id", x.CompanyID)
	o.name("subscription_id", x.SubscriptionID)
	consumer.name("id", x.ConsumerID)
	consumer.name("label", x.Label)
	o.sub("consumer", &consumer)
	o.text("blocked_by", x.BlockedBy)
	o.put("weight", max(x.Weight, 1))
	if len(x.Metadata) > 0 {
		o.put("metadata", x.Metadata)
	}
	service.text("name", x.Service)
	service.text("environment", x.Environment)
	o.sub("service", &service)
	id := r.ID()
	trace.text("trace_id", id[:32])
	trace.text("span_id", id[33:])
	o.sub("trace", &trace)
	redaction.text("policy", x.RedactionPolicy)
	if n := Redacted(r, x); n > 0 && x.RedactionPolicy != "" {
		redaction.put("count", n)
	}
	var rules []string
	seen := map[string]bool{}
	for i := range r.Stages {
		for _, d := range r.Stages[i].Why {
			if d.Rule != "" && !seen[d.Rule] {
				seen[d.Rule] = true
				rules = append(rules, d.Rule)
			}
		}
	}
	if len(rules) > 0 && x.RedactionPolicy != "" {
		redaction.put("rules", rules)
	}
	o.sub("redaction", &redaction)
}

// eventID is the event's id; what no exporter has read has none.
func eventID(r *keep.Record, x *inspect.Exchange) string {
	if x.ID != "" {
		return x.ID
	}
	return newEventID(r.Key)
}

func message(m *inspect.Message) *object {
	var o object
	fields := map[string][]string{}
	for i := range m.Headers {
		for _, v := range m.Headers[i].Values {
			name := clean(m.Headers[i].Name)
			fields[name] = append(fields[name], clean(v))
		}
	}
	o.put("headers", fields)
	if m.Body.Size >= 0 {
		o.put("size", m.Body.Size)
	}
	b := &m.Body
	if !b.Captured && len(b.Data) == 0 {
		return &o
	}
	var body object
	switch {
	case !b.Truncated && json.Valid(b.Data) && (b.Data[0] == '{' || b.Data[0] == '['):
		body.put("json", json.RawMessage(b.Data))
	case len(b.Data) == 0 || utf8.Valid(b.Data):
		body.put("text", string(b.Data))
	default:
		body.put("base64", base64.StdEncoding.EncodeToString(b.Data))
	}
	if b.Truncated {
		body.put("truncated", true)
	}
	if b.Incomplete {
		body.put("incomplete", true)
	}
	o.put("body", &body)
	return &o
}

// visible escapes what does not belong into a URL.
func visible(u string) string {
	const hexDigits = "0123456789ABCDEF"
	var b []byte
	for i := range len(u) {
		if c := u[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' || c == '\\' || c == '`' {
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

// HARHead is the head of a HAR 1.2 log: its version and its creator.
func HARHead(version string) string {
	var creator object
	creator.put("name", "apispan inspector")
	creator.put("version", version)
	b, _ := creator.MarshalJSON()
	return `"version":"1.2","creator":` + string(b)
}

// HAREntry is an exchange as an entry of a HAR 1.2 log. What HAR has no place for stands
// in _apispan, a private name.
func HAREntry(r *keep.Record) []byte {
	x := Exchange(r)
	var o, request, response, timings, own object
	version := x.Protocol
	if version == "" {
		version = "1.1"
	}
	o.put("startedDateTime", Start(r, x).Format("2006-01-02T15:04:05.000Z"))
	o.put("time", Millis(max(x.Duration, 0)))
	request.put("method", clean(orOther(x.Method)))
	request.put("url", visible(URL(x)))
	request.put("httpVersion", "HTTP/"+clean(version))
	request.put("cookies", []any{})
	request.put("headers", harFields(&x.Request))
	query := []map[string]string{}
	for _, p := range pairs(x.Query) {
		query = append(query, map[string]string{"name": clean(p.name), "value": clean(p.value)})
	}
	request.put("queryString", query)
	if b := &x.Request.Body; len(b.Data) > 0 {
		var post object
		post.put("mimeType", mime(&x.Request))
		if utf8.Valid(b.Data) {
			post.put("text", string(b.Data))
		} else {
			post.put("text", base64.StdEncoding.EncodeToString(b.Data))
			post.put("_encoding", "base64")
		}
		request.put("postData", &post)
	}
	request.put("headersSize", -1)
	request.put("bodySize", max(x.Request.Body.Size, -1))
	o.put("request", &request)

	response.put("status", x.Status)
	response.put("statusText", http.StatusText(x.Status))
	response.put("httpVersion", "HTTP/"+clean(version))
	response.put("cookies", []any{})
	response.put("headers", harFields(&x.Response))
	var content object
	content.put("size", max(x.Response.Body.Size, int64(len(x.Response.Body.Data))))
	content.put("mimeType", mime(&x.Response))
	if b := &x.Response.Body; len(b.Data) > 0 {
		if utf8.Valid(b.Data) {
			content.put("text", string(b.Data))
		} else {
			content.put("text", base64.StdEncoding.EncodeToString(b.Data))
			content.put("encoding", "base64")
		}
	}
	response.put("content", &content)
	response.put("redirectURL", clean(Get(&x.Response, "location")))
	response.put("headersSize", -1)
	response.put("bodySize", max(x.Response.Body.Size, -1))
	o.put("response", &response)
	o.put("cache", map[string]any{})
	timings.put("send", 0)
	timings.put("wait", Millis(max(x.Duration, 0)))
	timings.put("receive", 0)
	o.put("timings", &timings)
	own.put("id", eventID(r, x))
	own.put("direction", map[bool]string{false: "incoming", true: "outgoing"}[x.Outgoing])
	context(&own, r, x)
	o.put("_apispan", &own)
	b, _ := o.MarshalJSON()
	return b
}

func mime(m *inspect.Message) string {
	if t := Get(m, "content-type"); t != "" {
		return clean(t)
	}
	if len(m.Body.Data) > 0 && !utf8.Valid(m.Body.Data) {
		return "application/octet-stream"
	}
	return "x-unknown"
}

func harFields(m *inspect.Message) []map[string]string {
	out := []map[string]string{}
	for i := range m.Headers {
		for _, v := range m.Headers[i].Values {
			out = append(out, map[string]string{"name": clean(m.Headers[i].Name), "value": clean(v)})
		}
	}
	return out
}

// HAR is a HAR log with one exchange.
func HAR(r *keep.Record, env *Env) []byte {
	return append(append([]byte(`{"log":{`+HARHead(env.Version)+`,"entries":[`), HAREntry(r)...), "]}}\n"...)
}
