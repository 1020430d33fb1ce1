// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"html"
	"mime/multipart"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// container writes a secret under the key "password" and something to keep.
type container struct {
	name, contentType string
	write             func(secret string) string
	keep              string
	// line tells that the syntax has no way to write a line end in a value.
	line bool
}

func xmlText(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

func jsonText(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

var containers = []container{
	{"form", "application/x-www-form-urlencoded", func(s string) string { return "k=keep&password=" + url.QueryEscape(s) + "&z=1" }, "k=keep", false},
	{"form bracket", "application/x-www-form-urlencoded", func(s string) string { return "k=keep&user%5Bpassword%5D=" + url.QueryEscape(s) }, "k=keep", false},
	{"form in form", "application/x-www-form-urlencoded", func(s string) string {
		return "k=keep&d=" + url.QueryEscape("a=1&password="+url.QueryEscape(s))
	}, "k=keep", false},
	{"URL in form", "application/x-www-form-urlencoded", func(s string) string {
		return "k=keep&d=" + url.QueryEscape("https://h.test/a?password="+url.QueryEscape(s))
	}, "k=keep", false},
	{"XML", "application/xml", func(s string) string { return "<u><password>" + xmlText(s) + "</password><k>keep</k></u>" }, "<k>keep</k>", false},
	{"XML attribute", "application/xml", func(s string) string { return `<u password="` + xmlText(s) + `"><k>keep</k></u>` }, "<k>keep</k>", false},
	{"XML CDATA", "application/xml", func(s string) string {
		return "<u><password><![CDATA[" + strings.ReplaceAll(s, "]]>", "]]]]><![CDATA[>") + "]]></password><k>keep</k></u>"
	}, "<k>keep</k>", false},
	{"XML pair", "application/xml", func(s string) string {
		return "<u><e><name>password</name><value>" + xmlText(s) + "</value></e><k>keep</k></u>"
	}, "<k>keep</k>", false},
	{"XML pair, value first", "application/xml", func(s string) string {
		return "<u><e><value>" + xmlText(s) + "</value><name>password</name></e><k>keep</k></u>"
	}, "<k>keep</k>", false},
	{"HTML input", "text/html", func(s string) string {
		return `<html><body><input name="password" value="` + html.EscapeString(s) + `"><p>keep</p></body></html>`
	}, "<p>keep</p>", false},
	{"HTML state", "text/html", func(s string) string {
		return `<html><body><div data-s="` + html.EscapeString(`{"password":`+jsonText(s)+`}`) + `"></div><p>keep</p></body></html>`
	}, "<p>keep</p>", false},
	{"HTML script", "text/html", func(s string) string {
		return `<html><script>window.s={"password":` + jsonText(s) + `};</script><p>keep</p></html>`
	}, "<p>keep</p>", false},
	{"CSV", "text/csv", func(s string) string {
		var b strings.Builder
		w := csv.NewWriter(&b)
		_ = w.WriteAll([][]string{{"k", "password", "z"}, {"keep", s, "1"}})
		return b.String()
	}, "keep", false},
	{"NDJSON", "application/x-ndjson", func(s string) string { return `{"k":"keep"}` + "\n" + `{"password":` + jsonText(s) + "}\n" }, "keep", false},
	{"SSE", "text/event-stream", func(s string) string {
		return "data: keep\n\ndata: {\"password\":" + jsonText(s) + "}\n\n"
	}, "data: keep", false},
	{"SSE of two lines", "text/event-stream", func(s string) string {
		return "data: keep\n\ndata: {\"password\":\ndata: " + jsonText(s) + "}\n\n"
	}, "data: keep", false},
	{"base64", "text/plain", func(s string) string {
		return "keep " + base64.StdEncoding.EncodeToString([]byte(`{"password":`+jsonText(s)+`}`)) + " end"
	}, "keep", false},
	{"quoted text", "text/plain", func(s string) string { return "k=keep password=" + strconv.Quote(s) + " z=1" }, "k=keep", false},
	{"JSON in text", "text/plain", func(s string) string { return `keep {"password": ` + jsonText(s) + `} end` }, "keep", false},
	{"escaped JSON in text", "text/plain", func(s string) string {
		return "keep " + strconv.Quote(`{"password": `+jsonText(s)+`}`)
	}, "keep", false},
	{"Python", "text/plain", func(s string) string {
		return "{'k': 'keep', 'password': '" + strings.NewReplacer(`\`, `\\`, "'", `\'`, "\n", `\n`, "\r", `\r`).Replace(s) + "'}"
	}, "keep", false},
	{"YAML line", "text/plain", func(s string) string { return "k: keep\npassword: x" + s + "\nz: 1\n" }, "k: keep", true},
	{"header line", "text/plain", func(s string) string { return "K: keep\r\nPassword: x" + s + "\r\nZ: 1\r\n" }, "K: keep", true},
	{"multipart", "multipart/form-data; boundary=XbXbXbX", func(s string) string {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		_ = w.SetBoundary("XbXbXbX")
		_ = w.WriteField("k", "keep")
		_ = w.WriteField("password", s)
		_ = w.WriteField("z", "1")
		_ = w.Close()
		return b.String()
	}, "keep", false},
}

const fuzzPolicy = "redact:\n  version: 1\n  defaults: false\n  keys: { deny: [password] }\n"

func bodyOf(p *Policy, contentType, in string) string {
	s := p.NewScratch()
	defer s.Release()
	s.Begin(Exchange{RequestContentType: contentType})
	out, ef := s.Body(Request, in)
	if ef == Removed {
		return ""
	}
	return out
}

// sameReason makes the marks of different failures equal: a tail that was malformed
// is a truncated one when it is read again.
var sameReason = strings.NewReplacer(markMalformed, markTruncated, markUnsupported, markTruncated, markLimit, markTruncated)

// FuzzContainer writes a secret with fuzzed surroundings in every container: it
// must go, also when the input is cut, and its neighbours must stay.
func FuzzContainer(f *testing.F) {
	for _, v := range [][2]string{
		{"", ""}, {"a b", "&x=1;y"}, {`"`, `'"`}, {`\`, `\\`}, {"<", "</password>"}, {"]]>", "&amp;"}, {"\r\n--XbXbXbX", "x"}, {"%zz", "%"},
		{"{", "}"}, {"x,y", ";"}, {"\x1e", "`"}, {"é“", "”"}, {"\n\n", "\ndata: "}, {"+", "="}, {"'S", "''"}, {"'' ", ""}, {`"", `, ""}, {`"a"} `, ""},
	} {
		f.Add(v[0], v[1], uint16(30))
	}
	p, err := Compile([]byte(fuzzPolicy))
	if err != nil {
		f.Fatal(err)
	}
	dropped := mustPolicy(f, Config{Keys: Keys{Drop: asRules([]string{"password"})}})
	hashed := mustPolicy(f, Config{
		Keys: Keys{HMAC: asRules([]string{"password"})},
		HMAC: HMAC{Keys: []HMACKey{{ID: "k1", Value: "0123456789abcdef0123456789abcdef"}}},
	})
	listed := mustPolicy(f, Config{Keys: Keys{Allow: asRules([]string{"k"})}})
	f.Fuzz(func(t *testing.T, before, after string, at uint16) {
		const marker = "S3CR3T"
		secret := before + marker + after
		if !utf8.ValidString(secret) || strings.ContainsFunc(secret, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7F }) ||
			strings.Contains(secret, "\n--XbXbXbX") || strings.Contains(secret, "keep") {
			return
		}
		for _, c := range containers {
			if c.line && strings.ContainsAny(secret, "\r\n") {
				continue
			}
			in := c.write(secret)
			out := bodyOf(p, c.contentType, in)
			check := func(what, in, out string) {
				if strings.Contains(out, marker) || strings.Contains(out, base64.StdEncoding.EncodeToString([]byte("\"" + marker))[:6]) {
					t.Errorf("%s, %s leaks:\n in  %q\n out %q", c.name, what, in, out)
				}
			}
			check("whole", in, out)
			if !strings.Contains(out, c.keep) {
				t.Errorf("%s loses its neighbour:\n in  %q\n out %q", c.name, in, out)
			}
			for what, p := range map[string]*Policy{"drop": dropped, "hmac": hashed} {
				out := bodyOf(p, c.contentType, in)
				check(what, in, out)
				if !strings.Contains(out, c.keep) {
					t.Errorf("%s, %s loses its neighbour:\n in  %q\n out %q", c.name, what, in, out)
				}
			}
			check("allowlist", in, bodyOf(listed, c.contentType, in))
			if again := bodyOf(p, c.contentType, out); sameReason.Replace(again) != sameReason.Replace(out) {
				t.Errorf("%s is not idempotent:\n in    %q\n once  %q\n twice %q", c.name, in, out, again)
			}
			if n := int(at) % (len(in) + 1); c.name != "XML pair, value first" {
				check("cut", in[:n], bodyOf(p, c.contentType, in[:n]))
			}
		}
	})
}

// TestDetectorsInContainers puts a card number in every container under a key that
// no rule selects: the detectors must see the decoded value.
func TestDetectorsInContainers(t *testing.T) {
	t.Parallel()
	p := mustPolicy(t, Config{Patterns: map[string]string{"card": "mask"}})
	for _, c := range containers {
		for _, card := range []string{"4111111111111111", "4111 1111 1111 1111", "pay 4111-1111-1111-1111 <now>"} {
			in := strings.ReplaceAll(c.write(card), "password", "comment")
			out := bodyOf(p, c.contentType, in)
			if strings.Contains(out, "1111") || strings.Contains(out, base64.StdEncoding.EncodeToString([]byte("\"" + card))[4:12]) {
				t.Errorf("%s leaks:\n in  %q\n out %q", c.name, in, out)
			}
			if !strings.Contains(out, c.keep) {
				t.Errorf("%s loses its neighbour:\n in  %q\n out %q", c.name, in, out)
			}
		}
	}
}

// FuzzAnyBytes feeds arbitrary bytes to every container: no panic, no mask of
// nothing, and what was redacted once stays so.
func FuzzAnyBytes(f *testing.F) {
	for _, c := range containers {
		f.Add([]byte(c.write("S3CR3T")))
	}
	p, err := Compile([]byte(fuzzPolicy))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		seen := map[string]bool{}
		for _, c := range containers {
			if seen[c.contentType] {
				continue
			}
			seen[c.contentType] = true
			once := bodyOf(p, c.contentType, string(in))
			if len(once) > 8*len(in)+1024 {
				t.Errorf("%s: %d bytes become %d", c.contentType, len(in), len(once))
			}
			// Where an unreadable tail was replaced, what stands before it may read
			// differently the next time; but that eats input and so ends.
			last := once
			for n := 0; ; n++ {
				next := bodyOf(p, c.contentType, last)
				if sameReason.Replace(next) == sameReason.Replace(last) {
					break
				}
				if n > len(in) {
					t.Fatalf("%s does not settle:\n in   %q\n last %q\n next %q", c.contentType, in, last, next)
				}
				last = next
			}
		}
	})
}

// FuzzTinyText checks that walkText finds nothing in what tinyText passes over.
func FuzzTinyText(f *testing.F) {
	for _, s := range []string{"b: c", "a b=c, d: e", "password=x", "token: x", "cookie: a=b", "a/b:c@d", "card number: 1", "PASS=x;y"} {
		f.Add(s)
	}
	p, err := CompileConfig(Config{Keys: Keys{Deny: asRules(defaultKeys)}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in string) {
		s := p.NewScratch()
		defer s.Release()
		if c := (ctx{place: placeRequestBody, nest: 1}); len(in) <= maxTiny && s.tinyText([]byte(in), c) {
			if out, ef := s.apply([]byte(in), c, (*Scratch).walkText); ef != Unchanged {
				t.Errorf("%q becomes %q", in, out)
			}
		}
	})
}
