// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "github.com/apispan/apispan/redact/internal/edit"

// This file is the contract between the engine and the walkers. A walker reads
// one syntax (JSON, form, XML, ...) and never decides anything itself:
//
//	func (s *Scratch) walkX(src []byte, c ctx)
//
// It finds keys and values with their offsets in src, asks
//
//	vc := s.child(c, decodedKey)            // the context of the value under a key
//	rep, ef := s.leaf(vc, decoded, kind)    // what becomes of a scalar value
//
// and, unless ef is Unchanged, encodes rep in its own syntax and records
//
//	s.replace(start, end, with)             // src[start:end] becomes with
//
// What is not replaced stays byte for byte; a walker never copies src. Rules:
//
//   - Decode before asking: s.child gets the key with JSON escapes, %XX, '+', XML
//     references removed (folding of case, separators and Unicode is done inside),
//     s.leaf gets the value decoded in the same way. Decode into s.arena (see
//     mark) so that nothing is allocated. If the raw bytes are already decoded
//     pass the sub-slice of src itself.
//   - If the verdict of a key whose value is a container is a full one
//     (vc.v.act.whole() is true: mask or drop) the walker does not look inside: it
//     replaces the whole subtree by one mask (s.maskOf, or removes it) and skips
//     it by the roughest grammar that is sound; if the end cannot be found, to
//     the end of src. Otherwise it hands vc down to the children (hmac, allow are
//     inherited; a deny below still wins, s.child sees to it).
//   - Grammar error at offset e: s.malformed(src, e, vc). Everything from e on is
//     replaced. Never resynchronise inside a syntax whose quoting state may have
//     flipped. Line-based syntaxes go on with the next line.
//   - End of src inside a token: the unfinished token is always dropped:
//     s.truncated(src, start). End of src between tokens needs nothing.
//     If c.cut is set even a token that looks finished at the end of src (number,
//     last form value, last text word) may be a prefix and is treated as
//     unfinished; use s.leaf with vc.cut = true for values in which detectors
//     must also match a cut prefix.
//   - Encoded inner documents (JSON in a JSON string, a form in a cookie, ...) are
//     handled by s.leaf: do not recurse yourself. Inner documents that stand raw in
//     src (multipart part, SSE data, NDJSON line, inline script) are walked in
//     place: s.sub(off, s.walkY, src[off:end], c), or s.content when the type has
//     to be sniffed.
//   - No recursion deeper than limits.nested, no work that is not linear in
//     len(src), no allocation on the unchanged path, no error text from parsers.
//
// Package APIs that the engine uses (internal packages of redact):
//
//	fold.AppendKey(dst, key []byte) []byte
//	    folded form of a decoded key (redaction rules: lower case, separators
//	    "_ - . blank" and ignorables dropped, NFKC, simple case folding).
//	fold.NextSegment(key []byte) (seg, rest []byte)
//	    next segment of a decoded, unfolded key split at "[ ] . : /" and XML prefix;
//	    seg is nil when there is none left. A key without such a byte has one
//	    segment: itself.
//	fold.IsPlain(key []byte) bool
//	    the key is ASCII and has none of the split bytes.
//
//	detect.Lookup(name string) (canonical string, ok bool)   // aliases included
//	detect.Names() []string, detect.DefaultNames() []string
//	detect.Compile([]detect.Spec) (*detect.Set, error)        // Spec{Name, Regex string}; Rule = index
//	(*detect.Set).Find(dst []detect.Match, src []byte, cut bool) []detect.Match
//	    Match{Start, End int; Rule uint16}; sorted by Start, not overlapping, the
//	    leftmost longest wins; cut also reports an unfinished candidate that
//	    touches the end of src. No allocation when dst has room. nil Set finds none.
//	(*detect.Set).Empty() bool
//
//	token.New(token.Config) (*token.Keyring, error)
//	    Config{Active string; Keys []token.Key; Rotate time.Duration}
//	    Key{ID, File, Env string; Value []byte}; errors name the key's id/index only.
//	(*token.Keyring).Reload() error; Ready() bool; NewHasher() *token.Hasher
//	(*token.Hasher).AppendToken(dst, scope, value []byte) ([]byte, bool)     // false: no active key
//	(*token.Hasher).AppendEncrypted(dst, value []byte) ([]byte, bool)
//	    "hmac:<kid>:<22>" and "enc:v1:<kid>:<base64url>"; dst unchanged on false.
//	    One Hasher per Scratch, not for concurrent use; it notices a reload.
//	token.ParseIP(text []byte) (netip.Addr, bool)             // brackets, port, zone, ::ffff: handled
//	token.AppendTruncated(dst []byte, a netip.Addr, v4, v6 int) []byte

// ctx is what is known about the value that is read next. It is passed by value.
type ctx struct {
	// v is the verdict inherited from the enclosing keys.
	v verdict
	// state is the state of the path automaton at this value.
	state pathState
	// place is the part of the exchange that the value stands in.
	place place
	// nest counts encoded documents around this one.
	nest uint8
	// cut is set if the end of this value may be where the capture stopped.
	cut bool
}

// place is a part of an exchange. Rules under "in:" name one.
type place uint8

const (
	placeAttribute place = iota // anything without a place of its own
	placeRequestHeader
	placeResponseHeader
	placeCookie // request cookies
	placeSetCookie
	placeQuery // query and fragment of any URL
	placePath
	placeRequestBody
	placeResponseBody
	placeClientIP
	placeText // span names, status messages, free text
	numPlaces
)

// action is what a rule does; a greater one is stronger.
type action uint8

const (
	actNone action = iota // no rule: detectors only
	actAllow
	actTruncate // addresses
	actHMAC
	actEncrypt
	actMask
	actDrop
)

// actMiss: no rule, in a place with an allowlist. Weaker than allow, acts as mask
// on scalars; containers are entered, because an allowed key may follow.
const actMiss action = 255

// whole reports that a container under this verdict is replaced without being
// read.
func (a action) whole() bool { return a == actMask || a == actDrop }

// verdict is the outcome of key rules for one value.
type verdict struct {
	act   action
	flags verdictFlags
	rule  uint16 // index into Policy.rules
}

type verdictFlags uint16

const (
	flagLower verdictFlags = 1 << iota // lower the value before it is tokenised
	// flagNameKey: the key is one of name, key, field, header, ...: its string value
	// may name the sibling under a flagValueKey (key/value pair objects).
	flagNameKey
	flagValueKey
	// flagValueOnly: the key is value, val or v, which says nothing by itself.
	flagValueOnly
	// flagKeyHit: a detector matched in the key; the walker writes maskText instead
	// of the key.
	flagKeyHit
	// flagPlace: the verdict is that of the place, not of a key; with actAllow, an
	// exception, which frees from one of the place.
	flagPlace
	// flagCookie and flagSetCookie: the value is that of such a field, wherever it
	// stands. Both together: it is not, although the container around it is.
	flagCookie
	flagSetCookie
	// flagSoft: the rule is a built-in one that spares what can be no secret, and no
	// rule of the policy has a say in the value; see spares.
	flagSoft
	// flagDescribes: the key says something about a secret (password_changed_at), so
	// that the value goes only if it looks like one.
	flagDescribes
	// flagPointer: a name under a key that has other uses too (path, type): only a
	// sibling whose key says nothing is meant.
	flagPointer
	// flagVariables: the value has the variables of a GraphQL operation, or the
	// parameters of a statement of SQL.
	flagVariables
	// flagMember: the value is the id of what a container under flagSoft holds.
	flagMember
	// flagWithin: the container around it is under a built-in rule, too.
	flagWithin
	// flagColumns: the value lists the columns of a table; with flagVariables, it has its
	// rows.
	flagColumns
	// flagSegment is none of a verdict: it tells what is remembered of segments of paths
	// from what is of values.
	flagSegment

	cookieBits = flagCookie | flagSetCookie
	// ruleFlags belong to the rule.
	ruleFlags = flagLower | flagSoft | flagDescribes
)

// except reports whether v is that of an exception.
func (v verdict) except() bool { return v.act == actAllow && v.flags&flagPlace != 0 }

// flagsInherited go from a container to what is in it.
const flagsInherited = ruleFlags | flagPlace

// pathState is a state of the lazy path automaton; 0 is "no path can match".
type pathState int32

// kind is the syntax of a scalar.
type kind uint8

const (
	kindString  kind = iota
	kindNumber       // decoded is the literal
	kindLiteral      // true, false
	kindNull
)

// walker reads one syntax.
type walker func(s *Scratch, src []byte, c ctx)

// level is one buffer that is being edited. Levels nest when an encoded document
// is walked; each has its own edits, see edit.List.
type level struct {
	src  []byte
	base int // offset that s.sub added
	// bound: its variables were looked for; they are Scratch.bound[from:].
	bound bool
	from  int
}

// mark returns the current end of the arena. Bytes appended to s.arena after it
// can become a replacement with replaceFrom, or can be used as decoded input:
//
//	m := s.mark()
//	s.arena = appendUnescaped(s.arena, raw)
//	dec := s.arena[m:]
//
// Arena bytes live until the exported method returns; growing the arena does not
// invalidate earlier sub-slices. Do not call another method of s between the
// first append and the use of m as a start, since it may append too.
func (s *Scratch) mark() int { return len(s.arena) }

// replace records that src[start:end] of the running walker becomes with, which
// is copied. Edits may come in any order; an edit swallows those inside it, and of
// edits that overlap the text of the leftmost stays. An
// edit that changes nothing is not recorded, unless it overlaps another.
func (s *Scratch) replace(start, end int, with []byte) {
	m := len(s.arena)
	s.arena = append(s.arena, with...)
	s.replaceFrom(start, end, m)
}

// replaceFrom is replace with the bytes appended to the arena since mark m.
func (s *Scratch) replaceFrom(start, end, m int) {
	s.asked++
	start += s.lv.base
	end += s.lv.base
	n := len(s.arena) - m
	s.explainAt(start)
	if end-start == n && string(s.lv.src[start:end]) == string(s.arena[m:]) && !s.edits.Overlaps(int32(start), int32(end)) {
		s.arena = s.arena[:m]
		return
	}
	s.edits.Put(edit.Edit{Start: int32(start), End: int32(end), Off: int32(m), N: int32(n)})
}

// covered reports whether src[start:end] of the running walker lies in one edit.
func (s *Scratch) covered(start, end int) bool {
	return s.edits.Covered(int32(start+s.lv.base), int32(end+s.lv.base))
}

// sub walks src[off:...] of the running walker in place with another walker.
func (s *Scratch) sub(off int, w walker, src []byte, c ctx) {
	s.lv.base += off
	w(s, src, c)
	s.lv.base -= off
}

// inner walks an independent buffer, the decoded form of something in the running
// walker's source, and returns the edits in it. They are valid until the next call.
func (s *Scratch) inner(w walker, src []byte, c ctx) []edit.Edit {
	lv, outer, bound := s.lv, s.edits.Open(), len(s.bound)
	s.lv = level{src: src, from: bound}
	s.runs++
	w(s, src, c)
	s.runs--
	s.lv, s.bound = lv, s.bound[:bound]
	es := s.edits.Close(outer)
	s.checkEdits(es, len(src))
	return es
}

// run is inner for a buffer that is written anew: the result lies in the arena if
// changed is set and is src itself if not.
func (s *Scratch) run(w walker, src []byte, c ctx) (out []byte, changed bool) {
	es := s.inner(w, src, c)
	if len(es) == 0 {
		return src, false
	}
	m := len(s.arena)
	p := 0
	for _, e := range es {
		s.arena = append(s.arena, src[p:e.Start]...)
		s.arena = append(s.arena, s.arena[e.Off:e.Off+e.N]...)
		p = int(e.End)
	}
	s.arena = append(s.arena, src[p:]...)
	return s.arena[m:len(s.arena):len(s.arena)], true
}

// inTests makes tests fail where production fails closed: an edit out of order and
// a panic that apply would recover are reported to it.
var inTests func(problem any)

func (s *Scratch) checkEdits(es []edit.Edit, size int) {
	if inTests == nil {
		return
	}
	if err := edit.Check(es, size, len(s.arena)); err != nil {
		inTests(err)
	}
}

// Texts that stand for what was removed. They match no detector, hold no
// separator that a scanner would read as a key, and are the same for every value.
const (
	markMalformed   = "[REDACTED:malformed]"
	markTruncated   = "[REDACTED:truncated]"
	markUnsupported = "[REDACTED:unsupported]"
	markLimit       = "[REDACTED:limit]"
)

// malformed replaces src[e:] because it cannot be read, and counts it. For quoted
// syntaxes the caller passes quote = `"`, else "".
func (s *Scratch) malformed(src []byte, e int, c ctx, quote string) {
	s.fail(src, e, c, quote, markMalformed, outcomeMalformed)
}

// truncated replaces src[start:], an unfinished token, and counts it.
func (s *Scratch) truncated(src []byte, start int, c ctx, quote string) {
	s.fail(src, start, c, quote, markTruncated, outcomeTruncated)
}

// overLimit replaces src[start:end] because a budget ran out.
func (s *Scratch) overLimit(start, end int, c ctx, quote string) {
	s.count(c.place, ruleNone, actMask, outcomeLimit)
	m := s.mark()
	s.arena = append(append(append(s.arena, quote...), markLimit...), quote...)
	s.replaceFrom(start, end, m)
}

func (s *Scratch) fail(src []byte, e int, c ctx, quote, text string, o outcome) {
	if e >= len(src) {
		return
	}
	s.count(c.place, ruleNone, actMask, o)
	m := s.mark()
	s.arena = append(append(append(s.arena, quote...), text...), quote...)
	s.replaceFrom(e, len(src), m)
}

// outcome is why a value was replaced.
type outcome uint8

const (
	outcomeRule outcome = iota
	outcomeTruncated
	outcomeMalformed
	outcomeUnsupported
	outcomeLimit
	outcomeNoKey // hmac or encrypt without a usable key: masked
	numOutcomes
)

// ruleNone is the rule index of what no rule asked for.
const ruleNone uint16 = 0
