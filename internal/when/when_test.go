// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package when

import (
	"strings"
	"testing"
)

type headers map[string]string

func (h headers) Field(_ Side, name string) ([]string, bool) {
	v, ok := h[name]
	return []string{v}, ok
}

func must(t *testing.T, c Config) *Matcher {
	t.Helper()
	m, problems := Compile(c)
	if len(problems) > 0 {
		t.Fatalf("%+v: %v", c, problems)
	}
	return m
}

func TestMatch(t *testing.T) {
	t.Parallel()
	host := Config{Host: []string{"*.bank.test"}}
	order := Config{Route: []string{"/orders/{id}"}}
	server := Config{Status: []string{"5xx", "400", "420-429", ">=700"}}
	json := Config{ContentType: []string{"application/json", "*+json"}}
	tenant := Config{Header: map[string][]string{"x-tenant": {"Acme", "globex-*"}}}
	for i, tt := range []struct {
		c    Config
		f    Facts
		want Answer
	}{
		// Spellings of one host.
		{host, Facts{Host: "api.bank.test"}, Yes}, {host, Facts{Host: "API.Bank.TEST"}, Yes}, {host, Facts{Host: "api.bank.test."}, Yes},
		{host, Facts{Host: "api.bank.test:443"}, Yes}, {host, Facts{Host: "api.bank.test.:443"}, Yes}, {host, Facts{Host: " api.bank.test"}, Yes},
		{Config{Host: []string{"API.bank.test."}}, Facts{Host: "api.bank.test"}, Yes},
		{Config{Host: []string{"::1"}}, Facts{Host: "[::1]:80"}, Yes},
		{host, Facts{Host: "shop.test"}, No}, {host, Facts{Host: "bank.test"}, No}, {host, Facts{}, Unknown},
		// What is no host may be any.
		{host, Facts{Host: "api.b%61nk.test"}, Unknown}, {host, Facts{Host: "api.bank。test"}, Unknown}, {host, Facts{Host: "api.bank.test.."}, Unknown},
		{host, Facts{Host: "xn--bnk-qla.test"}, Unknown}, {host, Facts{Host: "a b"}, Unknown}, {host, Facts{Host: "[REDACTED]"}, Unknown},
		{host, Facts{Host: "shop.test", OtherHost: "api.bank.test"}, Unknown}, {host, Facts{Host: "a.bank.test", OtherHost: "b.bank.test"}, Yes},
		{host, Facts{Host: "shop.test", OtherHost: "10.0.0.1"}, No},
		// Templates of any router, and paths.
		{order, Facts{Route: "/orders/{id}"}, Yes}, {order, Facts{Route: "/orders/:order_id"}, Yes}, {order, Facts{Route: "/orders/<int:id>"}, Yes},
		{order, Facts{Route: "/orders/{id}", Path: "/orders/17"}, Yes}, {order, Facts{Route: "/orders/{id}/"}, Yes},
		{order, Facts{Route: "/orders/17"}, Yes}, {order, Facts{Path: "/orders/17"}, Yes}, {order, Facts{Path: "/orders/17/"}, Yes},
		{order, Facts{Path: "/orders/[REDACTED]"}, Yes}, {order, Facts{Path: "/[REDACTED]/[REDACTED]"}, Unknown},
		{order, Facts{Path: "/Orders/17"}, Unknown}, {order, Facts{Path: "//orders/17"}, Unknown}, {order, Facts{Path: "/orders/%31"}, Unknown},
		{order, Facts{Path: "/%6frders/17"}, Unknown}, {order, Facts{Path: "/a/../orders/17"}, Unknown}, {order, Facts{Path: "/orders;v=1/17"}, Unknown},
		{order, Facts{Path: "/%256frders/17"}, Unknown},
		{order, Facts{Path: "/orders/17/items"}, No}, {order, Facts{Path: "/orders"}, No}, {order, Facts{Path: "/users/17"}, No},
		{order, Facts{Route: "/users/{id}", Path: "/users/17"}, No}, {order, Facts{Route: "/orders/export", Path: "/orders/export"}, Unknown},
		{order, Facts{Route: "/{kind}/{id}", Path: "/orders/17"}, Unknown}, {order, Facts{Route: "/*", Path: "/orders/17"}, Yes},
		{order, Facts{Route: "/", Path: "/orders/17"}, Unknown}, {order, Facts{}, Unknown},
		{Config{Route: []string{"/orders/:id/items"}}, Facts{Path: "/orders/1/items"}, Yes},
		{Config{Route: []string{"/files/{path...}"}}, Facts{Path: "/files/a/b"}, Yes},
		{Config{Route: []string{"/static/"}}, Facts{Path: "/static/a/b.js"}, Yes}, {Config{Route: []string{"/static/"}}, Facts{Path: "/statics"}, No},
		{Config{Route: []string{"/v1/charges*"}}, Facts{Route: "/v1/{kind}/{id}", Path: "/v1/charges/17"}, Yes},
		{Config{Route: []string{"/a.b"}}, Facts{Path: "/axb"}, No},
		// Status.
		{server, Facts{Status: 500}, Yes}, {server, Facts{Status: 599}, Yes}, {server, Facts{Status: 400}, Yes}, {server, Facts{Status: 425}, Yes},
		{server, Facts{Status: 701}, Yes}, {server, Facts{Status: 404}, No}, {server, Facts{Status: 200}, No}, {server, Facts{}, Unknown},
		{server, Facts{Status: -1}, Unknown}, {Config{Status: []string{"<400"}}, Facts{Status: 399}, Yes}, {Config{Status: []string{"<= 400", "> 500"}}, Facts{Status: 501}, Yes},
		// Content types: as media types.
		{json, Facts{RequestType: "Application/JSON; charset=utf-8", ResponseType: "application/json"}, Yes},
		{json, Facts{RequestType: "application/problem+json", ResponseType: "application/json"}, Yes},
		{json, Facts{RequestType: "text/html", ResponseType: "text/html"}, No},
		{json, Facts{RequestType: "application/json", ResponseType: "text/html"}, Unknown},
		{json, Facts{RequestType: "application/json, text/html", ResponseType: "x"}, Unknown}, {json, Facts{}, Unknown},
		// Fields.
		{tenant, Facts{Fields: headers{"x-tenant": "acme"}}, Yes}, {tenant, Facts{Fields: headers{"x-tenant": "globex-7"}}, Yes},
		{tenant, Facts{Fields: headers{"x-tenant": "shop"}}, No}, {tenant, Facts{Fields: headers{}}, Unknown}, {tenant, Facts{}, Unknown},
		{tenant, Facts{Fields: headers{"x-tenant": "[REDACTED]"}}, Unknown}, {tenant, Facts{Fields: headers{"x-tenant": ""}}, Unknown},
		{Config{Tenant: []string{"acme"}}, Facts{Tenant: "ACME"}, Yes}, {Config{Tenant: []string{"acme"}}, Facts{Tenant: "b"}, No},
		{Config{Tenant: []string{"acme"}}, Facts{}, Unknown},
		{Config{Method: []string{"post"}}, Facts{Method: "POST"}, Yes}, {Config{Method: []string{"POST"}}, Facts{Method: "_OTHER"}, Unknown},
		{Config{Method: []string{"POST"}}, Facts{Method: "GET"}, No}, {Config{Direction: Incoming}, Facts{Direction: Outgoing}, No},
		{Config{Direction: Incoming}, Facts{}, Unknown},
		// Conjunction and negation.
		{Config{Method: []string{"GET"}, Host: []string{"a"}}, Facts{Method: "POST"}, No},
		{Config{Method: []string{"GET"}, Host: []string{"a"}}, Facts{Method: "GET"}, Unknown},
		{Config{Not: []Config{server}}, Facts{Status: 500}, No}, {Config{Not: []Config{server}}, Facts{Status: 200}, Yes},
		{Config{Not: []Config{server}}, Facts{}, Unknown},
		{Config{Not: []Config{{Route: []string{"/health", "/ready"}}}}, Facts{Path: "/ready"}, No},
		{Config{Not: []Config{{Host: []string{"a"}, Method: []string{"GET"}}}}, Facts{Host: "a", Method: "POST"}, Yes},
		{Config{Not: []Config{{Host: []string{"a"}}, {Method: []string{"GET"}}}}, Facts{Host: "b", Method: "GET"}, No},
	} {
		if got := must(t, tt.c).Match(&tt.f, Either); got != tt.want {
			t.Errorf("%d: %+v of %+v: %d, want %d", i, tt.c, tt.f, got, tt.want)
		}
	}
}

func TestMatchBySide(t *testing.T) {
	t.Parallel()
	m := must(t, Config{Not: []Config{{ContentType: []string{"application/json"}}}})
	f := Facts{RequestType: "application/json", ResponseType: "text/html"}
	if m.Match(&f, Request) != No || m.Match(&f, Response) != Yes || !m.Sided() {
		t.Error("a content type is that of the message")
	}
}

// What can never match is told, with the way to say it.
func TestCompileProblems(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		c    Config
		want []string
	}{
		{Config{Route: []string{"!/health"}}, []string{"route", `not: {route: "/health"}`}},
		{Config{Host: []string{"!a"}}, []string{"host", `not: {host: "a"}`}},
		{Config{Status: []string{"!404"}}, []string{"status", `not: {status: "404"}`}},
		{Config{Route: []string{"^/v1/.*$"}}, []string{"regular expression", `"/v1/*"`}},
		{Config{Route: []string{`/v1/\d+`}}, []string{"regular expression", `"/v1/*"`}},
		{Config{Route: []string{"(?i)/Health"}}, []string{"regular expression", `"/Health*"`}},
		{Config{Route: []string{"orders/{id}"}}, []string{`"/orders/{id}"`}},
		{Config{Route: []string{"GET /orders"}}, []string{"method: GET"}},
		{Config{Route: []string{"/orders?a=b"}}, []string{`"/orders"`}},
		{Config{Route: []string{"https://h/orders"}}, []string{"URL"}},
		{Config{Host: []string{"https://bank.test"}}, []string{`"bank.test"`}},
		{Config{Host: []string{"bank.test:443"}}, []string{"port", `"bank.test"`}},
		{Config{Host: []string{"bank.test/x"}}, []string{"route"}},
		{Config{Host: []string{".bank.test"}}, []string{`"*.bank.test"`}},
		{Config{Method: []string{"GET,POST"}}, []string{"[GET, POST]"}},
		{Config{Status: []string{"ok"}}, []string{"5xx"}}, {Config{Status: []string{"50x"}}, []string{"5xx"}}, {Config{Status: []string{"599-500"}}, []string{"5xx"}},
		{Config{ContentType: []string{"json"}}, []string{`"application/json"`}},
		{Config{ContentType: []string{"text/html; charset=utf-8"}}, []string{`"text/html"`}},
		{Config{Direction: "inbound"}, []string{"incoming"}},
		{Config{Header: map[string][]string{"x tenant": {"a"}}}, []string{"x-tenant"}},
		{Config{Header: map[string][]string{"x-tenant": nil}}, []string{"value"}},
		{Config{Header: map[string][]string{"x-tenant": {"!a"}}}, []string{"not"}},
		{Config{Host: []string{""}}, []string{"empty"}}, {Config{Not: []Config{{}}}, []string{"not[0]", "empty"}},
		{Config{Not: []Config{{Not: []Config{{Host: []string{"a"}}}}}}, []string{"another not"}},
	} {
		_, problems := Compile(tt.c)
		if len(problems) != 1 {
			t.Errorf("%+v: %v", tt.c, problems)
			continue
		}
		text := problems[0].Field + ": " + problems[0].Text
		for _, w := range tt.want {
			if !strings.Contains(text, w) {
				t.Errorf("%+v: %q does not say %q", tt.c, text, w)
			}
		}
	}
}

func FuzzRoute(f *testing.F) {
	f.Add("/orders/{id}", "/orders/17", "/orders/:id")
	f.Add("/{a}*[x]<y>\xff", "%%2f;", "")
	f.Fuzz(func(_ *testing.T, pattern, path, template string) {
		m, _ := Compile(Config{Route: []string{pattern}})
		m.Match(&Facts{Path: path, Route: template}, Either)
	})
}
