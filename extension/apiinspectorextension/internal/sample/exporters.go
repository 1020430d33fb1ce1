// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/internal/inspect"
)

// What exporters read out of a span, make of it, and send.

// read is what an exporter reads out of the span.
func read(key inspect.Key, span *inspect.Span, k *call) *inspect.Exchange {
	x := &inspect.Exchange{
		Summary: inspect.Summary{
			Key: key, Outgoing: k.out, Service: k.service, Method: k.method, Route: k.route, Path: k.path, Host: k.host, Operation: k.operation, Status: k.status,
			Start: span.Start, Duration: span.End.Sub(span.Start), RequestBytes: k.request.size, ResponseBytes: k.response.size, Weight: int64(k.weight), Bodies: true,
		},
		ID: httpattr.NewEventID(key.Trace, key.Span, nil), Environment: "staging", Scheme: "https", Protocol: "1.1", BlockedBy: k.blockedBy, Metadata: map[string]any{},
	}
	x.Request.Body.Size, x.Response.Body.Size = k.request.size, k.response.size
	for _, a := range span.Attributes {
		text, _ := a.Value.(string)
		switch a.Key {
		case httpattr.URLQuery:
			x.Query = text
		case httpattr.URLPath:
			x.Path = text
		case httpattr.ClientAddress:
			x.ClientAddress = text
		case httpattr.UserID:
			x.UserID = text
		case httpattr.UserFullName:
			x.UserName = text
		case httpattr.UserEmail:
			x.UserEmail = text
		case httpattr.CompanyID:
			x.CompanyID = text
		case httpattr.ConsumerID:
			x.ConsumerID = text
		case httpattr.ConsumerLabel:
			x.Label = text
		case httpattr.RedactionPolicy:
			x.RedactionPolicy = text
		case httpattr.RequestBody, httpattr.ResponseBody:
			b, s := &x.Request.Body, &k.request
			if a.Key == httpattr.ResponseBody {
				b, s = &x.Response.Body, &k.response
			}
			b.Captured, b.Binary, b.Truncated, b.Size = true, s.binary, s.truncated, s.size
			if b.Data = []byte(text); s.binary {
				b.Data, _ = a.Value.([]byte)
			}
		}
		if name, ok := strings.CutPrefix(a.Key, httpattr.MetadataPrefix); ok {
			x.Metadata[name] = a.Value
		}
		for prefix, msg := range map[string]*inspect.Message{httpattr.RequestHeaderPrefix: &x.Request, httpattr.ResponseHeaderPrefix: &x.Response} {
			if name, ok := strings.CutPrefix(a.Key, prefix); ok {
				h := inspect.Header{Name: name}
				for _, v := range a.Value.([]any) {
					h.Values = append(h.Values, v.(string))
				}
				msg.Headers = append(msg.Headers, h)
			}
		}
	}
	return x
}

// bodyOf is a body as vendors want it: JSON as it is, text, or base64.
func bodyOf(b *inspect.Body) any {
	switch {
	case len(b.Data) == 0:
		return nil
	case json.Valid(b.Data):
		return json.RawMessage(b.Data)
	case utf8.Valid(b.Data):
		return string(b.Data)
	}
	return base64.StdEncoding.EncodeToString(b.Data)
}

func headersOf(m *inspect.Message) map[string]string {
	out := map[string]string{}
	for _, h := range m.Headers {
		out[h.Name] = strings.Join(h.Values, ", ")
	}
	return out
}

// export shows what an exporter does with the exchange.
func (m *maker) export(key inspect.Key, component string, x *inspect.Exchange, k *call) {
	leave := func(reason string) {
		if m.left[component] == nil {
			m.left[component] = map[string]int64{}
		}
		m.left[component][reason]++
		m.sink.Left(key, component, reason)
	}
	switch {
	case k.route == "/health" && component != webhook:
		leave("health_check")
		return
	case k.out && component == readme:
		leave("direction")
		return
	case component == webhook && m.rnd.IntN(4) == 0:
		leave("sampled")
		return
	}
	url := "https://" + x.Host + x.Path
	if x.Query != "" {
		url += "?" + x.Query
	}
	doc := map[string]any{
		"request":  map[string]any{"time": x.Start.UTC(), "verb": x.Method, "uri": url, "headers": headersOf(&x.Request), "ip_address": x.ClientAddress, "body": bodyOf(&x.Request.Body)},
		"response": map[string]any{"time": x.Start.Add(x.Duration).UTC(), "status": x.Status, "headers": headersOf(&x.Response), "body": bodyOf(&x.Response.Body)},
		"user_id":  x.UserID, "company_id": x.CompanyID, "metadata": x.Metadata, "direction": map[bool]string{false: "Incoming", true: "Outgoing"}[x.Outgoing], "weight": 1,
	}
	if component == readme {
		doc = map[string]any{"_id": x.ID, "group": map[string]any{"id": x.ConsumerID, "label": x.Label, "email": x.UserEmail}, "clientIPAddress": x.ClientAddress, "request": doc["request"], "response": doc["response"]}
	}
	data, err := json.Marshal(doc)
	if err != nil {
		return
	}
	item := inspect.Fingerprint(data)
	m.sink.Encoded(key, component, &inspect.Event{ID: x.ID, Item: item, Data: data, Media: "application/json", Cut: len(data) > 60<<10})
	m.send(component, item, data)
}

func (m *maker) send(component string, item uint64, data []byte) {
	r := inspect.Request{
		Items: []uint64{item}, At: time.Now(), Method: "POST", Bytes: len(data) + 2, Encoded: len(data) / 3, Coding: "gzip", Attempt: 1,
		Headers: []inspect.Header{{Name: "content-type", Values: []string{"application/json"}}, {Name: "content-encoding", Values: []string{"gzip"}}, {Name: "user-agent", Values: []string{"apispan/0.1.0"}}},
		Prefix:  "[", Separator: ",", Suffix: "]", Took: time.Duration(20+m.rnd.IntN(80)) * time.Millisecond,
	}
	answer := func(status int, outcome, problem, body string) {
		one := r
		one.Status, one.Outcome, one.Problem, one.Answer = status, outcome, problem, []byte(body)
		m.sink.Sent(component, &one)
		r.Attempt++
		r.At = r.At.Add(2 * time.Second)
	}
	switch component {
	case readme:
		r.URL, r.DryRun = "https://metrics.readme.io/v1/request", true
		r.Headers = append(r.Headers, inspect.Header{Name: "authorization", Values: []string{"[hidden]"}})
		answer(0, "dry_run", "", "")
	case moesif:
		r.URL, r.DryRun = "https://api.moesif.net/v1/events/batch", m.dry
		r.Headers = append(r.Headers, inspect.Header{Name: "x-moesif-application-id", Values: []string{"[hidden]"}})
		if m.dry {
			answer(0, "dry_run", "", "")
			return
		}
		switch m.rnd.IntN(14) {
		case 0:
			answer(503, "retry", "the backend answered 503", "upstream connect error")
			answer(201, "delivered", "", "")
			m.sent[component]++
		case 1:
			answer(400, "reject", "the backend answered 400", `{"error":"invalid event","index":0}`)
		case 2:
			answer(503, "retry", "the backend answered 503", "")
		default:
			answer(201, "delivered", "", "")
			m.sent[component]++
		}
	case webhook:
		r.URL, r.Prefix, r.Separator, r.Suffix, r.DryRun = "http://127.0.0.1:9000/events?tenant="+strconv.Itoa(7), "", "\n", "\n", m.dry
		switch {
		case m.dry:
			answer(0, "dry_run", "", "")
		case m.rnd.IntN(3) == 0:
			answer(0, "no_answer", "connection refused", "")
		case m.rnd.IntN(6) > 0:
			answer(202, "delivered", "", `{"accepted":1}`)
			m.sent[component]++
		}
	}
}
