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

// saidAcross reads the text dec of HTML, which stands at src[start:end], together with
// the text before it, if one of them may be a code or a password and the other tells.
func (s *Scratch) saidAcross(w *markupWalk, start, end int, dec []byte, c ctx) {
	said := w.said
	w.said = [2]int{start, end}
	if said[1] == 0 {
		return
	}
	before := s.references(w.src[said[0]:said[1]])
	m := s.mark()
	switch {
	case codeWord(dec) && tellsCode(before[max(0, len(before)-maxSaid):]):
		s.arena = append(append(s.arena, before[max(0, len(before)-maxSaid):]...), ' ')
		lead := len(s.arena) - m
		s.arena = append(s.arena, dec...)
		joined := s.arena[m:len(s.arena):len(s.arena)]
		if out, changed := s.run((*Scratch).patterns, joined, c); changed && len(out) > lead && bytes.Equal(out[:lead], joined[:lead]) {
			s.replaceMarkup(start, end, out[lead:], Changed, true)
		}
	case codeWord(before) && hasFold(dec, "is ") && tellsCode(dec[:min(len(dec), maxSaid)]): // <b>482113</b> is your code
		s.arena = append(append(append(s.arena, before...), ' '), dec[:min(len(dec), maxSaid)]...)
		joined := s.arena[m:len(s.arena):len(s.arena)]
		tail := joined[len(before):]
		if out, changed := s.run((*Scratch).patterns, joined, c); changed && bytes.HasSuffix(out, tail) {
			s.replaceMarkup(said[0], said[1], out[:len(out)-len(tail)], Changed, true)
		}
	}
}

// codeWord reports whether b is one word with a digit.
func codeWord(b []byte) bool {
	return len(b) >= 4 && len(b) <= maxCode && digitsOf(b) > 0 && !shape.HasBlank(b)
}

// tellsCode reports whether a text has a word for a code or a password.
func tellsCode(b []byte) bool {
	for _, w := range [...]string{"ode", "ODE", "asswor", "OTP", "otp", "PIN", "kod", "Kod", "ódig", "odice", "wachtwoord", "kennwort", "passe", "码", "コード"} {
		if bytes.Contains(b, str(w)) {
			return true
		}
	}
	return false
}
