// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package show

import (
	"encoding/hex"
	"math"
	"strings"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/jsonwalk"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/keep"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/search"
	"github.com/apispan/apispan/internal/inspect"
)

// Subject is a record to search in. What stood before the redaction is not searched, so
// that nobody can find out by searching what is not shown.
type Subject struct {
	rec     *keep.Record
	x       *inspect.Exchange
	backend func(component string) string // the vendor's name
}

// NewSubject makes a record searchable.
func NewSubject(r *keep.Record, sources map[string]inspect.Source) *Subject {
	return &Subject{rec: r, x: Exchange(r), backend: func(c string) string { return sources[c].Backend }}
}

var _ search.Subject = (*Subject)(nil)

// Text implements search.Subject.
func (s *Subject) Text(field string) []string {
	x := s.x
	switch field {
	case "method":
		return []string{x.Method}
	case "route":
		route, _ := inspect.Route(&x.Summary)
		return []string{route}
	case "path":
		return []string{Target(x)}
	case "host":
		return []string{x.Host}
	case "dir":
		return []string{Direction(x.Outgoing)}
	case "service":
		return []string{x.Service}
	case "env":
		return []string{x.Environment}
	case "operation":
		return some(x.Operation)
	case "consumer":
		who, _ := inspect.WhoCalled(&x.Summary)
		return some(who, x.ConsumerID, x.Label)
	case "user":
		return some(x.UserID, x.UserName, x.UserEmail)
	case "company":
		return some(x.CompanyID)
	case "blocked":
		return some(x.BlockedBy)
	case "would_block":
		if x.GuardAction == wouldBlock {
			return some(x.GuardRule)
		}
		return nil
	case "trace":
		return []string{hex.EncodeToString(s.rec.Key.Trace[:])}
	case "span":
		return []string{hex.EncodeToString(s.rec.Key.Span[:])}
	case "is":
		return s.is()
	}
	return s.outcomes(field)
}

func (s *Subject) outcomes(field string) (out []string) {
	switch field {
	case "backend":
		for i := range s.rec.Backends {
			c := s.rec.Backends[i].Component
			out = append(out, c, s.backend(c))
		}
	case "outcome":
		for i := range s.rec.Backends {
			state, _ := State(&s.rec.Backends[i])
			out = append(out, state)
		}
	case "rule":
		for i := range s.rec.Stages {
			for _, d := range s.rec.Stages[i].Why {
				out = append(out, d.Rule)
			}
		}
	}
	return some(out...)
}

func (s *Subject) is() (out []string) {
	if s.rec.Pinned {
		out = append(out, "pinned")
	}
	if s.rec.NewFields > 0 {
		out = append(out, "new")
	}
	if s.x.Status == 0 || s.x.Status >= 400 {
		out = append(out, "error")
	}
	if _, kind := inspect.WhoCalled(&s.x.Summary); kind == inspect.Anonymous {
		out = append(out, "anonymous")
	}
	return out
}

func some(texts ...string) []string {
	out := texts[:0]
	for _, t := range texts {
		if t != "" {
			out = append(out, t)
		}
	}
	return out
}

// Number implements search.Subject.
func (s *Subject) Number(field string) (float64, bool) {
	known := func(n int64) (float64, bool) { return float64(n), n >= 0 }
	switch field {
	case "status":
		return float64(s.x.Status), s.x.Status > 0
	case "ms":
		return Millis(s.x.Duration), true
	case "in":
		return known(s.x.RequestBytes)
	case "out":
		return known(s.x.ResponseBytes)
	case "bytes":
		if s.x.RequestBytes < 0 && s.x.ResponseBytes < 0 {
			return 0, false
		}
		return known(max(s.x.RequestBytes, 0) + max(s.x.ResponseBytes, 0))
	case "redacted":
		return float64(Redacted(s.rec, s.x)), true
	case "new":
		return float64(s.rec.NewFields), true
	}
	return math.NaN(), false
}

// Header implements search.Subject.
func (s *Subject) Header(name string) (out []string) {
	for _, m := range []*inspect.Message{&s.x.Request, &s.x.Response} {
		for i := range m.Headers {
			if strings.EqualFold(m.Headers[i].Name, name) {
				out = append(out, m.Headers[i].Values...)
			}
		}
	}
	return out
}

// Leaves implements search.Subject.
func (s *Subject) Leaves(side string, found func([]search.Step, string) bool) {
	b := &s.x.Request.Body
	if side == "res" {
		b = &s.x.Response.Body
	}
	var at []search.Step
	leaves(b.Data, func(l jsonwalk.Leaf) bool {
		at = at[:0]
		for _, p := range l.Path {
			at = append(at, search.Step(p))
		}
		return found(at, l.Text)
	})
}

// leaves walks over the values of a body: of JSON, of a form, of lines of JSON.
func leaves(body []byte, leaf func(jsonwalk.Leaf) bool) {
	switch {
	case jsonwalk.Looks(body):
		jsonwalk.Walk(body, leaf)
	case isForm(body):
		formLeaves(body, leaf)
	}
}

// Anywhere implements search.Subject.
func (s *Subject) Anywhere(text string) bool {
	x := s.x
	for _, t := range []string{
		x.Method, x.Path, x.Query, x.Route, x.Host, x.Service, x.Operation, x.UserID, x.UserName, x.UserEmail, x.CompanyID, x.ConsumerID, x.Label,
		x.SessionID, x.ClientAddress, x.BlockedBy, x.GuardRule, x.Environment, x.ID,
	} {
		if search.Contains(t, text) {
			return true
		}
	}
	for _, m := range []*inspect.Message{&x.Request, &x.Response} {
		for i := range m.Headers {
			if search.Contains(m.Headers[i].Name, text) {
				return true
			}
			for _, v := range m.Headers[i].Values {
				if search.Contains(v, text) {
					return true
				}
			}
		}
		if search.Contains(asString(m.Body.Data), text) {
			return true
		}
	}
	return len(x.Metadata) > 0 && search.Contains(textOf(x.Metadata), text)
}
