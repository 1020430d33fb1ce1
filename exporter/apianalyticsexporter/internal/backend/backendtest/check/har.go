// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// HAREntry returns what is wrong with an entry of a HAR 1.2 log
// (http://www.softwareishard.com/blog/har-12-spec/#entries); nothing if it is sound.
// It knows every member of the specification that a server can fill in, and lets
// private ones ("_…") pass as the specification does.
func HAREntry(entry []byte) []string { return Event(entry, harEntry) }

// isHARTime wants ISO 8601 with a zone, as the specification does.
var isHARTime = Matching(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$`, "not ISO 8601 with a zone")

var (
	harEntry = harObject(Fields{
		"pageref": Optional(Filled), "startedDateTime": Required(isHARTime), "time": Required(isDuration),
		"request": Required(harAnyRequest), "response": Required(harAnyResponse),
		"cache": Required(harObject(nil)),
		"timings": Required(harObject(Fields{
			"blocked": Optional(isTiming), "dns": Optional(isTiming), "connect": Optional(isTiming), "ssl": Optional(isTiming),
			"send": Required(isDuration), "wait": Required(isDuration), "receive": Required(isDuration),
		})),
		"serverIPAddress": Optional(IP), "connection": Optional(Filled), "comment": Optional(String),
	})

	harNameValue = Array(0, 1<<20, harObject(Fields{"name": Required(String), "value": Required(String)}))
	harCookies   = Array(0, 1<<20, harObject(Fields{
		"name": Required(String), "value": Required(String), "path": Optional(String), "domain": Optional(String),
		"expires": Optional(isHARTime), "httpOnly": Optional(Bool), "secure": Optional(Bool),
	}))

	harAnyRequest = harObject(Fields{
		"method": Required(Filled), "url": Required(AbsoluteURL), "httpVersion": Required(Filled),
		"cookies": Required(harCookies), "headers": Required(harNameValue), "queryString": Required(harNameValue),
		"headersSize": Required(harSize), "bodySize": Required(harSize), "postData": Optional(harAnyPostData),
	})

	// A status of 0 stands for a response that never came, as browsers write it.
	harAnyResponse = harObject(Fields{
		"status": Required(IntBetween(0, 999)), "statusText": Required(String), "httpVersion": Required(Filled),
		"cookies": Required(harCookies), "headers": Required(harNameValue), "redirectURL": Required(String),
		"content": Required(harObject(Fields{
			"size": Required(IntBetween(0, 1<<63-1)), "compression": Optional(IntBetween(0, 1<<63-1)),
			"mimeType": Required(Filled), "text": Optional(String), "encoding": Optional(OneOf("base64")),
		})),
		"headersSize": Required(harSize), "bodySize": Required(harSize),
	})

	harSize = IntBetween(-1, 1<<63-1)

	harPostDataObject = harObject(Fields{
		"mimeType": Required(Filled), "text": Optional(String),
		"params": Optional(Array(0, 1<<20, harObject(Fields{
			"name": Required(String), "value": Optional(String),
			"fileName": Optional(String), "contentType": Optional(String),
		}))),
	})
)

// harAnyPostData: the specification calls text and params mutually exclusive.
func harAnyPostData(c *Checker, path string, v json.RawMessage) {
	harPostDataObject(c, path, v)
	var m struct {
		Text   *json.RawMessage
		Params *json.RawMessage
	}
	if json.Unmarshal(v, &m) == nil && (m.Text == nil) == (m.Params == nil) {
		c.Fail(path, "text and params are both there or both missing")
	}
}

// harObject is object for the specification: private members pass.
func harObject(schema Fields) Rule {
	return func(c *Checker, path string, v json.RawMessage) {
		got, ok := c.Members(path, v)
		if !ok {
			return
		}
		for _, name := range slices.Sorted(maps.Keys(schema)) {
			if value, present := got[name]; present {
				schema[name].check(c, Join(path, name), value)
			} else if schema[name].required {
				c.Fail(Join(path, name), "missing")
			}
		}
		for _, name := range slices.Sorted(maps.Keys(got)) {
			if _, known := schema[name]; !known && !strings.HasPrefix(name, "_") {
				c.Fail(path, "unknown field "+name)
			}
		}
	}
}

// isDuration wants milliseconds, isTiming also -1 for "does not apply".
func isDuration(c *Checker, path string, v json.RawMessage) {
	var n float64
	if First(v) == 'n' || json.Unmarshal(v, &n) != nil || n < 0 {
		c.Fail(path, "not a duration in milliseconds")
	}
}

func isTiming(c *Checker, path string, v json.RawMessage) {
	if string(v) != "-1" {
		isDuration(c, path, v)
	}
}
