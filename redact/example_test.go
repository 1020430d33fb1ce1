// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact_test

import (
	"fmt"

	"github.com/apispan/apispan/redact"
)

func Example() {
	p, err := redact.Compile([]byte(`
version: 1
keys:
  deny: [delivery_note]
`))
	if err != nil {
		fmt.Println(err) // line, field, what is wrong, how to fix it
		return
	}
	s := p.NewScratch() // one per goroutine; pooled
	defer s.Release()
	s.Begin(redact.Exchange{Method: "POST", RequestContentType: "application/json"})

	body, effect := s.Body(redact.Request, `{"city":"Paris","deliveryNote":"ring twice","password":12345}`)
	fmt.Println(body, effect == redact.Changed)
	query, _ := s.Query("page=2&access_token=abc")
	fmt.Println(query)
	for _, c := range s.Counts() {
		fmt.Println(c.N, c.Place, c.Action, c.Rule)
	}
	// Output:
	// {"city":"Paris","deliveryNote":"[REDACTED]","password":"[REDACTED]"} true
	// page=2&access_token=[REDACTED]
	// 1 request_body mask deny:delivery_note
	// 1 request_body mask default:*password*
	// 1 query mask default:*token
}

func ExampleScratch_Attribute() {
	p, err := redact.Compile([]byte("preset: default"))
	if err != nil {
		fmt.Println(err)
		return
	}
	s := p.NewScratch()
	defer s.Release()
	for _, a := range [][2]string{
		{"http.request.header.authorization", "Bearer abc"},
		{"url.full", "https://shop.example/cb?code=xyz&state=af0ifjsldkj"},
		{"client.address", "203.0.113.57"},
		{"http.route", "/orders/{id}"},
	} {
		value, effect := s.Attribute(a[0], a[1])
		fmt.Println(a[0], value, effect != redact.Unchanged)
	}
	// Output:
	// http.request.header.authorization [REDACTED] true
	// url.full https://shop.example/cb?code=[REDACTED]&state=[REDACTED] true
	// client.address 203.0.113.0 true
	// http.route /orders/{id} false
}

func ExampleCompile_error() {
	_, err := redact.Compile([]byte("keys:\n  dney: [password]\n"))
	fmt.Println(err)
	// Output:
	// redact: line 2: keys.dney: unknown field (did you mean deny?); known here: allow, deny, drop, encrypt, except, hmac, truncate
}
