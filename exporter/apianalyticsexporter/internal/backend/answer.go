// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backend

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// SampleBytes is how much of an answer is looked at to tell whether it is the backend's.
const SampleBytes = 4 << 10

// Answers say what a backend's successful answers look like, so that one of a login page,
// a captive portal or a firewall is not taken for delivery. The zero value is for most: an
// answer is the backend's unless it certainly is not. Of the content nothing but that is
// decided.
type Answers struct {
	// Statuses are the only ones of 2xx with which the backend takes events. Nil: all but
	// 205 and 206, which no POST is answered with.
	Statuses []int
	// Any is true if the endpoint is anybody's, who may answer as he likes: with HTML, too,
	// but not with a whole page, and with JSON that speaks of errors.
	Any bool
	// Pages is true if even a whole page is an answer. It needs Any.
	Pages bool
}

// What an answer is that is not the backend's.
const (
	foreignPage   = "a page"
	foreignStatus = "a status that it does not have"
	foreignError  = "a document that says that the request failed"
)

// Foreign says why a successful answer is certainly not the backend's, or "". Sample is
// what its content begins with, as it came, and err how reading it ended: nil if there may
// be more, io.EOF if that is all.
func (a *Answers) Foreign(status int, h http.Header, sample []byte, err error) string {
	if a.Statuses != nil && !slices.Contains(a.Statuses, status) || status == http.StatusResetContent || status == http.StatusPartialContent {
		return foreignStatus
	}
	if a.Pages {
		return ""
	}
	content, readable := decode(h.Get("Content-Encoding"), sample)
	if bytes.HasPrefix(content, []byte("\xff\xfe")) || bytes.HasPrefix(content, []byte("\xfe\xff")) { // UTF-16
		content = bytes.ReplaceAll(content[2:], []byte{0}, nil)
	}
	content = bytes.TrimLeft(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf")), " \t\r\n")
	switch {
	case len(content) == 0:
		// A type alone decides only where there is content that cannot be read: many
		// servers call any text HTML.
		if cut := err != nil && !errors.Is(err, io.EOF); !a.Any && (cut || !readable) && isHTML(h) {
			return foreignPage
		}
	case a.Any:
		if isDocument(content) {
			return foreignPage
		}
	case content[0] == '<':
		return foreignPage // HTML, XML, SOAP: no backend has any of them
	case errors.Is(err, io.EOF) && failed(content):
		return foreignError
	}
	return ""
}

// decode takes the content coding off, and reports whether it knows it.
func decode(coding string, sample []byte) ([]byte, bool) {
	switch strings.ToLower(strings.TrimSpace(coding)) {
	case "", "identity":
		return sample, true
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(bytes.NewReader(sample))
		if err != nil {
			return nil, false
		}
		content, _ := io.ReadAll(io.LimitReader(z, SampleBytes)) // as far as it goes
		return content, len(content) > 0
	case "deflate":
		z, err := zlib.NewReader(bytes.NewReader(sample))
		if err != nil {
			return nil, false
		}
		content, _ := io.ReadAll(io.LimitReader(z, SampleBytes))
		return content, len(content) > 0
	}
	return nil, false
}

func isHTML(h http.Header) bool {
	t := strings.ToLower(h.Get("Content-Type"))
	return strings.Contains(t, "text/html") || strings.Contains(t, "application/xhtml")
}

// isDocument reports whether content is an HTML document: after comments it begins with a
// doctype or one of the elements that only documents have.
func isDocument(content []byte) bool {
	for bytes.HasPrefix(content, []byte("<!--")) || bytes.HasPrefix(content, []byte("<?xml")) {
		_, rest, _ := bytes.Cut(content, []byte(">"))
		content = bytes.TrimLeft(rest, " \t\r\n")
	}
	head := bytes.ToLower(content[:min(len(content), 16)])
	for _, begin := range []string{"<!doctype html", "<html", "<head", "<body", "<title", "<meta"} {
		if bytes.HasPrefix(head, []byte(begin)) {
			return true
		}
	}
	return false
}

// failed reports whether content is a JSON object that says without doubt that the request
// failed. One that also tells how many events were taken does not.
func failed(content []byte) bool {
	var f struct {
		Error, Errors                         json.RawMessage
		OK, Success                           json.RawMessage
		Status, Code                          json.RawMessage
		StatusCode                            json.RawMessage `json:"status_code"`
		StatusCode2                           json.RawMessage `json:"statusCode"`
		Accepted, Skipped, Received, Ingested json.RawMessage
	}
	if content[0] != '{' || json.Unmarshal(content, &f) != nil || f.Accepted != nil || f.Skipped != nil || f.Received != nil || f.Ingested != nil {
		return false
	}
	if Says(f.Error) || Says(f.Errors) || string(f.OK) == "false" || string(f.Success) == "false" {
		return true
	}
	switch strings.ToLower(strings.Trim(string(f.Status), `"`)) {
	case "error", "fail", "failed", "failure", "rejected", "refused", "denied", "unauthorized", "forbidden":
		return true
	}
	for _, number := range []json.RawMessage{f.Status, f.Code, f.StatusCode, f.StatusCode2} {
		if n, err := strconv.Atoi(strings.Trim(string(number), `"`)); err == nil && n >= 400 && n <= 599 {
			return true
		}
	}
	return false
}

// Says reports whether a JSON member for errors has any.
func Says(member json.RawMessage) bool {
	switch string(member) {
	case "", "null", "false", "0", `""`, "[]", "{}":
		return false
	}
	return true
}
