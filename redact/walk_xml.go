// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/apispan/apispan/redact/internal/markup"
	"github.com/apispan/apispan/redact/internal/shape"
)

// element is an open element. Elements of nested walks share one stack. Offsets
// are in the walker's source; 32 bits are enough, see Limits.Body.
type element struct {
	name, nameEnd int32 // of the start tag's name
	content       int32 // where its content starts
	kids          int32 // element children so far
	c             ctx   // of its content
	// pair is the verdict that a name child gave to its siblings, as in
	// <name>password</name><value>x</value>.
	pair verdict
	// prev and prevEnd are the content of the last child that was no name, which a
	// later name child may be about; prevEnd is 0 if there is none.
	prev, prevEnd int32
	prevCtx       ctx
	// key and keyEnd are the tag of the first name child if no value came before it:
	// then values follow their names, as in a property list.
	key, keyEnd int32
	// hash is that of the name, without regard to case, below the place behind the open
	// element underneath whose name shares its slot in markupWalk.open, and other that of
	// the next one with another hash. Of HTML only.
	hash         uint32
	below, other int32
}

// markupWalk is the state of one walk over XML or HTML.
type markupWalk struct {
	src  []byte
	html bool
	sc   markup.Scanner
	base int    // index of the first own element in Scratch.elements
	said [2]int // where the last text of HTML stands
	root element
	// plain is set if only key rules matter.
	plain bool
	// open has, by the hash of a name, the place behind the innermost open element of
	// such a name: an end tag of HTML that nothing opened does not search them all.
	open [openSlots]int32
}

const openSlots = 64

// walkXML reads XML. Element and attribute names are keys, with and without
// prefix; an element that a name attribute or a name sibling describes is under
// that name, too. Tags must match: behind the first that does not all goes.
func (s *Scratch) walkXML(src []byte, c ctx) { s.walkTags(src, c, false) }

// walkHTML reads HTML. Tags need not match; scripts are read as text.
func (s *Scratch) walkHTML(src []byte, c ctx) { s.walkTags(src, c, true) }

func (s *Scratch) walkTags(src []byte, c ctx, html bool) {
	w := markupWalk{src: src, html: html, sc: markup.Scan(src, html), base: len(s.elements)}
	w.root.c = c
	if html {
		s.table = tableCells{columns: s.table.columns[:0]}
	}
	w.plain = c.v.act == actNone && c.state == stateNone && s.p.det == nil
	for s.markupToken(&w) {
	}
	s.elements = s.elements[:w.base]
}

// top is the innermost open element. It is valid until the next push.
func (s *Scratch) top(w *markupWalk) *element {
	if len(s.elements) == w.base {
		return &w.root
	}
	return &s.elements[len(s.elements)-1]
}

// markupToken handles one token; it returns false at the end.
func (s *Scratch) markupToken(w *markupWalk) bool {
	if w.plain && w.sc.Leaf() && s.plainLeaf(w) {
		w.sc.Accept()
		return true
	}
	if !w.sc.Next() {
		return false
	}
	t := &w.sc.Token
	c := &s.top(w).c
	if t.Cut && t.Kind != markup.Raw && t.Kind != markup.RawRefs {
		s.truncated(w.src, t.Start, *c, "")
		return false
	}
	if t.Bad {
		s.malformed(w.src, t.Start, *c, "")
		return false
	}
	switch t.Kind {
	case markup.Start:
		return s.startElement(w, t)
	case markup.End:
		return s.endElement(w, t)
	case markup.Text:
		if t.End == len(w.src) && (c.cut || len(s.elements) > w.base) && len(bytes.TrimSpace(w.src[t.Start:])) > 0 {
			if w.html && s.p.det != nil {
				s.saidBeforeCut(w, bytes.TrimSpace(w.src[t.Start:]), *c)
			}
			s.truncated(w.src, t.Start, *c, "")
			return false
		}
		s.textNode(w, t)
	case markup.CData:
		s.textNode(w, t)
	case markup.Comment, markup.PI:
		s.aside(w, t, *c)
	case markup.Doctype:
		s.doctype(w, t, *c)
	case markup.Raw:
		rc := *c
		if t.Cut {
			rc.cut = true
		}
		s.inPlace(t.Body, w.src[t.Body:t.BodyEnd], rc)
	case markup.RawRefs:
		if t.Cut {
			s.truncated(w.src, t.Start, *c, "")
			return false
		}
		s.textNode(w, t)
	}
	return true
}

// plainLeaf reports whether the element <name>text</name> that the scanner stands
// at has a name without a rule or a meaning and text with nothing to select; if so
// it is done.
func (s *Scratch) plainLeaf(w *markupWalk) bool {
	t, top := &w.sc.Token, s.top(w)
	if top.c.v.says() || top.pair.act != actNone || len(s.elements)-w.base >= s.p.cfg.Limits.Depth {
		return false
	}
	name := w.src[t.Name:t.NameEnd]
	if w.html && (top.c.v.flags&flagNameKey != 0 || len(name) == 2 && (htmlName(name) || s.table.denied && hasFold(name, "td"))) {
		return false
	}
	own, st := s.lookup(top.c.place, stateNone, name)
	if own.act != actNone || own.flags&(flagKeyHit|flagNameKey|cookieBits) != 0 || st != stateNone {
		return false
	}
	if b := w.src[t.Body:t.BodyEnd]; !plainText(b) && (own != (verdict{}) || !s.tinyContent(b, top.c, w.html)) {
		return false
	}
	if w.html && voidElement(name) {
		return false
	}
	top.prev, top.prevEnd = int32(t.Body), int32(t.BodyEnd)
	top.prevCtx = top.c
	top.prevCtx.v = strongest(top.c.v, own)
	return true
}

// tinyContent reports whether the text of an element has names and values of which no
// rule takes any, see tinyLeaf.
func (s *Scratch) tinyContent(b []byte, c ctx, html bool) bool {
	if last := b[len(b)-1]; last <= ' ' || html && last == ':' { // Password: <b>S</b>
		return false
	}
	c.cut = false
	return !wordy(b, c) && s.tinyLeaf(b, c)
}

// plainText reports whether text or an attribute value has no reference and can
// hold no key, see structured.
func plainText(b []byte) bool {
	if len(b) > 0 && b[0] <= ' ' {
		start, end := trimBlanks(b)
		b = b[start:end]
	}
	switch n := len(b); {
	case n < 4:
		return !slices.Contains(b, '&')
	case nestFirst[b[0]]:
		return false
	case n < 8:
		w := ends(b)
		x := w ^ '&'*swarLo
		return keyMask(w)|(x-swarLo)&^x&swarHi == 0
	case mayHide(b), n > minBase64+4 && bytes.Contains(b, str(" eyJ")):
		return false
	default:
		w := binary.LittleEndian.Uint64(b[n-8:])
		x := w ^ '&'*swarLo
		acc := keyMask(w) | (x-swarLo)&^x
		if bytes.IndexByte(b, '\n') >= 0 {
			return false // maybe a table
		}
		for i := 0; i+8 < n; i += 8 {
			w = binary.LittleEndian.Uint64(b[i:])
			x = w ^ '&'*swarLo
			acc |= keyMask(w) | (x-swarLo)&^x
		}
		return acc&swarHi == 0
	}
}

// textNode decides over character data.
func (s *Scratch) textNode(w *markupWalk, t *markup.Token) {
	raw := w.src[t.Body:t.BodyEnd]
	if c := &s.top(w).c; !c.v.says() && c.v.flags&flagNameKey == 0 && s.p.det == nil && !c.cut && plainText(raw) {
		return // nearly all text
	}
	start, end := trimBlanks(raw)
	if start == end {
		return
	}
	start, end = start+t.Body, end+t.Body
	dec := w.src[start:end]
	refs := t.Kind != markup.CData
	if refs {
		dec = s.references(dec)
	}
	top := s.top(w)
	if top.c.v.flags&flagNameKey != 0 {
		s.nameSibling(w, dec)
		if n := len(s.elements); w.html && n > w.base && hasFold(w.src[s.elements[n-1].name:s.elements[n-1].nameEnd], "th") {
			s.table.headCell(s.nameVerdict(top.c, dec))
		}
	}
	rep, ef := s.leaf(top.c, dec, kindString)
	if ef != Unchanged {
		s.replaceMarkup(start, end, rep, ef, refs)
	} else if w.html && s.p.det != nil {
		if maybeSaid(dec) {
			s.saidAcross(w, w.said, start, end, dec, top.c)
		}
		w.said = [2]int{start, end}
	}
	if w.html && dec[len(dec)-1] == ':' && !top.pair.says() { // Password: <b>S</b>
		name := dec[:len(dec)-1]
		if i := bytes.LastIndexAny(name, ".,;:\n"); i >= 0 {
			name = name[i+1:]
		}
		if name = bytes.TrimSpace(name); len(name) > 2 && len(name) <= 40 {
			if v, _ := s.lookupPhrase(top.c.place, top.c.state, name).unpack(); v.strong() {
				top.pair = v
			}
		}
	}
}

// replaceMarkup writes rep as character data or an attribute value (refs), or as
// CDATA content, where "]]>" must not appear.
func (s *Scratch) replaceMarkup(start, end int, rep []byte, ef Effect, refs bool) {
	if ef == Removed {
		s.replace(start, end, nil)
		return
	}
	m := s.mark()
	if refs {
		s.arena = markup.Encode(s.arena, rep)
	} else {
		for {
			i := bytes.Index(rep, []byte("]]>"))
			if i < 0 {
				break
			}
			s.arena = append(append(s.arena, rep[:i]...), "]]]]><![CDATA[>"...)
			rep = rep[i+3:]
		}
		s.arena = append(s.arena, rep...)
	}
	s.replaceFrom(start, end, m)
}

// references decodes character references into the arena if there are any.
func (s *Scratch) references(raw []byte) []byte {
	if !markup.HasRef(raw) {
		return raw
	}
	m := s.mark()
	s.arena = markup.Decode(s.arena, raw)
	return s.arena[m:len(s.arena):len(s.arena)]
}

func trimBlanks(b []byte) (start, end int) {
	end = len(b)
	for start < end && b[start] <= ' ' {
		start++
	}
	for end > start && b[end-1] <= ' ' {
		end--
	}
	return start, end
}

// nameSibling handles the content of a name element: the field it names is what
// stands in the siblings.
func (s *Scratch) nameSibling(w *markupWalk, name []byte) {
	parent := &w.root
	if n := len(s.elements) - 1; n > w.base {
		parent = &s.elements[n-1]
	}
	me := s.top(w)
	switch tag := w.src[me.name:me.nameEnd]; {
	case parent.keyEnd == 0 && parent.prevEnd == 0:
		parent.key, parent.keyEnd = me.name, me.nameEnd
	case parent.keyEnd > parent.key && bytes.Equal(tag, w.src[parent.key:parent.keyEnd]):
		parent.prevEnd = 0 // the value of the name before
	}
	if parent.pair = s.nameVerdict(parent.c, name); parent.pair.flags&flagSoft != 0 && fileName(name) {
		parent.pair = verdict{}
	}
	if !parent.pair.strong() && parent.pair.cookie() == 0 {
		parent.pair = verdict{}
		return
	}
	if parent.prevEnd > parent.prev { // value first
		vc := parent.prevCtx
		vc.v = strongest(vc.v, parent.pair)
		s.subtree(w, int(parent.prev), int(parent.prevEnd), vc)
	}
}

// fileName reports whether a name is the path of a file, as the keys of object stores
// are.
func fileName(name []byte) bool {
	i, slash := bytes.LastIndexByte(name, '.'), bytes.LastIndexByte(name, '/')
	return i > slash && slash >= 0 && fileExtension(name[i+1:])
}

// fileSegment reports whether a segment of a path is the name of a file.
func fileSegment(seg []byte) bool {
	i := bytes.LastIndexByte(seg, '.')
	return i > 0 && fileExtension(seg[i+1:]) && !shape.Random(seg[:i])
}

func fileExtension(ext []byte) bool {
	if len(ext) > 8 {
		return false
	}
	switch string(bytes.ToLower(ext)) {
	case "txt", "md", "json", "yaml", "yml", "xml", "csv", "pdf", "doc", "docx", "xls", "xlsx", "png", "jpg", "jpeg", "gif", "svg", "html",
		"js", "mjs", "css", "map", "ts", "tsx", "go", "py", "rb", "rs", "php", "java", "kt", "zip", "gz", "tgz", "whl", "jar", "gem", "log", "mp4", "parquet":
		return true
	}
	return false
}

// subtree replaces the content src[start:end] of an element, markup and all.
func (s *Scratch) subtree(w *markupWalk, start, end int, c ctx) {
	if start >= end {
		return
	}
	if !c.v.act.whole() || s.opens(c.v) {
		raw := w.src[start:end]
		if bytes.IndexByte(raw, '<') < 0 {
			rep, ef := s.leaf(c, s.references(raw), kindString)
			if ef != Unchanged {
				s.replaceMarkup(start, end, rep, ef, true)
			}
			return
		}
		c.v.act = actMask
	}
	rep, ef := s.maskContent(c, w.src[start:end], true)
	s.replaceMarkup(start, end, rep, ef, true)
}

// aside handles comments and processing instructions.
func (s *Scratch) aside(w *markupWalk, t *markup.Token, c ctx) {
	body := w.src[t.Body:t.BodyEnd]
	if t.Kind == markup.PI && len(body) > 4 && hasFold(body, "xml") && body[3] <= ' ' && len(body) < 80 && bytes.Contains(body, []byte("version")) {
		return // the XML declaration
	}
	start, end := trimBlanks(body)
	s.inPlace(t.Body+start, body[start:end], c)
}

// doctype keeps a document type without its internal subset: an entity in it may
// hold the value of any element.
func (s *Scratch) doctype(w *markupWalk, t *markup.Token, c ctx) {
	if head := w.src[t.Start:t.Body]; len(head) > 9 {
		s.inPlace(t.Start+9, head[9:], c)
	}
	if len(bytes.TrimSpace(w.src[t.Body:t.BodyEnd])) == 0 {
		return
	}
	s.count(c.place, ruleNone, actMask, outcomeUnsupported)
	s.replace(t.Body, t.BodyEnd, []byte("<!--"+markUnsupported+"-->"))
}
