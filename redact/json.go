// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

// The JSON walker is one strict state machine over the raw bytes. It is lenient in
// two points that cannot flip string parity: raw control characters and unknown
// escapes inside strings pass.

// frame is one open container.
type frame struct {
	v     verdict // inherited by the values inside
	kv    verdict // for the sibling value of a key/value pair
	state pathState
	start int32 // offset of the bracket
	idx   int32 // next element of an array
	gone  int32 // all from the bracket to here was dropped, with the commas
	pend  int32 // len(s.pend) when opened
	flags frameFlags
}

// neutral reports whether nothing is said about the values inside so far.
func (f *frame) neutral() bool { return !f.v.says() && !f.kv.says() && f.flags&frameVariables == 0 }

type frameFlags uint8

const (
	frameObject frameFlags = 1 << iota
	// frameValue: the container is the value of a value key in its parent.
	frameValue
	// frameNames: the container is an array under a key for names, whose last element
	// names the sibling: {"loc": ["body", "password"], "input": "x"}.
	frameNames
	// frameNameless: and the key says nothing (flagValueOnly).
	frameNameless
	// frameVariables: members are variables of a GraphQL operation that gives some of
	// them to denied arguments, or elements parameters of a statement of SQL.
	frameVariables
)

// span is a value whose name may follow. A nameless one has a key that says
// nothing, and goes if the document ends before the name comes.
type span struct {
	start, end int32
	nameless   bool
}

// maxNameless bounds what is replaced because the name of a pair may have been cut
// off: the value of a pair is short, "value" as the root of a collection is not.
const maxNameless = 1024

// walkJSON walks one or more JSON documents, with blanks, commas of a sequence or
// RFC 7464 record separators between them.
func (s *Scratch) walkJSON(src []byte, c ctx) {
	i, first, scalar := 0, true, -1
	for {
		for i < len(src) && (src[i] <= ' ' && jsonSpace[src[i]] || src[i] == 0x1E) {
			i++
		}
		if i >= len(src) {
			return
		}
		if !first && src[i] != '{' && src[i] != '[' && src[i] != '"' && scalar < 0 {
			s.malformed(src, i, c, `"`)
			return
		}
		// A bare string or number with something unreadable behind it is what the
		// tail of a document looks like: it goes too.
		if src[i] != '{' && src[i] != '[' && scalar < 0 {
			scalar = i
		}
		if scalar >= 0 && jsonStray(src[i]) {
			s.malformed(src, scalar, c, `"`)
			return
		}
		first = false
		end, ok := s.jsonValue(src, i, c)
		if !ok {
			if scalar >= 0 && scalar != i {
				s.malformed(src, scalar, c, `"`)
			}
			return
		}
		i = end
	}
}

// jsonValue walks the document at i. It returns the offset behind it, or false if
// the input ended or was malformed; then everything to the end of src is dealt
// with.
func (s *Scratch) jsonValue(src []byte, i int, c ctx) (int, bool) {
	pend := len(s.pend)
	end, ok := s.jsonScan(src, i, c)
	if !ok {
		for _, p := range s.pend[pend:] {
			if p.nameless {
				s.jsonRetro(src, p, ctx{v: verdict{act: actMask}, place: c.place, nest: c.nest})
			}
		}
	}
	s.pend = s.pend[:pend]
	return end, ok
}

// jsonWalk is one walk over a document. What it reads most, members and elements
// that nothing is said about, it reads in loops of their own (members, elements);
// all else goes through value and after, one step at a time.
type jsonWalk struct {
	s   *Scratch
	src []byte
	c   ctx // of the document, but for cut
	// cut is set if the end of the document may be where the capture stopped.
	cut    bool
	plain  bool // no detectors
	short  int  // from which length on a string is asked for more than its first byte
	frames []frame
	base   int // Scratch.frameBase of the document
	d      int // how many containers are open
	f      *frame
	// v and st belong to the value that is read next; keyStart is where its key
	// starts, or the element itself.
	v        verdict
	st       pathState
	keyStart int
}

// jsonStep is what stands at the current offset.
type jsonStep uint8

const (
	stepValue   jsonStep = iota // a value, maybe behind blanks
	stepKey                     // the quote of a key
	stepElement                 // an element of an array
	stepAfter                   // what is behind a value
	stepDone                    // the document has ended
	stepStopped                 // the input has ended, or could not be read on
)

func (s *Scratch) jsonScan(src []byte, i int, c ctx) (int, bool) {
	w := jsonWalk{s: s, src: src, c: c, cut: c.cut, plain: s.p.det == nil, base: s.frameBase, v: c.v, st: c.state, keyStart: i, short: minBase64}
	if !w.plain {
		w.short = min(w.short, s.p.detMin)
	}
	w.c.cut = false
	w.frames = s.frames[w.base:]
	step := stepValue
	for {
		switch step {
		case stepValue:
			i, step = w.value(i)
		case stepKey:
			i, step = w.members(i)
		case stepElement:
			i, step = w.elements(i)
		case stepAfter:
			i, step = w.after(i)
		case stepDone:
			return i, true
		default:
			w.stopped()
			return len(src), false
		}
	}
}

// ctx is the context of the value that is read next.
func (w *jsonWalk) ctx() ctx {
	return ctx{v: w.v, state: w.st, place: w.c.place, nest: w.c.nest}
}
