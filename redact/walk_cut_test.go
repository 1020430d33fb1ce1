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
