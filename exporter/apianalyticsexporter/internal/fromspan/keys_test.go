// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
	"github.com/apispan/apispan/internal/httpattr"
)

// TestVocabulary: whatever key a producer gives a value, the exchange is the one that
// the current key gives, as it is for the engine of redaction, the wrapper and the
// processor. All fields of a header are read from a map.
func TestVocabulary(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		httpattr.RequestMethod: "PUT", httpattr.ResponseStatusCode: "201", httpattr.URLFull: "https://shop.example/a?b=c",
		httpattr.URLScheme: "https", httpattr.URLPath: "/a", httpattr.URLQuery: "b=c", httpattr.ServerPort: "8443",
		httpattr.ServerAddress: "shop.example", httpattr.ClientAddress: "203.0.113.7", httpattr.NetworkPeerAddress: "203.0.113.7",
		httpattr.NetworkLocalAddress: "10.0.0.1", httpattr.NetworkProtocolVer: "2",
	}
	compared := 0
	for _, e := range httpattr.Entries() {
		if e.As == e.Key || e.Means != e.As || strings.HasPrefix(e.As, "deployment.") {
			continue
		}
		value, ok := values[e.As]
		if !ok {
			value = "17"
			if strings.HasSuffix(e.As, ".truncated") {
				value = "true"
			}
		}
		as, key := e.As, e.Key
		if strings.HasSuffix(key, ".") {
			as, key = as+"x-a", key+"x-a"
		}
		want := readOne(t, as, value)
		if prefix, ok := strings.CutSuffix(as, "*"); ok {
			want = readOne(t, prefix+"x-a", value)
		}
		if cmp.Equal(want, readOne(t, "none", value)) {
			t.Errorf("%s: the exporter does not read it", as)
			continue
		}
		got := readOne(t, key, value)
		if strings.HasSuffix(as, "*") {
			got = readOneOf(t, func(m pcommon.Map) { m.PutEmptyMap(key).PutStr("X-A", value) })
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s is not read like %s (-want +got):\n%s", e.Key, as, diff)
		}
		compared++
	}
	if compared < 60 {
		t.Errorf("only %d keys were compared", compared)
	}
	for key := range fieldOf {
		if httpattr.Lookup(key) == nil {
			t.Errorf("%s is no key of the vocabulary", key)
		}
	}
}

func readOne(t *testing.T, key, value string) exchange.Exchange {
	t.Helper()
	return readOneOf(t, func(m pcommon.Map) {
		m.PutStr(key, value)
		if strings.HasSuffix(key, ".port") { // which tells nothing without a host
			m.PutStr(httpattr.ServerAddress, "shop.example")
		}
	})
}

func readOneOf(t *testing.T, put func(pcommon.Map)) exchange.Exchange {
	t.Helper()
	span := ptrace.NewSpan()
	span.SetKind(ptrace.SpanKindServer)
	put(span.Attributes())
	if _, ok := span.Attributes().Get("http.method"); !ok {
		if _, ok := span.Attributes().Get(httpattr.RequestMethod); !ok {
			span.Attributes().PutStr(httpattr.RequestMethod, "GET")
		}
	}
	ex, skip := Read(pcommon.NewResource(), span)
	if skip != Taken {
		t.Fatal(skip)
	}
	return ex
}
