// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"strings"
	"testing"

	"github.com/apispan/apispan/instrumentation/httpcapture"
	"github.com/apispan/apispan/redact"
)

// Computed with sha512sum and base64.
const (
	maskOwlbert = "sha512-u2GbQ83jIqNa+a8v110+8IDztQQr4joL1xSE+wFH51zSOA1qQKPwOC8t2n2LWJQA1mX4ZLZ45SEokITzLed/ow==?-key"
	maskShort   = "sha512-lcia3d5QY1fsXv0O5BrCQe/W+xAJp2gMFQHqgXA0K4y/Dy2Ti1YpVJDxnx/F+ijQmxWE6qCcmmsvd3YjKZzVIQ==?"
)

func TestFromAPIKey(t *testing.T) {
	t.Parallel()
	const key = "owlbert-api-key"
	for _, tt := range []struct {
		name   string
		target string
		header []string
		want   any
	}{
		{"bearer", "/", []string{"Authorization", "bearer  " + key}, maskOwlbert},
		{"basic user", "/", []string{"Authorization", "Basic b3dsYmVydC1hcGkta2V5OnNlY3JldA=="}, maskOwlbert},
		{"authorization before others", "/?api_key=q", []string{"Authorization", "Bearer " + key, "X-Api-Key", "h"}, maskOwlbert},
		{"header", "/?api_key=q", []string{"X-Api-Key", key}, maskOwlbert},
		{"header with a name around it", "/", []string{"Acme-Api-Key-V2", key}, maskOwlbert},
		{"the first header by name", "/", []string{"Z-Api-Key", "z", "B-Api-Key", key, "X-Api-Key", "x"}, maskOwlbert},
		{"an empty header", "/", []string{"A-Api-Key", "", "X-Api-Key", key}, maskOwlbert},
		{"query", "/?a=1&api_key=owlbert%2Dapi-key", nil, maskOwlbert},
		{"query, camel case", "/?apiKey=owlbert-api-key", nil, maskOwlbert},
		{"a short key keeps its last characters", "/?api_key=s3cret", nil, maskShort},
		{"none", "/?key=k", []string{"X-Key", "k", "Authorization", "Digest " + key}, nil},
		{"an empty bearer token", "/", []string{"Authorization", "Bearer "}, nil},
		{"a key beyond reason", "/", []string{"X-Api-Key", strings.Repeat("k", 4097)}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCollector(t)
			s := serve(t, wrappings[0].wrap(c, echo, httpcapture.WithAllHeaders(),
				httpcapture.WithIdentityFrom(httpcapture.FieldConsumerID, httpcapture.FromAPIKey())))
			do(t, s.Client(), newRequest(t, "GET", s.URL+tt.target, "", tt.header...))
			attrs := c.attrs(t)
			want(t, attrs, map[string]any{"apispan.consumer.id": tt.want})
			for k, v := range attrs {
				for _, text := range flat(v) {
					if strings.Contains(text, key) {
						t.Errorf("%s holds the key", k)
					}
				}
			}
		})
	}
}

// TestFromAPIKeyUnderPolicy: the policy of the defaults leaves the mask as it is, so
// that ReadMe's groups stay those that its SDKs make.
func TestFromAPIKeyUnderPolicy(t *testing.T) {
	t.Parallel()
	policy, err := redact.Compile([]byte("version: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	c := newCollector(t)
	s := serve(t, wrappings[0].wrap(c, echo, httpcapture.WithPolicy(policy),
		httpcapture.WithIdentityFrom(httpcapture.FieldConsumerID, httpcapture.FromAPIKey())))
	do(t, s.Client(), newRequest(t, "GET", s.URL, "", "X-Api-Key", "owlbert-api-key"))
	want(t, c.attrs(t), map[string]any{"apispan.consumer.id": maskOwlbert})
}

func flat(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []string:
		return v
	}
	return nil
}
