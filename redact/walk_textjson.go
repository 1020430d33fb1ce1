// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/fold"
	"github.com/apispan/apispan/redact/internal/textkv"
)

// jsonFinder finds JSON documents with keys in text, each part of the text being
// looked at once.
type jsonFinder struct {
	s      *Scratch
	c      ctx
	src    []byte
	failed int // no document that starts before it
	// brace and bracket are the next "{" and "[" at or behind the last search.
	brace, bracket int
	// broken is set if the last document breaks off within the text: its end says nothing,
	// and what it holds is read as text, too.
	broken bool
}

func (f *jsonFinder) next(pos int) (start, end int) {
	for i := max(pos, f.failed); i < len(f.src); i++ {
		if f.brace < i {
			f.brace = indexFrom(f.src, i, '{')
		}
		if f.bracket < i {
			f.bracket = indexFrom(f.src, i, '[')
		}
		if i = min(f.brace, f.bracket); i == len(f.src) {
			break
		}
		if !looksJSON(f.src[i:]) {
			continue
		}
		e, ok := textkv.JSONEnd(f.src, i)
		if ok && f.src[i] == '[' && e-i <= maxLongKey {
			if k := skipSpace(f.src, e); k < len(f.src) && f.src[k] == '=' { // map["key"] = value
				i = e - 1
				continue
			}
		}
		// Whole, or cut, or broken off: there names beside values and variables would not be seen.
		if f.broken = !ok && e < len(f.src); !f.broken || f.s.namesValue(f.src[i:e], f.c) || f.s.variablesOf(f.c) {
			f.failed = e
			return i, e
		}
		i = max(i, e-1)
	}
	f.failed = len(f.src)
	return -1, len(f.src)
}

// namesValue reports whether a document that breaks off has a denied name under one of
// the keys for names, and one of the keys for values (keyNameFlags).
func (s *Scratch) namesValue(doc []byte, c ctx) bool {
	named, valued := false, false
	for i := 0; i < len(doc); {
		j := bytes.IndexByte(doc[i:], '"')
		if j < 0 {
			return false
		}
		start := i + j + 1
		end, _ := stringEnd(doc, start)
		if end < 0 {
			return false
		}
		i = end + 1
		k := skipSpace(doc, i)
		if k == len(doc) || doc[k] != ':' || end-start > maxPlainWord {
			continue
		}
		m := len(s.foldBuf)
		s.foldBuf = fold.AppendKey(s.foldBuf, doc[start:end])
		flags := keyNameFlags[string(s.foldBuf[m:])]
		s.foldBuf = s.foldBuf[:m]
		valued = valued || flags&flagValueKey != 0
		if flags&flagNameKey != 0 && !named {
			if k = skipSpace(doc, k+1); k < len(doc) && doc[k] == '"' {
				if end, _ = stringEnd(doc, k+1); end > 0 {
					named = s.nameVerdict(c, doc[k+1:end]).says()
				}
			}
		}
		if named && valued {
			return true
		}
	}
	return false
}

// indexFrom is the offset of c at or behind i, or len(b).
func indexFrom(b []byte, i int, c byte) int {
	if j := bytes.IndexByte(b[i:], c); j >= 0 {
		return i + j
	}
	return len(b)
}
