// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package cloudeventstest stands for a usage meter that takes CloudEvents, such as
// OpenMeter, in tests.
package cloudeventstest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest/check"
)

const mediaType = "application/cloudevents-batch+json"

// Vendor is an endpoint of a meter at any path: JSON batches of CloudEvents 1.0
// (github.com/cloudevents/spec, formats/json-format.md, section 4), of which each is the
// only one with its source and id, and 204 as the answer
// (github.com/openmeterio/openmeter, openmeter/ingest/httpdriver and openmeter/dedupe).
// The limits but for that of an event are this exporter's own.
var Vendor = backendtest.Vendor{
	Name:         "cloudevents",
	Credential:   "bearer_token",
	MediaTypes:   []string{mediaType},
	MaxItems:     100,
	MaxItemBytes: 64 << 10,
	MaxBytes:     1_000_000,
	IDField:      "id",
	Scope:        "source",
	Success:      http.StatusNoContent,
	Check:        Check,
	Authorized: func(h http.Header, credential string) bool {
		// OpenMeter compares the media type as a whole.
		return h.Get("Content-Type") == mediaType && (credential == "" || h.Get("Authorization") == "Bearer "+credential)
	},
}

// Check returns what is wrong with one event by the rules of CloudEvents 1.0 (spec.md,
// "Context Attributes" and "Type System") and of the data that docs/metering.md lists.
func Check(event []byte) []string {
	return check.Event(event, func(c *check.Checker, path string, v json.RawMessage) {
		members, ok := c.Members(path, v)
		if !ok {
			return
		}
		for _, name := range []string{"specversion", "id", "source", "type"} {
			if _, there := members[name]; !there {
				c.Fail(name, "missing")
			}
		}
		for name, value := range members {
			switch rule := attributes[name]; {
			case rule != nil:
				rule(c, name, value)
			case !extension.MatchString(name):
				c.Fail("event", "an attribute whose name is not of lower-case letters and digits: "+strconv.Quote(name))
			default:
				scalar(c, name, value)
			}
		}
		if _, there := members["data_base64"]; there {
			c.Fail("data_base64", "data is JSON")
		}
	})
}

// OpenMeter returns what is wrong with one event by Check and by what OpenMeter's API
// requires besides (api/openapi.yaml, Event): a subject, and JSON as data.
func OpenMeter(event []byte) []string {
	problems := Check(event)
	var e struct {
		Subject         string
		DataContentType string
		Data            json.RawMessage
	}
	if json.Unmarshal(event, &e) != nil || e.Subject == "" {
		problems = append(problems, "subject: missing")
	}
	if e.DataContentType != "application/json" || !bytes.HasPrefix(e.Data, []byte("{")) {
		problems = append(problems, "data: no JSON object")
	}
	return problems
}

var extension = regexp.MustCompile(`^[a-z0-9]+$`)

var attributes = map[string]check.Rule{
	"specversion":     check.OneOf("1.0"),
	"id":              filled,
	"source":          source,
	"type":            filled,
	"subject":         filled,
	"time":            timestamp,
	"datacontenttype": check.OneOf("application/json"),
	"data":            check.Object(data),
}

// data is nothing but this: no body, no header field, no path, no query.
var data = check.Fields{
	"method":         check.Required(check.OneOf("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY", "_OTHER")),
	"direction":      check.Required(check.OneOf("incoming", "outgoing")),
	"route":          check.Optional(check.Filled),
	"status":         check.Optional(check.IntBetween(100, 999)),
	"duration_ms":    check.Required(number),
	"request_bytes":  check.Optional(check.IntBetween(0, 1<<63-1)),
	"response_bytes": check.Optional(check.IntBetween(0, 1<<63-1)),
	"weight":         check.Required(check.IntBetween(1, 1<<63-1)),
	"service":        check.Optional(check.Filled),
	"environment":    check.Optional(check.Filled),
	"api_version":    check.Optional(check.Filled),
	"metadata":       check.Optional(metadata),
	"shed_url":       check.Optional(isTrue),
	"shed_metadata":  check.Optional(isTrue),
	"shed_fields":    check.Optional(isTrue),
}

// metadata are scalars whose names need no quotation in a JSON path.
func metadata(c *check.Checker, path string, v json.RawMessage) {
	members, ok := c.Members(path, v)
	if !ok {
		return
	}
	if len(members) == 0 || len(members) > 64 {
		c.Fail(path, "no members, or more than 64")
	}
	for name, value := range members {
		if strings.ContainsFunc(name, func(r rune) bool {
			return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		}) {
			c.Fail(path, "a name that needs quotation")
		}
		if first := check.First(value); first == '{' || first == '[' || first == 'n' {
			c.Fail(path, "no scalar")
		}
	}
}

// filled is a String of CloudEvents that is not empty: no control characters, no
// noncharacters.
func filled(c *check.Checker, path string, v json.RawMessage) {
	s, ok := c.Text(path, v)
	switch {
	case !ok:
	case s == "":
		c.Fail(path, "empty")
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
		return r < 0x20 || r >= 0x7f && r <= 0x9f || r >= 0xfdd0 && r <= 0xfdef || r%0x10000 >= 0xfffe
	}):
		c.Fail(path, "a character that strings must not have")
	}
}

// source is a URI reference (RFC 3986, section 4.1).
func source(c *check.Checker, path string, v json.RawMessage) {
	s, ok := c.Text(path, v)
	if !ok {
		return
	}
	if _, err := url.Parse(s); s == "" || err != nil || !uriReference.MatchString(s) {
		c.Fail(path, "no URI reference")
	}
}

var uriReference = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*:)?([A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*$`)

func timestamp(c *check.Checker, path string, v json.RawMessage) {
	if s, ok := c.Text(path, v); ok {
		if _, err := time.Parse(time.RFC3339Nano, s); err != nil {
			c.Fail(path, "not RFC 3339")
		}
	}
}

func number(c *check.Checker, path string, v json.RawMessage) {
	if n, err := strconv.ParseFloat(string(v), 64); err != nil || n < 0 {
		c.Fail(path, "no number from 0")
	}
}

// scalar is the value of an extension attribute.
func scalar(c *check.Checker, path string, v json.RawMessage) {
	switch check.First(v) {
	case '{', '[':
		c.Fail(path, "not a boolean, integer or string")
	}
}

func isTrue(c *check.Checker, path string, v json.RawMessage) {
	if string(v) != "true" {
		c.Fail(path, "not true; leave the field out")
	}
}
