// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"strings"
	"testing"
)

// The preset for models takes what is said and leaves what is counted, in the bodies
// of several APIs and in attributes.
func TestPresetGenAI(t *testing.T) {
	t.Parallel()
	src, _ := Preset("gen-ai")
	p := compile(t, string(src))
	if w := p.Warnings(); len(w) > 0 {
		t.Errorf("%q", w)
	}
	for _, tt := range []struct{ contentType, in, kept string }{
		{"application/json", `{"model":"m-1","messages":[{"role":"user","content":"S3CR3T"},{"role":"user","content":[{"type":"text","text":"S3CR3T"}]}],"max_tokens":100}`, `"model":"m-1" "role":"user" "max_tokens":100`},
		{"application/json", `{"messages":[{"role":"assistant","tool_calls":[{"id":"c1","function":{"name":"pay","arguments":"{\"to\":\"S3CR3T\"}"}}]}]}`, `"name":"pay" "id":"c1"`},
		{"application/json", `{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"S3CR3T"},"logprobs":{"content":[{"token":"S3CR3T"}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"total_tokens":12}}`, `"finish_reason":"stop" "prompt_tokens":9 "total_tokens":12`},
		{"text/event-stream", "data: {\"choices\":[{\"delta\":{\"content\":\"S3CR3T\"}}],\"model\":\"m\"}\n\ndata: [DONE]\n\n", `"model":"m"`},
		{"application/json", `{"model":"m","input":[{"role":"user","content":"S3CR3T"}],"instructions":"S3CR3T"}`, `"model":"m"`},
		{"application/json", `{"output":[{"type":"message","content":[{"text":"S3CR3T"}]}],"usage":{"input_tokens":3}}`, `"input_tokens":3`},
		{"application/json", `{"model":"m","system":"S3CR3T","messages":[{"role":"assistant","content":[{"type":"tool_use","name":"pay","input":{"to":"S3CR3T"}}]}]}`, `"model":"m"`},
		{"application/json", `{"type":"message","content":[{"type":"text","text":"S3CR3T"}],"stop_reason":"end_turn"}`, `"stop_reason":"end_turn"`},
		{"application/json", `{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"S3CR3T"}}`, `"type":"content_block_delta"`},
		{"application/json", `{"contents":[{"parts":[{"text":"S3CR3T"}]}]}`, `contents`},
		{"application/json", `{"candidates":[{"content":{"parts":[{"text":"S3CR3T"}]},"finishReason":"STOP"}]}`, `"finishReason":"STOP"`},
		{"application/json", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{"to":"S3CR3T"}}}`, `"method":"tools/call" "name":"pay"`},
		{"application/json", `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"S3CR3T"}],"structuredContent":{"a":"S3CR3T"},"isError":false}}`, `"isError":false`},
		{"application/json", `[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{"to":"S3CR3T"}}}]`, `"name":"pay"`},
	} {
		s := p.NewScratch()
		s.Begin(Exchange{RequestContentType: tt.contentType})
		got, _ := s.Body(Request, tt.in)
		s.Release()
		if strings.Contains(got, "S3CR3T") {
			t.Errorf("%s: %s", tt.in, got)
		}
		for k := range strings.FieldsSeq(tt.kept) {
			if !strings.Contains(got, k) {
				t.Errorf("%s: no %s in %s", tt.in, k, got)
			}
		}
	}
	s := p.NewScratch()
	defer s.Release()
	for key, hidden := range map[string]bool{
		"gen_ai.input.messages": true, "gen_ai.output.messages": true, "gen_ai.prompt.0.content": true, "gen_ai.completion.1.content": true, "gen_ai.tool.call.arguments": true,
		"gen_ai.tool.call.result": true, "mcp.request.argument.to": true, "input.value": true, "traceloop.entity.output": true, "llm.input_messages.0.message.content": true,
		"gen_ai.request.model": false, "gen_ai.usage.input_tokens": false, "gen_ai.prompt.0.role": false, "gen_ai.tool.name": false, "mcp.method.name": false, "gen_ai.operation.name": false,
	} {
		if got, _ := s.Attribute(key, "S3CR3T"); (got != "S3CR3T") != hidden {
			t.Errorf("%s: %s", key, got)
		}
	}
}
