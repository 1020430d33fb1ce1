// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package inspector

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Harmless returns s with everything escaped that a terminal does not show as a character
// in its place: escape sequences, line breaks, marks that turn the direction, characters
// without width, bytes that are no UTF-8.
func Harmless(s string) string {
	if !strings.ContainsFunc(s, unsafe) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case !unsafe(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
		i += n
	}
	return b.String()
}

// unsafe reports what is not shown as it is. Combining marks are in: many of them reach
// into the lines above.
func unsafe(r rune) bool {
	return r == utf8.RuneError || !unicode.IsPrint(r) || unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r)
}

// HarmlessJSON is a document on one line in which the same is escaped as JSON does it, so
// that it still means the same.
func HarmlessJSON(doc []byte) ([]byte, error) {
	var line bytes.Buffer
	if err := json.Compact(&line, doc); err != nil {
		return nil, err
	}
	src := line.Bytes()
	if bytes.IndexFunc(src, unsafe) < 0 {
		return src, nil
	}
	out := make([]byte, 0, len(src)+64)
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRune(src[i:])
		switch {
		case !unsafe(r):
			out = append(out, src[i:i+n]...)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		i += n
	}
	return out, nil
}

// lines reads lines of any length up to maxEvent.
type lines struct {
	r    *bufio.Reader
	text []byte
	err  error
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, 64<<10)} }

func (l *lines) next() bool {
	l.text = l.text[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		if l.text = append(l.text, part...); len(l.text) > maxEvent {
			l.err = errors.New("an event of the inspector is too long")
			return false
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return false // an event that is cut is none
		}
		l.text = bytes.TrimSuffix(bytes.TrimSuffix(l.text, []byte("\n")), []byte("\r"))
		return true
	}
}
