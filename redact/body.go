// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"github.com/apispan/apispan/redact/internal/field"
)

// walkBody finds out what a body is and walks it. The content type is a hint, the
// bytes decide.
func (s *Scratch) walkBody(src []byte, c ctx) {
	ct := s.ex.RequestContentType
	if c.place == placeResponseBody {
		ct = s.ex.ResponseContentType
	}
	s.content(0, src, c, ct)
}

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
	case strings.HasPrefix(mt, "text/"), has("yaml", "yml", "toml", "graphql", "javascript", "ecmascript", "x-sh", "sql", "http", "pem-file", "x-pem-file"), mt == "message/http":
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

// content walks src[off:end] of the running walker as a document of unknown type
// in place; contentType is a hint and may be "".
func (s *Scratch) content(off int, src []byte, c ctx, contentType string) {
	s.lv.base += off
	s.dispatch(src, c, contentType)
	s.lv.base -= off
}

func (s *Scratch) dispatch(src []byte, c ctx, contentType string) {
	if len(src) == 0 {
		return
	}
	if c.v.act.whole() || c.v.act == actHMAC || c.v.act == actEncrypt {
		rep, ef := s.leaf(c, src, kindString)
		s.removed = s.removed || ef == Removed && len(src) == len(s.lv.src)
		s.replace(0, len(src), rep)
		return
	}
	h, boundary, ok := hintOf(contentType)
	if !ok || wideCharset(src) {
		s.unsupported(src, c)
		return
	}
	if h == hintMultipart || multipartStart(src) {
		s.walkMultipart(src, c, boundary)
		return
	}
	if bytes.IndexByte(src, 0) >= 0 || bytes.HasPrefix(src, str("\x1f\x8b")) {
		s.unsupported(src, c)
		return
	}
	o := blankPrefix(src)
	if o == len(src) {
		return
	}
	if h == hintOpaque {
		// The type may lie, but only about JSON, which has a strict grammar.
		if !looksJSON(src[o:]) {
			s.unsupported(src, c)
			return
		}
		h = hintBinary
	}
	if w, skip := s.sniff(src[o:], h); w != nil {
		s.sub(o+skip, w, src[o+skip:], c)
		return
	}
	// Nothing recognised by its bytes.
	if !utf8.Valid(src) && !validButCut(src) || hasControl(src) {
		s.unsupported(src, c)
		return
	}
	switch {
	case h == hintText || h == hintNone:
		s.plainText(src, c)
	case s.p.cfg.OnUnparsable == "text" && h != hintBinary:
		s.plainText(src, c)
	case h == hintBinary:
		s.unsupported(src, c)
	default:
		s.malformed(src, 0, c, "")
	}
}

// sniff chooses the walker by the bytes, helped by the hint, and how many bytes of
// prefix to pass over (they stay as they are). src has no leading blanks.
func (s *Scratch) sniff(src []byte, h hint) (walker, int) {
	switch h {
	case hintNDJSON:
		return (*Scratch).walkNDJSON, 0
	case hintSSE:
		return (*Scratch).walkSSE, 0
	}
	if n := jsonPrefix(src); n > 0 {
		return (*Scratch).walkJSON, n
	}
	if n := jsonpPrefix(src); n > 0 {
		return (*Scratch).walkJSONP, n
	}
	b := src[0]
	switch {
	case b == 0x1E:
		return (*Scratch).walkJSON, 0
	case (b == '{' || b == '[') && (h == hintJSON || looksJSON(src)):
		if h != hintJSON && ndjsonLike(src) {
			return (*Scratch).walkNDJSON, 0
		}
		return (*Scratch).walkJSON, 0
	case b == '<' && (h == hintXML || h == hintHTML || looksMarkup(src)):
		if h == hintHTML || h != hintXML && looksHTML(src) {
			return (*Scratch).walkHTML, 0
		}
		return (*Scratch).walkXML, 0
	case h == hintHTML:
		return (*Scratch).walkHTML, 0
	case h == hintNone && b == '"':
		return (*Scratch).walkJSON, 0 // the tail of a document, if not one string
	case h == hintJSON && (b == '"' || b == '-' || '0' <= b && b <= '9' || jsonLiteral(src)):
		return (*Scratch).walkJSON, 0
	case sseStart(src):
		return (*Scratch).walkSSE, 0
	case h == hintForm:
		return (*Scratch).walkForm, 0
	case h == hintCSV:
		return (*Scratch).walkCSV, 0
	case h == hintText:
		return nil, 0
	case maybeBase64(src):
		return (*Scratch).base64Body, 0
	case looksForm(src) && (h != hintBinary || !paddedWord(src)):
		return (*Scratch).walkForm, 0
	}
	return nil, 0
}

// paddedWord reports whether "=" stands in b only as the padding of base64.
func paddedWord(b []byte) bool {
	return bytes.IndexByte(bytes.TrimRight(b, "=\r\n\t "), '=') < 0
}

// base64Body walks a body that is base64, or else text.
func (s *Scratch) base64Body(src []byte, c ctx) {
	c.nest++
	if !s.walkBase64(src, c) {
		c.nest--
		s.plainText(src, c)
	}
}

// plainText walks a body of prose, logs, YAML, key: value lines. Under an
// allowlist nothing in it has a name to be allowed by.
func (s *Scratch) plainText(src []byte, c ctx) {
	if c.v.act == actMiss {
		s.count(c.place, c.v.rule, actMiss, outcomeRule)
		s.replace(0, len(src), s.p.mask)
		return
	}
	s.walkText(src, c)
	s.patterns(src, c)
	if c.cut {
		s.dropLastWord(src, c)
	}
}

// dropLastWord removes the unfinished word at the end of a text that was cut.
func (s *Scratch) dropLastWord(src []byte, c ctx) {
	i := len(src)
	for i > 0 && !jsonSpace[src[i-1]] {
		i--
	}
	if i == len(src) || s.covered(int32(i+s.lv.base), int32(len(src)+s.lv.base)) {
		return
	}
	s.truncated(src, i, c, "")
}

// unsupported replaces all of src because its bytes cannot be read.
func (s *Scratch) unsupported(src []byte, c ctx) {
	s.fail(src, 0, c, "", markUnsupported, outcomeUnsupported)
}

// wideCharset reports a UTF-16 or UTF-32 byte order mark.
func wideCharset(b []byte) bool {
	return len(b) >= 2 && (b[0] == 0xFE && b[1] == 0xFF || b[0] == 0xFF && b[1] == 0xFE)
}

// validButCut reports whether b is valid UTF-8 up to an unfinished last character.
func validButCut(b []byte) bool {
	for i := 1; i <= 3 && i <= len(b); i++ {
		if utf8.RuneStart(b[len(b)-i]) {
			return !utf8.FullRune(b[len(b)-i:]) && utf8.Valid(b[:len(b)-i])
		}
	}
	return false
}

func hasControl(b []byte) bool {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		t := w &^ swarHi
		x := w ^ 0x7F*swarLo
		if ((^(t+(0x80-0x20)*swarLo))&^w|(x-swarLo)&^x)&swarHi == 0 {
			continue
		}
		for _, c := range b[i : i+8] {
			if control[c] {
				return true
			}
		}
	}
	for _, c := range b[i:] {
		if control[c] {
			return true
		}
	}
	return false
}

// control has the bytes that text does not have.
var control = func() (t [256]bool) {
	for c := range byte(' ') {
		t[c] = c != '\t' && c != '\r' && c != '\n' && c != '\f' && c != 0x1E
	}
	t[0x7F] = true
	return t
}()

// jsonPrefix is the length of an anti-hijacking prefix before JSON.
func jsonPrefix(b []byte) int {
	for _, p := range [...]string{")]}'", "while(1);", "while (1);", "for(;;);", "for (;;);", "&&&START&&&", "throw 1;", "{}&&"} {
		if bytes.HasPrefix(b, str(p)) {
			i := len(p)
			for i < len(b) && (jsonSpace[b[i]] || b[i] == ',' || b[i] == ';' || b[i] == '<' || b[i] == '>') {
				i++
			}
			return i
		}
	}
	return 0
}

// jsonpPrefix is the length of "/**/callback(" before JSON.
func jsonpPrefix(b []byte) int {
	i := 0
	if bytes.HasPrefix(b, str("/**/")) {
		i = 4
	}
	for i < len(b) && jsonSpace[b[i]] {
		i++
	}
	start := i
	for i < len(b) && i-start < 128 && (b[i] == '_' || b[i] == '$' || b[i] == '.' || b[i] == '[' || b[i] == ']' ||
		'a' <= b[i]|0x20 && b[i]|0x20 <= 'z' || '0' <= b[i] && b[i] <= '9') {
		i++
	}
	if i == start || i >= len(b) || b[i] != '(' {
		return 0
	}
	i++
	for i < len(b) && jsonSpace[b[i]] {
		i++
	}
	if i < len(b) && (b[i] == '{' || b[i] == '[') {
		return i
	}
	return 0
}

// walkJSONP walks one document and expects ");" and nothing else behind it.
func (s *Scratch) walkJSONP(src []byte, c ctx) {
	end, ok := s.jsonValue(src, 0, c)
	if !ok {
		return
	}
	i := end
	for i < len(src) && (jsonSpace[src[i]] || src[i] == ')' || src[i] == ';') {
		i++
	}
	if i < len(src) {
		s.malformed(src, i, c, "")
	}
}

func jsonLiteral(b []byte) bool {
	for _, l := range [...]string{"true", "false", "null"} {
		if bytes.HasPrefix(b, str(l)) {
			rest := bytes.TrimSpace(b[len(l):])
			return len(rest) == 0
		}
	}
	return false
}

// ndjsonLike reports whether the first line is a document by itself and another
// begins on the second.
func ndjsonLike(b []byte) bool {
	i := bytes.IndexByte(b, '\n')
	if i < 2 {
		return false
	}
	last := lastNonBlank(b[:i])
	next := firstNonBlank(b[i:])
	return (b[0] == '{' && last == '}' || b[0] == '[' && last == ']') && next == b[0]
}

func sseStart(b []byte) bool {
	for _, p := range [...]string{"data:", "event:", "retry:"} {
		if bytes.HasPrefix(b, str(p)) {
			return true
		}
	}
	return false
}

// multipartStart reports whether b begins with a boundary line and a part header.
func multipartStart(b []byte) bool {
	if !bytes.HasPrefix(b, str("--")) {
		return false
	}
	i := bytes.IndexByte(b, '\n')
	return i > 2 && i < 80 && hasFold(b[i+1:], "content-")
}
