// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"errors"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/confmap"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

type config struct {
	Hosts []string     `mapstructure:"hosts"`
	Skip  []Condition  `mapstructure:"skip"`
	Set   []Assignment `mapstructure:"set"`
}

// load reads YAML as the Collector does.
func load(t *testing.T, yaml string) (*Rules, error) {
	t.Helper()
	conf, err := confmap.NewRetrievedFromYAML([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	m, err := conf.AsConf()
	if err != nil {
		t.Fatal(err)
	}
	var c config
	if err := m.Unmarshal(&c); err != nil {
		t.Fatalf("%s: %v", yaml, err)
	}
	r, errs := Compile(Config(c))
	return r, errors.Join(errs...)
}

func call(change func(*exchange.Exchange)) *exchange.Exchange {
	ex := &exchange.Exchange{
		Method: "GET", Host: "api.example.com", Path: "/orders/17", Status: 200, CompanyID: "acme",
		Request:  exchange.Message{Headers: []exchange.Header{{Name: "content-type", Values: []string{"application/json"}}, {Name: "x-probe", Values: []string{"Yes"}}}},
		Response: exchange.Message{Headers: []exchange.Header{{Name: "content-type", Values: []string{"text/html"}}, {Name: "x-cache", Values: []string{"hit"}}}},
	}
	if change != nil {
		change(ex)
	}
	return ex
}

func TestApply(t *testing.T) {
	t.Parallel()
	outgoing := func(ex *exchange.Exchange) { ex.Direction = exchange.Outgoing }
	for _, tt := range []struct {
		yaml   string
		change func(*exchange.Exchange)
		want   string
	}{
		{"skip: [{route: /orders/*}]", nil, SkipRule}, {"skip: [{route: \"/orders/{id}\"}]", nil, SkipRule},
		{"skip: [{route: [/health, /orders/17]}]", nil, SkipRule}, {"skip: [{route: /health}]", nil, ""},
		{"skip: [{route: /orders/*, method: POST}]", nil, ""}, {"skip: [{method: get}, {method: POST}]", nil, SkipRule},
		{"skip: [{status: 200}]", nil, SkipRule}, {"skip: [{status: [404, 2xx]}]", nil, SkipRule}, {"skip: [{status: \">=400\"}]", nil, ""},
		{"skip: [{host: \"*.example.com\"}]", nil, SkipRule}, {"skip: [{tenant: ACME}]", nil, SkipRule},
		{"skip: [{direction: outgoing}]", nil, ""}, {"skip: [{direction: outgoing}]", outgoing, SkipRule},
		{"skip: [{direction: outgoing, host: \"*.internal\"}]", outgoing, ""},
		{"skip: [{header: {X-Probe: \"*\"}}]", nil, SkipRule}, {"skip: [{header: {x-probe: [no, \"yes\"]}}]", nil, SkipRule},
		{"skip: [{response_header: {x-cache: hit}}]", nil, SkipRule}, {"skip: [{header: {x-cache: hit}}]", nil, ""},
		{"skip: [{not: {status: 5xx}}]", nil, SkipRule}, {"skip: [{not: [{method: GET}]}]", nil, ""},
		// What is not known for sure leaves nothing out.
		{"skip: [{status: 5xx}]", func(ex *exchange.Exchange) { ex.Status = 0 }, ""}, {"skip: [{not: {status: 5xx}}]", func(ex *exchange.Exchange) { ex.Status = 0 }, ""},
		{"skip: [{route: /orders/17}]", func(ex *exchange.Exchange) { ex.Path = "/Orders/17" }, ""},
		{"skip: [{route: /orders/17}]", func(ex *exchange.Exchange) { ex.Path = "/a/../orders/17" }, ""},
		{"skip: [{header: {x-probe: \"yes\"}}]", func(ex *exchange.Exchange) { ex.Request.Headers[1].Values[0] = "[REDACTED]" }, ""},
		{"skip: [{host: api.example.com}]", func(ex *exchange.Exchange) { ex.Host = "" }, ""},
		// Hosts: for sure, and of what comes in.
		{"hosts: [api.example.com]", nil, ""}, {"hosts: api.example.com", func(ex *exchange.Exchange) { ex.Host = "API.Example.com:8443" }, ""},
		{"hosts: [\"*.example.com\", other.test]", nil, ""}, {"hosts: [other.test]", nil, SkipHosts},
		{"hosts: [other.test]", outgoing, ""}, {"hosts: [api.example.com]", func(ex *exchange.Exchange) { ex.Host = "" }, SkipHosts},
		{"hosts: [api.example.com]", func(ex *exchange.Exchange) { ex.Host = "api.example.com@evil.test" }, SkipHosts},
		{"hosts: [api.example.com]\nskip: [{route: /orders/*}]", nil, SkipRule},
		// What set says is what skip asks.
		{"set: [{when: {header: {x-probe: \"*\"}}, direction: outgoing}]\nskip: [{direction: outgoing}]", nil, SkipRule},
		{"", nil, ""},
	} {
		r, err := load(t, tt.yaml)
		if err != nil {
			t.Errorf("%s: %v", tt.yaml, err)
			continue
		}
		if got := r.Apply(call(tt.change)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.yaml, got, tt.want)
		}
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	r, err := load(t, `
set:
  - route: /orders/{id}
  - { when: { route: /legacy/* }, route: "/legacy/{rest...}" }
  - { when: { host: "*.partner.test" }, direction: outgoing }
`)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path, route, host string
		want              string
		dir               exchange.Direction
	}{
		{"/orders/17", "", "a", "/orders/{id}", exchange.Incoming},
		{"/orders/17/items", "", "a", "", exchange.Incoming},
		{"/orders/17", "/orders/:order", "a", "/orders/:order", exchange.Incoming}, // it has one
		{"/legacy/a/b", "/{path...}", "a", "/legacy/{rest...}", exchange.Incoming}, // said to be
		{"/x", "", "b.partner.test", "", exchange.Outgoing},
	} {
		ex := call(func(ex *exchange.Exchange) { ex.Path, ex.Route, ex.Host = tt.path, tt.route, tt.host })
		if reason := r.Apply(ex); reason != "" || ex.Route != tt.want || ex.Direction != tt.dir {
			t.Errorf("%+v: %q, route %q, direction %d", tt, reason, ex.Route, ex.Direction)
		}
	}
}

// What is wrong is told with its key and what to write.
func TestProblems(t *testing.T) {
	t.Parallel()
	for yaml, want := range map[string][]string{
		"skip: [{}]":                               {"`skip[0]`", "is empty"},
		"skip: [{route: health}]":                  {"`skip[0]::route`", `"/health"`},
		"skip: [{method: GET}, {path: /health}]":   {"`skip[1]::path`", "did you mean route?"},
		"skip: [{rout: /health}]":                  {"`skip[0]::rout`", "did you mean route?"},
		"skip: [{colour: red}]":                    {"`skip[0]::colour`", "known are"},
		"skip: [{headers: {x-a: b}}]":              {"`skip[0]::headers`", "did you mean header?"},
		"skip: [{route: ^/health$}]":               {"regular expression", `"/health"`},
		"skip: [{status: ok}]":                     {"`skip[0]::status`", "5xx"},
		"skip: [{direction: inbound}]":             {"`skip[0]::direction`", "incoming"},
		"skip: [{direction: }]":                    {"`skip[0]::direction`", "write incoming or outgoing"},
		"skip: [{route: []}]":                      {"`skip[0]::route`", "empty list"},
		"skip: [{route: {a: b}}]":                  {"`skip[0]::route`", "one value or a list"},
		"skip: [{header: x-a}]":                    {"`skip[0]::header`", "map"},
		"skip: [{header: {x-a: {b: c}}}]":          {"`skip[0]::header::x-a`", "one value or a list"},
		"skip: [{not: health}]":                    {"`skip[0]::not[0]`", "not: {route: /health}"},
		"skip: [{not: {path: /a}}]":                {"`skip[0]::not[0]::path`", "route"},
		"skip: [{not: {not: {host: a}}}]":          {"`skip[0]::not[0]::not`", "another not"},
		"skip: [{not: {}}]":                        {"`skip[0]::not[0]`", "empty"},
		"hosts: [https://api.example.com]":         {"`hosts`", `"api.example.com"`},
		"hosts: [a, \"b:8080\"]":                   {"`hosts[1]`", "port"},
		"set: [{}]":                                {"`set[0]`", "sets nothing"},
		"set: [{when: {route: /a}}]":               {"`set[0]`", "sets nothing"},
		"set: [{direction: outgoing}]":             {"`set[0]::when`", "is empty"},
		"set: [{when: {host: a}, direction: out}]": {"`set[0]::direction`", "incoming or outgoing"},
		"set: [{route: orders}]":                   {"`set[0]::route`", `"/orders"`},
		"set: [{route: /orders/*}]":                {"`set[0]::route`", `"/orders/{rest}"`},
		"set: [{when: {path: /a}, route: /b}]":     {"`set[0]::when::path`", "did you mean route?"},
	} {
		_, err := load(t, yaml)
		if err == nil {
			t.Errorf("%s: no error", yaml)
			continue
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not say %q", yaml, err, w)
			}
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: said twice: %q", yaml, err)
		}
	}
	_, err := load(t, "skip: [{route: health}, {status: ok}]\nhosts: [\"a/b\"]\nset: [{}]")
	if err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("not all at once: %v", err)
	}
}

func BenchmarkApply(b *testing.B) {
	r, errs := Compile(Config{
		Hosts: []string{"*.example.com"},
		Skip:  []Condition{{Terms: Terms{Route: []string{"/health", "/ready"}}}, {Terms: Terms{Direction: "outgoing", Host: []string{"*.internal"}}}, {Terms: Terms{Method: []string{"OPTIONS"}}}},
	})
	if len(errs) > 0 {
		b.Fatal(errs)
	}
	ex := call(nil)
	b.ReportAllocs()
	for b.Loop() {
		if r.Apply(ex) != "" {
			b.Fatal("left out")
		}
	}
}
