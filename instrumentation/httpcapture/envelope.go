// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"github.com/apispan/apispan/internal/httpattr"
)

// notCoded reports whether content is not in the coding that its header field names
// last, by how such content begins. Middleware that compresses outside announces it
// before it does it, and middleware that decompresses may leave the field behind.
func notCoded(content string, codings []string) bool {
	last := strings.ToLower(strings.TrimSpace(codings[len(codings)-1]))
	if i := strings.LastIndexByte(last, ','); i >= 0 {
		last = strings.TrimSpace(last[i+1:])
	}
	var magic string
	switch last {
	case "gzip", "x-gzip": // RFC 1952
		magic = "\x1f\x8b"
	case "zstd": // RFC 8878
		magic = "\x28\xb5\x2f\xfd"
	case "compress", "x-compress":
		magic = "\x1f\x9d"
	default:
		return false
	}
	n := min(len(magic), len(content))
	return content[:n] != magic[:n] && isText(content)
}

// registered reports whether all codings are ones that leave no text behind
// (https://www.iana.org/assignments/http-parameters/http-parameters.xhtml#content-coding).
func registered(codings []string) bool {
	for coding := range strings.SplitSeq(strings.Join(codings, ","), ",") {
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "", "identity", "gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress", "dcb", "dcz":
		default:
			return false
		}
	}
	return true
}

// isText reports whether content is text beyond doubt: valid UTF-8 but for a last
// character that was cut, and no control characters but those of text. What comes out
// of a compressor is not.
func isText(content string) bool {
	if content = httpattr.TrimPartialRune(content); !utf8.ValidString(content) {
		return false
	}
	for i := range len(content) {
		if c := content[i]; c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f {
			return false
		}
	}
	return true
}

// enveloped reports whether content of this type comes in envelopes: the streams of
// Connect (https://connectrpc.com/docs/protocol#streaming-rpcs), gRPC and gRPC-Web; and
// whether the messages are JSON.
func enveloped(contentType string) (is, json bool) {
	switch httpattr.MediaType(contentType) {
	case "application/connect+json", "application/grpc+json", "application/grpc-web+json":
		return true, true
	case "application/connect+proto", "application/grpc", "application/grpc+proto", "application/grpc-web", "application/grpc-web+proto":
		return true, false
	}
	return false, false
}

const (
	envelopeHeader = 5 // flags, and the length of the message
	compressedFlag = 0x01
	endFlag        = 0x02 // of Connect: JSON that says how the stream ended
	trailersFlag   = 0x80 // of gRPC-Web: a header block, no message
)

// openEnvelopes takes the messages out of their envelopes. JSON has one a line. Of
// others one is left bare, as that of a unary call; more than one stay in envelopes, as
// nothing else would tell where they end. A message that is compressed by itself is
// opened if it is gzip; more reports that the content was cut, and ok that all of it
// could be read.
func (c *config) openEnvelopes(content string, json bool, limit int) (out string, more, ok bool) {
	if content == "" || content[0] > 0x03 && content[0] != trailersFlag && content[0] != trailersFlag|compressedFlag {
		return content, false, true // not in envelopes: an error page, or somebody opened them
	}
	var b strings.Builder
	rest := content
	for messages := 0; rest != ""; {
		if len(rest) < envelopeHeader {
			return b.String(), true, true
		}
		flags, n := rest[0], uint64(binary.BigEndian.Uint32([]byte(rest[1:envelopeHeader])))
		message := rest[envelopeHeader:]
		cut := n > uint64(len(message))
		if !cut {
			message = message[:n]
		}
		rest = rest[envelopeHeader+len(message):]
		if flags&trailersFlag != 0 || !json && flags&endFlag != 0 && messages > 0 {
			continue
		}
		if messages++; !json && messages > 1 {
			return content, false, true
		}
		if flags&compressedFlag != 0 && message != "" {
			var err error
			var less bool
			if message, less, err = c.decodeContent(message, []string{"gzip"}, limit, cut); err != nil {
				return "", false, false
			}
			cut = cut || less
		}
		if b.Len() > 0 && b.Len() < limit && message != "" {
			b.WriteByte('\n')
		}
		if room := limit - b.Len(); len(message) > room {
			message, cut = message[:max(room, 0)], true
		}
		b.WriteString(message)
		if cut {
			if json {
				return httpattr.TrimPartialRune(b.String()), true, true
			}
			return b.String(), true, true
		}
	}
	return b.String(), false, true
}
