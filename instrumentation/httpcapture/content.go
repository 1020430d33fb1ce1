// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"

	"github.com/apispan/apispan/internal/httpattr"
)

// maxCodings is how many content codings laid over each other are opened.
const maxCodings = 3

var errCoding = errors.New("httpcapture: content coding cannot be removed")

// decodeContent removes the content codings from a captured prefix. The output
// is limited, so a body that unpacks to gigabytes costs no more than any other.
// more reports that the limit or the end of the prefix cut the output.
func (c *config) decodeContent(content string, codings []string, limit int, cut bool) (out string, more bool, err error) {
	var list []string
	for _, line := range codings {
		for coding := range strings.SplitSeq(line, ",") {
			coding = strings.ToLower(strings.TrimSpace(coding))
			if coding != "" && coding != "identity" {
				list = append(list, coding)
			}
		}
	}
	if len(list) == 0 {
		return content, false, nil
	}
	if len(list) > maxCodings {
		return "", false, errCoding
	}
	var r io.Reader = strings.NewReader(content)
	for _, l := range slices.Backward(list) {
		var done func()
		if r, done, err = c.decoder(l, r); err != nil {
			if cut && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)) {
				return "", true, nil
			}
			return "", false, errCoding
		}
		if done != nil {
			defer done()
		}
	}
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(r, int64(limit)+1))
	switch {
	case n > int64(limit):
		b.Truncate(limit)
		more = true
	case err == nil:
	case cut && errors.Is(err, io.ErrUnexpectedEOF):
		more = true
	default:
		return "", false, errCoding
	}
	return b.String(), more, nil
}

var gzipPool sync.Pool // of *gzip.Reader, which are 40 KB each

func (c *config) decoder(coding string, r io.Reader) (io.Reader, func(), error) {
	if d := c.decoders[coding]; d != nil {
		out, err := d(r)
		return out, nil, err
	}
	switch coding {
	case "gzip", "x-gzip":
		z, _ := gzipPool.Get().(*gzip.Reader)
		if z == nil {
			z = new(gzip.Reader)
		}
		if err := z.Reset(r); err != nil {
			gzipPool.Put(z)
			return nil, nil, err
		}
		return z, func() {
			_ = z.Close()
			gzipPool.Put(z)
		}, nil
	case "deflate":
		// RFC 9110 means zlib by "deflate", some senders mean bare deflate.
		b := make([]byte, 2)
		n, err := io.ReadFull(r, b)
		r = io.MultiReader(bytes.NewReader(b[:n]), r)
		if err != nil {
			return nil, nil, err
		}
		if b[0]&0x0f == 8 && (uint(b[0])<<8|uint(b[1]))%31 == 0 {
			z, err := zlib.NewReader(r)
			return z, nil, err
		}
		return flate.NewReader(r), nil, nil
	}
	return nil, nil, errCoding
}

// body is the finished content of one side.
type body struct {
	content     string
	contentType string
	text        bool // content is valid UTF-8 and textual
	set         bool // there is content to record
	truncated   bool
	incomplete  bool
}

// whole reports whether the content is the whole body.
func (b *body) whole() bool { return b.set && !b.truncated && !b.incomplete }

// makeBody turns what was captured into what is recorded.
func (c *config) makeBody(cp captured, ct string, known bool, codings []string, p *plan, limit int) (b body) {
	if !cp.on {
		return b
	}
	b.contentType = ct
	b.incomplete = !cp.complete
	b.truncated = cp.truncated && cp.content != ""
	if cp.shed {
		c.drops.add(reasonMemoryBudget, 1)
	}
	if cp.content == "" {
		return b
	}
	content := cp.content
	if len(codings) > 0 && !notCoded(content, codings) {
		out, more, err := c.decodeContent(content, codings, limit, b.truncated || b.incomplete)
		switch {
		case err == nil:
			content, b.truncated = out, b.truncated || more
			cp.first = 512
		case !isText(content) || !registered(codings):
			c.drops.add(reasonContentCoding, 1)
			b.truncated = false
			return b
		}
	}
	if is, json := enveloped(ct); is {
		var more, ok bool
		if content, more, ok = c.openEnvelopes(content, json, limit); !ok {
			c.drops.add(reasonContentCoding, 1)
			b.truncated = false
			return b
		}
		b.truncated = b.truncated || more
	}
	if !known {
		// net/http sends the type it guesses; guess the same.
		ct = sniff(content, cp.first)
		if b.contentType = ct; !p.records(ct) {
			return body{}
		}
	}
	if httpattr.IsTextual(ct) {
		content, b.text = asText(content, b.truncated || b.incomplete)
	}
	b.content, b.set = content, content != ""
	return b
}

// asText reports whether s is valid UTF-8. If s was cut, the rest of a character
// at its end goes, and only that.
func asText(s string, cut bool) (string, bool) {
	if utf8.ValidString(s) {
		return s, true
	}
	if !cut {
		return s, false
	}
	if t := httpattr.TrimPartialRune(s); len(t) < len(s) && utf8.ValidString(t) {
		return t, true
	}
	return s, false
}

// attr is the attribute of a body: a string if textual, else bytes.
func (b *body) attr(key attribute.Key) attribute.KeyValue {
	if b.text {
		return key.String(b.content)
	}
	return key.ByteSlice([]byte(b.content))
}

type bodyKeys struct{ content, truncated, incomplete attribute.Key }

var (
	reqKeys = bodyKeys{httpattr.RequestBody, httpattr.RequestBodyTruncated, httpattr.RequestBodyIncomplete}
	resKeys = bodyKeys{httpattr.ResponseBody, httpattr.ResponseBodyTruncated, httpattr.ResponseBodyIncomplete}
)

func appendBody(dst []attribute.KeyValue, b *body, k bodyKeys) []attribute.KeyValue {
	if b.set {
		dst = append(dst, b.attr(k.content))
	}
	if b.truncated {
		dst = append(dst, k.truncated.Bool(true))
	}
	if b.incomplete {
		dst = append(dst, k.incomplete.Bool(true))
	}
	return dst
}

// setBodies records the body of the response of an exchange that was finished early: all
// of it, or what there is so far; and at the end that of the request, if it had not been
// sent by then. The rest is on the span already.
func (rec *record) setBodies(o *outcome, end bool) {
	defer func() {
		if recover() != nil {
			rec.cfg.drops.add(reasonInternal, 1)
		}
	}()
	c := rec.cfg
	p := rec.planFor(o.r)
	keep := p.bodies == BodiesAll || p.bodies == BodiesOnError && o.isError()
	take := rec.res.soFar
	if end {
		take = rec.res.finish
	}
	got := take(keep)
	res := c.makeBody(got, rec.resType, rec.resKnown, rec.resCodings, p, p.resMax)
	attrs := appendLate(nil, &res, resKeys, got.on)
	if end && rec.sending {
		cp := rec.req.finish(keep)
		req := c.makeBody(cp, rec.reqType, rec.reqKnown, rec.reqCodings, p, p.reqMax)
		if wantsBody(p, rec.reqType, rec.reqKnown) {
			attrs = appendLate(attrs, &req, reqKeys, cp.on)
		}
		if !req.whole() && cp.seen > 0 {
			attrs = append(attrs, attribute.Int64(httpattr.RequestBodySize, cp.seen))
		}
	}
	if !keep || len(attrs) == 0 {
		return
	}
	if c.policy != nil {
		attrs = rec.redact(attrs, o)
	}
	rec.span.SetAttributes(attrs...)
}

// appendLate appends a body, and that it is complete: the opposite may have been said
// before.
func appendLate(dst []attribute.KeyValue, b *body, k bodyKeys, captured bool) []attribute.KeyValue {
	if dst = appendBody(dst, b, k); captured && !b.incomplete {
		dst = append(dst, k.incomplete.Bool(false))
	}
	return dst
}
