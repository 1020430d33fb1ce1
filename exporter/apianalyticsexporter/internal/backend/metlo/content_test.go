// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package metlo

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// TestMultipartWithBinaryPart: one part that is no text does not take the others along.
func TestMultipartWithBinaryPart(t *testing.T) {
	t.Parallel()
	part := func(name, extra, content string) string {
		return "--xyz\r\nContent-Disposition: form-data; name=\"" + name + "\"" + extra + "\r\n\r\n" + content + "\r\n"
	}
	picture := part("picture", "; filename=\"a.png\"\r\nContent-Type: image/png", "\x89PNG\r\n\x1a\n\x00\xff\r\n\r\n\x00")
	note := part("picture", "; filename=\"a.png\"\r\nContent-Type: image/png", notText)
	title, price := part("title", "", "Hélène"), part("price", "", "12")
	for name, tt := range map[string]struct{ contentType, body, want string }{
		"in the middle": {"multipart/form-data; boundary=xyz", title + picture + price + "--xyz--\r\n", title + note + price + "--xyz--\r\n"},
		"first":         {"Multipart/Form-Data; charset=utf-8; boundary=\"xyz\"", picture + price + "--xyz--", note + price + "--xyz--"},
		"mixed, last":   {"multipart/mixed; boundary=xyz", title + picture + "--xyz--", title + note + "--xyz--"},
		"cut":           {"multipart/form-data; boundary=xyz", title + picture[:len(picture)-8], title + strings.TrimSuffix(note, "\r\n")},
		"bad head":      {"multipart/form-data; boundary=xyz", title + part("a\xff", "", "b") + price, title + "--xyz\r\n\r\n" + notText + "\r\n" + price},
		"all text":      {"multipart/form-data; boundary=xyz", title + price + "--xyz--", title + price + "--xyz--"},
		"no boundary":   {"multipart/form-data", title + picture, notText},
		"other":         {"multipart/form-data; boundary=abc", title + picture, notText},
		"no multipart":  {"image/png", picture, notText},
	} {
		m := &exchange.Message{
			Headers: []exchange.Header{{Name: "content-type", Values: []string{tt.contentType}}},
			Body:    exchange.Body{Data: tt.body, Captured: true, Binary: !utf8.ValidString(tt.body)},
		}
		for _, e := range []*Encoder{{}, {v2: true}} {
			if got := e.content(m); got != tt.want {
				t.Errorf("%s: %q, want %q", name, got, tt.want)
			}
		}
	}
}
