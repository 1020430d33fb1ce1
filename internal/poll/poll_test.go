// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"net/http"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]time.Duration{
		"": 0, "2": 2 * time.Second, " 3 ": 3 * time.Second, "-1": 0, "soon": 0, "99999": MaxRetryAfter, "99999999999999": MaxRetryAfter,
		"Fri, 01 Jan 2100 03:00:00 GMT": MaxRetryAfter, "Thu, 01 Jan 1970 03:00:00 GMT": 0,
	} {
		if got, _ := RetryAfter(http.Header{"Retry-After": {v}}, time.Now()); got != want {
			t.Errorf("%q: %v, want %v", v, got, want)
		}
	}
}
