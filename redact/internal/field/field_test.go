// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package field

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadLine(t *testing.T) {
	t.Parallel()
	src := "A: 1\r\nb :2\n x\r\n\ty\r\nnothing\r\n\r\nC:3"
	var got []string
	for pos := 0; pos < len(src); {
		l := ReadLine([]byte(src), pos)
		switch {
		case l.Empty:
			got = append(got, "")
		case l.Colon < 0:
			got = append(got, src[l.Val:l.End])
		default:
			got = append(got, src[l.Name:l.Colon]+"|"+src[l.Val:l.End])
		}
		if l.Cut != (l.Next == len(src)) {
			t.Errorf("line at %d: Cut = %v", pos, l.Cut)
		}
		pos = l.Next
	}
	if d := cmp.Diff([]string{"A|1", "b|2\n x\r\n\ty", "nothing", "", "C|3"}, got); d != "" {
		t.Error(d)
	}
}

func TestNextParam(t *testing.T) {
	t.Parallel()
	src := `form-data; name = pass; filename="a\"b; c" ;name*=utf-8''p%61ss; x*0=1; flag; last="open`
	var got []string
	for pos := 0; ; {
		p, ok := NextParam([]byte(src), pos)
		if !ok {
			break
		}
		s := src[p.Name:p.Eq] + "|" + string(Unquote(nil, []byte(src[p.Val:p.End])))
		if p.Ext {
			s = "*" + s
		}
		got = append(got, s)
		pos = p.Next
	}
	want := []string{"name|pass", `filename|a"b; c`, "*name|utf-8''p%61ss", "x|1", "last|open"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func FuzzField(f *testing.F) {
	f.Add("A: b; c=\"d\\\r\n e\r\n\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		b := []byte(s)
		for pos := 0; pos < len(b); {
			l := ReadLine(b, pos)
			if l.Next <= pos || l.Val > l.End || l.End > l.Next || l.Next > len(b) {
				t.Fatalf("%q: %+v at %d", s, l, pos)
			}
			pos = l.Next
		}
		for pos := 0; ; {
			p, ok := NextParam(b, pos)
			if !ok {
				break
			}
			if p.Next <= pos || p.Name > p.Eq || p.Eq > p.Val || p.Val > p.End || p.End > p.Next || p.Next > len(b) {
				t.Fatalf("%q: %+v at %d", s, p, pos)
			}
			pos = p.Next
		}
	})
}
