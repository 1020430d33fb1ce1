// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// ReadMe publishes no limits. 30 logs a request is what its Node SDK clamps its
// buffer to (readmeio/metrics-sdks packages/node, checked 2026-11-20); the sizes
// are ours.
const (
	readmeMaxItems     = 30
	readmeMaxItemBytes = 250_000
	readmeMaxBytes     = 1_000_000
)

// NewReadMe returns a fake of POST /v1/request
// (https://docs.readme.com/main/reference/createlog).
func NewReadMe(s Settings) *Fake {
	return newFake(vendor{
		name:         "readme",
		path:         "/v1/request",
		maxItems:     readmeMaxItems,
		maxItemBytes: readmeMaxItemBytes,
		maxBytes:     readmeMaxBytes,
		idField:      "_id",
		success:      http.StatusAccepted,
		check:        CheckReadMe,
		authorized: func(h http.Header, credential string) bool {
			user, password, ok := (&http.Request{Header: h}).BasicAuth()
			return ok && user != "" && password == "" && (credential == "" || user == credential)
		},
	}, s)
}

// CheckReadMe returns what is wrong with one event; nothing if it is sound.
func CheckReadMe(event []byte) []string {
	problems := checkEvent(event, readmeSchema)
	// What HAR itself says; the schema above adds what ReadMe wants.
	var log struct {
		Request struct {
			Log struct{ Entries []json.RawMessage }
		}
	}
	if json.Unmarshal(event, &log) == nil {
		for _, entry := range log.Request.Log.Entries {
			problems = append(problems, CheckHAREntry(entry)...)
		}
	}
	return problems
}

var (
	// Node's and the other SDKs' integration tests accept version nibbles 0-5.
	readmeID = matching(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-5][0-9a-fA-F]{3}-[089abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$`,
		"not a UUID of version 0 to 5")
	readmeMask = matching(`(?s)^sha512-[A-Za-z0-9+/]{86}==\?.{0,4}$`, "not masked as sha512-<base64>?<last four>")

	readmeSchema = object(fields{
		"_id":      required(readmeID),
		"_version": required(intBetween(3, 3)),
		"group": required(object(fields{
			"id": required(readmeMask), "label": optional(isFilled), "email": optional(isFilled),
		})),
		"clientIPAddress": required(isIP),
		"development":     required(isBool),
		"request":         required(object(fields{"log": required(harLog)})),
	})

	// HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/).
	harLog = object(fields{
		"version": required(oneOf("1.2")),
		"creator": required(object(fields{
			"name":    required(matching(`^readme-metrics \([a-z]+\)$`, "not readme-metrics (<name>)")),
			"version": required(isFilled), "comment": required(matching(`^\S+-\S+/\S+$`, "not <arch>-<os>/<runtime version>")),
		})),
		"entries": required(array(1, 1, object(fields{
			"pageref":         required(matching(`^https?://[^/?#\s]+/[^?#]*$`, "not scheme, host and path without query")),
			"startedDateTime": required(isTime),
			"time":            required(intBetween(0, 1<<53)),
			"request":         required(harRequest),
			"response":        required(harResponse),
			"cache":           required(object(nil)),
			"timings": required(object(fields{
				// The specification demands send, most SDKs leave it out.
				"send": required(intBetween(0, 0)), "wait": required(intBetween(0, 0)), "receive": required(intBetween(0, 1<<53)),
			})),
		}))),
	})

	harVersion = matching(`^HTTP/\d(\.\d)?$`, "not an HTTP version")
	harSize    = intBetween(-1, 1<<63-1)
	harPairs   = array(0, 1<<20, object(fields{"name": required(isString), "value": required(isString)}))

	harRequest = object(fields{
		"method": required(isFilled), "url": required(isAbsoluteURL), "httpVersion": required(harVersion),
		"headers": required(harPairs), "queryString": required(harPairs), "cookies": required(array(0, 0, anyValue)),
		"headersSize": required(harSize), "bodySize": required(harSize), "postData": optional(harPostData),
	})

	harResponse = object(fields{
		"status": required(intBetween(100, 999)), "statusText": required(isString), "httpVersion": required(harVersion),
		"headers": required(harPairs), "cookies": required(array(0, 0, anyValue)), "redirectURL": required(isString),
		"content": required(object(fields{
			"text": required(isString), "size": required(harSize), "mimeType": required(isFilled),
		})),
		"headersSize": required(harSize), "bodySize": required(harSize),
	})

	harText = object(fields{"mimeType": required(mediaType), "text": required(isString)})
	harForm = object(fields{"mimeType": required(mediaType), "params": required(array(0, 1<<20, object(fields{
		"name": required(isString), "value": required(isString),
		"fileName": optional(isString), "contentType": optional(isFilled),
	})))})

	// Requests carry the essence of the media type only, but for multipart: the
	// suite wants its boundary.
	mediaType = matching(`(?s)^([^\s;/]+/[^\s;/]+|(?i:multipart/form-data).*)$`, "not a media type without parameters")
)

// harPostData is either parameters or text.
func harPostData(c *checker, path string, v json.RawMessage) {
	if bytes.Contains(v, []byte(`"params":`)) {
		var m map[string]json.RawMessage
		if json.Unmarshal(v, &m) == nil && m["params"] != nil {
			harForm(c, path, v)
			return
		}
	}
	harText(c, path, v)
}
