// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package moesiftest

import (
	"strings"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
)

// Every rule of the checks has to be seen failing, or it may check nothing.
func TestCheckFindsViolations(t *testing.T) {
	t.Parallel()
	item := backendtest.Sound(t, "moesif", "full")
	backendtest.FindsViolations(t, Check, item, [][3]string{
		{`"weight":20`, `"weight":20,"extra":1`, `: unknown field "extra"`},
		{`"weight":20`, `"weight":0`, `weight: not between`},
		{`"weight":20`, `"weight":"20"`, `weight: not an integer`},
		{`"weight":20`, `"weight":1,"weight":20`, `duplicate member "weight"`},
		{`,"weight":20`, ``, `weight: missing`},
		{`"direction":"Incoming"`, `"direction":"incoming"`, `direction: not one of`},
		{`"transaction_id":"5f0c2c2e`, `"transaction_id":"5f0c2c2`, `transaction_id: not a UUID`},
		{`"user_id":"u-1042"`, `"user_id":""`, `user_id: empty`},
		{`"user_id":"u-1042"`, `"user_id":null`, `user_id: not a string`},
		{`"time":"2026-01-31T10:11:12.345Z"`, `"time":"2026-01-31T10:11:12Z"`, `request.time: not RFC 3339`},
		{`"time":"2026-01-31T10:11:12.345Z"`, `"time":"2026-01-31T11:11:12.345+01:00"`, `request.time: not RFC 3339`},
		{`"time":"2026-01-31T10:11:12.389Z"`, `"time":"2026-01-31T10:11:11.389Z"`, `response.time: before`},
		{`"uri":"https://api.example.com`, `"uri":"`, `request.uri: not an absolute`},
		{`"uri":"https://api.example.com/`, `"uri":"https://api.example.com/a b`, `request.uri: a character`},
		{`?x=1&`, `?x=1` + strings.Repeat("&y", 600) + `&`, `request.uri: more than 500`},
		{`"verb":"POST"`, `"verb":""`, `request.verb: empty`},
		{`"ip_address":"203.0.113.7"`, `"ip_address":"203.0.113.7:80"`, `request.ip_address: not a bare IP`},
		{`"ip_address":"203.0.113.7",`, ``, `request.ip_address: missing`},
		{`"accept":"a, b"`, `"accept":["a","b"]`, `request.headers: a value that is not a string`},
		{`"accept":"a, b"`, `"Accept":"a, b"`, `request.headers: a name`},
		{`"body":{"a":1}`, `"body":"x"`, `request.body: neither object nor array`},
		{`"body":{"a":1},`, ``, `request.body: missing`},
		{`"transfer_encoding":"json",`, ``, `request.body: there although`},
		{`"transfer_encoding":"json"`, `"transfer_encoding":"base64"`, `request.body: not a string`},
		{`"body":{"a":1},"transfer_encoding":"json"`, `"body":"eA","transfer_encoding":"base64"`, `request.body: not standard base64`},
		{`"body":{"a":1},"transfer_encoding":"json"`, `"body":"","transfer_encoding":"base64"`, `request.body: empty`},
		{`"body":{"a":1},"transfer_encoding":"json"`, `"body":{"a":1},"transfer_encoding":"gzip"`, `transfer_encoding: not one of`},
		{`"status":200`, `"status":20`, `response.status: not between`},
		{`"content_length":7`, `"content_length":-1`, `content_length: not between`},
		{`"trace_id":"4bf9`, `"trace_id":"4BF9`, `trace_id: not 32`},
		{`"span":{"id":`, `"span":{"ID":`, `span.id: missing`},
		{`"metadata":{`, `"metadata":[{`, `event: not JSON`},
		{`"plan":"pro"`, "\"plan\":\"\xff\"", `event: not UTF-8`},
		{`{"request"`, `[{"request"`, `event: not JSON`},
	})
	backendtest.FindsViolation(t, Check, []byte(`[]`), "an array", "not an object")
	backendtest.FindsViolation(t, Check, []byte(`{}`), "an empty object", "request: missing")
}
