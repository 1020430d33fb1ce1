// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/field"
	"github.com/apispan/apispan/redact/internal/textkv"
)

// Tables name their columns in the first row: those of Markdown and of database
// clients, whose cells stand between bars, and those of HTML.

// barTables reads tables with bars: a row of names, a line of dashes, rows.
func (s *Scratch) barTables(src []byte, c ctx) {
	var columns [maxTableColumns]ctx
	headStart, headEnd := 0, 0
	n := 0 // columns of the table that is read
	for pos := 0; pos < len(src); {
		end, next := field.EndOfLine(src, pos)
		line := src[pos:end]
		switch {
		case ruler(line):
			if headEnd > headStart {
				if n = s.barColumns(src[headStart:headEnd], &columns, c); n > 0 {
					headEnd = headStart
				}
			}
		case bytes.IndexByte(line, '|') < 0:
			n, headEnd = 0, headStart
		case n == 0:
			headStart, headEnd = pos, end
		default:
			cell, at := 0, pos+barMargin(line)
			for at <= end && cell < n {
				stop := indexFrom(src[:end], at, '|')
				if columns[cell].v.strong() {
					a, b := trimBlanks(src[at:stop])
					if a < b && !s.covered(at+a, at+b) {
						s.textValue(src, at+a, at+b, columns[cell])
					}
				}
				cell, at = cell+1, stop+1
			}
		}
		if next == pos {
			return
		}
		pos = next
	}
}

// barColumns asks for the names in a row; 0 if none is denied.
func (s *Scratch) barColumns(row []byte, columns *[maxTableColumns]ctx, c ctx) (n int) {
	denied := false
	for row = row[barMargin(row):]; n < maxTableColumns && len(row) > 0; n++ {
		name, rest, _ := bytes.Cut(row, str("|"))
		columns[n] = s.child(c, bytes.Trim(name, " \t*`_"))
		denied = denied || columns[n].v.strong()
		row = rest
	}
	if !denied {
		return 0
	}
	return n
}

// barMargin is the length of what stands before the first cell.
func barMargin(row []byte) int {
	i := 0
	for i < len(row) && (row[i] == ' ' || row[i] == '\t') {
		i++
	}
	if i < len(row) && row[i] == '|' {
		return i + 1
	}
	return 0
}

// ruler reports whether a line divides a table: dashes and bars.
func ruler(line []byte) bool {
	dashes := 0
	for _, b := range line {
		switch b {
		case '-', '=':
			dashes++
		case '|', '+', ':', ' ', '\t', '\r':
		default:
			return false
		}
	}
	return dashes >= 3 && len(line) > dashes
}

// tableCells follows the cells of HTML tables: those of the row of head cells name
// the columns.
type tableCells struct {
	columns []verdict
	cell    int  // of the row
	head    bool // the row has head cells
	denied  bool // a column is
}

// row begins a row.
func (t *tableCells) row() { t.cell, t.head = 0, false }

// headCell takes in the text of a head cell.
func (t *tableCells) headCell(v verdict) {
	if !t.head {
		t.columns, t.denied, t.head = t.columns[:0], false, true
	}
	if len(t.columns) < maxTableColumns {
		t.columns = append(t.columns, v)
		t.denied = t.denied || v.strong()
	}
}

// next is the verdict of the column that the next cell stands in.
func (t *tableCells) next() (v verdict) {
	if t.cell++; t.denied && !t.head && t.cell <= len(t.columns) {
		v = t.columns[t.cell-1]
	}
	return v
}

// cutTable reports whether src is a CSV that was cut in its last record: in a quoted
// cell with quotes in it, a document, or behind one, so that cells are missing.
func cutTable(src []byte) bool {
	// A form value may be cut within an escape, whose begin then stands behind the cell.
	if i := bytes.LastIndexByte(src[max(0, len(src)-2):], '%'); i >= 0 {
		src = src[:max(0, len(src)-2)+i]
	}
	i := bytes.IndexByte(src, '\n')
	if i < 3 || i > 4096 || bytes.ContainsAny(src[:i], "=:{<") || !bytes.Contains(src[i:], str(`""`)) {
		return false
	}
	delim, n := textkv.Delimiter(src)
	quoted := false
	for pos, k := i+1, 1; n > 1 && pos < len(src); k++ {
		cell := textkv.ReadCell(src, pos, delim)
		quoted = quoted || cell.Quoted && bytes.Contains(src[cell.Start:cell.End], str(`""`))
		pos = cell.Next
		if !cell.Last {
			continue
		}
		if open := cell.Quoted && cell.Cut; pos == len(src) && (open || src[len(src)-1] != '\n') {
			return quoted && (k < n || open)
		}
		if k != n {
			return false
		}
		k = 0
	}
	return quoted && src[len(src)-1] != '\n' // cut behind a delimiter
}
