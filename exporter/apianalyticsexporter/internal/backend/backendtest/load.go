// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// caseFile is the file form of an exchange; testdata/README.md describes it. Fields
// that are not there have the zero value, except Size, which is -1, and weight,
// which is 1.
type caseFile struct {
	Why string `json:"why"`

	ID           string `json:"id"`
	TraceID      string `json:"trace_id"`
	SpanID       string `json:"span_id"`
	ParentSpanID string `json:"parent_span_id"`
	SpanName     string `json:"span_name"`

	Direction string    `json:"direction"`
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`

	Method string `json:"method"`
	Scheme string `json:"scheme"`
	Host   string `json:"host"`
	Path   string `json:"path"`
	Query  string `json:"query"`
	Route  string `json:"route"`
	Status int    `json:"status"`

	Request  caseMessage `json:"request"`
	Response caseMessage `json:"response"`

	Protocol      string `json:"protocol"`
	ClientAddress string `json:"client_address"`
	ClientPort    int    `json:"client_port"`
	PeerAddress   string `json:"peer_address"`
	PeerPort      int    `json:"peer_port"`
	LocalAddress  string `json:"local_address"`
	LocalPort     int    `json:"local_port"`
	UserAgent     string `json:"user_agent"`

	UserID         string `json:"user_id"`
	UserEmail      string `json:"user_email"`
	UserName       string `json:"user_name"`
	SessionID      string `json:"session_id"`
	SessionKey     string `json:"session_key"`
	SessionAuth    string `json:"session_auth_type"`
	CompanyID      string `json:"company_id"`
	SubscriptionID string `json:"subscription_id"`
	ConsumerID     string `json:"consumer_id"`
	ConsumerLabel  string `json:"consumer_label"`
	ConsumerEmail  string `json:"consumer_email"`

	Metadata map[string]any `json:"metadata"`

	ServiceName    string `json:"service_name"`
	ServiceVersion string `json:"service_version"`
	Environment    string `json:"environment"`
	APIVersion     string `json:"api_version"`
	BlockedBy      string `json:"blocked_by"`
	Weight         *int64 `json:"weight"`

	RedactionPolicy string `json:"redaction_policy"`
	RedactionCount  int64  `json:"redaction_count"`

	RedactionRules     []string           `json:"redaction_rules"`
	RedactionDecisions []string           `json:"redaction_decisions"`
	RedactionUpstream  exchange.Redaction `json:"redaction_upstream"`
}

type caseMessage struct {
	Headers [][]string `json:"headers"` // name, value, value …
	Body    *caseBody  `json:"body"`
	Size    *int64     `json:"size"`
}

type caseBody struct {
	Text       string `json:"text"`
	Base64     string `json:"base64"`
	Repeat     int    `json:"repeat"`
	Binary     bool   `json:"binary"`
	Truncated  bool   `json:"truncated"`
	Incomplete bool   `json:"incomplete"`
}

// LoadExchange reads an exchange from a file of the form that testdata/README.md
// describes.
func LoadExchange(path string) (*exchange.Exchange, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	dec.UseNumber()
	var c caseFile
	if err := dec.Decode(&c); err != nil {
		return nil, fmt.Errorf("backendtest: %s: %w", path, err)
	}
	ex, err := c.exchange()
	if err != nil {
		return nil, fmt.Errorf("backendtest: %s: %w", path, err)
	}
	return ex, nil
}

func (c *caseFile) exchange() (*exchange.Exchange, error) {
	ex := &exchange.Exchange{
		ID: c.ID, SpanName: c.SpanName, Start: c.Start, End: c.End,
		Method: c.Method, Scheme: c.Scheme, Host: c.Host, Path: c.Path, Query: c.Query, Route: c.Route,
		Status: c.Status, Protocol: c.Protocol,
		ClientAddress: c.ClientAddress, PeerAddress: c.PeerAddress, LocalAddress: c.LocalAddress, UserAgent: c.UserAgent,
		ClientPort: c.ClientPort, PeerPort: c.PeerPort, LocalPort: c.LocalPort,
		UserID: c.UserID, UserEmail: c.UserEmail, UserName: c.UserName, SessionID: c.SessionID,
		SessionKey: c.SessionKey, SessionAuthType: c.SessionAuth,
		CompanyID: c.CompanyID, SubscriptionID: c.SubscriptionID,
		ConsumerID: c.ConsumerID, ConsumerLabel: c.ConsumerLabel, ConsumerEmail: c.ConsumerEmail,
		ServiceName: c.ServiceName, ServiceVersion: c.ServiceVersion, Environment: c.Environment,
		APIVersion: c.APIVersion, BlockedBy: c.BlockedBy, Weight: 1,
		RedactionPolicy: c.RedactionPolicy, RedactionCount: c.RedactionCount,
		RedactionRules: c.RedactionRules, RedactionDecisions: c.RedactionDecisions, RedactionUpstream: c.RedactionUpstream,
	}
	switch c.Direction {
	case "incoming":
	case "outgoing":
		ex.Direction = exchange.Outgoing
	default:
		return nil, fmt.Errorf("direction is %q; write incoming or outgoing", c.Direction)
	}
	if c.Weight != nil {
		ex.Weight = *c.Weight
	}
	for _, id := range []struct {
		dst []byte
		src string
	}{{ex.TraceID[:], c.TraceID}, {ex.SpanID[:], c.SpanID}, {ex.ParentSpanID[:], c.ParentSpanID}} {
		if id.src == "" {
			continue
		}
		b, err := hex.DecodeString(id.src)
		if err != nil || len(b) != len(id.dst) {
			return nil, fmt.Errorf("id %q: want %d hexadecimal digits", id.src, 2*len(id.dst))
		}
		copy(id.dst, b)
	}
	for _, k := range slices.Sorted(maps.Keys(c.Metadata)) {
		v, err := attributeValue(c.Metadata[k])
		if err != nil {
			return nil, fmt.Errorf("metadata %s: %w", k, err)
		}
		ex.Metadata = append(ex.Metadata, exchange.KeyValue{Key: k, Value: v})
	}
	var err error
	if ex.Request, err = c.Request.message(); err == nil {
		ex.Response, err = c.Response.message()
	}
	return ex, err
}

func (m *caseMessage) message() (exchange.Message, error) {
	out := exchange.Message{Body: exchange.Body{Size: -1}}
	for _, h := range m.Headers {
		if len(h) == 0 || h[0] != strings.ToLower(h[0]) {
			return out, fmt.Errorf("header %q: want a lower-case name and its values", h)
		}
		out.Headers = append(out.Headers, exchange.Header{Name: h[0], Values: h[1:]})
	}
	slices.SortStableFunc(out.Headers, func(a, b exchange.Header) int { return strings.Compare(a.Name, b.Name) })
	if m.Size != nil {
		out.Body.Size = *m.Size
	}
	if b := m.Body; b != nil {
		data := b.Text
		if b.Base64 != "" {
			raw, err := base64.StdEncoding.DecodeString(b.Base64)
			if err != nil {
				return out, err
			}
			data = string(raw)
		}
		out.Body.Data = strings.Repeat(data, max(b.Repeat, 1))
		out.Body.Captured = true
		out.Body.Binary, out.Body.Truncated, out.Body.Incomplete = b.Binary, b.Truncated, b.Incomplete
	}
	return out, nil
}

// attributeValue turns decoded JSON into the types of exchange.KeyValue: a number
// with a point or an exponent is a float64, any other an int64.
func attributeValue(v any) (any, error) {
	switch v := v.(type) {
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return v.Float64()
		}
		return v.Int64()
	case []any:
		for i := range v {
			var err error
			if v[i], err = attributeValue(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v {
			var err error
			if v[k], err = attributeValue(v[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}
