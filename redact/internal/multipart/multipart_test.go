// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package multipart

import (
	"bytes"
	"io"
	std "mime/multipart"
	"net/textproto"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parts(t *testing.T, src, boundary string) (out []string) {
	t.Helper()
	sc, pre, ok := Open([]byte(src), []byte(boundary))
	if !ok {
		return nil
	}
	if pre > 0 {
		out = append(out, "pre:"+src[:pre])
	}
	for {
		p, ok := sc.Next()
		if !ok {
			break
		}
		s := strings.TrimSpace(src[p.Head:p.Body]) + "|" + src[p.Body:p.End]
		if p.Cut {
			s = "cut:" + s
		}
		if p.HeadCut {
			s = "head" + s
		}
		out = append(out, s)
	}
	if sc.Rest() < len(src) {
		out = append(out, "epi:"+src[sc.Rest():])
	}
	return out
}

func TestNext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, src, boundary string
		want                []string
	}{
		{"plain", "--b\r\nA: 1\r\n\r\nv1\r\n--b\r\n\r\nv2\r\n\r\n--b--\r\n", "b", []string{"A: 1|v1", "|v2\r\n"}},
		{"LF", "--b\nA: 1\n\nv1\n--b--\n", "b", []string{"A: 1|v1"}},
		{"preamble and epilogue", "hi\r\n--b\r\nA: 1\r\n\r\nv\r\n--b--\r\nbye", "b", []string{"pre:hi", "A: 1|v", "epi:bye"}},
		{"wrong boundary", "--b\r\nA: 1\r\n\r\nv\r\n--b--\r\n", "other", []string{"A: 1|v"}},
		{"no boundary", "--b\r\nA: 1\r\n\r\nv\r\n--b--", "", []string{"A: 1|v"}},
		{"longer boundary", "--b\r\nA: 1\r\n\r\n--bb\r\nv\r\n--b--", "b", []string{"A: 1|--bb\r\nv"}},
		{"in the line", "--b\r\n\r\nx --b\r\n--b--", "b", []string{"|x --b"}},
		{"cut value", "--b\r\nA: 1\r\n\r\nv\r\n--", "b", []string{"cut:A: 1|v\r\n--"}},
		{"cut head", "--b\r\nA: 1\r\n", "b", []string{"headcut:A: 1|"}},
		{"empty part", "--b\r\n--b--", "b", []string{"|"}},
		{"empty value", "--b\r\nA: 1\r\n\r\n--b--", "b", []string{"A: 1|"}},
		{"no multipart", "hello -- world", "b", nil},
	} {
		if d := cmp.Diff(c.want, parts(t, c.src, c.boundary)); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}

func TestBoundary(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"multipart/form-data; boundary=x":             "x",
		`multipart/form-data; BOUNDARY="a b"; q=1`:    "a b",
		"multipart/form-data":                         "",
		"multipart/form-data; charset=u; boundary= z": "z",
	} {
		if got := string(Boundary([]byte(in))); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// FuzzNext checks offsets, and that what mime/multipart reads is read alike.
func FuzzNext(f *testing.F) {
	f.Add("--b\r\nA: 1\r\n\r\nv1\r\n--b\r\n\r\nv2\r\n--b--\r\n", "b")
	f.Fuzz(func(t *testing.T, s, boundary string) {
		src := []byte(s)
		sc, pos, ok := Open(src, []byte(boundary))
		if !ok {
			return
		}
		for {
			p, ok := sc.Next()
			if !ok {
				break
			}
			if p.Head < pos || p.Body < p.Head || p.End < p.Body || p.End > len(src) {
				t.Fatalf("%q: %+v behind %d", s, p, pos)
			}
			pos = p.End
		}
	})
}

func TestAgreesWithStandardWriter(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	w := std.NewWriter(&buf)
	values := []string{"", "x", "\r\n", "a\r\nb", "--", "-- " + w.Boundary(), "\r\n--" + w.Boundary() + "x"}
	for _, v := range values {
		h := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="k"`}}
		pw, err := w.CreatePart(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(pw, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	sc, _, ok := Open(buf.Bytes(), []byte(w.Boundary()))
	if !ok {
		t.Fatal("not recognised")
	}
	var got []string
	for {
		p, ok := sc.Next()
		if !ok {
			break
		}
		got = append(got, string(buf.Bytes()[p.Body:p.End]))
	}
	if d := cmp.Diff(values, got); d != "" {
		t.Error(d)
	}
}

func BenchmarkNext(b *testing.B) {
	src := []byte(strings.Repeat("------WebKitFormBoundaryAb12\r\nContent-Disposition: form-data; name=\"comment\"\r\n\r\n"+
		strings.Repeat("some text in a field ", 20)+"\r\n", 30) + "------WebKitFormBoundaryAb12--\r\n")
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		sc, _, _ := Open(src, []byte("----WebKitFormBoundaryAb12"))
		for {
			if _, ok := sc.Next(); !ok {
				break
			}
		}
	}
}
