// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guard_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/apispan/apispan/instrumentation/guard"
	"github.com/apispan/apispan/instrumentation/httpcapture"
)

func Example() {
	// In a service: rules, err := guard.HTTP("http://127.0.0.1:8091/v1/policy")
	rules, err := guard.Parse(
		[]byte(`[{"_id": "quota", "type": "user", "block": true,
			"response": {"status": 429, "headers": {"X-Quota": "{{limit}}"}, "body": {"error": "{{limit}} calls are used up"}}}]`),
		[]byte(`{"user_rules": {"u-17": [{"rules": "quota", "values": {"limit": "1000"}}]}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	capture := []httpcapture.Option{httpcapture.WithIdentityFrom(httpcapture.FieldUserID, httpcapture.FromHeader("X-User"))}
	mux := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "served") })
	h := httpcapture.NewHandler(
		guard.Handler(mux, guard.Static(rules), guard.WithCaller(capture...), guard.WithMode(guard.Enforce)),
		"shop", capture...)

	for _, user := range []string{"u-16", "u-17"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("X-User", user)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Println(user, w.Code, w.Header().Get("X-Quota"), w.Body)
	}
	// Output:
	// u-16 200  served
	// u-17 429 1000 {"error":"1000 calls are used up"}
}
