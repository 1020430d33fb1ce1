// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const declarativeDoc = `
file_format: "1.0-rc.3"
tracer_provider: {processors: [{batch: {exporter: {otlp_http: }}}]}
instrumentation/development:
  general:
    peer: {service_mapping: [{peer: 1.2.3.4, service: x}]}
    http:
      server:
        request_captured_headers: [content-type, X-Tenant]
        response_captured_headers: []
      client:
        request_captured_headers: [Accept]
`

func TestFromDeclarativeConfig(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		doc      string
		side     side
		req, res []string
		errs     int
	}{
		"server":     {declarativeDoc, serverSide, []string{"content-type", "X-Tenant"}, []string{}, 0},
		"client":     {declarativeDoc, clientSide, []string{"Accept"}, defaultResponseHeaders, 0},
		"older":      {"instrumentation: {general: {http: {server: {request_captured_headers: [A]}}}}", serverSide, []string{"A"}, defaultResponseHeaders, 0},
		"JSON":       {`{"instrumentation/development":{"general":{"http":{"server":{"response_captured_headers":["A"]}}}}}`, serverSide, defaultRequestHeaders, []string{"A"}, 0},
		"empty":      {"", serverSide, defaultRequestHeaders, defaultResponseHeaders, 0},
		"null":       {"instrumentation/development:\n  general:\n    http:\n", serverSide, defaultRequestHeaders, defaultResponseHeaders, 0},
		"no names":   {"instrumentation/development: {general: {http: {server: {request_captured_headers: ['${X}', 'X-*', ok]}}}}", serverSide, []string{"ok"}, defaultResponseHeaders, 2},
		"wrong type": {"instrumentation/development: {general: {http: {server: {request_captured_headers: {secret: 1}}}}}", serverSide, defaultRequestHeaders, defaultResponseHeaders, 1},
		"not YAML":   {"\x00: [secret", serverSide, defaultRequestHeaders, defaultResponseHeaders, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := apply(tc.side, []Option{FromDeclarativeConfig([]byte(tc.doc))})
			if diff := cmp.Diff([][]string{tc.req, tc.res}, [][]string{s.reqHeaders.names, s.resHeaders.names}); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
			if len(s.errs) != tc.errs || slices.ContainsFunc(s.errs, func(e error) bool { return strings.Contains(e.Error(), "secret") }) {
				t.Errorf("errors: %v", s.errs)
			}
		})
	}
}
