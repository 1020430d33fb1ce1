// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package form

import (
	"bytes"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func split(src string) (out []string) {
	b := []byte(src)
	for sc := Scan(b); ; {
		if !sc.Next() {
			return out
		}
		p := &sc.Pair
		s := src[p.Start:p.Eq]
		if p.HasValue() {
			s += "|" + src[p.Val:p.End]
		}
		out = append(out, s)
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"":                              {""},
		"a":                             {"a"},
		"a=1&b=2":                       {"a|1", "b|2"},
		"a=1;b=2":                       {"a|1", "b|2"},
		"a=b=c&&=x&":                    {"a|b=c", "", "|x", ""},
		"user[password]=longer-value&z": {"user[password]|longer-value", "z"},
		"averyveryverylongkey=v&w==":    {"averyveryverylongkey|v", "w|="},
	} {
		if d := cmp.Diff(want, split(in)); d != "" {
			t.Errorf("%q: %s", in, d)
		}
	}
}

func TestValueEnd(t *testing.T) {
	t.Parallel()
	src := []byte("p=a;b;c=d&e")
	sc := Scan(src)
	sc.Next()
	if got := ValueEnd(src, &sc.Pair); got != 9 {
		t.Errorf("got %d, want 9", got)
	}
}

func TestEscapeRoundTrip(t *testing.T) {
	t.Parallel()
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, plus := range []bool{false, true} {
		enc := Escape(nil, all, plus)
		if got := Unescape(nil, enc, plus); !bytes.Equal(got, all) {
			t.Errorf("plus=%v: got %q", plus, got)
		}
		std, err := url.QueryUnescape(string(enc))
		if err != nil || std != string(all) {
			t.Errorf("net/url reads %q, %v", std, err)
		}
	}
	if got := string(Unescape(nil, []byte("%zz%4"), true)); got != "%zz%4" {
		t.Errorf("bad escapes: %q", got)
	}
}

// FuzzNext checks that the pairs tile the input and agree with a naive split.
func FuzzNext(f *testing.F) {
	f.Add("a=1&b=%41;c+d=e")
	f.Fuzz(func(t *testing.T, s string) {
		var want []string
		for _, p := range strings.FieldsFunc("\x00"+strings.NewReplacer("&", "&\x00", ";", "&\x00").Replace(strings.ReplaceAll(s, "\x00", "0")),
			func(r rune) bool { return r == '&' }) {
			p = p[1:]
			if k, v, ok := strings.Cut(p, "="); ok {
				p = k + "|" + v
			}
			want = append(want, p)
		}
		s = strings.ReplaceAll(s, "\x00", "0")
		if d := cmp.Diff(want, split(s)); d != "" {
			t.Error(d)
		}
		b := []byte(s)
		for sc := Scan(b); ; {
			if !sc.Next() {
				break
			}
			p := &sc.Pair
			if p.KeyEsc != bytes.ContainsAny(b[p.Start:p.Eq], "%+") || p.ValEsc != bytes.ContainsAny(b[p.Val:p.End], "%+") {
				t.Fatalf("pair %+v is wrong about escapes", p)
			}
		}
		dec := Unescape(nil, b, true)
		if !HasEscape(b, true) && !bytes.Equal(dec, b) {
			t.Error("HasEscape false but Unescape changes")
		}
	})
}

func BenchmarkNext(b *testing.B) {
	src := []byte(strings.Repeat("user_name=ada&order_id=1234567&comment=hello%20world+again&", 280))
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		sc := Scan(src)
		for sc.Next() {
			n += sc.Eq
		}
	}
}
