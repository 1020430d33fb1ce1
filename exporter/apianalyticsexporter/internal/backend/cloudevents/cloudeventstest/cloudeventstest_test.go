// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cloudeventstest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
)

const sound = `{"specversion":"1.0","id":"1","source":"shop","type":"request","subject":"acme","time":"2026-01-31T10:11:12.345Z",` +
	`"datacontenttype":"application/json","data":{"method":"GET","direction":"incoming","duration_ms":1.5,"weight":1}}`

// TestCheck: a sound event passes, and each change of it does not.
func TestCheck(t *testing.T) {
	t.Parallel()
	if p := OpenMeter([]byte(sound)); p != nil {
		t.Fatal(p)
	}
	if p := Check([]byte(strings.Replace(sound, `"id"`, `"traceparent":"00-1-2-01","id"`, 1))); p != nil {
		t.Errorf("an extension: %v", p)
	}
	for old, bad := range map[string]string{
		`"specversion":"1.0"`:                  `"specversion":"0.3"`,
		`"specversion":"1.0",`:                 ``,
		`"id":"1"`:                             `"id":""`,
		`"id":"1",`:                            ``,
		`"source":"shop"`:                      `"source":""`,
		`"source":"shop",`:                     `"source":"a b",`,
		`"source":"shop","type"`:               `"source":"%zz","type"`,
		`"type":"request"`:                     `"type":7`,
		`"type":"request",`:                    `"type":"a\u0001",`,
		`"subject":"acme"`:                     `"subject":""`,
		`"subject":"acme",`:                    `"subject":"\ufffe",`,
		`"time":"2026-01-31T10:11:12.345Z"`:    `"time":"2026-01-31 10:11:12"`,
		`"datacontenttype":"application/json"`: `"dataContentType":"application/json"`,
		`"method":"GET"`:                       `"method":"GET","path":"/users/7"`,
		`"weight":1`:                           `"weight":0`,
		`"duration_ms":1.5`:                    `"duration_ms":"1.5"`,
		`"data":{`:                             `"data_base64":"e30=","data":{`,
		`"id":"1","source"`:                    `"id":"1","my_extension":"x","source"`,
		`"id":"1","source":`:                   `"id":"1","id":"1","source":`,
		`"direction":"incoming"`:               `"direction":"incoming","metadata":{"a.b":1}`,
		`"direction":"incoming",`:              `"direction":"incoming","metadata":{"a":[1]},`,
	} {
		if !strings.Contains(sound, old) {
			t.Fatalf("%s is not there", old)
		}
		if p := Check([]byte(strings.Replace(sound, old, bad, 1))); len(p) == 0 {
			t.Errorf("%s passes", bad)
		}
	}
	if p := OpenMeter([]byte(strings.Replace(sound, `"subject":"acme",`, "", 1))); len(p) == 0 {
		t.Error("OpenMeter takes an event without a subject")
	}
}

// TestScope: one id of two sources is two events, and of one source one.
func TestScope(t *testing.T) {
	t.Parallel()
	fake := Vendor.New(backendtest.Settings{})
	other := strings.Replace(sound, `"source":"shop"`, `"source":"mail"`, 1)
	for _, body := range []string{"[" + sound + "," + other + "]", "[" + sound + "]"} {
		r := httptest.NewRequest(http.MethodPost, "http://meter.example/api/v1/events", strings.NewReader(body))
		r.Header.Set("Content-Type", mediaType)
		r.Header.Set("User-Agent", "test")
		w := httptest.NewRecorder()
		fake.ServeHTTP(w, r)
		if w.Code != http.StatusNoContent {
			t.Fatal(w.Code, fake.Violations())
		}
	}
	if s := fake.Stats(); s.Accepted != 2 || s.Duplicates != 1 {
		t.Errorf("%+v", s)
	}
}
