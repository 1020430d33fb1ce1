// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cookie

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func split(src string) (out []string) {
	b := []byte(src)
	for sc := Scan(b); ; {
		p, ok := sc.Next()
		if !ok {
			return out
		}
		s := src[p.Val:p.End]
		if p.Named() {
			s = src[p.Start:p.Eq] + "|" + s
		}
		if p.Full != p.End {
			s += "|" + src[p.Val:p.Full]
		}
		out = append(out, s)
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"":              nil,
		" ; ;":          nil,
		"a=1; b=2":      {"a|1", "b|2"},
		"a = 1 ;b=2;":   {"a|1", "b|2"},
		"a=1, b=2":      {"a|1", "b|2"},
		"a=1,b=2; c":    {"a|1|1,b=2", "b|2", "c"},
		"a=x, y; b":     {"a|x, y", "b"},
		`a="x; y"; b=2`: {`a|"x|"x; y"`, `y"`, "b|2"},
		`a="x`:          {`a|"x`},
		"bare; a==":     {"bare", "a|="},
		"a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT, b=2": {"a|1", "Expires|Wed, 21 Oct 2026 07:28:00 GMT", "b|2"},
	} {
		if d := cmp.Diff(want, split(in)); d != "" {
			t.Errorf("%q: %s", in, d)
		}
	}
}

func TestAttribute(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, value string
		known, free bool
	}{
		{"Path", "/x", true, true},
		{"SECURE", "", true, false},
		{"Secure", "x", false, false},
		{"Expires", "Wed, 21 Oct 2026 07:28:00 GMT", true, false},
		{"Expires", "Wednesday, 21-Oct-26 07:28:00 GMT", true, false},
		{"Expires", "secret", false, false},
		{"Expires", "we", false, false},
		{"Max-Age", "-1", true, false},
		{"Max-Age", "s", false, false},
		{"SameSite", "LAX", true, false},
		{"session", "x", false, false},
	} {
		k, f := Attribute([]byte(c.name), []byte(c.value))
		if k != c.known || f != c.free {
			t.Errorf("%s=%s: %v %v", c.name, c.value, k, f)
		}
	}
}

func FuzzNext(f *testing.F) {
	f.Add(`a=1, b="x; y"; c`)
	f.Fuzz(func(t *testing.T, s string) {
		b := []byte(s)
		last := 0
		for sc := Scan(b); ; {
			p, ok := sc.Next()
			if !ok {
				break
			}
			if !(last <= p.Start && p.Start <= p.Eq && p.Eq <= p.Val && p.Val <= p.End && p.End <= p.Full && p.Full <= len(b)) {
				t.Fatalf("%q: offsets %+v after %d", s, p, last)
			}
			for _, c := range b[last:p.Start] {
				if !blank(c) && c != ';' && c != ',' {
					t.Fatalf("%q: byte %q belongs to no pair", s, c)
				}
			}
			last = p.End
		}
	})
}
