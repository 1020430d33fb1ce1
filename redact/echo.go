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
		at := rarest(secret)
		for i := 0; ; {
			j := indexRare(src[i:], secret, at)
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

// common says how common a byte is in documents.
var common = func() (t [256]uint8) {
	for i, set := range [...]string{"-_.jkqxzABCDEFGHIJKLMNOPQRSTUVWXYZ", "bfgmpvwy0123456789", `"etaoinsrhldcu :,`} {
		for _, c := range []byte(set) {
			t[c] = uint8(i + 1) //nolint:gosec // small
		}
	}
	return t
}()

// rarest is where the byte of a word stands that is seldom found elsewhere.
func rarest(word []byte) (at int) {
	for i, c := range word {
		if common[c] < common[word[at]] {
			if at = i; common[c] <= 1 {
				break
			}
		}
	}
	return at
}

// indexRare is bytes.Index for a word whose byte at at is rare: where that byte stands is
// found in large steps, unlike the letters that words begin with.
func indexRare(src, word []byte, at int) int {
	for i, tries := 0, len(src)/64+4; ; {
		if i+len(word) > len(src) {
			return -1
		}
		j := bytes.IndexByte(src[i+at:len(src)-len(word)+at+1], word[at])
		if j < 0 {
			return -1
		}
		if i += j; bytes.Equal(src[i:i+len(word)], word) {
			return i
		}
		i++
		if tries--; tries == 0 { // not so rare here
			if j = bytes.Index(src[i:], word); j >= 0 {
				j += i
			}
			return j
		}
	}
}
