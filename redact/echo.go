// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/shape"
)

// A value that a deny or drop rule took away often stands a second time in the
// same body or URL: in an error message, in a log of the request. If there are at
// most maxSecrets such values and they look like secrets (eight characters or
// more with a digit in them), their other occurrences go too. This is a help, not
// a guarantee: a repetition that is written with other escapes is not seen.

const (
	maxSecrets     = 4
	minSecretBytes = 8
	maxSecretBytes = 256
)

// secretSpan is a secret in the arena.
type secretSpan struct {
	off, n int32
	pl     place
	rule   uint16
}

// noteSecret remembers a value that a key rule masks or drops.
func (s *Scratch) noteSecret(c ctx, dec []byte) {
	if len(dec) < minSecretBytes || len(dec) > maxSecretBytes || len(s.secrets) > maxSecrets || !hasDigit(dec) || shape.Time(dec) || shape.Digits(dec) && len(dec) < 12 {
		return
	}
	for _, x := range s.secrets {
		if string(s.arena[x.off:x.off+x.n]) == string(dec) {
			return
		}
	}
	m := s.mark()
	s.arena = append(s.arena, dec...)
	s.secrets = append(s.secrets, secretSpan{int32(m), int32(len(dec)), c.place, c.v.rule})
}

func hasDigit(b []byte) bool {
	for _, c := range b {
		if c-'0' < 10 {
			return true
		}
	}
	return false
}

// dropEchoes masks what repeats a secret outside the edits. Called at the end of
// the outermost level.
func (s *Scratch) dropEchoes(src []byte) {
	if len(s.secrets) == 0 || len(s.secrets) > maxSecrets {
		return
	}
	for _, x := range s.secrets {
		secret := s.arena[x.off : x.off+x.n]
		for i := 0; ; {
			j := bytes.Index(src[i:], secret)
			if j < 0 {
				break
			}
			start, end := i+j, i+j+len(secret)
			i = end
			if !s.covered(start, end) {
				s.count(x.pl, x.rule, actMask, outcomeRule)
				s.replace(start, end, s.p.mask)
			}
		}
	}
}
