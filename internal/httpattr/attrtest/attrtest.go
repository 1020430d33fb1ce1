// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package attrtest has a value for each key of the vocabulary that shows how a reader
// reads it: with the engine's result for the current key, all must agree.
package attrtest

import (
	"strings"

	"github.com/apispan/apispan/internal/httpattr"
)

// Policy acts on every place in a way of its own, on an address as on a text.
const Policy = `
version: 1
keys:
  deny: [secret, "*password*"]
  drop: [x-dropped]
in:
  query: { deny: [q] }
  request_body: { deny: [b] }
  response_body: { deny: [b] }
  request_headers: { deny: [x-a] }
  response_headers: { deny: [x-b] }
  client_ip: { truncate: { v4: 16, v6: 32 } }
`

// Sample is an attribute that is to be redacted.
type Sample struct {
	// Key is the key; As is the current one.
	Key, As string
	Values  []string
}

// Samples returns the samples of all keys.
func Samples() []Sample {
	var out []Sample
	for _, e := range httpattr.Entries() {
		if !strings.HasSuffix(e.Key, ".") {
			if e.Place == httpattr.RequestFields || e.Place == httpattr.ResponseFields {
				e.As = e.Key // all fields in one text are no field
			}
			out = append(out, Sample{e.Key, e.As, values})
			continue
		}
		for _, name := range []string{"x-a", "x-b", "x-dropped", "cookie", "set-cookie", "x-forwarded-for", "referer", "content-type", "authorization"} {
			out = append(out, Sample{e.Key + name, e.As + name, values})
		}
	}
	return out
}

const (
	url   = "https://u:hunter2@shop.example/a/b?q=1&secret=2&page=3#q=4"
	query = "q=1&secret=2&page=3"
	body  = `{"b":1,"secret":"2","x-a":"3","page":4}`
	ip    = "203.0.113.7"
	list  = "203.0.113.7, 198.51.100.9"
	pairs = "theme=dark; sid=1; secret=2"
	text  = "no user: password=hunter2"
)

// values go through every key: what is no URL to one reader must be none to another.
var values = []string{"plain", url, query, body, ip, list, pairs, text, "[2001:db8::1]:80", ""}
