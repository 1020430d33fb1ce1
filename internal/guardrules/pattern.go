// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guardrules

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// pattern is a regular expression (RE2, unanchored, case-sensitive). Most rules name a
// path or a method: those are compared as what they are, and the others are not run where
// a text that they must contain is missing.
type pattern struct {
	re *regexp.Regexp // nil: literal decides

	literal    string
	begin, end bool // literal stands at the begin, at the end
	any        []string
}

// maxPattern bounds the source of a pattern, in bytes.
const maxPattern = 4096

func compilePattern(src string) (p pattern, problem string) {
	if len(src) > maxPattern {
		return p, "the pattern is longer than 4096 bytes: shorten it"
	}
	tree, err := syntax.Parse(src, syntax.Perl)
	if err != nil {
		return p, "the pattern is none that RE2 knows (" + kindOfError(err) + "): RE2 has no look-around and no back references; write it without"
	}
	tree = tree.Simplify()
	if p.simple(tree) {
		return p, ""
	}
	re, err := regexp.Compile(src)
	if err != nil {
		return p, "the pattern is too large: shorten it"
	}
	p.re, p.literal = re, required(tree)
	return p, ""
}

// kindOfError tells what is wrong with a pattern without quoting it.
func kindOfError(err error) string {
	if e, ok := err.(*syntax.Error); ok { //nolint:errorlint // Parse returns it as it is
		return string(e.Code)
	}
	return "invalid"
}

// simple takes ^literal$ in all its parts, and ^(a|b|c)$ of literals.
func (p *pattern) simple(t *syntax.Regexp) bool {
	parts := []*syntax.Regexp{t}
	if t.Op == syntax.OpConcat {
		parts = t.Sub
	}
	if len(parts) > 0 && parts[0].Op == syntax.OpBeginText {
		p.begin, parts = true, parts[1:]
	}
	if n := len(parts); n > 0 && parts[n-1].Op == syntax.OpEndText && parts[n-1].Flags&syntax.WasDollar != 0 {
		p.end, parts = true, parts[:n-1]
	}
	if len(parts) == 1 && parts[0].Op == syntax.OpCapture {
		parts = parts[0].Sub
	}
	switch {
	case len(parts) == 0:
		return true
	case len(parts) != 1:
	case plain(parts[0]):
		p.literal = string(parts[0].Rune)
		return true
	case parts[0].Op == syntax.OpAlternate && p.begin && p.end:
		for _, s := range parts[0].Sub {
			if !plain(s) {
				p.any = nil
				break
			}
			p.any = append(p.any, string(s.Rune))
		}
		if p.any != nil {
			return true
		}
	}
	p.begin, p.end = false, false
	return false
}

func plain(t *syntax.Regexp) bool { return t.Op == syntax.OpLiteral && t.Flags&syntax.FoldCase == 0 }

// required returns the longest text without which the pattern cannot match.
func required(t *syntax.Regexp) (longest string) {
	switch t.Op {
	case syntax.OpLiteral:
		if plain(t) {
			return string(t.Rune)
		}
	case syntax.OpCapture, syntax.OpPlus:
		return required(t.Sub[0])
	case syntax.OpConcat:
		for _, s := range t.Sub {
			if r := required(s); len(r) > len(longest) {
				longest = r
			}
		}
	default:
	}
	return longest
}

func (p *pattern) match(v string) bool {
	if len(v) > MaxValue {
		v = v[:MaxValue]
	}
	switch {
	case p.re != nil:
		return (p.literal == "" || strings.Contains(v, p.literal)) && p.re.MatchString(v)
	case p.any != nil:
		return slices.Contains(p.any, v)
	case p.begin && p.end:
		return v == p.literal
	case p.begin:
		return strings.HasPrefix(v, p.literal)
	case p.end:
		return strings.HasSuffix(v, p.literal)
	}
	return strings.Contains(v, p.literal)
}
