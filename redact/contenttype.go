// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"strings"

	"github.com/apispan/apispan/redact/internal/field"
)

// hint is what a content type promises.
type hint uint8

const (
	hintNone hint = iota // absent or unusable
	hintText             // text/*, nothing structured
	hintJSON
	hintForm
	hintXML
	hintHTML
	hintMultipart
	hintNDJSON
	hintSSE
	hintCSV
	hintBinary // anything else
	hintOpaque // formats that cannot be read, raw or as base64
)

// hintOf reads a content type. ok is false for charsets that are not supersets of
// ASCII: the bytes cannot be read then.
func hintOf(contentType string) (h hint, boundary string, ok bool) {
	switch contentType { // the most frequent ones
	case "":
		return hintNone, "", true
	case "application/json", "application/json; charset=utf-8", "application/json;charset=utf-8", "application/json;charset=UTF-8",
		"application/json; charset=UTF-8":
		return hintJSON, "", true
	case "application/x-www-form-urlencoded":
		return hintForm, "", true
	case "text/plain", "text/plain; charset=utf-8":
		return hintText, "", true
	}
	// By hand, because mime.ParseMediaType allocates and gives up on all parameters
	// when one is bad.
	head, params, _ := strings.Cut(contentType, ";")
	var buf [maxTypeName]byte
	mt := lowerName(buf[:0], strings.TrimSpace(head))
	boundary, ok = typeParams(str(params))
	if !ok {
		return hintNone, "", false
	}
	h = hintOfName(mt)
	if h != hintMultipart {
		boundary = ""
	}
	return h, boundary, true
}

// maxTypeName bounds a media type; RFC 6838 allows 127 for each half.
const maxTypeName = 256

// lowerName is name in lower case, cut to the capacity of buf. The result lies in
// buf.
func lowerName(buf []byte, name string) string {
	for i := 0; i < len(name) && len(buf) < cap(buf); i++ {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf = append(buf, c)
	}
	return view(buf)
}

// typeParams reads the boundary of a content type; ok is false for charsets that
// are not supersets of ASCII.
func typeParams(b []byte) (boundary string, ok bool) {
	for pos := 0; ; {
		q, more := field.NextParam(b, pos)
		if !more {
			return boundary, true
		}
		pos = q.Next
		name, val := b[q.Name:q.Eq], b[q.Val:q.End]
		switch {
		case field.Fold(name, "charset"):
			if i := bytes.LastIndexByte(val, '\''); q.Ext && i >= 0 {
				val = val[i+1:]
			}
			var buf [32]byte
			if cs := lowerName(buf[:0], view(bytes.Trim(val, "' "))); cs != "" && !asciiSuperset(cs) {
				return "", false
			}
		case boundary == "" && field.Fold(name, "boundary"):
			boundary = view(val)
		}
	}
}

// hintOfName is hintOf for a media type in lower case.
func hintOfName(mt string) hint {
	_, sub, _ := strings.Cut(mt, "/")
	has := func(names ...string) bool {
		for _, n := range names {
			i := len(sub) - len(n)
			if i < 0 || sub[i:] != n {
				continue
			}
			if i == 0 || sub[i-1] == '+' || i == 2 && sub[:2] == "x-" {
				return true
			}
		}
		return false
	}
	switch {
	case mt == "":
		return hintNone
	case opaqueType(sub):
		return hintOpaque
	case has("ndjson", "jsonlines", "json-lines", "jsonl", "stream+json", "ldjson", "nd-json"):
		return hintNDJSON
	case has("json", "json-seq", "json5", "jsonp", "hjson", "jwk-set", "csp-report", "graphql-response", "amz-json-1.0", "amz-json-1.1"):
		return hintJSON
	case strings.HasPrefix(sub, "x-amz-json"):
		return hintJSON
	case sub == "x-www-form-urlencoded":
		return hintForm
	case strings.HasPrefix(mt, "multipart/"):
		return hintMultipart
	case has("html", "xhtml"), sub == "xhtml+xml":
		return hintHTML
	case has("xml"):
		return hintXML
	case sub == "event-stream":
		return hintSSE
	case has("csv", "tab-separated-values"):
		return hintCSV
	case strings.HasPrefix(mt, "text/"), has("yaml", "yml", "toml", "graphql", "javascript", "ecmascript", "x-sh", "typescript", "sql", "http", "pem-file", "x-pem-file"), mt == "message/http", mt == "message/rfc822":
		return hintText
	}
	return hintBinary
}

// opaqueType reports whether a subtype is a binary format that gateways and
// browsers also send as base64, which may look like a form or a word of text.
func opaqueType(sub string) bool {
	sub = strings.TrimPrefix(sub, "x-")
	if strings.HasPrefix(sub, "grpc") {
		// grpc-web-text is base64 whatever is in the frames.
		return strings.HasPrefix(sub, "grpc-web") || !strings.HasSuffix(sub, "+json")
	}
	for _, f := range [...]string{"protobuf", "proto", "msgpack", "messagepack", "cbor", "avro", "thrift", "bson"} {
		if sub == f || strings.HasSuffix(sub, "+"+f) || strings.HasSuffix(sub, "."+f) {
			return true
		}
	}
	return strings.Contains(sub, "protobuf") || strings.HasPrefix(sub, "vnd.apache.avro") || strings.HasPrefix(sub, "vnd.apache.thrift")
}

// asciiSuperset reports whether bytes below 0x80 mean ASCII characters, always, in
// the charset. That is not so in UTF-16/32, UTF-7, EBCDIC, and the East Asian
// double-byte sets whose second byte may be a quote or backslash.
func asciiSuperset(cs string) bool {
	switch cs {
	case "utf-8", "utf8", "us-ascii", "ascii", "latin1", "latin-1", "macintosh", "koi8-r", "koi8-u", "euc-jp", "euc-kr", "utf-8-sig", "utf8mb4":
		return true
	}
	return strings.HasPrefix(cs, "iso-8859-") || strings.HasPrefix(cs, "iso8859-") ||
		strings.HasPrefix(cs, "windows-125") || strings.HasPrefix(cs, "cp125")
}
