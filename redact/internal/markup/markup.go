// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package markup

import "bytes"

// Kind is the kind of a token.
type Kind uint8

const (
	// Text is character data: src[Body:BodyEnd], still with references.
	Text Kind = iota
	// Start is a start tag up to its name; Scanner.Attr reads on.
	Start
	// End is an end tag.
	End
	// Comment, CData and PI have their content in src[Body:BodyEnd].
	Comment
	CData
	PI
	// Doctype is a document type declaration; src[Body:BodyEnd] is what stands
	// between its square brackets.
	Doctype
	// Raw is the content of a raw text element in HTML mode, without references.
	Raw
	// RawRefs is the same with references (textarea, title).
	RawRefs
)

// Token is one token: src[Start:End]. For tags src[Name:NameEnd] is the name with
// its prefix.
type Token struct {
	Kind          Kind
	Start, End    int
	Name, NameEnd int
	Body, BodyEnd int
	// Cut is set if the input ends inside the token; a Text token at the very end
	// is not Cut.
	Cut bool
	// Bad is set if the token breaks the grammar (XML mode only).
	Bad bool
}

// Scanner reads tokens into Token and attributes into A: fields, because
// returning them would cost as much as reading them.
type Scanner struct {
	Token

	A     Attr
	src   []byte
	pos   int
	class *[256]uint8
	html  bool
	inTag bool
	// raw is the name of the raw text element that has just been opened.
	raw            bool
	name, nameEnd  int
	selfClose, bad bool
}

// Scan returns a Scanner over src.
func Scan(src []byte, html bool) Scanner {
	s := Scanner{src: src, html: html, class: &xmlClass}
	if html {
		s.class = &class
	}
	return s
}

// Pos is the offset that the next token or attribute starts at.
func (s *Scanner) Pos() int { return s.pos }

// Next reads the next token. Attributes of a start tag that were not read are
// passed over.
func (s *Scanner) Next() bool {
	for s.inTag {
		s.Attr()
	}
	src := s.src
	if s.pos >= len(src) {
		return false
	}
	if s.raw {
		s.raw = false
		if s.rawText() {
			return true
		}
	}
	t := &s.Token
	t.Start, t.Body, t.BodyEnd, t.End = s.pos, s.pos, s.pos, 0
	t.Name, t.NameEnd = 0, 0
	t.Cut, t.Bad = false, false
	if src[s.pos] != '<' || s.html && !opens(src[s.pos+1:]) {
		s.text(t)
		return true
	}
	rest := src[s.pos+1:]
	switch {
	case len(rest) == 0:
		t.Kind, t.Cut = Start, true
		s.pos = len(src)
	case rest[0] == '/':
		s.endTag(t)
	case rest[0] == '?':
		if s.html {
			s.delimited(t, Comment, 2, ">")
		} else {
			s.delimited(t, PI, 2, "?>")
		}
	case rest[0] == '!':
		s.declaration(t, rest)
	default:
		s.startTag(t)
	}
	if t.End == 0 {
		t.End = s.pos
	}
	return true
}

// opens reports whether "<" before b opens something in HTML; else it is text.
func opens(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	return b[0] == '!' || b[0] == '?' || b[0] == '/' || letter(b[0])
}

func letter(c byte) bool { return 'a' <= c|32 && c|32 <= 'z' }

func (s *Scanner) text(t *Token) {
	i := s.pos + 1
	for {
		if i = lessFrom(s.src, i); i == len(s.src) {
			break
		}
		if !s.html || opens(s.src[i+1:]) {
			break
		}
		i++
	}
	t.Kind, t.BodyEnd, t.End = Text, i, i
	s.pos = i
}

// delimited reads a token with n opening bytes that ends with close.
func (s *Scanner) delimited(t *Token, k Kind, n int, closing string) {
	t.Kind, t.Body = k, min(s.pos+n, len(s.src))
	if i := bytes.Index(s.src[t.Body:], []byte(closing)); i >= 0 {
		t.BodyEnd = t.Body + i
		s.pos = t.BodyEnd + len(closing)
		return
	}
	t.BodyEnd, t.Cut = len(s.src), true
	s.pos = len(s.src)
}

func (s *Scanner) declaration(t *Token, rest []byte) {
	switch {
	case bytes.HasPrefix(rest, []byte("!--")):
		if s.html {
			s.htmlComment(t)
			return
		}
		s.delimited(t, Comment, 4, "-->")
	case bytes.HasPrefix(rest, []byte("![CDATA[")):
		s.delimited(t, CData, 9, "]]>")
	case len(rest) >= 8 && bytes.EqualFold(rest[:8], []byte("!DOCTYPE")):
		s.doctype(t)
	case len(rest) < 8 && (prefixFold(rest, "!DOCTYPE") || prefixFold(rest, "![CDATA[") || prefixFold(rest, "!--")):
		t.Kind, t.Cut, t.Body, t.BodyEnd = Comment, true, s.pos, len(s.src)
		s.pos = len(s.src)
	default:
		s.delimited(t, Comment, 2, ">")
		t.Bad = !s.html
	}
}

func prefixFold(b []byte, word string) bool {
	return len(b) < len(word) && bytes.EqualFold(b, []byte(word)[:len(b)])
}

// htmlComment ends at "-->", "--!>", or at once ("<!-->", "<!--->").
func (s *Scanner) htmlComment(t *Token) {
	body := s.pos + 4
	rest := s.src[body:]
	for _, p := range [...]string{">", "->"} {
		if bytes.HasPrefix(rest, []byte(p)) {
			t.Kind, t.Body, t.BodyEnd = Comment, body, body
			s.pos = body + len(p)
			return
		}
	}
	s.delimited(t, Comment, 4, "-->")
	if i := bytes.Index(s.src[t.Body:t.BodyEnd], []byte("--!>")); i >= 0 {
		t.BodyEnd, t.Cut = t.Body+i, false
		s.pos = t.BodyEnd + 4
	}
}

// doctype reads to the ">" that is in no quotes, comment or brackets.
func (s *Scanner) doctype(t *Token) {
	src := s.src
	t.Kind = Doctype
	subset := false
	for i := s.pos + 9; i < len(src); i++ {
		switch c := src[i]; {
		case c == '"' || c == '\'':
			j := bytes.IndexByte(src[i+1:], c)
			if j < 0 {
				i = len(src)
				continue
			}
			i += 1 + j
		case c == '[' && !subset && !s.html:
			subset = true
			t.Body = i + 1
			t.BodyEnd = len(src)
		case c == ']' && subset:
			subset = false
			t.BodyEnd = i
		case c == '<' && subset && bytes.HasPrefix(src[i:], []byte("<!--")):
			i = after(src, i+4, "-->") - 1
		case c == '<' && subset && bytes.HasPrefix(src[i:], []byte("<?")):
			i = after(src, i+2, "?>") - 1
		case c == '>' && !subset:
			s.pos = i + 1
			if t.BodyEnd == t.Start {
				t.Body, t.BodyEnd = i, i
			}
			return
		}
	}
	if t.BodyEnd == t.Start {
		t.BodyEnd = len(src)
	}
	t.Cut = true
	s.pos = len(src)
}

// after is the offset behind the next closing string, or len(src).
func after(src []byte, pos int, closing string) int {
	pos = min(pos, len(src))
	if i := bytes.Index(src[pos:], []byte(closing)); i >= 0 {
		return pos + i + len(closing)
	}
	return len(src)
}
