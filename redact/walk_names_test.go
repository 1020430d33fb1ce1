// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestFoldHash: names that count as equal have one hash.
func TestFoldHash(t *testing.T) {
	t.Parallel()
	s := mustPolicy(t, keysOnly()).NewScratch()
	defer s.Release()
	names := []string{"a", "A", "kbd", "KBD", "\u212abd", "span", "\u017fpan", "SPAN", "é", "É", "\xff", "\xfe", "ǅ", "ǆ", "ß", "ẞ", "σ", "ς", "Σ", "tr", "td", ""}
	for _, a := range names {
		for _, b := range names {
			equal := strings.EqualFold(a, b)
			if same := s.foldHash([]byte(a)) == s.foldHash([]byte(b)); equal != same {
				t.Errorf("%q and %q: equal %v, one hash %v", a, b, equal, same)
			}
		}
	}
}

// TestEndTags closes random elements of HTML and compares what is open with a plain
// stack: the text behind a name in an element that is still open belongs to it.
func TestEndTags(t *testing.T) {
	t.Parallel()
	p := mustPolicy(t, Config{HMAC: benchKey, Keys: Keys{HMAC: []KeyRule{{Name: "secret"}}}})
	r := rand.New(rand.NewPCG(3, 4))
	for round := range 2000 {
		var b strings.Builder
		var open []string
		b.WriteString("<html>")
		n, want := 0, 0
		for range 1 + r.IntN(60) {
			name := [...]string{"b", "i", "u", "div", "secret", "DIV", "Secret"}[r.IntN(7)]
			switch r.IntN(5) {
			case 0, 1:
				b.WriteString("<" + name + ">")
				open = append(open, name)
			case 2, 3:
				b.WriteString("</" + name + ">")
				for k := len(open) - 1; k >= 0; k-- {
					if strings.EqualFold(open[k], name) {
						open = open[:k]
						break
					}
				}
			default:
				b.WriteString("text")
				n++
				for _, o := range open {
					if strings.EqualFold(o, "secret") {
						want++
						break
					}
				}
				b.WriteString("<br>")
			}
		}
		s := p.NewScratch()
		s.Begin(Exchange{RequestContentType: "text/html"})
		out, _ := s.Body(Request, b.String())
		s.Release()
		if got := n - strings.Count(out, ">text<"); got != want {
			t.Fatalf("round %d: %d of %d texts are hidden, want %d\n in  %s\n out %s", round, got, n, want, b.String(), out)
		}
	}
}

// TestSilent: what is told not to matter has no verdict.
func TestSilent(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	words := strings.Split("a|b|key|card|number|pass|word|password|token|secret|api|x|12|2|fa|pin|code|user|name|value|auth|id|_|-|session|cvv", "|")
	for _, c := range []Config{keysOnly(), {Defaults: true}, {Keys: Keys{Deny: asRules([]string{"*a", "b*", "x*y", "*", "card number"})}}} {
		p := mustPolicy(t, c)
		s := p.NewScratch()
		silent := 0
		for range 20000 {
			var b strings.Builder
			for k := range 1 + r.IntN(4) {
				if k > 0 && r.IntN(2) == 0 {
					b.WriteByte(' ')
				}
				b.WriteString(words[r.IntN(len(words))])
			}
			name := []byte(b.String())
			if len(name) > 16 || !s.silent(placeRequestBody, name) {
				continue
			}
			silent++
			for _, pl := range []place{placeRequestBody, placeText, placeAttribute} {
				if v, _ := s.decidePhrase(pl, stateNone, name); v.act != actNone || v.flags&^flagKeyHit != 0 {
					t.Fatalf("%q is not silent: %+v", name, v)
				}
			}
		}
		if silent < 100 && len(c.Keys.Deny) != 5 {
			t.Errorf("only %d names are silent", silent)
		}
		s.Release()
	}
}
