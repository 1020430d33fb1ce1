// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"slices"
	"strings"
	"testing"
)

func TestCompileErrors(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		specs []Spec
		want  string
	}{
		"unknown":     {[]Spec{{Name: "cards"}}, `no detector is called "cards"`},
		"nothing":     {[]Spec{{}}, "exactly one"},
		"both":        {[]Spec{{Name: "card", Regex: "x"}}, "exactly one"},
		"twice":       {[]Spec{{Name: "card"}, {Name: "credit_card"}}, "twice"},
		"syntax":      {[]Spec{{Regex: "a("}}, `regex "a("`},
		"empty":       {[]Spec{{Regex: "a*"}}, "can match the empty string"},
		"anchor":      {[]Spec{{Regex: `^`}}, "can match the empty string"},
		"boundary":    {[]Spec{{Regex: `\b(?:a|b?)`}}, "can match the empty string"},
		"long":        {[]Spec{{Regex: strings.Repeat("a", 5000)}}, "4096"},
		"repeat size": {[]Spec{{Regex: "a{1001}"}}, "regex"},
	} {
		if _, err := Compile(tt.specs); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, tt.want)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, n := range Names() {
		if got, ok := Lookup(strings.ToUpper(n)); !ok || got != n {
			t.Errorf("Lookup(%s) = %s, %v", n, got, ok)
		}
		if _, ok := cases[n]; !ok {
			t.Errorf("detector %s has no cases", n)
		}
	}
	for a, n := range aliases {
		if got, ok := Lookup(a); !ok || got != n {
			t.Errorf("alias %s: %s, %v, want %s", a, got, ok, n)
		}
		if slices.Contains(Names(), a) {
			t.Errorf("alias %s is a name", a)
		}
	}
	if _, ok := Lookup("nope"); ok {
		t.Error("Lookup(nope)")
	}
	for _, i := range List() {
		if i.Doc == "" || strings.Contains(i.Doc, "\n") || i.Default != slices.Contains(DefaultNames(), i.Name) {
			t.Errorf("%+v", i)
		}
	}
	for _, off := range []string{"email", "ip", "phone", "iban", "ssn"} {
		if slices.Contains(DefaultNames(), off) {
			t.Errorf("%s is on by default", off)
		}
	}
	for _, on := range []string{"url_userinfo", "private_key", "jwt", "bearer", "basic_auth", "card", "slack_token"} {
		if !slices.Contains(DefaultNames(), on) {
			t.Errorf("%s is off by default", on)
		}
	}
}

func TestEmpty(t *testing.T) {
	t.Parallel()
	var nilSet *Set
	if !nilSet.Empty() || nilSet.Find(nil, []byte("x"), true) != nil {
		t.Error("nil set")
	}
	for n, want := range map[string]bool{"": true, "card": false, "re:abc": false} {
		var specs []Spec
		if re, ok := strings.CutPrefix(n, "re:"); ok {
			specs = []Spec{{Regex: re}}
		} else if n != "" {
			specs = []Spec{{Name: n}}
		}
		s, err := Compile(specs)
		if err != nil || s.Empty() != want {
			t.Errorf("%q: Empty = %v, %v", n, s.Empty(), err)
		}
	}
	s := mustCompile(t, Names()...)
	for _, in := range []string{"", "x", "4", "@", ":", "/", "e", "\xef", "\xef\xbc", "%", "B"} {
		for _, cut := range []bool{false, true} {
			checkShape(t, []byte(in), s.Find(nil, []byte(in), cut))
		}
	}
}

func TestRuleIsSpecIndexAndDstIsKept(t *testing.T) {
	t.Parallel()
	s := mustCompile(t, "re:zzz[0-9]", "email", "card")
	got := s.Find([]Match{{1, 2, 9}}, []byte("a@b.co 4111111111111111 zzz1"), false)
	want := []Match{{1, 2, 9}, {0, 6, 1}, {7, 23, 2}, {24, 28, 0}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// An overlap becomes the union, under the rule of the longer part.
func TestOverlap(t *testing.T) {
	t.Parallel()
	s := mustCompile(t, "card", `re:x[0-9]{4}`, `re:[0-9]{4}y.{20}`)
	got := s.Find(nil, []byte("x4111111111111111y12345678901234567890"), false)
	if want := []Match{{0, 38, 2}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// One value with many kinds.
	all := mustCompile(t, Names()...)
	in := "ada@example.com 4111111111111111 https://u:p@h AKIAIOSFODNN7EXAMPLE 203.0.113.57 " + jwtFull
	if got := all.Find(nil, []byte(in), false); len(got) != 6 {
		t.Errorf("got %v", got)
	}
}

func TestUnboundedRegexIsBounded(t *testing.T) {
	t.Parallel()
	s := mustCompile(t, "re:a.*b|a") // each search reads to the end
	src := []byte(strings.Repeat("a", 1000))
	got := s.Find(nil, src, false)
	if n := len(got); n == 0 || got[n-1].End != len(src) || got[0].Start != 0 {
		t.Errorf("%d matches", n)
	}
}

func TestNoAllocs(t *testing.T) {
	// An expression whose literal is absent does not run; one that runs takes its
	// machine from package regexp's pool.
	s := mustCompile(t, append(Names(), "re:EMP-[0-9]{6}")...)
	src := []byte(strings.Repeat("Order 4711 of ada@example.com, card 4111 1111 1111 1111, ip 203.0.113.57, "+jwtFull+" https://u:p@h ", 20))
	dst := make([]Match, 0, 1000)
	if n := testing.AllocsPerRun(50, func() {
		dst = s.Find(dst[:0], src, false)
	}); n > 0 || len(dst) < 100 {
		t.Errorf("%v allocations, %d matches", n, len(dst))
	}
}
