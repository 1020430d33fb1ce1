// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package readme

import (
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
	"github.com/apispan/apispan/internal/httpattr"
)

// notUTF8 stands for content that is not text, as in ReadMe's Python SDK.
const notUTF8 = "[NOT VALID UTF-8]"

const (
	typeForm      = "application/x-www-form-urlencoded"
	typeMultipart = "multipart/form-data"
	typeJSON      = "application/json"
	typeText      = "text/plain"
	typeBinary    = "application/octet-stream"
)

// phpName makes a field's name what PHP makes of it
// (https://www.php.net/manual/en/language.variables.external.php).
var phpName = strings.NewReplacer(".", "_", " ", "_")

// appendPostData appends the member postData, or nothing without a body. Its type
// is without parameters, but for multipart, whose boundary the SDKs send.
func (e *Encoder) appendPostData(dst []byte, m *exchange.Message) []byte {
	b := &m.Body
	if b.Data == "" {
		return dst
	}
	contentType := m.Get("content-type")
	essence := mediaType(contentType, b)
	dst = append(dst, `,"postData":{"mimeType":`...)
	if essence == typeMultipart {
		dst = wire.AppendString(dst, strings.TrimSpace(contentType))
	} else {
		dst = wire.AppendString(dst, essence)
	}
	switch {
	case essence == typeForm && utf8.ValidString(b.Data):
		dst = append(dst, `,"params":`...)
		dst = wire.AppendPairs(dst, b.Data)
		return append(dst, '}')
	case essence == typeMultipart:
		mark := len(dst)
		dst = append(dst, `,"params":`...)
		var ok bool
		if dst, ok = e.appendMultipart(dst, b, contentType); ok {
			return append(dst, '}')
		}
		dst = dst[:mark]
	}
	dst = append(dst, `,"text":`...)
	dst = appendText(dst, b)
	return append(dst, '}')
}

// appendContent appends the member content of a response.
func appendContent(dst []byte, m *exchange.Message) []byte {
	b := &m.Body
	dst = append(dst, `,"content":{"text":`...)
	dst = appendText(dst, b)
	dst = append(dst, `,"size":`...)
	// The length without content coding is known if the capture is whole;
	// otherwise the length on the wire is the nearest.
	size := int64(len(b.Data))
	if (b.Truncated || b.Incomplete || !b.Captured) && b.Size > size {
		size = b.Size
	}
	dst = strconv.AppendInt(dst, size, 10)
	dst = append(dst, `,"mimeType":`...)
	if contentType := strings.TrimSpace(m.Get("content-type")); contentType != "" {
		dst = wire.AppendString(dst, contentType)
	} else {
		dst = append(dst, `"`+typeText+`"`...)
	}
	return append(dst, '}')
}

// appendText appends content as a JSON string. A character that truncation has
// cut in two is left out.
func appendText(dst []byte, b *exchange.Body) []byte {
	text := b.Data
	if b.Truncated {
		text = httpattr.TrimPartialRune(text)
	}
	if !utf8.ValidString(text) {
		text = notUTF8
	}
	return wire.AppendString(dst, text)
}

// mediaType returns the lower-case essence of a Content-Type, or a guess from
// the content if there is none that HAR could carry.
func mediaType(contentType string, b *exchange.Body) string {
	essence, _, _ := strings.Cut(contentType, ";")
	essence = strings.ToLower(strings.TrimSpace(essence))
	main, sub, ok := strings.Cut(essence, "/")
	if ok && token(main) && token(sub) {
		return essence
	}
	switch {
	case !b.Truncated && wire.Embeddable(b.Data):
		return typeJSON
	case utf8.ValidString(b.Data):
		return typeText
	}
	return typeBinary
}

// token reports whether s is a token of RFC 9110 §5.6.2.
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c > '~' || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// appendMultipart appends the parts of a form: text as it is, files as data
// URLs. Of a form that was cut the parts before the cut are appended. It reports
// false if the body is not what its type says, or holds no whole part; dst then
// holds rubbish from its old length on.
func (e *Encoder) appendMultipart(dst []byte, b *exchange.Body, contentType string) ([]byte, bool) {
	_, params, err := mime.ParseMediaType(contentType)
	boundary := params["boundary"]
	cut := b.Truncated || b.Incomplete
	// The reader takes the end of its input for the end of the form, so look
	// for the final boundary first.
	if err != nil || boundary == "" || !cut && !strings.Contains(b.Data, "--"+boundary+"--") {
		return dst, false
	}
	r := multipart.NewReader(strings.NewReader(b.Data), boundary)
	dst = append(dst, '[')
	for n := 0; ; n++ {
		part, err := r.NextRawPart()
		if err == io.EOF { // wrapped, it would be the end within a part
			return append(dst, ']'), n > 0
		}
		var data []byte
		if err == nil {
			data, err = io.ReadAll(part)
		}
		if err != nil {
			return append(dst, ']'), cut && n > 0
		}
		if n > 0 {
			dst = append(dst, ',')
		}
		dst = e.appendPart(dst, part, string(data))
	}
}

func (e *Encoder) appendPart(dst []byte, part *multipart.Part, data string) []byte {
	dst = append(dst, `{"name":`...)
	name := part.FormName()
	if e.phpNames {
		name = phpName.Replace(name)
	}
	dst = wire.AppendString(dst, name)
	file := part.FileName()
	if file == "" {
		if !utf8.ValidString(data) {
			data = notUTF8
		}
		dst = append(dst, `,"value":`...)
		dst = wire.AppendString(dst, data)
		return append(dst, '}')
	}
	contentType := part.Header.Get("Content-Type")
	if contentType == "" {
		contentType = typeBinary
	}
	dst = append(dst, `,"value":"data:`...)
	dst = wire.AppendEscaped(dst, contentType)
	dst = append(dst, `;name=`...)
	dst = wire.AppendEscaped(dst, url.PathEscape(file))
	dst = append(dst, `;base64,`...)
	dst = base64.StdEncoding.AppendEncode(dst, []byte(data))
	dst = append(dst, `","fileName":`...)
	dst = wire.AppendString(dst, file)
	dst = append(dst, `,"contentType":`...)
	dst = wire.AppendString(dst, contentType)
	return append(dst, '}')
}
