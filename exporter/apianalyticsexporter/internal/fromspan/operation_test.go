// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// TestOperations: what a request says that it calls, in all the ways in which clients of
// JSON-RPC and GraphQL say it, and what looks like it.
func TestOperations(t *testing.T) {
	t.Parallel()
	const form = "--B\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n{\"query\":\"mutation Up($f:Upload!){up(f:$f){id}}\"}\r\n--B\r\n"
	for _, tc := range []struct{ method, path, kind, body, want string }{
		{"POST", "/mcp", "", `{"jsonrpc":"2.0","method":"notifications/initialized"}`, "notifications/initialized"},
		{"POST", "/mcp", "", `{"params":{"arguments":{"name":"z"},"name":"t"},"method":"tools/call","jsonrpc":"2.0"}`, "tools/call t"},
		{"POST", "/rpc", "", `{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[{"to":"0x"}]}`, "eth_call"},
		{"POST", "/rpc", "", `{"jsonrpc":"2.0","id":1,"method":"my password is x!"}`, ""},
		{"POST", "/rpc", "", `[]`, ""},
		{"POST", "/a", "", `{"query":"# query No {\n query A @live { a }"}`, "query A"},
		{"POST", "/a", "", `{"query":"fragment F on U { id }\nquery A($x: [Int!] = [1]) { ...F }"}`, "query A"},
		{"POST", "/a", "", `{"query":"query A{a} mutation B{b}","operationName":"B"}`, "mutation B"},
		{"POST", "/a", "", `{"query":"{ a(x:\"mutation B { b }\") }","operationName":"B"}`, "query B"},
		{"POST", "/a", "", `{"query":"{ a(x:\"\"\"query No {\"\"\") { id } }"}`, "query"},
		{"POST", "/a", "", `{"query":"query @live { a }"}`, "query"},
		{"POST", "/a", "", `{"query":"mutation rates in cancer"}`, ""},
		{"POST", "/a", "", `{"query":"shoes","operationName":"Search"}`, ""},
		{"POST", "/graphql", "", `{"operationName":"GetUser"}`, "GetUser"},
		{"POST", "/a", "", `{"operationName":"GetUser","extensions":{"persistedQuery":{"version":1,"sha256Hash":"ab"}}}`, "GetUser"},
		{"POST", "/a", "", `[{"query":"query A{a}"},{"query":"query B{b}","operationName":"B"}]`, "query A, query B"},
		{"POST", "/a", "application/graphql", `query A { a }`, "query A"},
		{"POST", "/a", "application/graphql+json; charset=utf-8", `{"query":"query A { a }"}`, "query A"},
		{"POST", "/a", "multipart/form-data; boundary=B", form, "mutation Up"},
		{"POST", "/a", "multipart/form-data; boundary=B", "--B\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n{\"query\":\"{a}\"}\r\n--B--", ""},
		{"POST", "/a", "multipart/form-data", form, ""},
		{"GET", "/graphql?query=query+A+%7Ba%7D", "", "", "query A"},
		{"GET", "/a?operationName=A&query=query%20A%20%7Ba%7D", "", "", "query A"},
		{"GET", "/a?operationName=A&extensions=%7B%22persistedQuery%22%3A%7B%7D%7D", "", "", "A"},
		{"GET", "/search?query=shoes&operationName=x", "", "", ""},
		{"GET", "/search?query=%zz", "", "", ""},
		{"GET", "/a", "", `{"query":"{a}"}`, ""},
	} {
		span := ptrace.NewSpan()
		span.SetKind(ptrace.SpanKindServer)
		a := span.Attributes()
		a.PutStr("http.request.method", tc.method)
		a.PutStr("http.target", tc.path)
		if tc.kind != "" {
			a.PutEmptySlice("http.request.header.content-type").AppendEmpty().SetStr(tc.kind)
		}
		if tc.body != "" {
			a.PutStr("http.request.body.content", tc.body)
		}
		ex, _ := Read(pcommon.NewResource(), span)
		if ex.Operation != tc.want {
			t.Errorf("%s %s %s: %q, want %q", tc.method, tc.path, tc.body, ex.Operation, tc.want)
		}
	}
}

// TestEncodedBody: a body in base64 is read, unless there is another.
func TestEncodedBody(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		first, encoded string
		plain          bool
		want           string
	}{
		{"", "eyJhIjoxfQ==", false, `{"a":1}`}, {"", "/wA=", false, "\xff\x00"}, {"", "no base64", false, ""},
		{"", "eyJhIjoxfQ==", true, "text"}, {"http.request.body", "eyJhIjoxfQ==", true, "text"},
	} {
		span := ptrace.NewSpan()
		span.SetKind(ptrace.SpanKindServer)
		a := span.Attributes()
		a.PutStr("http.request.method", "POST")
		if tc.plain && tc.first != "" {
			a.PutStr(tc.first, "text")
		}
		a.PutStr("http.request.body.base64", tc.encoded)
		if tc.plain && tc.first == "" {
			a.PutStr("http.request.body.content", "text")
		}
		ex, _ := Read(pcommon.NewResource(), span)
		if b := ex.Request.Body; b.Data != tc.want || b.Captured != (tc.want != "") || b.Binary != (tc.want == "\xff\x00") {
			t.Errorf("%+v: %+v", tc, b)
		}
	}
}
