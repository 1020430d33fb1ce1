// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"slices"
	"strings"
)

// Decision says why values were redacted: by which rule, and where they stood.
type Decision struct {
	pending

	// Rule, Action and Outcome are those of Count. Place is where the value stands, where
	// Count has the place that the rule is for: of a parameter of a URL in a body that is
	// the body here, and the query there.
	Rule, Place, Action, Outcome string
	// Path is the key of the value: $.user.password in a body, the name of a field, a
	// parameter, a cookie, an attribute. Keys that look like data are "*", elements
	// "[*]", and it is cut after maxWhyPath bytes. Empty if the value has no key.
	Path string
	N    int
}

func (d *Decision) String() string {
	parts := []string{d.Action, d.Place, d.Path, d.Rule, d.Outcome}
	if d.Rule == "" {
		parts[3] = "-"
	}
	if d.Outcome == "ok" {
		parts[4] = ""
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

const (
	// maxDecisions bounds what is explained of one exchange.
	maxDecisions = 64
	maxWhyPath   = 200
	maxWhyDepth  = 16
	maxWhyKey    = 64
)

// why remembers decisions and where they were made. A walker counts a decision and
// then records the edit: so the offset of the edit is that of the decisions before
// it.
type why struct {
	name    string // attribute key or field that is read
	path    bool   // name is a path that pathText made
	pending []pending
	out     []Decision
}

type pending struct {
	rule  uint16
	pl    place
	act   action
	state outcome
	off   int32 // in the value; -1 is not known
	done  bool  // off will not come any more
}

// Explain makes the Scratch remember for Decisions where values stood, until it is
// released. A policy with audit: rules does so by itself. It costs some time for each
// value that is changed and none for others.
func (s *Scratch) Explain() {
	if s.why == nil {
		s.why = &why{}
	}
}

// Unexplain ends that.
func (s *Scratch) Unexplain() { s.why = nil }

// Decisions returns what was decided since Begin and where, if Explain was called. At
// most 64 are told apart. The slice is valid until the next call of Begin.
func (s *Scratch) Decisions() []Decision {
	if s.why == nil {
		return nil
	}
	for i := range s.why.out {
		d := &s.why.out[i]
		d.Rule, d.Place, d.Outcome, d.Action = s.p.rules[d.rule].id, d.pl.String(), d.state.String(), d.act.String()
		if d.act == actReport {
			d.Action = "report"
		}
	}
	return s.why.out
}

func (y *why) begin() { y.name, y.path, y.pending, y.out = "", false, y.pending[:0], y.out[:0] }

// named sets what the value is called that is read next.
func (s *Scratch) named(name string) {
	if s.why != nil {
		s.why.name, s.why.path = name, false
	}
}

// at sets the place of a node as the value that is read next.
func (n Node) at(s *Scratch) {
	if s.why != nil {
		s.why.name, s.why.path = n.path, true
	}
}

// below is the path of a member of a node, or of its elements if key is nil.
func (s *Scratch) below(path string, key []byte) string {
	switch {
	case s.why == nil:
		return ""
	case len(path) > maxWhyPath || strings.HasSuffix(path, "…"):
		return strings.TrimSuffix(path, "…") + "…"
	case key == nil:
		return path + "[*]"
	case path == "":
		return s.safeKey(key, 2*maxWhyKey)
	}
	return path + "." + s.safeKey(key, maxWhyKey)
}

// explained closes what was noted about one value.
func (s *Scratch) explained(src []byte, pl place) {
	if s.why != nil {
		s.why.close(s, src, pl)
	}
}

func (y *why) note(pl place, rule uint16, a action, o outcome) {
	if len(y.pending) < maxDecisions {
		y.pending = append(y.pending, pending{rule, pl, a, o, -1, a == actReport})
	}
}

// explainAt tells where in the value an edit begins; in a document inside it that is
// not known yet.
func (s *Scratch) explainAt(off int) {
	if s.why != nil && s.runs == 0 {
		s.why.at(off)
	}
}

// at gives the decisions that wait for it their offset.
func (y *why) at(off int) {
	for i := len(y.pending) - 1; i >= 0 && !y.pending[i].done; i-- {
		y.pending[i].off, y.pending[i].done = int32(off), true
	}
}

// close turns what was noted about one value into decisions. pl is the place of the
// value: what stands in the query of a URL in a body, or in a cookie in one, stands in
// the body.
func (y *why) close(s *Scratch, src []byte, pl place) {
	if len(y.pending) == 0 {
		return
	}
	offs := make([]int, 0, len(y.pending))
	for i := range y.pending {
		if y.pending[i].off >= 0 {
			offs = append(offs, int(y.pending[i].off))
		}
	}
	slices.Sort(offs)
	offs = slices.Compact(offs)
	const whole = 1<<placeRequestBody | 1<<placeResponseBody | 1<<placeAttribute | headerPlaces
	paths := pathsAt(src, offs)
	for i := range y.pending {
		p := &y.pending[i]
		var keys [][]byte
		if j, ok := slices.BinarySearch(offs, int(p.off)); ok {
			keys = paths[j]
		}
		if whole&(1<<pl) != 0 {
			p.pl = pl
		}
		y.add(p, s.pathText(p.pl, keys))
	}
	y.pending = y.pending[:0]
}

func (y *why) add(p *pending, path string) {
	for i := range y.out {
		d := &y.out[i]
		if d.rule == p.rule && d.pl == p.pl && d.act == p.act && d.state == p.state && d.Path == path {
			d.N++
			return
		}
	}
	if len(y.out) < maxDecisions {
		y.out = append(y.out, Decision{Path: path, N: 1, pending: *p})
	}
}

// pathText writes a path so that it holds no more than names.
func (s *Scratch) pathText(pl place, keys [][]byte) string {
	var b strings.Builder
	if s.why.path {
		b.WriteString(s.why.name)
		pl = numPlaces
	}
	switch pl {
	case placeRequestBody, placeResponseBody:
		if len(keys) > 0 {
			b.WriteByte('$')
		}
	case placeAttribute, placeRequestHeader, placeResponseHeader:
		b.WriteString(s.safeKey(str(s.why.name), 2*maxWhyKey))
	}
	for i, k := range keys {
		switch {
		case i == maxWhyDepth || b.Len() > maxWhyPath:
			b.WriteString("…")
			return b.String()
		case k == nil:
			b.WriteString("[*]")
			continue
		case b.Len() > 0:
			b.WriteByte('.')
		}
		b.WriteString(s.safeKey(k, maxWhyKey))
	}
	return b.String()
}

// safeKey is a key, or "*" if it is none that a program would write: a client may
// put anything there.
func (s *Scratch) safeKey(k []byte, most int) string {
	digits := 0
	for i, c := range k {
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z', c == '_', c == '-', c == '.', c == ':', c == '$', c == '@' && i == 0, c == '[', c == ']':
		case '0' <= c && c <= '9':
			digits++
		default:
			return "*"
		}
	}
	if len(k) == 0 || len(k) > most || digits > 4 {
		if len(k) == 0 {
			return ""
		}
		return "*"
	}
	if s.p.det != nil && len(k) >= s.p.detMin {
		if s.matches = s.p.det.Find(s.matches[:0], k, false); len(s.matches) > 0 {
			return "*"
		}
	}
	return string(k)
}

// pathsAt finds the keys above each of the offsets, which are in order; nil stands
// for an element. It reads what it can and never fails.
func pathsAt(src []byte, offs []int) [][][]byte {
	out := make([][][]byte, len(offs))
	if len(offs) == 0 {
		return out
	}
	switch b := firstNonBlank(src); {
	case b == '{', b == '[':
		jsonPaths(src, offs, out)
	case b == '<':
		markupPaths(src, offs, out)
	case bytes.HasPrefix(src, str("--")):
		for i, o := range offs {
			out[i] = partName(src[:o])
		}
	default:
		for i, o := range offs {
			if k := pairKey(src, o); len(k) > 0 {
				out[i] = [][]byte{k}
			}
		}
	}
	return out
}

func jsonPaths(src []byte, offs []int, out [][][]byte) {
	type level struct {
		object bool
		key    []byte
	}
	var stack []level
	next := 0
	for i := 0; i < len(src); i++ {
		c := src[i]
		// A dropped member begins with the comma before it.
		for next < len(offs) && i >= offs[next] && c != ',' && !jsonSpace[c] {
			if n := len(stack); n > 0 && stack[n-1].object && c == '"' {
				if end, _ := stringEnd(src, i+1); end > 0 && stack[n-1].key == nil {
					stack[n-1].key = src[i+1 : end]
				}
			}
			for _, l := range stack {
				out[next] = append(out[next], l.key)
			}
			next++
		}
		if next == len(offs) {
			return
		}
		switch c {
		case '"':
			end, _ := stringEnd(src, i+1)
			if end < 0 {
				end = len(src)
			}
			if n := len(stack); n > 0 && stack[n-1].object && (stack[n-1].key == nil || end < len(src) && firstNonBlank(src[end+1:]) == ':') {
				stack[n-1].key = src[i+1 : min(end, len(src))]
			}
			// An offset inside the string is one of its own.
			for next < len(offs) && offs[next] > i && offs[next] <= end {
				for _, l := range stack {
					out[next] = append(out[next], l.key)
				}
				next++
			}
			i = end
		case '{', '[':
			stack = append(stack, level{object: c == '{'})
			if len(stack) > maxWhyDepth*4 {
				return
			}
		case '}', ']':
			if len(stack) > 0 {
				stack = stack[:len(stack)-1]
			}
		case ',':
			if n := len(stack); n > 0 {
				stack[n-1].key = nil
			}
		}
	}
	for ; next < len(offs); next++ {
		for _, l := range stack {
			out[next] = append(out[next], l.key)
		}
	}
}

func markupPaths(src []byte, offs []int, out [][][]byte) {
	var stack [][]byte
	next := 0
	take := func(upto int) {
		for next < len(offs) && offs[next] < upto {
			out[next] = append(out[next], stack...)
			next++
		}
	}
	for i := 0; i < len(src) && next < len(offs); {
		j := bytes.IndexByte(src[i:], '<')
		if j < 0 {
			break
		}
		i += j
		take(i)
		end := bytes.IndexByte(src[i:], '>')
		if end < 0 {
			break
		}
		tag := src[i+1 : i+end]
		name := tag[:min(len(tag), indexFunc(tag[min(1, len(tag)):], func(c byte) bool { return jsonSpace[c] || c == '/' })+1)]
		switch {
		case len(tag) == 0 || tag[0] == '!' || tag[0] == '?':
		case tag[0] == '/':
			if len(stack) > 0 {
				stack = stack[:len(stack)-1]
			}
		default:
			stack = append(stack, name)
			take(i + end + 1)
			if tag[len(tag)-1] == '/' || len(stack) > maxWhyDepth*4 {
				stack = stack[:len(stack)-1]
			}
		}
		i += end + 1
	}
	take(len(src) + 1)
}

// indexFunc is the index of the first byte for which f holds, or len(b).
func indexFunc(b []byte, f func(byte) bool) int {
	for i, c := range b {
		if f(c) {
			return i
		}
	}
	return len(b)
}

// pairKey is the key of the pair that holds src[o]: of a form, a query, a cookie, a
// line of text.
func pairKey(src []byte, o int) []byte {
	o = min(o, len(src))
	start := bytes.LastIndexAny(src[:o], "&;?#\n\"'{,") + 1
	end := bytes.IndexAny(src[start:], "=:&;\n")
	if end < 0 || src[start+end] != '=' && src[start+end] != ':' {
		return nil
	}
	key := bytes.TrimSpace(src[start : start+end])
	return key[bytes.LastIndexByte(key, ' ')+1:]
}

// partName is the name of the part of a multipart body whose head or content ends
// here.
func partName(src []byte) [][]byte {
	i := bytes.LastIndex(src, str(` name="`))
	if i < 0 {
		return nil
	}
	name := src[i+7:]
	if j := bytes.IndexByte(name, '"'); j > 0 {
		return [][]byte{name[:j]}
	}
	return nil
}
