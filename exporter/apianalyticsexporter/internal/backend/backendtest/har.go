// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"encoding/json"
	"strings"
)

// CheckHAREntry returns what is wrong with an entry of a HAR 1.2 log
// (http://www.softwareishard.com/blog/har-12-spec/#entries); nothing if it is sound.
// It knows every member of the specification that a server can fill in, and lets
// private ones ("_…") pass as the specification does.
func CheckHAREntry(entry []byte) []string { return checkEvent(entry, harEntry) }

// isHARTime wants ISO 8601 with a zone, as the specification does.
var isHARTime = matching(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$`, "not ISO 8601 with a zone")

var (
	harEntry = harObject(fields{
		"pageref": optional(isFilled), "startedDateTime": required(isHARTime), "time": required(isDuration),
		"request": required(harAnyRequest), "response": required(harAnyResponse),
		"cache": required(harObject(nil)),
		"timings": required(harObject(fields{
			"blocked": optional(isTiming), "dns": optional(isTiming), "connect": optional(isTiming), "ssl": optional(isTiming),
			"send": required(isDuration), "wait": required(isDuration), "receive": required(isDuration),
		})),
		"serverIPAddress": optional(isIP), "connection": optional(isFilled), "comment": optional(isString),
	})

	harNameValue = array(0, 1<<20, harObject(fields{"name": required(isString), "value": required(isString)}))
	harCookies   = array(0, 1<<20, harObject(fields{
		"name": required(isString), "value": required(isString), "path": optional(isString), "domain": optional(isString),
		"expires": optional(isHARTime), "httpOnly": optional(isBool), "secure": optional(isBool),
	}))

	harAnyRequest = harObject(fields{
		"method": required(isFilled), "url": required(isAbsoluteURL), "httpVersion": required(isFilled),
		"cookies": required(harCookies), "headers": required(harNameValue), "queryString": required(harNameValue),
		"headersSize": required(harSize), "bodySize": required(harSize), "postData": optional(harAnyPostData),
	})

	// A status of 0 stands for a response that never came, as browsers write it.
	harAnyResponse = harObject(fields{
		"status": required(intBetween(0, 999)), "statusText": required(isString), "httpVersion": required(isFilled),
		"cookies": required(harCookies), "headers": required(harNameValue), "redirectURL": required(isString),
		"content": required(harObject(fields{
			"size": required(intBetween(0, 1<<63-1)), "compression": optional(intBetween(0, 1<<63-1)),
			"mimeType": required(isFilled), "text": optional(isString), "encoding": optional(oneOf("base64")),
		})),
		"headersSize": required(harSize), "bodySize": required(harSize),
	})

	harPostDataObject = harObject(fields{
		"mimeType": required(isFilled), "text": optional(isString),
		"params": optional(array(0, 1<<20, harObject(fields{
			"name": required(isString), "value": optional(isString),
			"fileName": optional(isString), "contentType": optional(isString),
		}))),
	})
)

// harAnyPostData: the specification calls text and params mutually exclusive.
func harAnyPostData(c *checker, path string, v json.RawMessage) {
	harPostDataObject(c, path, v)
	var m struct {
		Text   *json.RawMessage
		Params *json.RawMessage
	}
	if json.Unmarshal(v, &m) == nil && (m.Text == nil) == (m.Params == nil) {
		c.fail(path, "text and params are both there or both missing")
	}
}

// harObject is object for the specification: private members pass.
func harObject(schema fields) func(*checker, string, json.RawMessage) {
	return func(c *checker, path string, v json.RawMessage) {
		got, ok := c.members(path, v)
		if !ok {
			return
		}
		for _, name := range sortedKeys(schema) {
			if value, present := got[name]; present {
				schema[name].check(c, join(path, name), value)
			} else if schema[name].required {
				c.fail(join(path, name), "missing")
			}
		}
		for _, name := range sortedKeys(got) {
			if _, known := schema[name]; !known && !strings.HasPrefix(name, "_") {
				c.fail(path, "unknown field "+name)
			}
		}
	}
}

// isDuration wants milliseconds, isTiming also -1 for "does not apply".
func isDuration(c *checker, path string, v json.RawMessage) {
	var n float64
	if first(v) == 'n' || json.Unmarshal(v, &n) != nil || n < 0 {
		c.fail(path, "not a duration in milliseconds")
	}
}

func isTiming(c *checker, path string, v json.RawMessage) {
	if string(v) != "-1" {
		isDuration(c, path, v)
	}
}
