// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// userRegex is a regular expression of a user with what decides fast that it
// cannot match.
type userRegex struct {
	rule uint16
	re   *regexp.Regexp
	// tail matches what could be the head of a match at the end of a value; nil if
	// it could not be built.
	tail *regexp.Regexp
	// literals: any match contains one of them. Empty = unknown.
	literals [][]byte
	min, max int // bytes of a match
	// local: a match depends on nothing farther than max from the one literal.
	local bool
}

const (
	maxRegexBytes = 4096
	// maxUnbounded is how often an expression of unbounded length is searched for
	// in one value. Each search may read the rest of the value, so that the total
	// is bounded only in this way; the rest of the value then counts as a match.
	maxUnbounded = 64
	maxLocal     = 512
	// maxTail bounds what is searched for an unfinished match.
	maxTail = 256
	minTail = 3
)

func compileRegex(expr string, rule uint16) (userRegex, error) {
	if len(expr) > maxRegexBytes {
		return userRegex{}, fmt.Errorf("detect: a regex of %d bytes exceeds the limit of %d", len(expr), maxRegexBytes)
	}
	parsed, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return userRegex{}, fmt.Errorf("detect: regex %q: %w", expr, err)
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return userRegex{}, fmt.Errorf("detect: regex %q: %w", expr, err)
	}
	u := userRegex{rule: rule, re: re}
	u.min, u.max = lengths(parsed)
	if u.min == 0 {
		return userRegex{}, fmt.Errorf("detect: regex %q can match the empty string, so it would match everywhere: make some part of it required", expr)
	}
	u.literals = required(parsed.Simplify())
	u.local = len(u.literals) == 1 && u.max <= maxLocal && !asserts(parsed)
	if tail := headOf(parsed); tail != "" {
		u.tail, _ = regexp.Compile(`(?:` + tail + `)\z`)
	}
	return u, nil
}

// lengths returns the shortest and longest match in bytes.
func lengths(re *syntax.Regexp) (shortest, longest int) {
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			n := len(string(r))
			if re.Flags&syntax.FoldCase != 0 {
				shortest, longest = shortest+1, longest+4
			} else {
				shortest, longest = shortest+n, longest+n
			}
		}
		return shortest, longest
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1, 4
	case syntax.OpCapture:
		return lengths(re.Sub[0])
	case syntax.OpStar:
		return 0, unbounded
	case syntax.OpPlus:
		shortest, _ = lengths(re.Sub[0])
		return shortest, unbounded
	case syntax.OpQuest:
		_, longest = lengths(re.Sub[0])
		return 0, longest
	case syntax.OpRepeat:
		shortest, longest = lengths(re.Sub[0])
		if re.Max < 0 {
			return shortest * re.Min, unbounded
		}
		return shortest * re.Min, min(longest*re.Max, unbounded)
	case syntax.OpConcat:
		for _, s := range re.Sub {
			a, b := lengths(s)
			shortest, longest = shortest+a, min(longest+b, unbounded)
		}
		return shortest, longest
	case syntax.OpAlternate:
		shortest = unbounded
		for _, s := range re.Sub {
			a, b := lengths(s)
			shortest, longest = min(shortest, a), max(longest, b)
		}
		return shortest, longest
	default: // empty matches, anchors, word boundaries, OpNoMatch
		return 0, 0
	}
}

// unbounded stands for the length of a match without a bound.
const unbounded = 1 << 20

// required returns literals of which each match contains at least one, or nil.
func required(re *syntax.Regexp) [][]byte {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 && strings.ContainsFunc(string(re.Rune), cased) {
			return nil
		}
		return [][]byte{[]byte(string(re.Rune))}
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return required(re.Sub[0])
		}
	case syntax.OpConcat:
		var best [][]byte
		for _, s := range re.Sub {
			if r := required(s); r != nil && (best == nil || shortestOf(r) > shortestOf(best)) {
				best = r
			}
		}
		return best
	case syntax.OpAlternate:
		var all [][]byte
		for _, s := range re.Sub {
			r := required(s)
			if r == nil || len(all)+len(r) > 8 {
				return nil
			}
			all = append(all, r...)
		}
		return all
	}
	return nil
}

func cased(r rune) bool { return r >= 0x80 || is(byte(r), chAlpha) }

func shortestOf(lits [][]byte) int {
	n := len(lits[0])
	for _, l := range lits[1:] {
		n = min(n, len(l))
	}
	return n
}

// headOf returns an expression that matches the heads of what re matches, without
// the empty one where that is easy; "" if there is none.
func headOf(re *syntax.Regexp) string {
	str := func(r *syntax.Regexp) string { return `(?:` + r.String() + `)` }
	switch re.Op {
	case syntax.OpLiteral:
		one := *re
		out := ""
		for i := len(re.Rune) - 1; i >= 0; i-- {
			one.Rune = re.Rune[i : i+1]
			out = str(&one) + out
			if i > 0 {
				out = `(?:` + out + `)?`
			}
		}
		return out
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return str(re)
	case syntax.OpCapture, syntax.OpQuest:
		return headOf(re.Sub[0])
	case syntax.OpStar, syntax.OpPlus:
		h := headOf(re.Sub[0])
		if h == "" {
			return ""
		}
		return `(?:` + str(re.Sub[0]) + `*(?:` + h + `)?)`
	case syntax.OpRepeat:
		h := headOf(re.Sub[0])
		if h == "" {
			return ""
		}
		most := ""
		if re.Max > 0 {
			most = fmt.Sprint(re.Max)
		}
		return `(?:` + str(re.Sub[0]) + `{0,` + most + `}(?:` + h + `)?)`
	case syntax.OpConcat:
		out := ""
		for _, s := range slices.Backward(re.Sub) {
			h := headOf(s)
			switch {
			case h == "" && out == "":
			case h == "": // an anchor or a boundary
				out = str(s) + out
			case out == "":
				out = h
			default:
				out = `(?:` + str(s) + `(?:` + out + `)|` + h + `)`
			}
		}
		return out
	case syntax.OpAlternate:
		var alts []string
		for _, s := range re.Sub {
			if h := headOf(s); h != "" {
				alts = append(alts, h)
			}
		}
		return strings.Join(alts, `|`)
	}
	return ""
}

// findRegexes appends the matches of all expressions to dst[base:] and brings the
// whole in order.
func (s *Set) findRegexes(dst []Match, base int, src []byte, cut bool) []Match {
	n := len(dst)
	for i := range s.regexes {
		dst = s.regexes[i].find(dst, src, cut)
	}
	if len(dst) == n {
		return dst
	}
	out := dst[base:]
	slices.SortFunc(out, func(a, b Match) int {
		if a.Start != b.Start {
			return a.Start - b.Start
		}
		return b.End - a.End
	})
	// Overlaps become their union under the longer one's rule.
	k, longest := 0, out[0].End-out[0].Start
	for _, m := range out[1:] {
		if m.Start >= out[k].End {
			k++
			out[k] = m
			longest = m.End - m.Start
			continue
		}
		if l := m.End - m.Start; l > longest {
			out[k].Rule, longest = m.Rule, l
		}
		out[k].End = max(out[k].End, m.End)
	}
	return dst[:base+k+1]
}

func (u *userRegex) find(dst []Match, src []byte, cut bool) []Match {
	first := len(dst)
	switch {
	case len(src) < u.min || !u.possible(src):
	case u.local:
		dst = u.findLocal(dst, src)
	default:
		most := -1
		if u.max >= unbounded {
			most = maxUnbounded
		}
		locs := u.re.FindAllIndex(src, most) // allocates only if it finds
		for _, l := range locs {
			dst = append(dst, Match{l[0], l[1], u.rule})
		}
		if end := lastEnd(dst, first); len(locs) == most && end < len(src) {
			dst = append(dst, Match{end, len(src), u.rule})
		}
	}
	if cut && u.tail != nil {
		from := max(lastEnd(dst, first), len(src)-maxTail, 0)
		if l := u.tail.FindIndex(src[from:]); l != nil && l[1]-l[0] >= min(minTail, u.min) {
			dst = append(dst, Match{from + l[0], len(src), u.rule})
		}
	}
	return dst
}

func lastEnd(dst []Match, first int) int {
	if len(dst) > first {
		return dst[len(dst)-1].End
	}
	return 0
}

// findLocal searches only around the places where the required literal stands.
func (u *userRegex) findLocal(dst []Match, src []byte) []Match {
	lit := u.literals[0]
	from := 0
	for {
		i := bytes.Index(src[from:], lit)
		if i < 0 {
			return dst
		}
		start := max(from, from+i-u.max)
		end := from + i + len(lit) + u.max
		for end < len(src) { // widen to what the next occurrences need
			at := end - u.max
			i := bytes.Index(src[at:min(len(src), end+u.max)], lit)
			if i < 0 {
				break
			}
			end = at + i + len(lit) + u.max
		}
		end = min(end, len(src))
		for _, l := range u.re.FindAllIndex(src[start:end], -1) {
			dst = append(dst, Match{start + l[0], start + l[1], u.rule})
		}
		from = end
	}
}

// possible reports whether src contains what each match contains.
func (u *userRegex) possible(src []byte) bool {
	if len(u.literals) == 0 {
		return true
	}
	for _, l := range u.literals {
		if bytes.Contains(src, l) {
			return true
		}
	}
	return false
}

// asserts reports whether re looks at what stands around a match.
func asserts(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return true
	}
	return slices.ContainsFunc(re.Sub, asserts)
}
