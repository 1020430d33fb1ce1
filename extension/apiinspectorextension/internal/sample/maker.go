// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/internal/inspect"
	"github.com/apispan/apispan/redact"
)

const policyText = `version: 1
defaults: true
keys:
  deny: [cvc, holder, $.address.street, x-never-sent]
  hmac: [user.id]
  drop: [coupon]
patterns: { card: mask, iban: mask }
in:
  cookies: { action: mask }
hmac:
  keys: [{ id: k1, value: sample-key-sample-key-sample-key-0 }]
audit: rules
`

const (
	redaction = "http_redaction"
	moesif    = "api_analytics/moesif"
	readme    = "api_analytics/readme"
	webhook   = "api_analytics/webhook"
)

// maker shows invented calls as the components of a Collector would.
type maker struct {
	sink   inspect.Sink
	policy *redact.Policy
	rnd    *rand.Rand
	calls  calls
	dry    bool
	bare   bool
	sent   map[string]int64
	left   map[string]map[string]int64
}

func newMaker(sink inspect.Sink, seed uint64, dry, bare bool) (*maker, error) {
	p, err := redact.Compile([]byte(policyText))
	if err != nil {
		return nil, err
	}
	rnd := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // invented data, the same each time
	return &maker{sink: sink, policy: p, rnd: rnd, calls: calls{rnd: rnd}, dry: dry, bare: bare, sent: map[string]int64{}, left: map[string]map[string]int64{}}, nil
}

func (m *maker) attach() {
	text := strings.Replace(policyText, "sample-key-sample-key-sample-key-0", "***", 1)
	if !m.bare {
		s := m.policy.NewScratch()
		s.Track()
		var rules []string
		for _, h := range s.Hits() {
			rules = append(rules, h.ID)
		}
		s.Release()
		m.sink.Attach(inspect.Source{Component: redaction, Policy: m.policy.Hash(), Text: text, Rules: rules, Warnings: m.policy.Warnings()})
	}
	m.sink.Attach(inspect.Source{Component: moesif, Backend: "moesif", Target: "api.moesif.net", DryRun: m.dry})
	m.sink.Attach(inspect.Source{Component: readme, Backend: "readme", Target: "metrics.readme.io", DryRun: true})
	m.sink.Attach(inspect.Source{Component: webhook, Backend: "webhook", Target: "127.0.0.1:9000", DryRun: m.dry, Warnings: []string{"`endpoint` is http: events are not encrypted on the way"}})
	m.sink.Arrived(moesif, map[string]int{"internal": 412, "client without http.request.method": 37})
}

// fill makes some exchanges at once and then some a second.
func (m *maker) fill(ctx context.Context, count int, rate float64, learning time.Duration) {
	start := time.Now()
	for i := range count {
		ago := time.Duration(count-i) * 700 * time.Millisecond
		m.one(time.Now().Add(-ago))
		if i%20 == 19 {
			time.Sleep(20 * time.Millisecond)
		}
	}
	m.delivery()
	if rate <= 0 {
		return
	}
	tick := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			m.calls.late = time.Since(start) > learning+3*time.Second
			m.one(time.Now())
			m.delivery()
		}
	}
}

func (m *maker) delivery() {
	for _, c := range []string{moesif, readme, webhook} {
		d := inspect.Delivery{Sent: m.sent[c], Dropped: map[string]int64{}, Skipped: map[string]int64{}, QueueBytes: -1}
		maps.Copy(d.Dropped, m.left[c])
		if c == moesif {
			d.Retried, d.QueueOnDisk, d.QueueBytes = m.sent[c]/20, true, 48<<10
		}
		if c == webhook && !m.dry {
			d.Waiting, d.OldestWaiting, d.LastProblem, d.LastProblemAt = 12, 48*time.Second, "connection refused", time.Now().Add(-3*time.Second)
		}
		m.sink.Delivery(c, d)
	}
}

func attr(key string, v any) inspect.Attribute {
	a := inspect.Attribute{Key: key, Value: v}
	switch v := v.(type) {
	case string:
		a.Type, a.Len = "string", len(v)
		a.Value = v[:min(len(v), inspect.MaxValue)]
	case []byte:
		a.Type, a.Len = "bytes", len(v)
	case int64:
		a.Type, a.Len = "int", 8
	case bool:
		a.Type, a.Len = "bool", 1
	case []any:
		a.Type, a.Len = "array", len(v)
	case map[string]any:
		a.Type, a.Len = "map", len(v)
	}
	return a
}

// attributes are those that httpcapture sets.
func (k *call) attributes() (out []inspect.Attribute) {
	add := func(key string, v any) { out = append(out, attr(key, v)) }
	text := func(key, v string) {
		if v != "" {
			add(key, v)
		}
	}
	add(httpattr.RequestMethod, k.method)
	text(httpattr.Route, k.route)
	if k.out {
		full := "https://" + k.host + k.path
		if k.query != "" {
			full += "?" + k.query
		}
		add(httpattr.URLFull, full)
	} else {
		add(httpattr.URLPath, k.path)
		text(httpattr.URLQuery, k.query)
		add(httpattr.URLScheme, "https")
	}
	add(httpattr.ServerAddress, k.host)
	if k.status > 0 {
		add(httpattr.ResponseStatusCode, int64(k.status))
	}
	add(httpattr.NetworkProtocolVer, "1.1")
	text(httpattr.ClientAddress, k.addr)
	text(httpattr.UserID, k.user)
	text(httpattr.UserFullName, k.userName)
	text(httpattr.UserEmail, k.email)
	text(httpattr.CompanyID, k.company)
	text(httpattr.ConsumerID, k.consumer)
	text(httpattr.ConsumerLabel, k.label)
	text(httpattr.BlockedBy, k.blockedBy)
	for key, v := range k.meta {
		add(httpattr.MetadataPrefix+key, v)
	}
	for _, s := range []struct {
		side              *side
		prefix, body, cut string
	}{
		{&k.request, httpattr.RequestHeaderPrefix, httpattr.RequestBody, httpattr.RequestBodyTruncated},
		{&k.response, httpattr.ResponseHeaderPrefix, httpattr.ResponseBody, httpattr.ResponseBodyTruncated},
	} {
		for _, h := range s.side.headers {
			add(s.prefix+h[0], []any{h[1]})
		}
		if len(s.side.body) > 0 {
			if s.side.binary {
				add(s.body, s.side.body)
			} else {
				add(s.body, string(s.side.body))
			}
		}
		if s.side.truncated {
			add(s.cut, true)
		}
	}
	add("code.function.name", "shop/internal/http.(*Server).handle")
	return out
}

// one shows one exchange.
func (m *maker) one(at time.Time) {
	k := m.calls.next()
	var key inspect.Key
	binary.BigEndian.PutUint64(key.Trace[:], m.rnd.Uint64())
	binary.BigEndian.PutUint64(key.Trace[8:], m.rnd.Uint64())
	binary.BigEndian.PutUint64(key.Span[:], m.rnd.Uint64())
	span := inspect.Span{
		Name: strings.TrimSpace(k.method + " " + k.route), Kind: map[bool]string{false: "server", true: "client"}[k.out], Start: at,
		End:        at.Add(time.Duration(k.ms * float64(time.Millisecond))),
		Resource:   []inspect.Attribute{attr(httpattr.ServiceName, k.service), attr(httpattr.DeploymentEnv, "staging"), attr("host.name", "node-3")},
		Attributes: k.attributes(),
	}
	if k.status >= 500 {
		span.Events = []inspect.Attribute{attr("exception/exception.type", "*net.OpError"), attr("exception/exception.message", "dial tcp 10.0.0.7:5432: password=hunter2 refused")}
	}
	wants := m.sink.Wants(key)
	after := span
	redacted := int64(0)
	if !m.bare {
		var why []inspect.Decision
		after, why = m.redact(k, span)
		for _, d := range why {
			redacted += int64(d.N)
		}
		after.Attributes = append(after.Attributes, attr(httpattr.RedactionPolicy, m.policy.Hash()), attr(httpattr.RedactionCount, redacted))
		if wants {
			m.sink.Before(key, m.before(span))
			m.sink.After(key, &after, redaction, why)
		}
	}
	x := read(key, &after, k)
	x.Redacted = redacted
	for _, c := range []string{moesif, readme, webhook} {
		m.sink.Saw(c, []inspect.Summary{x.Summary})
		if !wants {
			continue
		}
		one := *x
		m.sink.Read(key, c, &one)
		m.export(key, c, x, k)
	}
}

// before takes values away unless they may be shown.
func (m *maker) before(s inspect.Span) *inspect.Span {
	if m.sink.Raw() {
		return &s
	}
	for _, list := range []*[]inspect.Attribute{&s.Resource, &s.Attributes, &s.Events} {
		out := make([]inspect.Attribute, len(*list))
		copy(out, *list)
		for i := range out {
			out[i].Value = nil
		}
		*list = out
	}
	return &s
}

// redact runs the engine over the span, as the processor does.
func (m *maker) redact(k *call, span inspect.Span) (inspect.Span, []inspect.Decision) {
	s := m.policy.NewScratch()
	defer s.Release()
	s.Explain()
	contentType := func(s *side) string {
		for _, h := range s.headers {
			if h[0] == "content-type" {
				return h[1]
			}
		}
		return ""
	}
	dir := redact.Incoming
	if k.out {
		dir = redact.Outgoing
	}
	s.Begin(redact.Exchange{
		Direction: dir, Method: k.method, Host: k.host, Route: k.route, Path: k.path, Status: k.status, Tenant: k.company,
		RequestContentType: contentType(&k.request), ResponseContentType: contentType(&k.response),
		RequestTruncated: k.request.truncated, ResponseTruncated: k.response.truncated,
	})
	walk := func(list []inspect.Attribute, trim bool) (out []inspect.Attribute) {
		for _, a := range list {
			key := a.Key
			if trim {
				_, key, _ = strings.Cut(key, "/")
			}
			if v, keep := m.value(s, key, a.Value); keep {
				out = append(out, attr(a.Key, v))
			}
		}
		return out
	}
	span.Resource, span.Attributes, span.Events = walk(span.Resource, false), walk(span.Attributes, false), walk(span.Events, true)
	var why []inspect.Decision
	for _, d := range s.Decisions() {
		why = append(why, inspect.Decision{Rule: d.Rule, Place: d.Place, Path: d.Path, Action: d.Action, Outcome: d.Outcome, N: d.N})
	}
	return span, why
}

func (m *maker) value(s *redact.Scratch, key string, v any) (any, bool) {
	switch v := v.(type) {
	case string:
		out, ef := s.Attribute(key, v)
		return out, ef != redact.Removed
	case []byte:
		out, ef := s.AttributeBytes(key, v)
		return out, ef != redact.Removed
	case []any:
		var out []any
		for _, e := range v {
			if one, keep := m.value(s, key, e); keep {
				out = append(out, one)
			}
		}
		return out, len(out) > 0
	}
	return v, true
}

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
