// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"strings"
)

// Bounds of memory for one value. The output bound leaves room for a mask in place
// of every one-digit number.
const (
	outFactor  = 8
	outSlack   = 4 << 10
	nestFactor = 4
	nestSlack  = 4 << 10
	// A text may have one word that is base64 of JSON, percent-encoded or a string with
	// escapes in so many bytes, and a few more.
	bytesPerWord = 64
	wordSlack    = 64
	// maxValueBytes is what offsets of edits can hold, with room to spare.
	maxValueBytes = 1 << 30
)

// apply runs one walker over one value. It is the only way in: every exported
// method ends here. A panic is a defect of ours; the value is removed and counted.
func (s *Scratch) apply(src []byte, c ctx, w walker) (out []byte, ef Effect) {
	defer func() {
		if r := recover(); r != nil {
			if inTests != nil {
				inTests(r)
			}
			s.frameBase = 0
			s.pend, s.foldBuf = s.pend[:0], s.foldBuf[:0]
			s.count(c.place, ruleNone, actDrop, outcomeMalformed)
			out, ef = nil, Removed
		}
	}()
	if len(src) > maxValueBytes {
		s.count(c.place, ruleNone, actDrop, outcomeLimit)
		return nil, Removed
	}
	s.explained(nil, numPlaces)
	s.arena = s.arena[:0]
	s.edits.Reset()
	s.pend = s.pend[:0]
	s.secrets = s.secrets[:0]
	s.frameBase, s.runs = 0, 0
	s.nestLeft = nestFactor*len(src) + nestSlack
	s.wordsLeft = len(src)/bytesPerWord + wordSlack
	s.lv = level{src: src}
	s.doc, s.docs = src, 0
	head := src
	if limit := s.p.cfg.Limits.Body; len(src) > limit {
		head = src[:limit]
		c.cut = true
	}
	w(s, head, c)
	if len(head) < len(src) {
		s.count(c.place, ruleNone, actMask, outcomeLimit)
		s.replace(len(head), len(src), nil)
	}
	s.dropEchoes(head)
	s.explained(head, c.place)
	out, ef = s.finish(src)
	s.lv, s.doc = level{}, nil
	clear(s.docBound)
	clear(s.bound)
	s.docBound, s.bound = s.docBound[:0], s.bound[:0]
	if n := cap(s.arena); n > s.dirty {
		s.dirty = n
	}
	if s.p.cfg.DryRun {
		return nil, Unchanged
	}
	return out, ef
}

// finish builds the output in one buffer of the exact size.
func (s *Scratch) finish(src []byte) ([]byte, Effect) {
	es := s.edits.All()
	if len(es) == 0 {
		return nil, Unchanged
	}
	s.checkEdits(es, len(src))
	n := len(src)
	for _, e := range es {
		n += int(e.N) - int(e.End-e.Start)
	}
	if n > outFactor*len(src)+outSlack {
		return []byte(markLimit), Changed
	}
	var out strings.Builder // its memory is not cleared before it is written
	out.Grow(n)
	p := 0
	for _, e := range es {
		out.Write(src[p:e.Start])
		out.Write(s.arena[e.Off : e.Off+e.N])
		p = int(e.End)
	}
	out.Write(src[p:])
	return str(out.String()), Changed
}

func (s *Scratch) applyString(v string, c ctx, w walker) (string, Effect) {
	out, ef := s.apply(str(v), c, w)
	if ef != Changed {
		if ef == Unchanged {
			return v, ef
		}
		return "", ef
	}
	return view(out), ef
}

// asLeaf is the walker for a value that is one scalar.
func (s *Scratch) asLeaf(src []byte, c ctx) {
	rep, ef := s.leaf(c, src, kindString)
	if ef != Unchanged {
		s.removed = ef == Removed
		s.replace(0, len(src), rep)
	}
}

// leafString decides over one scalar value.
func (s *Scratch) leafString(v string, c ctx) (string, Effect) {
	if b := str(v); c.v.act <= actAllow && c.v.flags&cookieBits == 0 && len(v) <= s.p.cfg.Limits.Body && !structured(b) && !wordy(b, c) &&
		(s.p.det == nil || !c.cut && (len(b) < s.p.detMin || s.p.det.Quiet(b))) {
		return v, Unchanged // what apply would find out
	}
	s.removed = false
	out, ef := s.applyString(v, c, (*Scratch).asLeaf)
	if s.removed && ef == Changed {
		return "", Removed
	}
	return out, ef
}

// Query redacts a raw query string without "?".
func (s *Scratch) Query(raw string) (string, Effect) {
	return s.applyString(raw, s.root(placeQuery), (*Scratch).walkQuery)
}

// walkQuery is walkForm for a value that may have kept its "?" and its fragment,
// which is read as pairs too.
func (s *Scratch) walkQuery(src []byte, c ctx) {
	start := 0
	if len(src) > 0 && src[0] == '?' {
		start = 1
	}
	if i := bytes.IndexByte(src, '#'); i >= start {
		head := c
		head.cut = false
		s.sub(start, (*Scratch).walkForm, src[start:i], head)
		start = i + 1
	}
	s.sub(start, (*Scratch).walkForm, src[start:], c)
}

// Path redacts a URL path.
func (s *Scratch) Path(raw string) (string, Effect) {
	return s.applyString(raw, s.root(placePath), (*Scratch).pathAndPatterns)
}

// URL redacts an absolute or relative URL.
func (s *Scratch) URL(raw string) (string, Effect) {
	return s.applyString(raw, s.root(placePath), (*Scratch).urlAndPatterns)
}

// urlAndPatterns also runs the detectors over the URL as a whole: user
// information is found by its position.
func (s *Scratch) urlAndPatterns(src []byte, c ctx) {
	s.walkURL(src, c)
	s.patterns(src, c)
}

func (s *Scratch) pathAndPatterns(src []byte, c ctx) {
	s.walkPath(src, c)
	s.patterns(src, c)
}

// ClientIP redacts a client address.
func (s *Scratch) ClientIP(addr string) (string, Effect) {
	s.removed = false
	c := s.child(s.root(placeClientIP), str("client_ip"))
	out, ef := s.applyString(addr, c, (*Scratch).walkAddresses)
	if s.removed && ef == Changed {
		return "", Removed
	}
	return out, ef
}

// Text redacts free text: span names, status messages, exception texts.
func (s *Scratch) Text(value string) (string, Effect) {
	return s.leafString(value, s.root(placeText))
}

// Body redacts content whose content type was given to Begin.
func (s *Scratch) Body(side Side, value string) (string, Effect) {
	s.removed = false
	out, ef := s.applyString(value, s.bodyCtx(side), (*Scratch).walkBody)
	if s.removed && ef == Changed {
		return "", Removed
	}
	return out, ef
}

// BodyBytes is Body for a byte slice.
func (s *Scratch) BodyBytes(side Side, value []byte) ([]byte, Effect) {
	s.removed = false
	out, ef := s.apply(value, s.bodyCtx(side), (*Scratch).walkBody)
	switch {
	case ef == Unchanged:
		return value, ef
	case s.removed && ef == Changed:
		return nil, Removed
	}
	return out, ef
}

func (s *Scratch) bodyCtx(side Side) ctx {
	if side == Response {
		c := s.root(placeResponseBody)
		c.cut = s.ex.ResponseTruncated
		return c
	}
	c := s.root(placeRequestBody)
	c.cut = s.ex.RequestTruncated
	return c
}
