// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/apispan/apispan/instrumentation/httpcapture"
	"github.com/apispan/apispan/redact"
)

// A policy inside the service: what it masks never leaves the process.
func ExampleWithPolicy() {
	policy, err := redact.Compile([]byte(`
version: 1
keys:
  deny: ["*password*", $.customer.address..]
`))
	if err != nil {
		panic(err) // names the line, the field and the remedy
	}
	provider, show := exampleProvider()
	exampleCall(examplePost("/", `{"user":"ada","password":"hunter2","customer":{"address":{"city":"Rome"}}}`),
		httpcapture.WithTracerProvider(provider),
		httpcapture.WithBodies(httpcapture.BodiesAll),
		httpcapture.WithPolicy(policy))
	show("http.request.body.content")
	// Output:
	// http.request.body.content: {"user":"ada","password":"[REDACTED]","customer":{"address":"[REDACTED]"}}
}

// The id of the event in a response header, as Moesif's SDKs do with theirs. On
// the span it is apispan.event.id.
func ExampleWithEventIDHeader() {
	provider, _ := exampleProvider()
	h := httpcapture.NewHandler(http.NotFoundHandler(), "shop",
		httpcapture.WithTracerProvider(provider),
		httpcapture.WithEventIDHeader("X-Moesif-Transaction-Id"))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, examplePost("/", ""))
	id := w.Header().Get("X-Moesif-Transaction-Id")
	fmt.Println(len(id), "characters")
	// Output:
	// 36 characters
}

// A link to the log of the call in each response, as ReadMe's SDKs do.
func ExampleWithEventIDPrefix() {
	provider, _ := exampleProvider()
	h := httpcapture.NewHandler(http.NotFoundHandler(), "shop",
		httpcapture.WithTracerProvider(provider),
		httpcapture.WithEventIDHeader("X-Documentation-Url"),
		httpcapture.WithEventIDPrefix("https://docs.example.com/logs/"))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, examplePost("/", ""))
	link := w.Header().Get("X-Documentation-Url")
	fmt.Println(strings.HasPrefix(link, "https://docs.example.com/logs/"), len(link))
	// Output:
	// true 66
}

// All bodies that are in progress together hold 16 bytes at most. What does not fit is
// not recorded, and counted; the call itself goes on.
func ExampleWithMemoryBudget() {
	provider, show := exampleProvider()
	opts := []httpcapture.Option{
		httpcapture.WithTracerProvider(provider),
		httpcapture.WithBodies(httpcapture.BodiesAll),
		httpcapture.WithMemoryBudget(16),
	}
	exampleCall(examplePost("/", `{"a":1}`), opts...)
	show("http.request.body.content")
	exampleCall(examplePost("/", `{"text":"longer than the budget"}`), opts...)
	show("http.request.body.content", "http.response.status_code")
	// Output:
	// http.request.body.content: {"a":1}
	// http.request.body.content is not recorded
	// http.response.status_code: 200
}

// A pseudonym of the credential, so that sessions can be told apart without it.
func ExampleWithSessionKey() {
	provider, show := exampleProvider()
	exampleCall(examplePost("/", "", "Authorization", "Basic dXNlcjpwYXNz"),
		httpcapture.WithTracerProvider(provider),
		httpcapture.WithSessionKey([]byte("test-encryption-key"), // 32 random bytes
			httpcapture.SessionFromBasic(), httpcapture.SessionFromCookie("sid")))
	show("apispan.session.key", "apispan.session.auth_type")
	// Output:
	// apispan.session.key: Qr3GKrgByxezgsNJEYvgT9qi0cgj3+782ZaPwByVw3E=
	// apispan.session.auth_type: basic
}

// The header selection from the environment.
func ExampleFromEnv() {
	const variable = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST"
	if err := os.Setenv(variable, "X-Tenant, X-Client-*"); err != nil { // by whoever starts the program
		panic(err)
	}
	defer os.Unsetenv(variable)

	provider, show := exampleProvider()
	exampleCall(examplePost("/", "", "X-Tenant", "t1", "X-Client-Version", "7", "X-Other", "o"),
		httpcapture.WithTracerProvider(provider),
		httpcapture.FromEnv())
	show("http.request.header.x-tenant", "http.request.header.x-client-version", "http.request.header.x-other")
	// Output:
	// http.request.header.x-tenant: ["t1"]
	// http.request.header.x-client-version: ["7"]
	// http.request.header.x-other is not recorded
}

// The owner of the API key, without code: ReadMe's mask of the key, never the key.
func ExampleFromAPIKey() {
	provider, show := exampleProvider()
	exampleCall(examplePost("/", "", "Authorization", "Bearer owlbert-api-key"),
		httpcapture.WithTracerProvider(provider),
		httpcapture.WithIdentityFrom(httpcapture.FieldConsumerID, httpcapture.FromAPIKey()))
	show("apispan.consumer.id")
	// Output:
	// apispan.consumer.id: sha512-u2GbQ83jIqNa+a8v110+8IDztQQr4joL1xSE+wFH51zSOA1qQKPwOC8t2n2LWJQA1mX4ZLZ45SEokITzLed/ow==?-key
}

// Outgoing calls to some hosts only.
func ExampleWithSkipRequest() {
	provider, show := exampleProvider()
	partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "paid") }))
	defer partner.Close()

	client := &http.Client{Transport: httpcapture.NewTransport(nil,
		httpcapture.WithTracerProvider(provider),
		httpcapture.WithBodies(httpcapture.BodiesAll),
		httpcapture.WithSkipRequest(func(r *http.Request) bool {
			return strings.HasSuffix(r.URL.Hostname(), ".internal.example.com") || r.URL.Path == "/token"
		}))}
	for _, path := range []string{"/charge", "/token"} {
		res, err := client.Get(partner.URL + path)
		if err != nil {
			panic(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		show("http.response.body.content", "apispan.skip")
	}
	// Output:
	// http.response.body.content: paid
	// apispan.skip is not recorded
	// http.response.body.content is not recorded
	// apispan.skip: true
}
