// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package b64

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

func TestDetect(t *testing.T) {
	t.Parallel()
	doc := []byte(`{"password":"x","name":"??>>~~"}`)
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		for cut := range 3 {
			in := enc.AppendEncode(nil, doc[:len(doc)-cut])
			v, ok := Detect(in)
			if !ok || v.Cut {
				t.Fatalf("%s: not detected, or Cut = %v", in, v.Cut)
			}
			if got := Decode(nil, in); !bytes.Equal(got, doc[:len(doc)-cut]) {
				t.Errorf("%s decodes to %q", in, got)
			}
			if got := Encode(nil, Decode(nil, in), v); !bytes.Equal(got, in) && !(len(in)%4 == 0) {
				t.Errorf("%s is written back as %s", in, got)
			}
		}
	}
	for _, s := range []string{"", "short", "configuration", "usernameusername", "550e8400-e29b-41d4-a716-446655440000",
		"eyJh bGciOiJIUzI1NiJ9", "0123456789abcdef", strings.Repeat("/", 40)} {
		if _, ok := Detect([]byte(s)); ok {
			t.Errorf("%q taken for base64", s)
		}
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	doc := []byte(strings.Repeat(`{"password":"x"}`, 20))
	for _, nl := range []string{"\n", "\r\n"} {
		flat := base64.StdEncoding.EncodeToString(doc)
		var in []byte
		for len(flat) > 76 {
			in = append(append(in, flat[:76]...), nl...)
			flat = flat[76:]
		}
		in = append(in, flat...)
		v, ok := Detect(in)
		if !ok {
			t.Fatal("not detected")
		}
		if got := Encode(nil, Decode(nil, in), v); !bytes.Equal(got, in) {
			t.Errorf("got %s\nwant %s", got, in)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	in := base64.StdEncoding.EncodeToString([]byte(`{"password":"secret"}`))
	v, ok := Detect([]byte(in[:25]))
	if !ok || !v.Cut {
		t.Errorf("ok = %v, Cut = %v", ok, v.Cut)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("eyJhIjoxLCJiIjoyfQ==")
	f.Fuzz(func(t *testing.T, s string) {
		v, ok := Detect([]byte(s))
		dec := Decode(nil, []byte(s))
		if want, err := base64.StdEncoding.DecodeString(s); err == nil && !bytes.Equal(dec, want) {
			t.Fatalf("%q: %q, standard %q", s, dec, want)
		}
		if ok {
			if again := Decode(nil, Encode(nil, dec, v)); !bytes.Equal(again, dec) && v.line == 0 {
				t.Fatalf("%q: round trip", s)
			}
		}
	})
}
