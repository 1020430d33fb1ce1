// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// FromDeclarativeConfig takes the header selection from a document of
// OpenTelemetry's declarative configuration (YAML or JSON, what OTEL_CONFIG_FILE
// names), as other languages' instrumentations do:
//
//	instrumentation/development:
//	  general:
//	    http:
//	      server:
//	        request_captured_headers: [Content-Type, Accept]
//	        response_captured_headers: [Content-Type]
//	      client:
//	        request_captured_headers: [Accept]
//	        response_captured_headers: [Content-Type]
//
// A list that is there replaces the selection made so far, even if it is empty; one
// that is not there leaves it. Everything else in the document is left alone, and
// environment variables in it are not substituted. The file is not read here, and
// otelconf is not needed; who has its model already passes the lists on to
// WithRequestHeaders and WithResponseHeaders.
//
// Source: https://github.com/open-telemetry/opentelemetry-configuration, version
// 1.0, and 0.3, where the first key is "instrumentation".
func FromDeclarativeConfig(document []byte) Option {
	doc := slices.Clone(document)
	return opt(func(s *settings) {
		var d declarative
		if err := yaml.Unmarshal(doc, &d); err != nil {
			// What the parser says may quote the document.
			s.errs = append(s.errs, fmt.Errorf("httpcapture: FromDeclarativeConfig: the document is not a declarative configuration (see instrumentation/development.general.http)"))
			return
		}
		http := d.Instrumentation.General.HTTP
		if http == nil {
			http = d.Older.General.HTTP
		}
		if http == nil {
			return
		}
		part, name := http.Server, "server"
		if s.side == clientSide {
			part, name = http.Client, "client"
		}
		if names := part.Request; names != nil {
			s.reqHeaders = headerSpec{names: s.declared(name+".request_captured_headers", *names)}
		}
		if names := part.Response; names != nil {
			s.resHeaders = headerSpec{names: s.declared(name+".response_captured_headers", *names)}
		}
	})
}

// declarative is the part of the document that concerns us.
type declarative struct {
	Instrumentation declaredInstrumentation `yaml:"instrumentation/development"`
	Older           declaredInstrumentation `yaml:"instrumentation"`
}

type declaredInstrumentation struct {
	General struct {
		HTTP *struct {
			Client declaredHeaders `yaml:"client"`
			Server declaredHeaders `yaml:"server"`
		} `yaml:"http"`
	} `yaml:"general"`
}

type declaredHeaders struct {
	Request  *[]string `yaml:"request_captured_headers"`
	Response *[]string `yaml:"response_captured_headers"`
}

// declared leaves out what is no field name. A trailing * is not: the
// configuration knows no wildcards.
func (s *settings) declared(key string, names []string) []string {
	out := make([]string, 0, len(names))
	for _, n := range names {
		if n = strings.TrimSpace(n); !validFieldName(n) || strings.HasSuffix(n, "*") {
			s.errs = append(s.errs, fmt.Errorf("httpcapture: FromDeclarativeConfig: %s: %q is not a header name", key, n))
			continue
		}
		out = append(out, n)
	}
	return out
}
