// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/shape"
)

// Mails tell a code in an element of its own: <p>Your code is</p> <h1>482113</h1>.

const (
	// maxSaid bounds the text before a code that is looked at, maxCode the code.
	maxSaid = 120
	maxCode = 32
)

// maybeSaid is the filter in front of saidAcross.
func maybeSaid(dec []byte) bool {
	if len(dec) > maxCode || len(dec) < 4 {
		return len(dec) > maxCode && dec[0]|0x20 == 'i'
	}
	if last := dec[len(dec)-1]; last-'0' < 10 || dec[0]-'0' < 10 || dec[0]|0x20 == 'i' {
		return true
	}
	return digitsOf(dec) > 0
}

// saidAcross reads the text dec of HTML, which stands at src[start:end], together with
// the text before it, at said, if one of them may be a code or a password and the other
// tells.
func (s *Scratch) saidAcross(w *markupWalk, said [2]int, start, end int, dec []byte, c ctx) {
	if said[1] > 0 && len(dec) <= maxCode && s.saidLabel(w.src[said[0]:said[1]], dec, start, end, c) {
		return
	}
	code := codeWord(dec)
	if said[1] == 0 || !code && (!hasFold(dec, "is ") || !codeWord(w.src[said[0]:said[1]])) {
		return
	}
	before := s.references(w.src[said[0]:said[1]])
	m := s.mark()
	switch {
	case code && tellsCode(before[max(0, len(before)-maxSaid):]):
		s.arena = append(append(s.arena, before[max(0, len(before)-maxSaid):]...), ' ')
		lead := len(s.arena) - m
		s.arena = append(s.arena, dec...)
		joined := s.arena[m:len(s.arena):len(s.arena)]
		if out, changed := s.run((*Scratch).patterns, joined, c); changed && len(out) > lead && bytes.Equal(out[:lead], joined[:lead]) {
			s.replaceMarkup(start, end, out[lead:], Changed, true)
		}
	case !code && tellsCode(dec[:min(len(dec), maxSaid)]): // <b>482113</b> is your code
		s.arena = append(append(append(s.arena, before...), ' '), dec[:min(len(dec), maxSaid)]...)
		joined := s.arena[m:len(s.arena):len(s.arena)]
		tail := joined[len(before):]
		if out, changed := s.run((*Scratch).patterns, joined, c); changed && bytes.HasSuffix(out, tail) {
			s.replaceMarkup(said[0], said[1], out[:len(out)-len(tail)], Changed, true)
		}
	}
}

// saidLabel reads a text together with the label before it, in an element of its own:
// <td>Password:</td><td>S</td>, <b>API key</b>: S. It reports whether it took something.
func (s *Scratch) saidLabel(before, dec []byte, start, end int, c ctx) bool {
	if before = bytes.TrimSpace(before); len(before) == 0 || len(before) > maxSaid || before[len(before)-1] != ':' && dec[0] != ':' {
		return false
	}
	m := s.mark()
	s.arena = append(s.arena, before...)
	if dec[0] != ':' {
		s.arena = append(s.arena, ' ')
	}
	lead := len(s.arena) - m
	s.arena = append(s.arena, dec...)
	joined := s.arena[m:len(s.arena):len(s.arena)]
	out, changed := s.run((*Scratch).inspect, joined, c)
	if !changed || len(out) < lead || !bytes.Equal(out[:lead], joined[:lead]) {
		return false
	}
	s.replaceMarkup(start, end, out[lead:], Changed, true)
	return true
}

// saidBeforeCut replaces a text that may be a code if what follows it was cut in what
// may be "is your code".
func (s *Scratch) saidBeforeCut(w *markupWalk, rest []byte, c ctx) {
	start, end := w.said[0], w.said[1]
	if codeWord(w.src[start:end]) && hasFold(rest, "is "[:min(3, len(rest))]) && !s.covered(start, end) {
		s.count(c.place, ruleNone, actMask, outcomeTruncated)
		s.replace(start, end, str(markTruncated))
	}
}

// codeWord reports whether b is one word with a digit.
func codeWord(b []byte) bool {
	return len(b) >= 4 && len(b) <= maxCode && digitsOf(b) > 0 && !shape.HasBlank(b)
}

// tellsCode reports whether a text has a word for a code or a password.
func tellsCode(b []byte) bool {
	for _, w := range [...]string{"ode", "ODE", "asswor", "OTP", "otp", "PIN", "kod", "Kod", "ódig", "odice", "wachtwoord", "kennwort", "passe", "码", "コード"} { //nolint:gosmopolitan // words of the world
		if bytes.Contains(b, str(w)) {
			return true
		}
	}
	return false
}
