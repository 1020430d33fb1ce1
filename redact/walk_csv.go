// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/apispan/apispan/redact/internal/field"
	"github.com/apispan/apispan/redact/internal/textkv"
)

// maxColumns bounds the header cells that are remembered; cells behind it go.
const maxColumns = 1024

// walkCSV reads comma-separated values (or ";", tab, "|"): the cells of the first
// record name the fields of the others. A record with another number of cells is
// not trusted to be aligned: if any column is denied all its cells go. A first
// cell that names a field makes the rest of its record that field's value.
func (s *Scratch) walkCSV(src []byte, c ctx) {
	src = s.lineFeeds(src)
	pos := textkv.Preamble(src)
	delim, n := textkv.Delimiter(src[pos:])
	aside := pos
	if pos < len(src) && src[pos] == '#' { // maybe a comment
		aside, _ = field.EndOfLine(src, pos)
	}
	s.inPlace(0, src[:aside], withoutCut(c))
	base := len(s.columns)
	defer func() { s.columns = s.columns[:base] }()
	var worst ctx
	last := false
	for !last && pos < len(src) {
		cell := textkv.ReadCell(src, pos, delim)
		vc := s.child(c, bytes.TrimSpace(src[cell.Start:cell.End]))
		// A first line of a text may be no names: what was found in one goes, no more.
		if vc.v.flags&flagKeyHit != 0 && !s.cell(src, cell, src[cell.Start:cell.End], delim, withoutCut(c)) {
			s.replace(cell.Start, cell.End, s.maskText())
		}
		if len(s.columns)-base < maxColumns {
			s.columns = append(s.columns, vc)
		}
		if len(s.columns)-base == 1 || vc.v.strong() && vc.v.act > worst.v.act || vc.v.act == actMiss && !worst.v.strong() {
			worst = vc
		}
		pos, last = cell.Next, cell.Last
	}
	n = max(n, len(s.columns)-base)
	plain := c.v.act == actNone && !c.cut && s.p.det == nil
	var first columnName
	free := c.v.act == actNone && !c.cut && !worst.v.says()
	for pos < len(src) {
		if free {
			if pos = s.plainRecords(src, pos, delim, c, &first); pos >= len(src) {
				return
			}
		}
		if plain {
			if next, ok := s.plainRecord(src, pos, delim, c, s.columns[base:], n, worst, &first); ok {
				pos = next
				continue
			}
		}
		pos = s.record(src, pos, delim, c, s.columns[base:], n, worst)
	}
}

// lineFeeds is src with LF where lines end with CR alone. Offsets stay what they are.
func (s *Scratch) lineFeeds(src []byte) []byte {
	if bytes.IndexByte(src, '\n') >= 0 || bytes.IndexByte(src, '\r') < 0 {
		return src
	}
	m := s.mark()
	s.arena = append(s.arena, src...)
	dec := s.arena[m:len(s.arena):len(s.arena)]
	for i, b := range dec {
		if b == '\r' {
			dec[i] = '\n'
		}
	}
	return dec
}

// columnName remembers the last first cell that names no field.
type columnName struct {
	k0, k1 uint64
	n      int
}

// plainRecords passes over records without quotes in which no cell can hold
// anything, if no column has a rule. It returns the start of the first record that
// needs a closer look.
func (s *Scratch) plainRecords(src []byte, pos int, delim byte, c ctx, first *columnName) int {
	start, leading := pos, true // of the cell
	base, mask := pos-8, uint64(0)
	for {
		for mask == 0 {
			if base += 8; base+8 > len(src) {
				return pos
			}
			w := binary.LittleEndian.Uint64(src[base:])
			mask = byteMask(w, delim) | byteMask(w, '\n') | byteMask(w, '"')
		}
		i := base + bits.TrailingZeros64(mask)>>3
		mask &= mask - 1
		b := src[i]
		if b != delim && b != '\n' {
			if b != '"' {
				continue
			}
			// A quoted cell without a quote in it.
			n := bytes.IndexByte(src[i+1:], '"')
			if i != start || n < 0 || i+n+2 >= len(src) {
				return pos
			}
			end := i + n + 2
			if cell := src[i+1 : end-1]; src[end] != delim && (src[end] != '\n' || leading) || leading && !s.namesNothing(cell, c, first) ||
				len(cell) >= 4 && (structured(cell) || s.p.det != nil && len(cell) >= s.p.detMin && s.detects(cell)) {
				return pos
			}
			start, leading = end+1, src[end] == '\n'
			if leading {
				pos = start
			}
			base, mask = end+1-8, 0
			continue
		}
		cell := src[start:i]
		if leading && b == delim && i > start && !s.namesNothing(cell, c, first) {
			return pos
		}
		if len(cell) >= 4 && (structured(cell) || s.p.det != nil && len(cell) >= s.p.detMin && s.detects(cell)) {
			return pos
		}
		start, leading = i+1, b == '\n'
		if leading {
			pos = start
		}
	}
}

// byteMask has a high bit set in each byte of w that is b, and maybe in a byte
// behind one.
func byteMask(w uint64, b byte) uint64 {
	x := w ^ uint64(b)*swarLo
	return (x - swarLo) &^ x & swarHi
}

// plainRecord is record for a line without quotes: only cells of columns with a
// rule and cells that may hold a document are looked at.
func (s *Scratch) plainRecord(src []byte, pos int, delim byte, c ctx, cols []ctx, n int, worst ctx, first *columnName) (next int, ok bool) {
	end := bytes.IndexByte(src[pos:], '\n')
	if end < 0 {
		return 0, false
	}
	end += pos
	next = end + 1
	line := src[pos:end]
	if bytes.IndexByte(line, '"') >= 0 || worst.v.act != actNone && bytes.Count(line, []byte{delim})+1 != n {
		return 0, false
	}
	if i := bytes.IndexByte(line, delim); i > 0 && !s.namesNothing(line[:i], c, first) {
		return 0, false
	}
	if end > pos && src[end-1] == '\r' {
		end--
	}
	plain := len(line) < longText && len(line) >= 4 && !hasKeyByte(line)
	for k := 0; pos <= end; k++ {
		e := bytes.IndexByte(src[pos:end], delim)
		if e < 0 {
			e = end - pos
		}
		cell := src[pos : pos+e]
		vc := worst
		if k < len(cols) {
			vc = cols[k]
		}
		if vc.v.act > actAllow || plain && !plainCell(cell) || !plain && structured(cell) {
			s.cell(src, textkv.Cell{Start: pos, End: pos + e}, cell, delim, vc)
		}
		pos += e + 1
	}
	return next, true
}

// plainCell reports whether a cell of a line without key bytes is not structured:
// it may be base64 of a document if it is long and begins with a letter of those.
func plainCell(b []byte) bool {
	if len(b) > minBase64 && (mayHide(b) || bytes.Contains(b, str(" eyJ"))) {
		return false
	}
	return len(b) < 4 || !nestFirst[b[0]] || len(b) < minBase64 && 'A' <= b[0] && b[0] <= 'z' && b[0] != '['
}

// namesNothing reports whether the first cell of a line is not the name of a field.
func (s *Scratch) namesNothing(cell []byte, c ctx, last *columnName) bool {
	if len(cell) > 16 {
		return !s.nameVerdict(c, bytes.TrimSpace(cell)).strong()
	}
	k0, k1 := words(cell)
	if last.n == len(cell) && last.k0 == k0 && last.k1 == k1 {
		return true
	}
	if s.nameVerdict(c, bytes.TrimSpace(cell)).strong() {
		return false
	}
	*last = columnName{k0, k1, len(cell)}
	return true
}

// record decides over the record at pos and returns where the next one starts.
func (s *Scratch) record(src []byte, pos int, delim byte, c ctx, cols []ctx, n int, worst ctx) int {
	cells, next := 0, pos
	for last := false; !last && next < len(src); cells++ {
		if src[next] == delim { // nothing in it
			next++
			continue
		}
		cell := textkv.ReadCell(src, next, delim)
		next, last = cell.Next, cell.Last
	}
	var row verdict
	for i, at := 0, pos; at < next && i < cells; i++ {
		if i > 0 && src[at] == delim {
			at++
			continue
		}
		cell := textkv.ReadCell(src, at, delim)
		at = cell.Next
		var vc ctx
		switch {
		case cells != n && worst.v.strong(), i >= len(cols):
			vc = worst
		default:
			vc = cols[i]
		}
		if i > 0 && row.strong() {
			vc.v = strongest(vc.v, row)
		}
		raw := src[cell.Start:cell.End]
		if i == 0 && cells > 1 {
			row = s.nameVerdict(c, bytes.TrimSpace(raw))
			if row.strong() && !cols[0].v.strong() && cells == n {
				continue // the name itself
			}
		}
		vc.cut = c.cut && cell.End == len(src)
		if cell.Cut && cell.End == len(src) && (vc.cut || cell.Quoted) && !vc.v.strong() {
			s.truncated(src, cell.Start, vc, "")
			return len(src)
		}
		s.cell(src, cell, raw, delim, vc)
	}
	return next
}

// cell decides over a cell and reports whether it was changed.
func (s *Scratch) cell(src []byte, cell textkv.Cell, raw []byte, delim byte, vc ctx) bool {
	if len(bytes.TrimSpace(raw)) == 0 {
		return false
	}
	dec := raw
	if cell.Quoted && bytes.IndexByte(raw, '"') >= 0 {
		m := s.mark()
		for i := 0; i < len(raw); i++ {
			s.arena = append(s.arena, raw[i])
			if raw[i] == '"' && i+1 < len(raw) && raw[i+1] == '"' {
				i++
			}
		}
		dec = s.arena[m:len(s.arena):len(s.arena)]
	}
	rep, ef := s.leaf(vc, dec, kindString)
	if ef == Unchanged {
		return false
	}
	if ef == Removed {
		rep = nil
	}
	m := s.mark()
	quote := !cell.Quoted && (bytes.IndexByte(rep, delim) >= 0 || bytes.ContainsAny(rep, "\"\n"))
	if quote {
		s.arena = append(s.arena, '"')
	}
	for _, b := range rep {
		if b == '"' && (quote || cell.Quoted) {
			s.arena = append(s.arena, '"')
		}
		s.arena = append(s.arena, b)
	}
	if quote {
		s.arena = append(s.arena, '"')
	}
	s.replaceFrom(cell.Start, cell.End, m)
	return true
}
