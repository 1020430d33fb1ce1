// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Limits of https://www.moesif.com/docs/api#errors (checked 2026-11-20): one
// event 1 MB, one batch 50 MB uncompressed, 500 query parameters. The number of
// events in a batch is the vendor SDKs' default.
const (
	moesifMaxItems     = 200
	moesifMaxItemBytes = 1_000_000
	moesifMaxBytes     = 50_000_000
	moesifMaxQueryKeys = 500
)

// NewMoesif returns a fake of POST /v1/events/batch
// (https://www.moesif.com/docs/api#events) and of GET /v1/config, see SetConfig.
func NewMoesif(s Settings) *Fake {
	return newFake(vendor{
		name:         "moesif",
		path:         "/v1/events/batch",
		maxItems:     moesifMaxItems,
		maxItemBytes: moesifMaxItemBytes,
		maxBytes:     moesifMaxBytes,
		idField:      "transaction_id",
		success:      http.StatusCreated,
		check:        CheckMoesif,
		config:       &remoteConfig{path: "/v1/config", tagHeader: "X-Moesif-Config-Etag", body: moesifConfig},
		streams:      moesifStreams,
		authorized: func(h http.Header, credential string) bool {
			got := h.Get("X-Moesif-Application-Id")
			return got != "" && (credential == "" || got == credential)
		},
	}, s)
}

// CheckMoesif returns what is wrong with one event; nothing if it is sound.
func CheckMoesif(event []byte) []string {
	return checkEvent(event, moesifEvent)
}

var (
	hex16 = matching(`^[0-9a-f]{16}$`, "not 16 lower-case hexadecimal digits")
	hex32 = matching(`^[0-9a-f]{32}$`, "not 32 lower-case hexadecimal digits")

	moesifSchema = object(fields{
		"request":         required(moesifRequest),
		"response":        optional(moesifResponse),
		"user_id":         optional(isFilled),
		"company_id":      optional(isFilled),
		"subscription_id": optional(isFilled),
		"session_token":   optional(isFilled),
		// Optional to the vendor; retries are safe only with it.
		"transaction_id": required(isUUID),
		"direction":      required(oneOf("Incoming", "Outgoing")),
		"weight":         required(intBetween(1, 1<<63-1)),
		"metadata":       optional(isObject),
		"blocked_by":     optional(isFilled),
		"tags":           optional(isFilled),
		"action_name":    optional(isFilled),
		"trace_id":       optional(hex32),
		"span": optional(object(fields{
			"id": required(hex16), "parent_id": optional(hex16), "parent_span_id": optional(hex16),
			"links": optional(array(0, 128, isObject)), "status": optional(intBetween(0, 2)),
		})),
	})

	moesifRequestSchema = object(fields{
		"time": required(isTime), "uri": required(moesifURI), "verb": required(isFilled),
		"api_version": optional(isFilled),
		// Optional to the vendor, who then records the sender: the Collector.
		"ip_address": required(isIP), "headers": required(moesifHeaders),
		"body": optional(anyValue), "transfer_encoding": optional(oneOf("json", "base64")),
		"content_length": optional(intBetween(0, 1<<63-1)),
	})

	moesifResponseSchema = object(fields{
		"time": required(isTime), "status": required(intBetween(100, 999)), "ip_address": optional(isIP),
		"headers": required(moesifHeaders), "body": optional(anyValue),
		"transfer_encoding": optional(oneOf("json", "base64")), "content_length": optional(intBetween(0, 1<<63-1)),
	})
)

func anyValue(*checker, string, json.RawMessage) {}

func moesifEvent(c *checker, path string, v json.RawMessage) {
	moesifSchema(c, path, v)
	var order struct {
		Request, Response struct{ Time string }
	}
	// Times of one layout compare as text.
	if json.Unmarshal(v, &order) == nil && order.Response.Time != "" && order.Response.Time < order.Request.Time {
		c.fail("response.time", "before request.time")
	}
}

func moesifRequest(c *checker, path string, v json.RawMessage) {
	moesifRequestSchema(c, path, v)
	moesifBody(c, path, v)
}

func moesifResponse(c *checker, path string, v json.RawMessage) {
	moesifResponseSchema(c, path, v)
	moesifBody(c, path, v)
}

// moesifBody holds body and transfer_encoding to each other: both or none, an
// object or array as "json", all else as "base64".
func moesifBody(c *checker, path string, v json.RawMessage) {
	var m struct {
		Body     json.RawMessage `json:"body"`
		Encoding *string         `json:"transfer_encoding"`
	}
	if json.Unmarshal(v, &m) != nil || m.Body == nil && m.Encoding == nil {
		return
	}
	path = join(path, "body")
	switch {
	case m.Body == nil:
		c.fail(path, "missing although transfer_encoding is there")
	case m.Encoding == nil:
		c.fail(path, "there although transfer_encoding is missing")
	case *m.Encoding == "json":
		if b := first(m.Body); b != '{' && b != '[' {
			c.fail(path, `neither object nor array although transfer_encoding is "json"`)
		}
	case *m.Encoding == "base64":
		s, ok := c.text(path, m.Body)
		if !ok {
			return
		}
		if data, err := base64.StdEncoding.Strict().DecodeString(s); err != nil {
			c.fail(path, "not standard base64 with padding")
		} else if len(data) == 0 {
			c.fail(path, "empty; leave both fields out")
		}
	}
}

func moesifURI(c *checker, path string, v json.RawMessage) {
	isAbsoluteURL(c, path, v)
	var s string
	if json.Unmarshal(v, &s) != nil {
		return
	}
	if u, err := url.Parse(s); err == nil && strings.Count(u.RawQuery, "&") >= moesifMaxQueryKeys {
		c.fail(path, fmt.Sprintf("more than %d query parameters", moesifMaxQueryKeys))
	}
}

// moesifHeaders wants a map of lower-case names to strings.
func moesifHeaders(c *checker, path string, v json.RawMessage) {
	got, ok := c.members(path, v)
	if !ok {
		return
	}
	for _, name := range sortedKeys(got) {
		if name == "" || name != strings.ToLower(name) {
			c.fail(path, "a name that is empty or not lower case")
		}
		if first(got[name]) != '"' {
			c.fail(path, "a value that is not a string")
		}
	}
}
