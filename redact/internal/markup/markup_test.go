// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package markup

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var kinds = [...]string{"text", "start", "end", "comment", "cdata", "pi", "doctype", "raw", "rawrefs"}

func tokens(src string, html bool) (out []string) {
	b := []byte(src)
	for sc := Scan(b, html); ; {
		if !sc.Next() {
			return out
		}
		t := sc.Token
		s := kinds[t.Kind]
		switch t.Kind {
		case Start:
			s += ":" + src[t.Name:t.NameEnd]
			for {
				if !sc.Attr() {
					break
				}
				a := sc.A
				s += " " + src[a.Name:a.NameEnd] + "=" + src[a.Val:a.End]
				if a.Cut {
					s += "!cut"
				}
			}
			self, bad := sc.Closed()
			if self {
				s += "/"
			}
			if bad {
				s += " bad"
			}
		case End:
			s += ":" + src[t.Name:t.NameEnd]
		default:
			s += ":" + src[t.Body:t.BodyEnd]
		}
		if t.Cut {
			s += "!cut"
		}
		if t.Bad {
			s += "!bad"
		}
		out = append(out, s)
	}
}

func TestXML(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		`<a b="1" c='x>y'>t</a>`:                         {"start:a b=1 c=x>y", "text:t", "end:a"},
		`<n:a/><b />`:                                    {"start:n:a/", "start:b/"},
		`<![CDATA[ </a> ]]>x`:                            {"cdata: </a> ", "text:x"},
		`<!-- <a> --><?p q?>`:                            {"comment: <a> ", "pi:p q"},
		`<!DOCTYPE u [<!ENTITY a "]>'"> <!-- ' -->]><u>`: {`doctype:<!ENTITY a "]>'"> <!-- ' -->`, "start:u"},
		`<!DOCTYPE html PUBLIC "x>y"><u>`:                {"doctype:", "start:u"},
		"<a":                                             {"start:a bad!cut"},
		"<":                                              {"start: !cut"[:6] + "!cut"},
		`<a b="`:                                         {"start:a b=!cut bad"},
		`<a b=c>`:                                        {"start:a b=c bad"},
		`<a "x">y`:                                       {"start:a bad", `text:"x">y`},
		"a < b":                                          {"text:a ", "start: b=!cut bad!bad"},
		"<!-- x":                                         {"comment: x!cut"},
		"<![CDA":                                         {"comment:<![CDA!cut"},
		"</a b>":                                         {"end:a!bad"},
		"</a":                                            {"end:a!cut"},
	} {
		if d := cmp.Diff(want, tokens(in, false)); d != "" {
			t.Errorf("%s: %s", in, d)
		}
	}
}

func TestHTML(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		`<input name=pw value="x" disabled>`: {"start:input name=pw value=x disabled="},
		`<script>if (a<b) "</p>"</SCRIPT >x`: {"start:script", `raw:if (a<b) "</p>"`, "end:SCRIPT", "text:x"},
		`<textarea>&lt;</textarea>`:          {"start:textarea", "rawrefs:&lt;", "end:textarea"},
		"a < b <3 c":                         {"text:a < b <3 c"},
		"<!--> a <!--x--!>b":                 {"comment:", "text: a ", "comment:x", "text:b"},
		"<style>x":                           {"start:style", "raw:x!cut"},
		`<a href=/x/y>`:                      {"start:a href=/x/y"},
		`<a b"c="d">`:                        {`start:a b"c=d`},
		"<?php x ?>y":                        {"comment:php x ?", "text:y"},
	} {
		if d := cmp.Diff(want, tokens(in, true)); d != "" {
			t.Errorf("%s: %s", in, d)
		}
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a&amp;b&lt;&gt;&quot;&apos;": `a&b<>"'`,
		"&#112;&#x70;&#X70;w&#112":    "pppwp",
		"&pw; & &#; &#x; &#x110000;":  "&pw; & &#; &#x; �",
		"a&commat;b&period;c":         "a@b.c",
	} {
		if got := string(Decode(nil, []byte(in))); got != want {
			t.Errorf("%s: %q", in, got)
		}
	}
	if got := string(Decode(nil, Encode(nil, []byte(`<a b="c" d='&'>`)))); got != `<a b="c" d='&'>` {
		t.Errorf("round trip: %q", got)
	}
}

// FuzzXML checks that tokens tile the input and that whatever encoding/xml takes
// is taken here with the same tags.
func FuzzXML(f *testing.F) {
	for _, s := range []string{
		`<?xml version="1.0"?><!DOCTYPE u [<!ENTITY a "b">]><u a='1'><b/>t<![CDATA[x]]><!-- c --></u>`,
		`<a b="<">x</a>`, `<a></a ><b`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := []byte(s)
		for _, html := range []bool{false, true} {
			pos := 0
			for sc := Scan(b, html); ; {
				if !sc.Next() {
					break
				}
				tk := sc.Token
				if tk.Start != pos || tk.End <= pos || tk.Name > tk.NameEnd || tk.Body > tk.BodyEnd || tk.BodyEnd > tk.End {
					t.Fatalf("html=%v %q: %+v at %d", html, s, tk, pos)
				}
				if tk.Kind == Start {
					at := tk.End
					for {
						if !sc.Attr() {
							break
						}
						a := sc.A
						if a.Name < at || a.NameEnd <= a.Name || a.Val < a.NameEnd || a.End < a.Val || sc.Pos() < a.End {
							t.Fatalf("html=%v %q: %+v behind %d", html, s, a, at)
						}
						at = a.End
					}
				}
				pos = sc.Pos()
			}
			if pos != len(b) {
				t.Fatalf("html=%v %q: ends at %d", html, s, pos)
			}
		}
		want, ok := standard(s)
		if !ok {
			return
		}
		var got []string
		for _, tk := range tokens(s, false) {
			if strings.Contains(tk, "!bad") || strings.HasSuffix(tk, " bad") {
				t.Fatalf("%q: %s is bad here", s, tk)
			}
			name, _, _ := strings.Cut(strings.TrimPrefix(tk, "start:"), " ")
			switch {
			case strings.HasPrefix(tk, "start:"):
				got = append(got, strings.TrimSuffix(name, "/"))
			case strings.HasPrefix(tk, "end:"):
				got = append(got, "/"+tk[4:])
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("%q: %s", s, d)
		}
	})
}

// standard lists the tags that encoding/xml reads; empty elements that were
// written as one tag have no end.
func standard(s string) (tags []string, ok bool) {
	d := xml.NewDecoder(strings.NewReader(s))
	for {
		before := d.InputOffset()
		tk, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return tags, true
		}
		if err != nil {
			return nil, false
		}
		name := func(n xml.Name) string {
			if n.Space != "" {
				return n.Space + ":" + n.Local
			}
			return n.Local
		}
		switch e := tk.(type) {
		case xml.StartElement:
			tags = append(tags, name(e.Name))
		case xml.EndElement:
			if d.InputOffset() > before {
				tags = append(tags, "/"+name(e.Name))
			}
		case xml.Directive:
			return nil, false // read differently on purpose
		}
	}
}

func BenchmarkXML(b *testing.B) {
	src := []byte("<orders>" + strings.Repeat(`<order id="1234567"><user_name>ada lovelace</user_name><total currency="EUR">12.50</total><note>two words</note></order>`, 130) + "</orders>")
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		sc := Scan(src, false)
		for sc.Next() {
		}
	}
}
