// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"encoding/base64"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// TestShapesOfProducers: in whatever shape a producer writes headers and bodies, rules for
// header fields and for paths of bodies hold: what an exporter reads is redacted.
func TestShapesOfProducers(t *testing.T) {
	t.Parallel()
	const secret, path = "hunter2hunter2", "ada-path-value"
	r := redactorFor(t, `
policy:
  version: 1
  preset: default
  keys: { deny: ["$.person.nick", "$.owner"] }
`, nil)
	body := map[string]any{"password": secret, "person": map[string]any{"nick": path}, "kept": "yes"}
	list := []any{map[string]any{"password": secret}}
	text := `{"password":"` + secret + `","person":{"nick":"` + path + `"},"kept":"yes"}`
	for name, tc := range map[string]struct {
		attrs map[string]any
		event string
	}{
		"JSON text":          {map[string]any{"http.request.headers": `{"Authorization":"Bearer ` + secret + `","x-kept":"yes"}`}, ""},
		"JSON text of lists": {map[string]any{"http.request.headers": `{"cookie":["sid=` + secret + `"],"x-kept":["yes"]}`}, ""},
		"lines":              {map[string]any{"http.request.headers": []any{"authorization: Bearer " + secret, "x-kept: yes"}}, ""},
		"taking turns":       {map[string]any{"http.request.headers": []any{"x-kept", "yes", "x-api-key", secret}, "kept": "yes"}, ""},
		"one text of lines":  {map[string]any{"http.request.header": "authorization: Bearer " + secret + "\r\nx-kept: yes"}, ""},
		"pairs":              {map[string]any{"http.request.headers": []any{map[string]any{"name": "x-api-key", "value": secret}, map[string]any{"name": "x-kept", "value": "yes"}}}, ""},
		"pairs of two":       {map[string]any{"http.request.headers": []any{[]any{"x-api-key", secret}, []any{"x-kept", "yes"}}}, ""},
		"a map":              {map[string]any{"http.request.headers": map[string]any{"X-Api-Key": secret, "x-kept": "yes"}}, ""},
		"array as JSON text": {map[string]any{"http.request.header.cookie": `["sid=` + secret + `"]`, "http.request.header.x-kept": "yes"}, ""},
		"names and values": {map[string]any{
			"levo.http.request.header.names": []any{"Authorization", "x-kept"}, "levo.http.request.header.values": []any{"Bearer " + secret, "yes"},
		}, ""},
		"more values than names": {map[string]any{
			"levo.http.response.header.names": []any{"x-kept"}, "levo.http.response.header.values": []any{"yes", secret}, "levo.span.type": "RESPONSE_ROOT",
		}, ""},
		"values without names": {map[string]any{"levo.http.request.header.values": []any{secret}, "kept": "yes"}, ""},
		"names and values as maps": {map[string]any{
			"levo.http.request.header.names": map[string]any{"a": "x"}, "levo.http.request.header.values": map[string]any{"a": secret}, "kept": "yes",
		}, ""},
		"names and values beside fields": {map[string]any{
			"http.request.headers":           `{"x-kept":"yes"}`,
			"levo.http.request.header.names": []any{"cookie"}, "levo.http.request.header.values": []any{"sid=" + secret},
		}, ""},
		"body of pieces":      {map[string]any{"levo.http.request.body.buffers": []any{text[:25], text[25:]}}, ""},
		"body of one piece":   {map[string]any{"levo.http.response.body.buffers": []any{`{"owner":"` + path + `","kept":"yes"}`}}, ""},
		"body of bytes":       {map[string]any{"levo.http.request.body.buffers": []any{[]byte(text)}}, ""},
		"body in base64":      {map[string]any{"http.request.body.base64": base64.StdEncoding.EncodeToString([]byte(text))}, ""},
		"flattened body":      {map[string]any{"http.request.body.password": secret, "http.request.body.kept": "yes"}, ""},
		"body as a map":       {map[string]any{"http.request.body": body}, ""},
		"body as a list":      {map[string]any{"http.request.body": list, "kept": "yes"}, ""},
		"event http.request":  {map[string]any{"http.request.body": text, "http.request.headers": `{"authorization":"Bearer ` + secret + `"}`}, "http.request"},
		"event with a map":    {map[string]any{"http.request.body": body}, "http.request"},
		"payload of request":  {map[string]any{"payload.phase": "REQUEST", "payload.body": text}, "payload"},
		"payload of response": {map[string]any{"payload.phase": "RESPONSE", "payload.body": `{"owner":"` + path + `","kept":"yes","token":"` + secret + `"}`}, "payload"},
		"payload as a map":    {map[string]any{"payload.phase": "response", "payload.body": map[string]any{"owner": path, "kept": "yes", "token": secret}}, "payload"},
	} {
		td, span := newSpan()
		span.Attributes().PutStr("http.request.method", "POST")
		into := span.Attributes()
		if tc.event != "" {
			e := span.Events().AppendEmpty()
			e.SetName(tc.event)
			into = e.Attributes()
		}
		for k, v := range tc.attrs {
			if err := into.PutEmpty(k).FromRaw(v); err != nil {
				t.Fatal(err)
			}
		}
		out, err := new(ptrace.JSONMarshaler).MarshalTraces(r.mustTraces(t, td))
		if err != nil {
			t.Fatal(err)
		}
		s := string(out)
		if strings.Contains(s, secret) || strings.Contains(s, path) || !strings.Contains(s, "yes") {
			t.Errorf("%s: %s", name, s)
		}
	}
}
