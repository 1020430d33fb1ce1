// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// checkSpan checks the span of an exchange against what went through the handler.
func checkSpan(t *testing.T, sp sdktrace.ReadOnlySpan, e *exchange, s *stage) {
	t.Helper()
	if n := len(sp.Attributes()); n > 128 || sp.DroppedAttributes() > 0 {
		t.Errorf("%d attributes, %d dropped", n, sp.DroppedAttributes())
	}
	encoded := len(s.r.Header["Content-Encoding"]) > 0
	for _, kv := range sp.Attributes() {
		switch kv.Value.Type() {
		case attribute.STRING:
			if !utf8.ValidString(kv.Value.AsString()) {
				t.Errorf("%s is not UTF-8", kv.Key)
			}
		case attribute.STRINGSLICE:
			for _, v := range kv.Value.AsStringSlice() {
				if !utf8.ValidString(v) || strings.Contains(v, "secret ") {
					t.Errorf("%s = %q", kv.Key, v)
				}
			}
		}
		var (
			body    string
			atLeast int
		)
		switch kv.Key {
		case "http.request.body.content":
			if encoded || s.parsed {
				continue
			}
			body = s.got.String()
			atLeast = len(body)
		case "http.response.body.content":
			if s.encoded || s.hijacked || s.failed {
				continue
			}
			body = s.sent.String()
			if !s.announced { // or what is beyond that length does not count
				atLeast = len(body)
			}
		default:
			continue
		}
		content := kv.Value.AsString()
		if kv.Value.Type() == attribute.BYTESLICE {
			content = string(kv.Value.AsByteSlice())
		}
		if !strings.HasPrefix(body, content) || len(content) < min(atLeast, httpcapture.DefaultMaxBodySize)-3 {
			t.Errorf("%s: %d bytes of %d, or not the right ones", kv.Key, len(content), len(body))
		}
	}
}
