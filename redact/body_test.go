// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "testing"

func TestContentType(t *testing.T) {
	for in, want := range map[string]struct {
		h        hint
		boundary string
		ok       bool
	}{
		"":                                               {hintNone, "", true},
		" ; charset=utf-8":                               {hintNone, "", true},
		"application/json":                               {hintJSON, "", true},
		"Application/VND.api+JSON; x=1":                  {hintJSON, "", true},
		"application/x-json":                             {hintJSON, "", true},
		"application/notjson":                            {hintBinary, "", true},
		"application/x-ndjson":                           {hintNDJSON, "", true},
		"application/stream+json":                        {hintNDJSON, "", true},
		"TEXT/HTML;charset=ISO-8859-1":                   {hintHTML, "", true},
		"application/xhtml+xml":                          {hintHTML, "", true},
		"application/soap+xml; action=\"a\"":             {hintXML, "", true},
		"text/event-stream":                              {hintSSE, "", true},
		"text/tab-separated-values":                      {hintCSV, "", true},
		"text/x-unknown":                                 {hintText, "", true},
		"image/png":                                      {hintBinary, "", true},
		"application/grpc":                               {hintOpaque, "", true},
		"application/grpc+json":                          {hintJSON, "", true},
		"application/grpc-web-text+proto":                {hintOpaque, "", true},
		"application/x-protobuf":                         {hintOpaque, "", true},
		"application/senml+cbor":                         {hintOpaque, "", true},
		`multipart/form-data; boundary="a b"`:            {hintMultipart, "a b", true},
		"multipart/mixed; charset=utf-8; Boundary=x; z=": {hintMultipart, "x", true},
		"multipart/form-data; =; boundary=x":             {hintMultipart, "x", true},
		"text/plain; boundary=x":                         {hintText, "", true},
		"text/plain; charset=utf-16":                     {hintNone, "", false},
		"text/plain; charset=\"UTF-16LE\"":               {hintNone, "", false},
		"text/plain; charset=utf-8; charset=utf-7":       {hintNone, "", false},
		"text/plain; charset*=us-ascii'en'utf-32":        {hintNone, "", false},
		"application/json; charset=\"utf-8\"":            {hintJSON, "", true},
	} {
		h, boundary, ok := hintOf(in)
		if h != want.h || boundary != want.boundary || ok != want.ok {
			t.Errorf("%q: got %v %q %v, want %v", in, h, boundary, ok, want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { hintOf("Multipart/Form-Data; charset=UTF-8; boundary=----WebKitFormBoundaryAb12") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestArrowBehindName: an arrow whose "-" is the value of a denied name made the scan
// of keys panic, and the whole text went.
func TestArrowBehindName(t *testing.T) {
	t.Parallel()
	p := mustPolicy(t, Config{Defaults: true, Keys: Keys{Deny: asRules([]string{"password"})}})
	if got := bodyOf(p, "text/plain", "password= -> next: 1"); got != "password= [REDACTED]> next: 1" {
		t.Errorf("%q", got)
	}
}
