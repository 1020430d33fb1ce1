// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package readmetest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
)

func TestCheckFindsViolations(t *testing.T) {
	t.Parallel()
	// The golden files do not name this machine's platform.
	item := backendtest.Replace(t, backendtest.Sound(t, "readme", "full"), `"comment":"arch-os/version"`, `"comment":"arm64-linux/1.26"`)
	backendtest.FindsViolations(t, Check, item, [][3]string{
		{`"_id":"5f0c2c2e-8b1a-5d3e`, `"_id":"5f0c2c2e-8b1a-7d3e`, `_id: not a UUID of version`},
		{`"_version":3`, `"_version":2`, `_version: not between`},
		{`"_version":3,`, ``, `_version: missing`},
		{`"group":{"id":"sha512-`, `"group":{"id":"md5-`, `group.id: not masked`},
		{`?-key","label"`, `?a-key","label"`, `group.id: not masked`},
		{`"label":"Owlbert"`, `"name":"Owlbert"`, `group: unknown field`},
		{`"label":"Owlbert"`, `"label":""`, `group.label: empty`},
		{`"clientIPAddress":"203.0.113.7"`, `"clientIPAddress":""`, `clientIPAddress: not a bare IP`},
		{`"development":false`, `"development":"no"`, `development: not a boolean`},
		{`"version":"1.2"`, `"version":"1.1"`, `request.log.version: not one of`},
		{`"name":"readme-metrics (apispan)"`, `"name":"apispan"`, `creator.name: not readme-metrics`},
		{`"comment":"arm64-linux/1.26"`, `"comment":"x"`, `creator.comment: not`},
		{`"entries":[{`, `"entries":[{},{`, `entries: 2 elements`},
		{`"pageref":"https://api.example.com/v1`, `"pageref":"/v1`, `pageref: not scheme`},
		{`/v1/users/{id}"`, `/v1/users/{id}?x"`, `pageref: not scheme`},
		{`"startedDateTime":"2026-01-31T10:11:12.345Z"`, `"startedDateTime":1769854272345`, `startedDateTime: not a string`},
		{`"time":43`, `"time":43.5`, `time: not an integer`},
		{`"method":"POST"`, `"method":""`, `request.method: empty`},
		{`"httpVersion":"HTTP/1.1"`, `"httpVersion":"1.1"`, `httpVersion: not an HTTP version`},
		{`{"name":"x","value":"1"}`, `{"name":"x","value":1}`, `queryString[0].value: not a string`},
		{`"cookies":[]`, `"cookies":[{}]`, `cookies: 1 elements`},
		{`"headersSize":-1`, `"headersSize":-2`, `headersSize: not between`},
		{`"mimeType":"application/json","text"`, `"mimeType":"application/json; a=b","text"`, `postData.mimeType: not a media type`},
		{`"postData":{`, `"postData":null,"x":{`, `postData: not an object`},
		{`"text":"{\"a\":1}"`, `"params":[{"name":"a"}]`, `params[0].value: missing`},
		{`"status":200`, `"status":0`, `response.status: not between`},
		{`"redirectURL":"",`, ``, `redirectURL: missing`},
		{`"size":38`, `"size":"38"`, `content.size: not an integer`},
		{`"cache":{}`, `"cache":{"x":1}`, `cache: unknown field`},
		{`"wait":0`, `"wait":1`, `timings.wait: not between`},
	})
}

func TestCredential(t *testing.T) {
	t.Parallel()
	fake := Vendor.New(backendtest.Settings{Credential: "key"})
	for credential, want := range map[string]int{"key:": 202, "key:x": 401, "other:": 401, ":": 401} {
		w := httptest.NewRecorder()
		body := backendtest.Replace(t, backendtest.Sound(t, "readme", "full"), `"arch-os/version"`, `"arm64-linux/1.26"`)
		r := httptest.NewRequest(http.MethodPost, "/v1/request", strings.NewReader("["+string(body)+"]"))
		user, password, _ := strings.Cut(credential, ":")
		r.SetBasicAuth(user, password)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("User-Agent", "test/1")
		fake.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%q: %d, want %d: %q", credential, w.Code, want, fake.Violations())
		}
	}
}
