// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSummarize(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, backend, event string
		want                 summary
	}{
		{
			name: "moesif", backend: "moesif",
			event: `{"request":{"time":"2026-01-31T10:11:12.345Z","uri":"https://shop.example.com/orders?x=1","verb":"POST",
				"headers":{"authorization":"[REDACTED]","accept":"*/*"},
				"body":{"items":[{"card":"[REDACTED]"}],"user":"hmac:k1:abc"},"transfer_encoding":"json"},
				"response":{"time":"2026-01-31T10:11:12.389Z","status":201,"body":"YT1bUkVEQUNURURd","transfer_encoding":"base64"},
				"user_id":"u-1","direction":"Outgoing"}`,
			want: summary{
				Backend: "moesif", Method: "POST", URL: "/orders?x=1", Who: "u-1", Outgoing: true, Status: 201, Millis: 44,
				Redacted: []string{"request.authorization", "request.body.items.card", "request.body.user", "response.body"},
			},
		},
		{
			name: "readme", backend: "readme",
			event: `{"group":{"id":"x","label":"Ada"},"request":{"log":{"entries":[{"time":7,
				"request":{"method":"GET","url":"https://h/a","headers":[{"name":"cookie","value":"[REDACTED]"}],
				"postData":{"text":"{\"password\":\"[REDACTED]\"}"}},
				"response":{"status":404,"content":{"text":"plain"}}}]}}}`,
			want: summary{
				Backend: "readme", Method: "GET", URL: "/a", Who: "Ada", Status: 404, Millis: 7,
				Redacted: []string{"request.body.password", "request.cookie"},
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := summarize(tc.backend, []byte(tc.event))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			if line := got.String(); strings.Contains(line, "\n") {
				t.Errorf("more than one line: %q", line)
			}
		})
	}
}

func TestDemoSeconds(t *testing.T) {
	t.Parallel()
	for in, ok := range map[string]bool{"": true, "20": true, "0": false, "-1": false, "20s": false, "99999": false} {
		if _, err := demoSeconds(in); (err == nil) != ok {
			t.Errorf("demoSeconds(%q): %v", in, err)
		}
	}
}
