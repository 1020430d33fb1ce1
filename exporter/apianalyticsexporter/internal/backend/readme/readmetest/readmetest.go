// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package readmetest

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest/check"
)

// ReadMe publishes no limits. 30 logs a request is what its Node SDK clamps its
// buffer to (readmeio/metrics-sdks packages/node, checked 2026-11-20); the sizes
// are ours.
const (
	maxItems     = 30
	maxItemBytes = 250_000
	maxBytes     = 1_000_000
)

// Vendor is a fake of POST /v1/request
// (https://docs.readme.com/main/reference/createlog).
var Vendor = backendtest.Vendor{
	Name:         "readme",
	Credential:   "api_key",
	Path:         "/v1/request",
	MaxItems:     maxItems,
	MaxItemBytes: maxItemBytes,
	MaxBytes:     maxBytes,
	IDField:      "_id",
	Success:      http.StatusAccepted,
	Check:        Check,
	Authorized: func(h http.Header, credential string) bool {
		user, password, ok := (&http.Request{Header: h}).BasicAuth()
		return ok && user != "" && password == "" && (credential == "" || user == credential)
	},
}

// Check returns what is wrong with one event; nothing if it is sound.
func Check(event []byte) []string {
	problems := check.Event(event, eventRule)
	// What HAR itself says; the schema above adds what ReadMe wants.
	var log struct {
		Request struct {
			Log struct{ Entries []json.RawMessage }
		}
	}
	if json.Unmarshal(event, &log) == nil {
		for _, entry := range log.Request.Log.Entries {
			problems = append(problems, check.HAREntry(entry)...)
		}
	}
	return problems
}

var (
	// Node's and the other SDKs' integration tests accept version nibbles 0-5.
	idRule = check.Matching(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-5][0-9a-fA-F]{3}-[089abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$`,
		"not a UUID of version 0 to 5")
	maskRule = check.Matching(`(?s)^sha512-[A-Za-z0-9+/]{86}==\?.{0,4}$`, "not masked as sha512-<base64>?<last four>")

	eventRule = check.Object(check.Fields{
		"_id":      check.Required(idRule),
		"_version": check.Required(check.IntBetween(3, 3)),
		"group": check.Required(check.Object(check.Fields{
			"id": check.Required(maskRule), "label": check.Optional(check.Filled), "email": check.Optional(check.Filled),
		})),
		"clientIPAddress": check.Required(check.IP),
		"development":     check.Required(check.Bool),
		"request":         check.Required(check.Object(check.Fields{"log": check.Required(harLog)})),
	})

	// HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/).
	harLog = check.Object(check.Fields{
		"version": check.Required(check.OneOf("1.2")),
		"creator": check.Required(check.Object(check.Fields{
			"name":    check.Required(check.Matching(`^readme-metrics \([a-z]+\)$`, "not readme-metrics (<name>)")),
			"version": check.Required(check.Filled), "comment": check.Required(check.Matching(`^\S+-\S+/\S+$`, "not <arch>-<os>/<runtime version>")),
		})),
		"entries": check.Required(check.Array(1, 1, check.Object(check.Fields{
			"pageref":         check.Required(check.Matching(`^https?://[^/?#\s]+/[^?#]*(#[^?#\s]+)?$`, "not scheme, host and path without query")),
			"startedDateTime": check.Required(check.Time),
			"time":            check.Required(check.IntBetween(0, 1<<53)),
			"request":         check.Required(harRequest),
			"response":        check.Required(harResponse),
			"cache":           check.Required(check.Object(nil)),
			"timings": check.Required(check.Object(check.Fields{
				// The specification demands send, most SDKs leave it out.
				"send": check.Required(check.IntBetween(0, 0)), "wait": check.Required(check.IntBetween(0, 0)), "receive": check.Required(check.IntBetween(0, 1<<53)),
			})),
		}))),
	})

	harVersion = check.Matching(`^HTTP/\d(\.\d)?$`, "not an HTTP version")
	harSize    = check.IntBetween(-1, 1<<63-1)
	harPairs   = check.Array(0, 1<<20, check.Object(check.Fields{"name": check.Required(check.String), "value": check.Required(check.String)}))

	harRequest = check.Object(check.Fields{
		"method": check.Required(check.Filled), "url": check.Required(check.AbsoluteURL), "httpVersion": check.Required(harVersion),
		"headers": check.Required(harPairs), "queryString": check.Required(harPairs), "cookies": check.Required(check.Array(0, 0, check.Anything)),
		"headersSize": check.Required(harSize), "bodySize": check.Required(harSize), "postData": check.Optional(harPostData),
	})

	harResponse = check.Object(check.Fields{
		"status": check.Required(check.IntBetween(100, 999)), "statusText": check.Required(check.String), "httpVersion": check.Required(harVersion),
		"headers": check.Required(harPairs), "cookies": check.Required(check.Array(0, 0, check.Anything)), "redirectURL": check.Required(check.String),
		"content": check.Required(check.Object(check.Fields{
			"text": check.Required(check.String), "size": check.Required(harSize), "mimeType": check.Required(check.Filled),
		})),
		"headersSize": check.Required(harSize), "bodySize": check.Required(harSize),
	})

	harText = check.Object(check.Fields{"mimeType": check.Required(mediaType), "text": check.Required(check.String)})
	harForm = check.Object(check.Fields{"mimeType": check.Required(mediaType), "params": check.Required(check.Array(0, 1<<20, check.Object(check.Fields{
		"name": check.Required(check.String), "value": check.Required(check.String),
		"fileName": check.Optional(check.String), "contentType": check.Optional(check.Filled),
	})))})

	// Requests carry the essence of the media type only, but for multipart: the
	// suite wants its boundary.
	mediaType = check.Matching(`(?s)^([^\s;/]+/[^\s;/]+|(?i:multipart/form-data).*)$`, "not a media type without parameters")
)

// harPostData is either parameters or text.
func harPostData(c *check.Checker, path string, v json.RawMessage) {
	if bytes.Contains(v, []byte(`"params":`)) {
		var m map[string]json.RawMessage
		if json.Unmarshal(v, &m) == nil && m["params"] != nil {
			harForm(c, path, v)
			return
		}
	}
	harText(c, path, v)
}
