// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHeaderSets(t *testing.T) {
	t.Parallel()
	c := testConfig()
	h := http.Header{
		"Content-Type": {"a"}, "X-One": {"1"}, "X-Two": {"2", "22"}, "Y-Three": {"3"}, "Authorization": {"secret"},
		"Trailer:X": {"t"}, "Bad\xff": {"b"}, "Empty": {}, "X-Password": {"secret"},
	}
	for name, tc := range map[string]struct {
		spec     headerSpec
		sanitize []string
		want     map[string][]string
	}{
		"none":     {headerSpec{}, nil, map[string][]string{}},
		"named":    {headerSpec{names: []string{"x-one", "missing", "X-TWO"}}, nil, map[string][]string{"x-one": {"1"}, "x-two": {"2", "22"}}},
		"prefix":   {headerSpec{names: []string{"X-*", "content-type"}}, nil, map[string][]string{"x-one": {"1"}, "x-two": {"2", "22"}, "content-type": {"a"}, "x-password": {redacted}}},
		"regexp":   {headerSpec{names: []string{"y.*"}}, nil, map[string][]string{"y-three": {"3"}}},
		"all":      {headerSpec{all: true}, nil, map[string][]string{"content-type": {"a"}, "x-one": {"1"}, "x-two": {"2", "22"}, "y-three": {"3"}, "authorization": {redacted}, "x-password": {redacted}}},
		"asked":    {headerSpec{names: []string{"Authorization"}}, nil, map[string][]string{"authorization": {redacted}}},
		"sanitize": {headerSpec{names: []string{"X-One", "Y-Three"}}, []string{"y-*"}, map[string][]string{"x-one": {"1"}, "y-three": {redacted}}},
	} {
		set := newHeaderSet(newHeaderTable(requestSide), tc.spec, tc.sanitize, c)
		for range 3 {
			kvs, dropped := set.collect(nil, h)
			got := map[string][]string{}
			for _, kv := range kvs {
				got[strings.TrimPrefix(string(kv.Key), "http.request.header.")] = kv.Value.AsStringSlice()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || dropped != 0 {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	}
}

func TestHeaderTableIsBounded(t *testing.T) {
	t.Parallel()
	tab := newHeaderTable(requestSide)
	for i := range 2 * maxHeaderNames {
		if n := tab.get(fmt.Sprintf("X-%d", i)); n == nil || string(n.key) != fmt.Sprintf("http.request.header.x-%d", i) {
			t.Fatalf("entry %d: %v", i, n)
		}
	}
	if n := len(*tab.names.Load()); n > maxHeaderNames {
		t.Errorf("%d names kept", n)
	}
	if !slices.IsSorted(commonHeaders) {
		t.Error("commonHeaders is not sorted")
	}
	for _, n := range slices.Concat(commonHeaders, defaultRequestHeaders, defaultResponseHeaders) {
		if http.CanonicalHeaderKey(n) != n {
			t.Errorf("%s is not canonical", n)
		}
	}
}

// TestHeaderCacheGivesUp: a field that never repeats must not cost an entry each
// time, nor stay in memory if it is long or a credential.
func TestHeaderCacheGivesUp(t *testing.T) {
	t.Parallel()
	set := newHeaderSet(newHeaderTable(requestSide), headerSpec{all: true}, nil, testConfig())
	n := set.table.get("X-Request-Id")
	for i := range 1000 {
		v := fmt.Sprint(i)
		if got := set.attr(n, []string{v}).Value.AsStringSlice(); len(got) != 1 || got[0] != v {
			t.Fatalf("value %v, want %s", got, v)
		}
	}
	if last := n.last.Load(); last.value != fmt.Sprint(maxCacheMisses-1) {
		t.Errorf("still caching: %s", last.value)
	}
	raw := newHeaderSet(newHeaderTable(requestSide), headerSpec{all: true}, nil, &config{policy: nil})
	raw.raw = true // as with a policy
	auth := raw.table.get("Authorization")
	raw.attr(auth, []string{"secret"})
	if auth.last.Load() != nil {
		t.Error("a credential is in the cache")
	}
}

func TestFromEnv(t *testing.T) {
	const p = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_"
	t.Setenv(p+"SERVER_REQUEST", "X-In, ,accept.*")
	t.Setenv(p+"CLIENT_RESPONSE", ".*")
	t.Setenv(p+"SANITIZE_FIELDS", "x-in")
	server, client := newConfig(serverSide, []Option{FromEnv()}), newConfig(clientSide, []Option{FromEnv()})
	for name, want := range map[string]bool{"X-In": true, "Accept-Encoding": true, "X-Out": false} {
		if got := server.reqSet.has(name); got != want {
			t.Errorf("server request %s: %v", name, got)
		}
	}
	if server.resSet.has("X-Out") || !server.resSet.has("Content-Type") {
		t.Error("an unset variable changed the selection")
	}
	if !client.resSet.has("Anything") || client.reqSet.has("X-In") {
		t.Error("client selection")
	}
	kvs, _ := server.reqSet.collect(nil, http.Header{"X-In": {"v"}})
	if len(kvs) != 1 || kvs[0].Value.AsStringSlice()[0] != redacted {
		t.Errorf("SANITIZE_FIELDS: %v", kvs)
	}
	if testConfig().reqSet.has("X-In") {
		t.Error("the environment counts without FromEnv")
	}
}

func TestSDKLimits(t *testing.T) {
	t.Setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "5000")
	t.Setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "64")
	if c := testConfig(); c.plan.reqMax != 5000 || c.maxAttrs != 44 {
		t.Errorf("limit %d bytes, %d attributes", c.plan.reqMax, c.maxAttrs)
	}
	t.Setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "100")
	if c := testConfig(); c.plan.reqMax != 100 {
		t.Errorf("limit %d bytes", c.plan.reqMax)
	}
	t.Setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "-1")
	if c := testConfig(WithMaxRequestBodySize(1<<30), WithMaxResponseBodySize(-3)); c.plan.reqMax != maxBodySize || c.plan.resMax != DefaultMaxBodySize {
		t.Errorf("limits %d, %d", c.plan.reqMax, c.plan.resMax)
	}
}
