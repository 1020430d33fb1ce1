// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"cmp"
	"encoding/json"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.yaml.in/yaml/v3"

	"github.com/apispan/apispan/internal/caller/callertest"
)

// putRequest puts a request into attributes, as semconv's producers do.
func putRequest(m pcommon.Map, fields [][2]string, query, body, peer string) {
	for _, f := range fields {
		key := "http.request.header." + strings.ToLower(f[0])
		v, ok := m.Get(key)
		if !ok {
			v = m.PutEmpty(key)
			v.SetEmptySlice()
		}
		v.Slice().AppendEmpty().SetStr(f[1])
	}
	if query != "" {
		m.PutStr("url.query", query)
	}
	if body != "" {
		m.PutStr("http.request.body.content", body)
	}
	if peer != "" {
		m.PutStr("client.address", peer)
	}
}

func sourcesOf(tt callertest.Case) (out []map[string]any) {
	for _, s := range tt.Sources {
		switch {
		case s.Header != "":
			out = append(out, map[string]any{"header": s.Header})
		case s.Cookie != "":
			out = append(out, map[string]any{"cookie": s.Cookie})
		case s.Query != "":
			out = append(out, map[string]any{"query": s.Query})
		case s.Claim != "":
			out = append(out, map[string]any{"jwt": map[string]any{"claim": s.Claim, "header": cmp.Or(s.Field, "authorization")}})
		case s.BasicUser:
			out = append(out, map[string]any{"basic_user": true})
		case s.JSONBody != "":
			out = append(out, map[string]any{"json_body": s.JSONBody})
		}
	}
	return out
}

// TestCaller runs the cases that the wrapper runs, too: the attributes in three shapes.
func TestCaller(t *testing.T) {
	t.Parallel()
	for _, tt := range callertest.Cases() {
		policy := map[string]any{"version": 1, "defaults": false}
		if tt.Policy != "" {
			policy = map[string]any{}
			if err := yaml.Unmarshal([]byte(tt.Policy), &policy); err != nil {
				t.Fatal(err)
			}
		}
		target := cmp.Or(tt.Target, "user.id")
		conf := map[string]any{"policy": policy, "identity": map[string]any{target: sourcesOf(tt)}}
		if tt.Key != "" {
			conf["session_key"] = map[string]any{"key": tt.Key, "sources": []any{map[string]any{"header": "x-none"}}}
		}
		text, err := json.Marshal(conf) // which is YAML
		if err != nil {
			t.Fatal(err)
		}
		if tt.Refused {
			_, err := loadConfig(t, string(text))
			if err == nil || !strings.Contains(err.Error(), tt.Want) || !strings.Contains(err.Error(), "session_key") || !strings.Contains(err.Error(), target) {
				t.Errorf("%s: Validate: %v", tt.Name, err)
			}
			continue
		}
		body := tt.Body
		if tt.Limit > 0 {
			body = body[:tt.Limit]
		}
		r := redactorFor(t, string(text), nil)
		td, span := newSpan()
		putRequest(span.Attributes(), tt.Header, tt.Query, body, "")
		got := ""
		if v, ok := onlySpan(t, r.mustTraces(t, td)).Attributes().Get(target); ok {
			got = v.AsString()
		}
		if got != tt.Want {
			t.Errorf("%s: %s = %q, want %q", tt.Name, target, got, tt.Want)
		}
	}
}

// TestCallerSession runs the cases of sessions that the wrapper runs, too.
func TestCallerSession(t *testing.T) {
	t.Parallel()
	for _, tt := range callertest.SessionCases() {
		var ways []map[string]any
		for _, w := range tt.Ways {
			switch w.Type {
			case "basic":
				ways = append(ways, map[string]any{"basic": true})
			case "":
				ways = append(ways, map[string]any{"address": true})
			default:
				ways = append(ways, map[string]any{strings.TrimPrefix(w.Type, "session_"): w.Name})
			}
		}
		text, err := json.Marshal(map[string]any{
			"preset": "default", "session_key": map[string]any{"key": callertest.SessionKey, "sources": ways},
		})
		if err != nil {
			t.Fatal(err)
		}
		r := redactorFor(t, string(text), nil)
		td, span := newSpan()
		putRequest(span.Attributes(), tt.Header, "", "", tt.Peer)
		if key, authType := sessionOf(onlySpan(t, r.mustTraces(t, td))); key != tt.Key || authType != tt.Type {
			t.Errorf("%s: %q %q, want %q %q", tt.Name, key, authType, tt.Key, tt.Type)
		}
	}
}
