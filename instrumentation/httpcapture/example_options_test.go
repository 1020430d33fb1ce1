// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// exampleCall serves one request with options.
func exampleCall(r *http.Request, opts ...httpcapture.Option) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		httpcapture.SetMetadata(r.Context(), "plan", "free")
		if r.URL.Path == "/fails" {
			w.WriteHeader(http.StatusBadGateway)
		}
		_, _ = io.Copy(w, r.Body)
	})
	httpcapture.NewHandler(h, "shop", opts...).ServeHTTP(httptest.NewRecorder(), r)
}

func examplePost(path, body string, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// Bodies of failed exchanges only, 4 bytes of each.
func ExampleWithBodies() {
	provider, show := exampleProvider()
	opts := []httpcapture.Option{
		httpcapture.WithTracerProvider(provider),
		httpcapture.WithBodies(httpcapture.BodiesOnError),
		httpcapture.WithMaxBodySize(4),
	}
	exampleCall(examplePost("/works", `{"a":1}`), opts...)
	show("http.request.body.content")
	exampleCall(examplePost("/fails", `{"a":1}`), opts...)
	show("http.request.body.content", "apispan.request.body.truncated")
	// Output:
	// http.request.body.content is not recorded
	// http.request.body.content: {"a"
	// apispan.request.body.truncated: true
}

// All header fields. Credentials are never recorded as they are.
func ExampleWithAllHeaders() {
	provider, show := exampleProvider()
	exampleCall(examplePost("/", "", "Authorization", "Bearer abc", "X-Tenant", "t1"),
		httpcapture.WithTracerProvider(provider),
		httpcapture.WithAllHeaders())
	show("http.request.header.authorization", "http.request.header.x-tenant")
	// Output:
	// http.request.header.authorization: ["[REDACTED]"]
	// http.request.header.x-tenant: ["t1"]
}

// Single header fields, by name or beginning.
func ExampleWithRequestHeaders() {
	provider, show := exampleProvider()
	exampleCall(examplePost("/", "", "X-Tenant", "t1", "X-Other", "o"),
		httpcapture.WithTracerProvider(provider),
		httpcapture.WithRequestHeaders("Content-Type", "X-Ten*"))
	show("http.request.header.x-tenant", "http.request.header.x-other")
	// Output:
	// http.request.header.x-tenant: ["t1"]
	// http.request.header.x-other is not recorded
}

// The header selection of OpenTelemetry's declarative configuration.
func ExampleFromDeclarativeConfig() {
	document := []byte(`
instrumentation/development:
  general:
    http:
      server:
        request_captured_headers: [X-Tenant]
`) // os.ReadFile(os.Getenv("OTEL_CONFIG_FILE"))
	provider, show := exampleProvider()
	exampleCall(examplePost("/", "", "X-Tenant", "t1"),
		httpcapture.WithTracerProvider(provider),
		httpcapture.FromDeclarativeConfig(document))
	show("http.request.header.x-tenant")
	// Output:
	// http.request.header.x-tenant: ["t1"]
}

// Who called, read from the request without code.
func ExampleWithIdentityFrom() {
	provider, show := exampleProvider()
	exampleCall(examplePost("/", `{"account":{"id":"c-9"}}`, "X-User-Id", "u-17"),
		httpcapture.WithTracerProvider(provider),
		httpcapture.WithIdentityFrom(httpcapture.FieldUserID, httpcapture.FromJWT("sub"), httpcapture.FromHeader("X-User-Id")),
		httpcapture.WithIdentityFrom(httpcapture.FieldCompanyID, httpcapture.FromJSONBody("account.id")))
	show("user.id", "apispan.company.id")
	// Output:
	// user.id: u-17
	// apispan.company.id: c-9
}

// Metadata from the exchange, beside what SetMetadata said in the handler.
func ExampleWithMetadata() {
	provider, show := exampleProvider()
	exampleCall(examplePost("/", "", "X-Region", "eu"),
		httpcapture.WithTracerProvider(provider),
		httpcapture.WithMetadata(func(ex httpcapture.Exchange) map[string]any {
			return map[string]any{"region": ex.Request.Header.Get("X-Region"), "failed": ex.StatusCode >= 500}
		}))
	show("apispan.metadata.region", "apispan.metadata.failed", "apispan.metadata.plan")
	// Output:
	// apispan.metadata.region: eu
	// apispan.metadata.failed: false
	// apispan.metadata.plan: free
}

// Leaving exchanges out of analytics; their spans stay.
func ExampleWithSkip() {
	provider, show := exampleProvider()
	exampleCall(examplePost("/", `{"a":1}`),
		httpcapture.WithTracerProvider(provider),
		httpcapture.WithBodies(httpcapture.BodiesAll),
		httpcapture.WithSkip(func(ex httpcapture.Exchange) bool { return ex.StatusCode < 400 }))
	show("apispan.skip", "http.request.body.content", "http.response.status_code")
	// Output:
	// apispan.skip: true
	// http.request.body.content is not recorded
	// http.response.status_code: 200
}

// The address of the client, as far as trusted proxies state it.
func ExampleWithTrustedProxies() {
	provider, show := exampleProvider()
	r := examplePost("/", "", "X-Forwarded-For", "1.1.1.1, 203.0.113.7, 10.0.0.2")
	r.RemoteAddr = "10.0.0.1:4711"
	exampleCall(r,
		httpcapture.WithTracerProvider(provider),
		httpcapture.WithTrustedProxies("10.0.0.0/8"))
	show("client.address")
	// Output:
	// client.address: 203.0.113.7
}

// Mistakes in options, all at once, to stop a program that starts with them.
func ExampleValidate() {
	fmt.Println(httpcapture.Validate(
		httpcapture.WithContentTypes("json"),
		httpcapture.WithTrustedProxies("10.0.0.0/33")) != nil)
	// Output:
	// true
}
