// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/field"
	"github.com/apispan/apispan/redact/internal/textkv"
)

// An outline is text whose lines stand in a tree: YAML by indentation, TOML and INI
// by sections. walkText finds keys wherever they stand; this reading adds what needs
// the tree: paths, and names of a pair that stand in a line of their own.

// maxOutline is how deep an outline is followed; what is deeper is read as if it
// stood there.
const maxOutline = 24

// outline is the state of the reading.
type outline struct {
	src    []byte
	c      ctx // of the whole text
	levels [maxOutline]outlineLevel
	n      int
	secret bool // the document is a Secret of Kubernetes
	kindAt int  // the next place that may say so
	table  []byte
	tables int // tables of that name before the current one
}

// outlineLevel is a mapping or a sequence that is open.
type outlineLevel struct {
	column int
	c      ctx
	items  int  // of a sequence
	list   bool // a sequence: its column is that of the dashes
	// pair is the verdict that a name gave to its value, valStart and valEnd a value
	// whose name may follow.
	pair             verdict
	valStart, valEnd int
}

// outlined reports whether the tree of a text matters.
func (s *Scratch) outlined(src []byte, c ctx) bool {
	if bytes.IndexByte(src, '\n') < 0 && c.state == stateNone {
		return false
	}
	return c.state != stateNone || s.block || bytes.Contains(src, []byte("|\n")) || bytes.Contains(src, []byte("value:")) || bytes.Contains(src, []byte("Value:")) ||
		bytes.Contains(src, []byte("- --")) || secretDocument(src)
}

func (s *Scratch) walkOutline(src []byte, c ctx) {
	o := outline{src: src, c: c, n: 1, kindAt: -1}
	o.levels[0] = outlineLevel{column: -1, c: c}
	o.secret = o.secretFrom(0)
	for pos := 0; pos < len(src); {
		end, next := field.EndOfLine(src, pos)
		if next == pos {
			return
		}
		pos = s.outlineLine(&o, pos, end, next)
	}
}

// firstDocument is a text up to the mark before another YAML document.
func firstDocument(b []byte) []byte {
	if i := bytes.Index(b, []byte("\n---")); i > 0 {
		return b[:i]
	}
	return b
}

// outlineLine reads one line and returns where the next one starts.
func (s *Scratch) outlineLine(o *outline, start, end, next int) int {
	src := o.src
	i := start
	for i < end && src[i] == ' ' {
		i++
	}
	switch {
	case i == end || src[i] == '#' || src[i] == ';' || src[i] == '-' && bytes.HasPrefix(src[i:end], str("---")):
		if i < end && src[i] == '-' {
			o.secret = o.secretFrom(end)
		}
		return next
	case src[i] == '[' && i == start:
		if j := bytes.LastIndexByte(src[i:end], ']'); j > 1 {
			o.n = 1
			name := bytes.Trim(src[i+1:i+j], "[] ")
			c := s.child(o.c, name)
			if src[i+1] == '[' { // one more of an array of tables
				if o.tables++; !bytes.Equal(name, o.table) {
					o.table, o.tables = name, 0
				}
				c = s.elem(c, o.tables)
			}
			o.levels[0] = outlineLevel{column: -1, c: c}
			return next
		}
	}
	for i+1 < end && src[i] == '-' && src[i+1] == ' ' {
		s.outlineItem(o, i-start)
		for i++; i < end && src[i] == ' '; {
			i++
		}
	}
	explicit := i+2 < end && src[i+1] == ' ' && src[i] == ':' // the value of "? key"
	switch {
	case explicit:
		for i++; i < end && src[i] == ' '; {
			i++
		}
	case i+2 < end && src[i+1] == ' ' && src[i] == '?':
		s.outlineExplicit(o, i-start, bytes.Trim(src[i+2:end], " \"'"))
		return next
	}
	key, val, ok := outlineKey(src[i:end])
	column := i - start
	for o.n > 1 && (o.levels[o.n-1].column > column || ok && o.levels[o.n-1].list && o.levels[o.n-1].column >= column) {
		o.n--
	}
	top := &o.levels[o.n-1]
	if !ok {
		if top.list {
			vc := top.c
			vc.v, top.pair = strongest(vc.v, top.pair), verdict{}
			if arg := bytes.Trim(src[i:end], `"'`); bytes.HasPrefix(arg, str("--")) && bytes.IndexByte(arg, '=') < 0 {
				top.pair = s.nameVerdict(top.c, arg) // of the next argument
				vc = top.c
			}
			s.outlineValue(o, i, end, vc)
		} else if explicit {
			s.outlineValue(o, i, end, top.c)
		}
		return next
	}
	m := s.outlineMapping(o, column)
	var vc ctx
	if m.c.v == (verdict{}) && m.c.state == stateNone { // as child does, but faster
		vc = m.c
		if val := s.textName(m.c, key, false); val != 0 {
			own, st := val.unpack()
			vc.v, vc.state = strongest(verdict{}, own), st
		}
	} else {
		vc = s.child(m.c, key)
	}
	if o.secret && (string(key) == "data" || string(key) == "stringData") {
		vc.v = strongest(vc.v, s.child(m.c, []byte("string_data")).v)
	}
	val += i
	for val < end && (src[val] == ' ' || src[val] == '\t') {
		val++
	}
	if val == end || src[val] == '&' || src[val] == '#' {
		s.outlinePush(o, outlineLevel{column: column + 1, c: vc})
		return next
	}
	if src[val] == '|' || src[val] == '>' {
		from := next
		next, end = outlineBlock(src, next, column)
		if block := src[from:max(from, min(next, len(src)))]; !vc.v.says() && csvLike(block) && s.headerDenied(block, vc) {
			s.sub(from, (*Scratch).walkCSV, block, withoutCut(vc))
		}
	}
	if vc.v == (verdict{}) && vc.state == stateNone {
		return next // nearly every line
	}
	if vc.v.flags&flagSoft != 0 && val < end && (proseValue(key, src[val:end]) || inert(src, key, val, end)) {
		return next
	}
	s.outlinePair(o, m, &vc, val, end)
	s.outlineValue(o, val, end, vc)
	return next
}

// outlineExplicit opens the level of the value of an explicit key, which follows behind
// ": ".
func (s *Scratch) outlineExplicit(o *outline, column int, key []byte) {
	for o.n > 1 && o.levels[o.n-1].column > column {
		o.n--
	}
	m := s.outlineMapping(o, column)
	s.outlinePush(o, outlineLevel{column: column + 1, c: s.child(m.c, key)})
}

// outlineMapping is the level of the keys in a column.
func (s *Scratch) outlineMapping(o *outline, column int) *outlineLevel {
	top := &o.levels[o.n-1]
	if top.column != column || top.list {
		s.outlinePush(o, outlineLevel{column: column, c: top.c})
		top = &o.levels[o.n-1]
	}
	return top
}

// outlineItem opens the next item of the sequence in a column.
func (s *Scratch) outlineItem(o *outline, column int) {
	for o.n > 1 && (o.levels[o.n-1].column > column+1 || o.levels[o.n-1].column > column && !o.opened(column)) {
		o.n--
	}
	top := &o.levels[o.n-1]
	if !top.list || top.column != column {
		s.outlinePush(o, outlineLevel{column: column, c: top.c, list: true})
		top = &o.levels[o.n-1]
	}
	parent := &o.levels[max(o.n-2, 0)]
	if top.c = parent.c; top.c.state != stateNone {
		top.c = s.elem(top.c, top.items)
	}
	top.items++
}

// opened reports whether the top level was opened by a key without a value in this
// column, whose sequence may stand in the same column.
func (o *outline) opened(column int) bool {
	t := &o.levels[o.n-1]
	return !t.list && t.column == column+1
}

func (s *Scratch) outlinePush(o *outline, l outlineLevel) {
	if o.n == maxOutline {
		o.n--
	}
	o.levels[o.n] = l
	o.n++
}

// outlineKey reads "key:" or "key =" at the beginning of a line; val is the offset
// behind the mark.
func outlineKey(line []byte) (key []byte, val int, ok bool) {
	i := 0
	if len(line) > 0 && (line[0] == '"' || line[0] == '\'') {
		j := bytes.IndexByte(line[1:], line[0])
		if j < 0 {
			return nil, 0, false
		}
		i = j + 2
		key = line[1 : i-1]
	}
	for ; i < len(line); i++ {
		switch line[i] {
		case ':':
			if i+1 < len(line) && line[i+1] != ' ' && line[i+1] != '\t' {
				continue
			}
		case '=':
		default:
			continue
		}
		if key == nil {
			key = line[:i]
			for n := len(key); n > 0 && (key[n-1] == ' ' || key[n-1] == '\t'); n-- {
				key = key[:n-1]
			}
		}
		return key, i + 1, len(key) > 0 && len(key) < maxLongKey && key[0] != '{' && key[0] != '['
	}
	return nil, 0, false
}

// outlineBlock finds the end of a block scalar below a key: the lines that stand
// deeper.
func outlineBlock(src []byte, pos, column int) (next, end int) {
	end = pos
	for pos < len(src) {
		e, n := field.EndOfLine(src, pos)
		k := pos
		for k < e && src[k] == ' ' {
			k++
		}
		if k < e && k-pos <= column || n == pos {
			break
		}
		pos, end = n, e
	}
	return pos, end
}

// outlinePair sees to "- name: DB_PASSWORD" and "value: x", in both orders.
func (s *Scratch) outlinePair(o *outline, m *outlineLevel, vc *ctx, val, end int) {
	switch f := vc.v.flags; {
	case f&flagNameKey != 0:
		name := bytes.TrimSpace(o.src[val:end])
		if n := len(name); n > 0 && (quoteByte(name[0]) || quoteByte(name[n-1])) {
			name = bytes.Trim(name, `"'`)
		}
		if m.pair = s.nameVerdict(*vc, name); m.pair.says() && m.valEnd > m.valStart {
			pc := *vc
			pc.v = m.pair
			s.outlineValue(o, m.valStart, m.valEnd, pc)
		}
		m.valEnd = 0
	case f&flagValueKey != 0 && m.pair.says():
		vc.v = strongest(vc.v, m.pair)
	case f&flagValueKey != 0:
		m.valStart, m.valEnd = val, end
	}
}

func quoteByte(b byte) bool { return b == '"' || b == '\'' }

// outlineValue decides over a value, which may be a flow mapping or sequence.
func (s *Scratch) outlineValue(o *outline, start, end int, vc ctx) {
	src := o.src
	if start >= end {
		return
	}
	vc.cut = vc.cut && end == len(src)
	if vc.v.strong() || vc.v.cookie() != 0 {
		if q := src[start]; (q == '"' || q == '\'') && end > start+1 {
			start++
			if j := bytes.LastIndexByte(src[start:end], q); j >= 0 {
				end = start + j
			}
		} else if j := bytes.Index(src[start:end], []byte(" #")); j > 0 {
			end = start + j
		}
		if start < end && !s.covered(start, start+1) { // else found by its name
			s.textValue(src, start, end, vc)
		}
		return
	}
	if (src[start] == '{' || src[start] == '[') && vc.state != stateNone {
		s.outlineFlow(o, start, end, vc, 0)
	}
}

// outlineFlow reads {key: value, ...} and [value, ...] in one line.
func (s *Scratch) outlineFlow(o *outline, start, end int, c ctx, depth int) {
	src := o.src
	object := src[start] == '{'
	stop := textkv.Skip(src[:end], start)
	for i, n := start+1, 0; i < stop; n++ {
		var vc ctx
		for i < stop && (src[i] == ' ' || src[i] == ',') {
			i++
		}
		if object {
			key, val, ok := outlineKey(src[i:stop])
			if !ok {
				return
			}
			vc = s.child(c, bytes.Trim(key, `"'`))
			for i += val; i < stop && src[i] == ' '; {
				i++
			}
		} else {
			vc = s.elem(c, n)
		}
		if i >= stop {
			return
		}
		e := i
		switch src[i] {
		case '{', '[':
			e = textkv.Skip(src[:stop], i)
			if !vc.v.strong() && depth < maxOutline {
				s.outlineFlow(o, i, e, vc, depth+1)
			}
		case '"', '\'':
			if j := bytes.IndexByte(src[i+1:stop], src[i]); j >= 0 {
				e = i + j + 2
			} else {
				e = stop
			}
		}
		for e < stop && src[e] != ',' && src[e] != '}' && src[e] != ']' {
			e++
		}
		if vc.v.strong() {
			s.outlineValue(o, i, e, vc)
		}
		i = e + 1
	}
}
