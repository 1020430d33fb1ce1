// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
)

func TestAsText(t *testing.T) {
	t.Parallel()
	const s = "aé€😀z"
	for i := range len(s) + 1 {
		got, ok := asText(s[:i], true)
		if !ok || !utf8.ValidString(got) || len(got) < i-3 || !strings.HasPrefix(s, got) {
			t.Errorf("cut at %d: %q, %v", i, got, ok)
		}
		if _, ok := asText(s[:i], false); ok != utf8.ValidString(s[:i]) {
			t.Errorf("uncut %d: %v", i, ok)
		}
	}
	for _, bad := range []string{"a\xff", "\xff\xfea", "a\x80", "\xc3\xc3", "x\xe2\x82y"} {
		if _, ok := asText(bad, true); ok {
			t.Errorf("%q passes for text", bad)
		}
	}
	for limit := range 12 {
		if got := cutString(s, limit); !utf8.ValidString(got) || len(got) > limit {
			t.Errorf("cutString(%d) = %q", limit, got)
		}
	}
}

func gz(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, s)
	_ = z.Close()
	return b.String()
}

func zl(s string) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, _ = io.WriteString(z, s)
	_ = z.Close()
	return b.String()
}

func TestDecodeContent(t *testing.T) {
	t.Parallel()
	c := testConfig(WithDecoder("rot", func(r io.Reader) (io.Reader, error) { return r, nil }))
	long := strings.Repeat("0123456789", 5000)
	for name, tc := range map[string]struct {
		in      string
		codings []string
		cut     bool
		want    string
		more    bool
		bad     bool
	}{
		"none":              {in: "x", want: "x"},
		"identity":          {in: "x", codings: []string{"identity"}, want: "x"},
		"gzip":              {in: gz("hello"), codings: []string{"GZIP"}, want: "hello"},
		"zlib":              {in: zl("hello"), codings: []string{"deflate"}, want: "hello"},
		"bare deflate":      {in: zl("hello")[2:], codings: []string{"deflate"}, want: "hello"},
		"twice":             {in: gz(zl("hello")), codings: []string{"deflate, gzip"}, want: "hello"},
		"twice, two lines":  {in: gz(zl("hello")), codings: []string{"deflate", "gzip"}, want: "hello"},
		"bomb":              {in: gz(strings.Repeat("0", 1<<20)), codings: []string{"gzip"}, want: strings.Repeat("0", 1000), more: true},
		"cut":               {in: gz(long)[:60], codings: []string{"gzip"}, cut: true, want: long[:1000], more: true},
		"cut in the header": {in: gz("hello")[:5], codings: []string{"gzip"}, cut: true, more: true},
		"broken":            {in: gz(long)[:60], codings: []string{"gzip"}, bad: true, want: ""},
		"not gzip":          {in: "plain text", codings: []string{"gzip"}, bad: true},
		"unknown":           {in: "x", codings: []string{"br"}, bad: true},
		"given":             {in: "x", codings: []string{"rot"}, want: "x"},
		"too many":          {in: "x", codings: []string{"rot,rot,rot,rot"}, bad: true},
	} {
		got, more, err := c.decodeContent(tc.in, tc.codings, 1000, tc.cut)
		if name == "cut" {
			if err != nil || !more || !strings.HasPrefix(long, got) {
				t.Errorf("%s: %d bytes, more %v, %v", name, len(got), more, err)
			}
			continue
		}
		if tc.bad {
			// What was put out before the error must not be used.
			if name == "broken" && err == nil && more {
				continue // the limit was reached before the fault
			}
			if err == nil || got != "" {
				t.Errorf("%s: %q, %v", name, got, err)
			}
			continue
		}
		if err != nil || got != tc.want || more != tc.more {
			t.Errorf("%s: %q, more %v, %v", name, got, more, err)
		}
	}
}

func TestMetadataValues(t *testing.T) {
	t.Parallel()
	c := testConfig()
	type named string
	var nilMap map[string]int
	for _, tc := range []struct {
		in   any
		want attribute.Value
	}{
		{"s", attribute.StringValue("s")}, {named("n"), attribute.StringValue("n")}, {true, attribute.BoolValue(true)},
		{7, attribute.IntValue(7)}, {uint8(7), attribute.IntValue(7)}, {uint64(1 << 63), attribute.StringValue("9223372036854775808")},
		{1.5, attribute.Float64Value(1.5)}, {float32(2), attribute.Float64Value(2)}, {[]string{"a"}, attribute.StringSliceValue([]string{"a"})},
		{map[string]int{"a": 1}, attribute.StringValue(`{"a":1}`)}, {errors.New("e"), attribute.StringValue("e")},
		{netip.MustParseAddr("::1"), attribute.StringValue("::1")}, {"bad\xff", attribute.StringValue("bad\uFFFD")},
		{strings.Repeat("x", 5000), attribute.StringValue(strings.Repeat("x", maxMetadataValue))},
	} {
		kv, ok := c.metadataAttr("k", tc.in)
		if !ok || kv.Value != tc.want && kv.Value.String() != tc.want.String() || kv.Value.Type() != tc.want.Type() {
			t.Errorf("%v: %v, %v", tc.in, kv.Value.String(), ok)
		}
	}
	for _, in := range []any{nil, nilMap, func() {}, make(chan int), strings.Split(strings.Repeat("a,", 5000), ",")} {
		if kv, ok := c.metadataAttr("k", in); ok {
			t.Errorf("%T is taken: %v", in, kv)
		}
	}
	for _, key := range []string{"", "a\xff", strings.Repeat("k", 129)} {
		if _, ok := c.metadataAttr(key, 1); ok {
			t.Errorf("key %q is taken", key)
		}
	}
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	set := newTypeSet([]string{"text/*", "+json", "application/pdf"})
	for ct, want := range map[string]bool{"text/html; charset=x": true, "application/hal+json": true, "application/PDF": true,
		"application/json": false, "image/png": false, "": false} {
		if got := matchType(set, ct); got != want {
			t.Errorf("%q: %v", ct, got)
		}
	}
	if matchType(newTypeSet([]string{}), "text/plain") || !matchType(newTypeSet([]string{"*/*"}), "") {
		t.Error("no types and all types")
	}
}
