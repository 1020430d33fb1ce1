// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"encoding/xml"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"
	"testing"
)

// benchBodies are bodies of about 16 KB without and with 5 % denied fields.
func benchBodies() []struct{ name, contentType, plain, hits string } {
	rows := func(unit string, n int) string { return strings.Repeat(unit, n) }
	form := rows("user_name=ada&order_id=1234567&comment=hello%20world+again&currency=EUR&", 230)
	xmlRow := `<order id="1234567"><user_name>ada lovelace</user_name><total currency="EUR">12.50</total><note>two words</note></order>`
	part := func(name, value string) string {
		return "------WebKitFormBoundaryAb12\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	prose := rows("some words of a comment field ", 20)
	logLine := "2026-01-01T00:00:00Z INFO order accepted user_name=ada order_id=1234567 note=\"two words\" in 12 ms\n"
	secret := func(s, old, with string) string {
		var b strings.Builder
		for i, piece := range strings.SplitAfter(s, old) {
			b.WriteString(piece)
			if i%5 == 4 {
				b.WriteString(with)
			}
		}
		return b.String()
	}
	mp := rows(part("comment", prose), 24) + "------WebKitFormBoundaryAb12--\r\n"
	return []struct{ name, contentType, plain, hits string }{
		{"form", "application/x-www-form-urlencoded", form, secret(form, "EUR&", "password=hunter2&")},
		{"xml", "application/xml", "<orders>" + rows(xmlRow, 135) + "</orders>", "<orders>" + rows(rows(xmlRow, 5)+"<password>hunter2</password>", 27) + "</orders>"},
		{"html", "text/html", "<html><body>" + rows(`<div class="row"><a href="/order/17">order</a><p>two words</p></div>`, 230) + "</body></html>", ""},
		{"multipart", "multipart/form-data; boundary=----WebKitFormBoundaryAb12", mp, rows(rows(part("comment", prose), 4)+part("password", "hunter2"), 6) + "------WebKitFormBoundaryAb12--\r\n"},
		{"ndjson", "application/x-ndjson", rows(`{"user_name":"ada","order_id":1234567,"comment":"hello world"}`+"\n", 260), ""},
		{"sse", "text/event-stream", rows("event: m\ndata: {\"user_name\":\"ada\",\"order_id\":1234567}\n\n", 290), ""},
		{"text", "text/plain", rows(logLine, 165), rows(rows(logLine, 5)+"password=hunter2 x=1\n", 33)},
		{"csv", "text/csv", "user,order,comment\n" + rows("ada,1234567,hello world\n", 680), "user,password,comment\n" + rows("ada,1234567,hello world\n", 680)},
	}
}

// BenchmarkContainer has the key rules of the default policy, without detectors
// and with them.
func BenchmarkContainer(b *testing.B) {
	keys := mustPolicy(b, keysOnly())
	all, err := Compile([]byte("redact:\n  version: 1\n"))
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range benchBodies() {
		run := func(name, in string, p *Policy) {
			if in == "" {
				return
			}
			b.Run(c.name+"/"+name, func(b *testing.B) {
				s := p.NewScratch()
				defer s.Release()
				b.SetBytes(int64(len(in)))
				b.ReportAllocs()
				for b.Loop() {
					s.Begin(Exchange{RequestContentType: c.contentType})
					s.Body(Request, in)
				}
			})
		}
		run("keys", c.plain, keys)
		run("keys_hits", c.hits, keys)
		run("detectors", c.plain, all)
		b.Run(c.name+"/floor_copy", func(b *testing.B) {
			dst := make([]byte, len(c.plain))
			b.SetBytes(int64(len(c.plain)))
			for b.Loop() {
				copy(dst, c.plain)
			}
		})
		b.Run(c.name+"/standard_parser", func(b *testing.B) {
			b.SetBytes(int64(len(c.plain)))
			b.ReportAllocs()
			if !standardParser(c.contentType, c.plain) {
				b.Skip("none")
			}
			for b.Loop() {
				standardParser(c.contentType, c.plain)
			}
		})
	}
}

// standardParser reads a body with the standard library, without redacting.
func standardParser(contentType, in string) bool {
	switch {
	case strings.Contains(contentType, "form-urlencoded"):
		_, err := url.ParseQuery(in)
		return err == nil
	case strings.HasSuffix(contentType, "/xml"):
		d := xml.NewDecoder(strings.NewReader(in))
		for {
			if _, err := d.RawToken(); err != nil {
				return err == io.EOF
			}
		}
	case strings.HasPrefix(contentType, "multipart/"):
		_, params, _ := mime.ParseMediaType(contentType)
		r := multipart.NewReader(strings.NewReader(in), params["boundary"])
		var buf bytes.Buffer
		for {
			p, err := r.NextPart()
			if err != nil {
				return err == io.EOF
			}
			buf.Reset()
			_, _ = io.Copy(&buf, p)
		}
	}
	return false
}
