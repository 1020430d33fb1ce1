// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpattr

import "testing"

func TestIsTextual(t *testing.T) {
	for in, want := range map[string]bool{
		"text/plain":                             true,
		"TEXT/HTML; charset=utf-8":               true,
		"application/json":                       true,
		"application/vnd.api+json":               true,
		"application/soap+xml; action=x":         true,
		"application/x-yaml":                     false,
		"application/yaml":                       true,
		"application/x-www-form-urlencoded":      true,
		"application/octet-stream":               false,
		"application/octet-stream; charset=x":    true,
		"application/octet-stream; a=b;CHARSET=": true,
		"image/png":                              false,
		"multipart/form-data; boundary=charset":  false,
		"json":                                   false,
		"":                                       false,
	} {
		if got := IsTextual(in); got != want {
			t.Errorf("IsTextual(%q) = %v, want %v", in, got, want)
		}
	}
}

func TestMediaTypeAndJSON(t *testing.T) {
	if got := MediaType(" Application/JSON ; charset=x"); got != "application/json" {
		t.Errorf("MediaType = %q", got)
	}
	if !IsJSON("application/problem+json") || IsJSON("application/jsonp") {
		t.Error("IsJSON misjudges a suffix")
	}
}
