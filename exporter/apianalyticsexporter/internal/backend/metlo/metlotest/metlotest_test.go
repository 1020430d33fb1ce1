// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package metlotest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
)

// Every rule of the check has to be seen failing, or it may check nothing.
func TestCheckFindsViolations(t *testing.T) {
	t.Parallel()
	for _, version := range []struct {
		name, golden string
		cases        [][3]string
	}{
		{"v1", "full", [][3]string{
			{`"host":"api.example.com"`, `"host":"https://api.example.com"`, `url.host: not host`},
			{`"host":"api.example.com"`, `"host":""`, `url.host: not host`},
			{`"path":"/v1/users/7"`, `"path":"/v1//users//7"`, `url.path: not a path`},
			{`"path":"/v1/users/7"`, `"path":"/v1/users?x=1"`, `url.path: not a path`},
			{`"path":"/v1/users/7"`, `"path":"/v1/us ers"`, `url.path: a character`},
			{`"path":"/v1/users/7",`, ``, `url.path: missing`},
			{`{"name":"x","value":"1"}`, `{"name":"x","value":1}`, `parameters[0].value: not a string`},
			{`{"name":"x","value":"1"}`, `{"value":"1"}`, `parameters[0].name: missing`},
			{`"body":"{\"a\":1}"`, `"body":{"a":1}`, `request.body: not a string`},
			{`"body":"{\"a\":1}"`, `"body":null`, `request.body: not a string`},
			{`"body":"{\"a\":1}"`, `"body":"a\u0000"`, `request.body: holds a NUL`},
			{`"method":"POST"`, `"method":"PROPFIND"`, `request.method: not one of`},
			{`"method":"POST"`, `"method":"post"`, `request.method: not one of`},
			{`"user":"u-1042"`, `"user":""`, `request.user: empty`},
			{`"status":200`, `"status":"200"`, `response.status: not an integer`},
			{`"status":200`, `"status":0`, `response.status: not between`},
			{`"environment":"production"`, `"environment":""`, `meta.environment: empty`},
			{`"incoming":true`, `"incoming":"true"`, `meta.incoming: not a boolean`},
			{`"source":"203.0.113.7"`, `"source":"localhost"`, `meta.source: not a bare IP`},
			{`"sourcePort":0`, `"sourcePort":"0"`, `meta.sourcePort: not an integer`},
			{`"sourcePort":0`, `"sourcePort":65536`, `meta.sourcePort: not between`},
			{`"destinationPort":443`, `"destinationPort":null`, `meta.destinationPort: not an integer`},
			{`"metloSource":"otel/collector"`, `"metloSource":"otel"`, `metloSource: not <language>`},
			{`"metloSource":"otel/collector"`, `"metloSource":"otel/collector","originalSource":"10.0.0.9"`, `unknown field "originalSource"`},
			{`Bearer: a-random-api-key`, `basic xyz`, `an Authorization that the session extraction fails on`},
			{`Bearer: a-random-api-key`, `Bearer a.%.c`, `an Authorization that the session extraction fails on`},
		}},
		{"v2", "v2", [][3]string{
			{`"endpointPath":"/v1/users/{id}"`, `"endpointPath":"users"`, `endpointPath: not a path`},
			{`"redacted":false,`, ``, `redacted: missing`},
			{`"analysisType":"full"`, `"analysisType":"none"`, `analysisType: not one of`},
			{`"authType":"jwt"`, `"authType":"bearer"`, `sessionMeta.authType: not one of`},
			{`"uniqueSessionKey":"N7y`, `"uniqueKey":"N7y`, `sessionMeta: unknown field`},
			{`"analysisType":"full"`, `"analysisType":"full","encryption":{"key":"k","generatedIvs":{"reqBody":[1,2]}}`, `generatedIvs: 2 elements`},
			{`"analysisType":"full"`, `"analysisType":"full","encryption":{"key":"k","generatedIvs":{"body":[1,2,3,4,5,6,7,8,9,10,11,12]}}`, `a place that the agent`},
			{`"analysisType":"full"`, `"analysisType":"full","encryption":{"key":"k","generatedIvs":{"resBody":[1,2,3,4,5,6,7,8,9,10,11,256]}}`, `not between`},
		}},
	} {
		item := backendtest.Sound(t, "metlo", version.golden)
		backendtest.FindsViolations(t, Check, item, version.cases)
	}
	backendtest.FindsViolation(t, Check, []byte(`{}`), "an empty object", "request: missing")
}

// TestAnswers: the collector takes a batch item by item, and says little.
func TestAnswers(t *testing.T) {
	t.Parallel()
	item := string(backendtest.Sound(t, "metlo", "full"))
	v2 := string(backendtest.Sound(t, "metlo", "v2"))
	badPath := strings.Replace(item, `"path":"/v1/users/7"`, `"path":"/a//b//c"`, 1)
	noMethod := strings.Replace(item, `"method":"POST"`, `"method":""`, 1)
	noResponse := item[:strings.Index(item, `,"response":`)] + item[strings.Index(item, `,"meta":`):]
	unnamed := strings.Replace(item, `{"name":"accept",`, `{`, 1)
	basic := strings.Replace(item, `Bearer: a-random-api-key`, `basic xyz`, 1)
	for _, tt := range []struct {
		name, method, path, body string
		header                   [2]string
		status, taken            int
		sound                    bool
	}{
		{name: "batch", path: "/api/v1/log-request/batch", body: "[" + item + "," + item + "]", status: 200, taken: 2, sound: true},
		{name: "single", path: "/api/v1/log-request/single", body: item, status: 200, taken: 1, sound: true},
		{name: "v2 batch", path: "/api/v2/log-request/batch", body: "[" + v2 + "]", status: 200, taken: 1, sound: true},
		{name: "v2 single", path: "/api/v2/log-request/single", body: v2, status: 200, taken: 1, sound: true},
		{name: "verify", method: http.MethodGet, path: "/api/v1/verify", status: 200, sound: true},
		{name: "bulk does not exist", path: "/api/v1/log-request/bulk", body: "[" + item + "]", status: 404},
		{name: "no key", path: "/api/v1/log-request/batch", body: "[" + item + "]", header: [2]string{"Authorization", ""}, status: 401},
		{name: "key with a scheme", path: "/api/v1/log-request/batch", body: "[" + item + "]", header: [2]string{"Authorization", "Bearer k"}, status: 401},
		{name: "not JSON", path: "/api/v1/log-request/single", body: item + "}", status: 400},
		{name: "too large", path: "/api/v1/log-request/batch", body: "[" + strings.Repeat(" ", maxBytes) + item + "]", status: 413},
		{name: "bad path ends a batch", path: "/api/v1/log-request/batch", body: "[" + item + "," + badPath + "," + item + "]", status: 400, taken: 1},
		{name: "bad path in v2", path: "/api/v2/log-request/batch", body: "[" + v2 + "," + badPath + "," + v2 + "]", status: 200, taken: 2},
		{name: "no method", path: "/api/v1/log-request/batch", body: "[" + noMethod + "," + item + "]", status: 200, taken: 1},
		{name: "no response", path: "/api/v1/log-request/batch", body: "[" + item + "," + noResponse + "]", status: 500},
		{name: "no response in v2", path: "/api/v2/log-request/batch", body: "[" + v2 + "," + noResponse + "]", status: 200, taken: 1},
		{name: "nothing in v2", path: "/api/v2/log-request/batch", body: "[{}]", status: 200},
		{name: "a header without a name", path: "/api/v1/log-request/batch", body: "[" + item + "," + unnamed + "]", status: 500},
		{name: "a failing session", path: "/api/v1/log-request/batch", body: "[" + item + "," + basic + "," + item + "]", status: 500, taken: 1},
	} {
		fake := Vendor.New(backendtest.Settings{})
		if tt.method == "" {
			tt.method = http.MethodPost
		}
		r := httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body))
		r.Header.Set("Authorization", "metlo.key")
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("User-Agent", "test/1")
		if tt.header[0] != "" {
			r.Header.Set(tt.header[0], tt.header[1])
		}
		w := httptest.NewRecorder()
		fake.ServeHTTP(w, r)
		stats := fake.Stats()
		if w.Code != tt.status || stats.Accepted != tt.taken || (stats.Violations == 0) != tt.sound {
			t.Errorf("%s: %d, %+v, want %d and %d taken: %q", tt.name, w.Code, stats, tt.status, tt.taken, fake.Violations())
		}
	}
}
