// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package show

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/keep"
	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/internal/inspect"
)

func newEventID(k inspect.Key) string { return httpattr.NewEventID(k.Trace, k.Span, nil) }

// unsent are fields that a client makes by itself.
var unsent = []string{"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "te", "upgrade", "keep-alive"}

// Curl is a command that makes the request again, with what the redaction has left.
// Captured text is quoted so that a shell takes nothing in it for a command.
func Curl(r *keep.Record, _ *Env) []byte {
	x := Exchange(r)
	var b strings.Builder
	b.WriteString("curl --globoff")
	switch m := orOther(x.Method); {
	case m == http.MethodHead: // by -X, curl would wait for a body
		b.WriteString(" --head")
	case token(m) && (m != http.MethodGet || len(x.Request.Body.Data) > 0): // with a body, curl makes a POST
		b.WriteString(" -X " + quote(m))
	}
	b.WriteString(" " + quote(visible(URL(x))))
	for i := range x.Request.Headers {
		h := &x.Request.Headers[i]
		// A name that is no token could be "@file", which curl would read.
		if !token(h.Name) || slices.Contains(unsent, strings.ToLower(h.Name)) {
			continue
		}
		for _, v := range h.Values {
			if v = oneLine(v); v == "" {
				b.WriteString(" \\\n  -H " + quote(h.Name+";")) // curl's way to say: empty
			} else {
				b.WriteString(" \\\n  -H " + quote(h.Name+": "+v))
			}
		}
	}
	switch d := x.Request.Body.Data; {
	case len(d) == 0:
	case utf8.Valid(d):
		b.WriteString(" \\\n  --data-raw " + quote(string(d)))
	default:
		fmt.Fprintf(&b, " \\\n  --data-binary @body # %d bytes, not text: save them as the file \"body\"", len(d))
	}
	if x.Request.Body.Truncated {
		b.WriteString(" # the body was cut when it was captured")
	}
	b.WriteString("\n")
	return []byte(b.String())
}

// token reports whether s is a token of RFC 9110.
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"(),/:;<=>?@[\\]{}", c) >= 0 {
			return false
		}
	}
	return s != ""
}

// oneLine takes line breaks and other controls out of a field value.
func oneLine(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return ' '
		}
		return r
	}, clean(s)))
}

// quote quotes for a POSIX shell. Controls, and marks that turn the direction of text,
// are written as escapes ($'…', which bash, zsh and ksh know): on a terminal they could
// show another command than the one that runs.
func quote(s string) string {
	hostile := strings.ContainsFunc(s, func(r rune) bool {
		return r == utf8.RuneError || unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Cf, r)
	})
	if !hostile {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString("$'")
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\'' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == 0: // which no argument can hold
		case r == utf8.RuneError && n == 1, r < ' ', r == 0x7f, r >= 0x80 && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)):
			for j := range n {
				fmt.Fprintf(&b, `\x%02x`, s[i+j])
			}
		default:
			b.WriteRune(r)
		}
		i += n
	}
	b.WriteString("'")
	return b.String()
}

// HTTP is request and response as HTTP/1.1 writes them, of what the redaction has left.
func HTTP(r *keep.Record, _ *Env) []byte {
	x := Exchange(r)
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", oneLine(orOther(x.Method)), visible(Target(x)))
	if x.Host != "" && Get(&x.Request, "host") == "" {
		fmt.Fprintf(&b, "host: %s\r\n", oneLine(x.Host))
	}
	writeMessage(&b, &x.Request)
	b.WriteString("\r\n")
	if x.Status == 0 {
		b.WriteString("\r\n")
		return b.Bytes()
	}
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", x.Status, http.StatusText(x.Status))
	writeMessage(&b, &x.Response)
	b.WriteString("\r\n")
	return b.Bytes()
}

func writeMessage(b *bytes.Buffer, m *inspect.Message) {
	for i := range m.Headers {
		if !token(m.Headers[i].Name) {
			continue
		}
		for _, v := range m.Headers[i].Values {
			fmt.Fprintf(b, "%s: %s\r\n", m.Headers[i].Name, oneLine(v))
		}
	}
	b.WriteString("\r\n")
	b.Write(m.Body.Data)
}
