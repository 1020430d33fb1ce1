// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package moesiftest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest/check"
)

// Limits of https://www.moesif.com/docs/api#errors (checked 2026-11-20): one
// event 1 MB, one batch 50 MB uncompressed, 500 query parameters. The number of
// events in a batch is the vendor SDKs' default.
const (
	maxItems     = 200
	maxItemBytes = 1_000_000
	maxBytes     = 50_000_000
	maxQueryKeys = 500
)

// newConfig is what a new application's GET /v1/config holds
// (https://www.moesif.com/docs/api#config, checked 2026-11-20).
const newConfig = `{"org_id":"org","app_id":"app","sample_rate":100,"block_bot_traffic":false,` +
	`"user_sample_rate":{},"company_sample_rate":{},"user_rules":{},"company_rules":{},` +
	`"ip_addresses_blocked_by_name":{},"regex_config":[],"billing_config_jsons":{}}`

// Vendor is a fake of POST /v1/events/batch
// (https://www.moesif.com/docs/api#events) and of GET /v1/config, see
// [backendtest.Fake.SetConfig].
var Vendor = backendtest.Vendor{
	Name:         "moesif",
	Credential:   "application_id",
	Path:         "/v1/events/batch",
	MaxItems:     maxItems,
	MaxItemBytes: maxItemBytes,
	MaxBytes:     maxBytes,
	IDField:      "transaction_id",
	Success:      http.StatusCreated,
	Check:        Check,
	Config:       &backendtest.RemoteConfig{Path: "/v1/config", TagHeader: "X-Moesif-Config-Etag", Body: newConfig},
	Streams:      streams,
	Authorized: func(h http.Header, credential string) bool {
		got := h.Get("X-Moesif-Application-Id")
		return got != "" && (credential == "" || got == credential)
	},
}

// Check returns what is wrong with one event; nothing if it is sound.
func Check(event []byte) []string {
	return check.Event(event, eventRule)
}

var (
	hex16 = check.Matching(`^[0-9a-f]{16}$`, "not 16 lower-case hexadecimal digits")
	hex32 = check.Matching(`^[0-9a-f]{32}$`, "not 32 lower-case hexadecimal digits")

	eventSchema = check.Object(check.Fields{
		"request":         check.Required(requestRule),
		"response":        check.Optional(responseRule),
		"user_id":         check.Optional(check.Filled),
		"company_id":      check.Optional(check.Filled),
		"subscription_id": check.Optional(check.Filled),
		"session_token":   check.Optional(check.Filled),
		// Optional to the vendor; retries are safe only with it.
		"transaction_id": check.Required(check.UUID),
		"direction":      check.Required(check.OneOf("Incoming", "Outgoing")),
		"weight":         check.Required(check.IntBetween(1, 1<<63-1)),
		"metadata":       check.Optional(check.AnyObject),
		"blocked_by":     check.Optional(check.Filled),
		"tags":           check.Optional(check.Filled),
		"action_name":    check.Optional(check.Filled),
		"trace_id":       check.Optional(hex32),
		"span": check.Optional(check.Object(check.Fields{
			"id": check.Required(hex16), "parent_id": check.Optional(hex16), "parent_span_id": check.Optional(hex16),
			"links": check.Optional(check.Array(0, 128, check.AnyObject)), "status": check.Optional(check.IntBetween(0, 2)),
		})),
	})

	requestSchema = check.Object(check.Fields{
		"time": check.Required(check.Time), "uri": check.Required(uriRule), "verb": check.Required(check.Filled),
		"api_version": check.Optional(check.Filled),
		// Optional to the vendor, who then records the sender: the Collector.
		"ip_address": check.Required(check.IP), "headers": check.Required(headersRule),
		"body": check.Optional(check.Anything), "transfer_encoding": check.Optional(check.OneOf("json", "base64")),
		"content_length": check.Optional(check.IntBetween(0, 1<<63-1)),
	})

	responseSchema = check.Object(check.Fields{
		"time": check.Required(check.Time), "status": check.Required(check.IntBetween(100, 999)), "ip_address": check.Optional(check.IP),
		"headers": check.Required(headersRule), "body": check.Optional(check.Anything),
		"transfer_encoding": check.Optional(check.OneOf("json", "base64")), "content_length": check.Optional(check.IntBetween(0, 1<<63-1)),
	})
)

func eventRule(c *check.Checker, path string, v json.RawMessage) {
	eventSchema(c, path, v)
	var order struct {
		Request, Response struct{ Time string }
	}
	// Times of one layout compare as text.
	if json.Unmarshal(v, &order) == nil && order.Response.Time != "" && order.Response.Time < order.Request.Time {
		c.Fail("response.time", "before request.time")
	}
}

func requestRule(c *check.Checker, path string, v json.RawMessage) {
	requestSchema(c, path, v)
	bodyRule(c, path, v)
}

func responseRule(c *check.Checker, path string, v json.RawMessage) {
	responseSchema(c, path, v)
	bodyRule(c, path, v)
}

// bodyRule holds body and transfer_encoding to each other: both or none, an
// object or array as "json", all else as "base64".
func bodyRule(c *check.Checker, path string, v json.RawMessage) {
	var m struct {
		Body     json.RawMessage `json:"body"`
		Encoding *string         `json:"transfer_encoding"`
	}
	if json.Unmarshal(v, &m) != nil || m.Body == nil && m.Encoding == nil {
		return
	}
	path = check.Join(path, "body")
	switch {
	case m.Body == nil:
		c.Fail(path, "missing although transfer_encoding is there")
	case m.Encoding == nil:
		c.Fail(path, "there although transfer_encoding is missing")
	case *m.Encoding == "json":
		if b := check.First(m.Body); b != '{' && b != '[' {
			c.Fail(path, `neither object nor array although transfer_encoding is "json"`)
		}
	case *m.Encoding == "base64":
		s, ok := c.Text(path, m.Body)
		if !ok {
			return
		}
		if data, err := base64.StdEncoding.Strict().DecodeString(s); err != nil {
			c.Fail(path, "not standard base64 with padding")
		} else if len(data) == 0 {
			c.Fail(path, "empty; leave both fields out")
		}
	}
}

func uriRule(c *check.Checker, path string, v json.RawMessage) {
	check.AbsoluteURL(c, path, v)
	var s string
	if json.Unmarshal(v, &s) != nil {
		return
	}
	if u, err := url.Parse(s); err == nil && strings.Count(u.RawQuery, "&") >= maxQueryKeys {
		c.Fail(path, fmt.Sprintf("more than %d query parameters", maxQueryKeys))
	}
}

// headersRule wants a map of lower-case names to strings.
func headersRule(c *check.Checker, path string, v json.RawMessage) {
	got, ok := c.Members(path, v)
	if !ok {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if name == "" || name != strings.ToLower(name) {
			c.Fail(path, "a name that is empty or not lower case")
		}
		if check.First(got[name]) != '"' {
			c.Fail(path, "a value that is not a string")
		}
	}
}
