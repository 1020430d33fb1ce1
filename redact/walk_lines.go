// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/field"
)

// walkNDJSON reads one JSON document per line, and JSON text sequences (RFC 7464).
// A line that is not JSON goes; the next one is read.
func (s *Scratch) walkNDJSON(src []byte, c ctx) {
	separator := -1 // the next one
	for pos := 0; pos < len(src); {
		end, next := field.EndOfLine(src, pos)
		// A record separator may stand alone or within a line.
		for pos < end {
			if src[pos] == 0x1E {
				pos++
			}
			if separator < pos {
				separator = indexFrom(src, pos, 0x1E)
			}
			stop := min(separator, end)
			lc := c
			lc.cut = c.cut && next == len(src) && next == end
			s.jsonLine(pos, src[pos:stop], lc)
			pos = stop
		}
		if next == pos {
			return
		}
		pos = next
	}
}

// jsonLine walks a line that must be JSON.
func (s *Scratch) jsonLine(off int, line []byte, c ctx) {
	if len(line) > 0 && (line[0] > ' ' || len(bytes.TrimSpace(line)) > 0) {
		s.sub(off, (*Scratch).walkJSON, line, c)
	}
}

// walkSSE reads text/event-stream. Data of several lines is joined before it is
// read, as a client does.
func (s *Scratch) walkSSE(src []byte, c ctx) {
	ev := event{start: -1}
	for pos := 0; pos < len(src); {
		end, next := field.EndOfLine(src, pos)
		line := src[pos:end]
		cut := next == end
		switch {
		case len(line) == 0:
			s.flushEvent(src, &ev, c, false)
		case hasFold(line, "data") && (len(line) == 4 || line[4] == ':'):
			if ev.start < 0 {
				ev.start = pos
			}
			ev.lines++
			ev.end = end
		default:
			lc := c
			lc.cut = cut
			s.eventField(pos, line, lc)
		}
		if cut {
			s.flushEvent(src, &ev, c, true)
			return
		}
		pos = next
	}
	s.flushEvent(src, &ev, c, false)
}

// event is the data of one event: lines between start and end.
type event struct {
	start, end int
	lines      int
}

// eventField decides over a line that is no data: comments and identifiers.
func (s *Scratch) eventField(pos int, line []byte, c ctx) {
	i := bytes.IndexByte(line, ':')
	name := line
	if i >= 0 {
		name = line[:i]
	}
	val := i + 1
	for val < len(line) && line[val] == ' ' {
		val++
	}
	if i < 0 {
		val = 0
	}
	vc := c
	if i >= 0 {
		vc = s.child(c, name)
	}
	switch {
	case c.cut:
		s.sub(pos, func(s *Scratch, b []byte, c ctx) { s.truncated(b, min(val, len(b)), c, "") }, line, c)
	case vc.v.flags&flagKeyHit != 0:
		s.replaceLeaf(pos, pos+len(line), line, c)
	case vc.v.strong():
		s.replaceLeaf(pos+val, pos+len(line), line[val:], vc)
	case vc.v.act == actMiss && (field.Fold(name, "event") || field.Fold(name, "retry")) && len(line) < 64:
		// Kinds of events and delays are syntax; no allowlist names them.
		s.sub(pos, (*Scratch).patterns, line, c)
	default:
		s.inPlace(pos+val, line[val:], vc)
	}
}

// flushEvent reads the data of an event that is complete, or that the input ends
// in.
func (s *Scratch) flushEvent(src []byte, ev *event, c ctx, cut bool) {
	e := *ev
	*ev = event{start: -1}
	if e.start < 0 {
		return
	}
	c.cut = cut
	if e.lines == 1 {
		off := dataStart(src, e.start, e.end)
		s.eventData(off, src[off:e.end], c)
		return
	}
	m := s.mark()
	for pos := e.start; pos < e.end; {
		end, next := field.EndOfLine(src[:e.end], pos)
		if hasFold(src[pos:end], "data") {
			if len(s.arena) > m {
				s.arena = append(s.arena, '\n')
			}
			s.arena = append(s.arena, src[dataStart(src, pos, end):end]...)
		}
		pos = max(next, end+1)
	}
	data := s.arena[m:len(s.arena):len(s.arena)]
	out, changed := s.run(func(s *Scratch, b []byte, c ctx) { s.eventData(0, b, c) }, data, c)
	if !changed {
		return
	}
	// The lines are written anew; fields between them, which had been decided
	// over, would come back: they go.
	m = s.mark()
	for {
		line, rest, more := bytes.Cut(out, []byte("\n"))
		s.arena = append(append(s.arena, "data: "...), line...)
		if !more {
			break
		}
		s.arena = append(s.arena, '\n')
		out = rest
	}
	s.replaceFrom(e.start, e.end, m)
}

// eventData reads the data of one event.
func (s *Scratch) eventData(off int, data []byte, c ctx) {
	if c.cut {
		if o := blankPrefix(data); !looksJSON(data[o:]) {
			s.replace(off, off+len(data), str(markTruncated))
			s.count(c.place, ruleNone, actMask, outcomeTruncated)
			return
		}
	}
	s.inPlace(off, data, c)
}

// dataStart is where the data of a "data:" line starts: behind one blank.
func dataStart(src []byte, pos, end int) int {
	pos += len("data")
	if pos < end && src[pos] == ':' {
		pos++
	}
	if pos < end && src[pos] == ' ' {
		pos++
	}
	return pos
}
