// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"net/url"
	"strings"
	"testing"
)

// A table in a text or a form value that was cut in a cell with a document, or behind
// it, and that nobody marked: what the document hides stays hidden.
func TestCutTable(t *testing.T) {
	t.Parallel()
	s := compile(t, "version: 1").NewScratch()
	defer s.Release()
	const full = "h,m,t\nk,\"{\"\"a\"\":{\"\"password\"\":{\"\"b\"\":[\"\"S3CR3T-hunter2\"\"]}}}\",x\n"
	for n := len(full); n > 8; n-- {
		for contentType, in := range map[string]string{
			"text/plain":                        full[:n],
			"application/x-www-form-urlencoded": "h=1&m=" + url.QueryEscape(full[:n]),
		} {
			s.Begin(Exchange{RequestContentType: contentType})
			if out, _ := s.Body(Request, in); strings.Contains(out, "S3CR") {
				t.Errorf("%s cut at %d: %q", contentType, n, out)
			}
		}
	}
	form := "h=1&m=" + url.QueryEscape(full)
	for n := len(form); n > 20; n-- { // within escapes, too
		s.Begin(Exchange{RequestContentType: "application/x-www-form-urlencoded"})
		if out, _ := s.Body(Request, form[:n]); strings.Contains(out, "S3CR") {
			t.Errorf("form cut at %d: %q", n, out)
		}
	}
	for _, in := range []string{"a, b\nhe said \"no\", then left", "a,b\n1,2\n3", "x;y\n\"q\";2\n"} {
		s.Begin(Exchange{RequestContentType: "text/plain"})
		if out, _ := s.Body(Request, in); out != in {
			t.Errorf("%q: %q", in, out)
		}
	}
}

// TestBrokenDocumentInText: JSON that breaks off within a text is read by its names and
// values, and what stands behind a key in it is read as text all the same.
func TestBrokenDocumentInText(t *testing.T) {
	t.Parallel()
	p := mustPolicy(t, keysOnly())
	for _, in := range []string{
		`x {"value":1,"password":S3CR3Tword}`, `x {"name":"a","value":"b","password":S3CR3Tword, "c":1}`, `x {"value":1,"user":"Bob" Password: S3CR3Tword}`,
		`x {"a":[{"name":"password","value":"S3CR3Tword"}]%7`, `x {"name":"password","value":"S3CR3Tword"(cut)`, `x {"value":[{"password":S3CR3Tword`,
		"x {\"name\":\"password\",\"value\":\"\tS3CR3Tword\"} y", "x {\"q\":\"mutation{login(password:$p)}\",\"variables\":{\"p\":\"S3CR3T\tword",
		"x {\"q\":\"mutation{login(password:$p)}\",\"variables\":{\"p\":\"S3CR3Tword\"%}", "x {\"q\":\"mutation{login(password:$p)}\",\"variables\":{\"p\":\"S3CR3T\n",
	} {
		if out := bodyOf(p, "text/plain", in); strings.Contains(out, "S3CR3T") {
			t.Errorf("%s\n becomes %s", in, out)
		}
	}
	for name, nf := range keyNameFlags { // all that pair, whatever they are called
		for value, vf := range keyNameFlags {
			if nf&flagNameKey == 0 || nf&flagPointer != 0 || vf&flagValueKey == 0 {
				continue
			}
			for _, in := range []string{
				`x {"` + name + `":"password","` + value + `":"S3CR3Tword"(cut)`, `x [{"` + value + `":"S3CR3Tword","n":1,"` + name + `":"password"}]%7`,
			} {
				if out := bodyOf(p, "text/plain", in); strings.Contains(out, "S3CR3T") {
					t.Errorf("%s\n becomes %s", in, out)
				}
			}
		}
	}
	for _, in := range []string{`see: f({"id": "x", "data": foo(1)})`, `use {"type":"json","text":Foo} here`} {
		if out := bodyOf(p, "text/plain", in); out != in {
			t.Errorf("%s\n becomes %s", in, out)
		}
	}
}
