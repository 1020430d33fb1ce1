// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/redact"
	"github.com/apispan/apispan/redact/redacttest"
)

// traffic is what a policy is checked against: fixtures, events of the webhook
// backend (its file, or that of a dry run), a HAR log.
type traffic struct {
	cases  []redacttest.Case
	events []event
}

// event is as much of the webhook backend's event as a policy asks about.
type event struct {
	Schema    string  `json:"schema"`
	Direction string  `json:"direction"`
	Method    string  `json:"method"`
	URL       string  `json:"url"`
	Route     string  `json:"route"`
	Status    int     `json:"status"`
	CompanyID string  `json:"company_id"`
	Request   message `json:"request"`
	Response  message `json:"response"`
	Client    struct {
		Address string `json:"address"`
	} `json:"client"`
	User struct {
		ID    string `json:"id"`
		Name  string `json:"name"`
		Email string `json:"email"`
	} `json:"user"`
	Metadata map[string]any `json:"metadata"`
}

type message struct {
	Headers map[string][]string `json:"headers"`
	Body    *struct {
		JSON      json.RawMessage `json:"json"`
		Text      *string         `json:"text"`
		Base64    []byte          `json:"base64"`
		Truncated bool            `json:"truncated"`
	} `json:"body"`
}

func readTraffic(files []string) (t traffic, err error) {
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return t, err
		}
		b, err := io.ReadAll(io.LimitReader(f, maxInput+1))
		_ = f.Close()
		switch {
		case err != nil:
			return t, err
		case len(b) > maxInput:
			return t, fmt.Errorf("%s: longer than %d bytes", name, maxInput)
		}
		if err := t.add(name, b); err != nil {
			return t, err
		}
	}
	return t, nil
}

func (t *traffic) add(name string, b []byte) error {
	if looksLikeCase(b) {
		cases, err := redacttest.Read(bytes.NewReader(b), name, redacttest.Strict)
		t.cases = append(t.cases, cases...)
		return err
	}
	before := len(t.events)
	var log struct {
		Log struct {
			Entries []harEntry `json:"entries"`
		} `json:"log"`
	}
	if json.Unmarshal(b, &log) == nil {
		for i := range log.Log.Entries {
			t.events = append(t.events, log.Log.Entries[i].event())
		}
	}
	for line := range bytes.Lines(b) {
		var e event
		if json.Unmarshal(line, &e) == nil && strings.HasPrefix(e.Schema, "apispan.event/") {
			t.events = append(t.events, e)
		}
	}
	if len(t.events) == before {
		return fmt.Errorf("%s: no traffic in it: give fixtures (one case a line), events of the webhook backend or its dry run (one a line), or a HAR log", name)
	}
	return nil
}

// harEntry is an entry of a HAR 1.2 log.
type harEntry struct {
	Request struct {
		Method, URL string
		Headers     []harField
		PostData    struct{ Text string }
	}
	Response struct {
		Status  int
		Headers []harField
		Content struct{ Text, Encoding string }
	}
}

type harField struct{ Name, Value string }

func (h *harEntry) event() event {
	e := event{Method: h.Request.Method, URL: h.Request.URL, Status: h.Response.Status}
	fill := func(m *message, fields []harField, text string) {
		m.Headers = map[string][]string{}
		for _, f := range fields {
			n := strings.ToLower(f.Name)
			m.Headers[n] = append(m.Headers[n], f.Value)
		}
		if text != "" {
			b, _ := json.Marshal(map[string]any{"text": text})
			_ = json.Unmarshal(b, &m.Body)
		}
	}
	text := h.Response.Content.Text
	if h.Response.Content.Encoding == "base64" {
		if b, err := base64.StdEncoding.DecodeString(text); err == nil {
			text = string(b)
		}
	}
	fill(&e.Request, h.Request.Headers, h.Request.PostData.Text)
	fill(&e.Response, h.Response.Headers, text)
	return e
}

// Field implements redact.Fields.
func (e *event) Field(side redact.Side, name string) ([]string, bool) {
	m := e.Request.Headers
	if side == redact.Response {
		m = e.Response.Headers
	}
	v, ok := m[name]
	return v, ok
}

// run takes an exchange through a policy as a span would go.
func (e *event) run(s *redact.Scratch) {
	ex := redact.Exchange{Method: strings.ToUpper(e.Method), Route: e.Route, Status: e.Status, Tenant: e.CompanyID, Fields: e}
	switch e.Direction {
	case "incoming":
		ex.Direction = redact.Incoming
	case "outgoing":
		ex.Direction = redact.Outgoing
	}
	if u, err := url.Parse(e.URL); err == nil {
		if ex.Host = u.Hostname(); ex.Route == "" {
			ex.Route = u.Path
		} else {
			ex.Path = u.Path
		}
	}
	first := func(m map[string][]string) string {
		if v := m["content-type"]; len(v) > 0 {
			return v[0]
		}
		return ""
	}
	ex.RequestContentType, ex.ResponseContentType = first(e.Request.Headers), first(e.Response.Headers)
	ex.RequestTruncated = e.Request.Body != nil && e.Request.Body.Truncated
	ex.ResponseTruncated = e.Response.Body != nil && e.Response.Body.Truncated
	s.Begin(ex)
	s.Attribute(httpattr.URLFull, e.URL)
	e.Request.run(s, redact.Request)
	e.Response.run(s, redact.Response)
	attrs := map[string]any{
		httpattr.ClientAddress: e.Client.Address, httpattr.UserID: e.User.ID, httpattr.UserFullName: e.User.Name, httpattr.UserEmail: e.User.Email,
		httpattr.CompanyID: e.CompanyID,
	}
	for k, v := range e.Metadata {
		attrs[httpattr.MetadataPrefix+k] = v
	}
	for k, v := range attrs {
		if text := fmt.Sprint(v); v != nil && text != "" {
			s.Attribute(k, text)
		}
	}
}

func (m *message) run(s *redact.Scratch, side redact.Side) {
	for name, values := range m.Headers {
		for _, v := range values {
			s.Header(side, name, v)
		}
	}
	switch b := m.Body; {
	case b == nil:
	case b.JSON != nil:
		s.BodyBytes(side, b.JSON)
	case b.Text != nil:
		s.Body(side, *b.Text)
	default:
		s.BodyBytes(side, b.Base64)
	}
}

// checkTraffic runs traffic through a policy and says which of its rules never hit.
func checkTraffic(p *redact.Policy, t traffic, w io.Writer) error {
	s := p.NewScratch()
	defer s.Release()
	s.Track()
	var errs []error
	for i := range t.cases {
		if err := t.cases[i].RunWith(s); err != nil {
			errs = append(errs, err)
		}
	}
	for i := range t.events {
		t.events[i].run(s)
	}
	hits := s.Hits()
	idle := 0
	for _, h := range hits {
		if h.Hit == 0 {
			idle++
			sayf(w, "never hit: %s (%s)\n", h.ID, h.Where)
		}
	}
	sayf(w, "traffic: %d cases and events, %d of %d rules hit\n", len(t.cases)+len(t.events), len(hits)-idle, len(hits))
	return errors.Join(errs...)
}
