// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package moesiftest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
)

// TestEntities: the fake takes what is sound and refuses what is not, each
// stream at its own path.
func TestEntities(t *testing.T) {
	t.Parallel()
	const id = "5f0c2c2e-8b1a-4d3e-9a77-0123456789ab"
	for _, tt := range []struct {
		path, body string
		want       string // in a violation; empty: taken
	}{
		{"/v1/users/batch", `[{"user_id":"u"},{"user_id":"u","metadata":{"a":null}}]`, ""},
		{"/v1/users/batch", `[{"company_id":"c"}]`, "user_id: missing"},
		{"/v1/users/batch", `[{"user_id":""}]`, "user_id: empty"},
		{"/v1/users/batch", `[{"user_id":"u","modified_time":null}]`, "modified_time: not a string"},
		{"/v1/users/batch", `[{"user_id":"u","modified_time":"2026-01-31T10:11:12Z"}]`, "modified_time: not RFC 3339"},
		{"/v1/users/batch", `[{"user_id":"u","campaign":{}}]`, "campaign: empty"},
		{"/v1/users/batch", `[{"user_id":"u","campaign":{"source":"x"}}]`, `unknown field "source"`},
		{"/v1/users/batch", `[{"user_id":"u","ip_address":"203.0.113.7:80"}]`, "ip_address: not a bare IP"},
		{"/v1/users/batch", `[{"user_id":"u","email":"e"}]`, `unknown field "email"`},
		{"/v1/users/batch", `{"user_id":"u"}`, "not a bare array"},
		{"/v1/companies/batch", `[{"company_id":"c","company_domain":"example.com"}]`, ""},
		{"/v1/companies/batch", `[{"user_id":"u"}]`, "company_id: missing"},
		{"/v1/subscriptions/batch", `[{"subscription_id":"s","company_id":"c","status":"active","items":[{"plan_id":"p"}]}]`, ""},
		{"/v1/subscriptions/batch", `[{"subscription_id":"s","company_id":"c"}]`, "status: missing"},
		{"/v1/subscriptions/batch", `[{"subscription_id":"s","company_id":"c","status":"past_due"}]`, "status: not one of"},
		{"/v1/subscriptions/batch", `[{"subscription_id":"s","company_id":"c","status":"active","items":[{}]}]`, "plan_id: missing"},
		{"/v1/subscriptions/batch", `[{"subscription_id":"s","company_id":"c","status":"active","items":[]}]`, "0 elements"},
		{"/v1/actions/batch", `[{"action_name":"a","request":{"uri":"https://example.com/"},"transaction_id":"` + id + `"}]`, ""},
		{"/v1/actions/batch", `[{"action_name":"a","request":{"uri":"/x"},"transaction_id":"` + id + `"}]`, "uri: not an absolute"},
		{"/v1/actions/batch", `[{"action_name":"a","request":{"uri":"https://example.com/"}}]`, "transaction_id: missing"},
		{"/v1/orders/batch", `[{"user_id":"u"}]`, "not to"},
	} {
		fake := Vendor.New(backendtest.Settings{Credential: "id"})
		r := httptest.NewRequest(http.MethodPost, tt.path, strings.NewReader(tt.body))
		r.Header.Set("X-Moesif-Application-Id", "id")
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("User-Agent", "test/1")
		w := httptest.NewRecorder()
		fake.ServeHTTP(w, r)
		text := strings.Join(fake.Violations(), "\n")
		s := fake.Stats()
		switch {
		case tt.want == "" && (w.Code != http.StatusCreated || s.Entities == 0 || s.Accepted != 0):
			t.Errorf("%s %s: %d, %+v: %s", tt.path, tt.body, w.Code, s, text)
		case tt.want != "" && (w.Code < 400 || !strings.Contains(text, tt.want) || s.Entities != 0):
			t.Errorf("%s %s: %d, %+v: %q, want %q", tt.path, tt.body, w.Code, s, text, tt.want)
		}
	}
}
