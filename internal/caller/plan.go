// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// How says what a value becomes.
type How uint8

const (
	// AsIs: the value is the identity.
	AsIs How = iota
	// Hidden: the value is a credential, or a rule of the policy is about it; the
	// identity is its pseudonym.
	Hidden
	// Digested: the identity is a hash without a key, for session ids, which are long
	// and random or would be no credentials.
	Digested
)

// Step is a source and what becomes of its value.
type Step struct {
	Source

	How How
}

// Plan is where one field of an identity comes from: the first step with a value
// counts.
//
// A credential is never returned as it is. Whether a source is one by its name is
// decided where the plan is made, since it depends on the policy; whether a value is
// one by its form, secret says.
type Plan []Step

// Outcome says why there is no value.
type Outcome uint8

const (
	// OK: there is a value, or there was nothing to read.
	OK Outcome = iota
	// NoKey: it is a credential, and there is no key to make a pseudonym with.
	NoKey
	// Masked: it was masked before it came here, so all callers would be one.
	Masked
	// Unfit: it is too long or no text.
	Unfit
)

// Read returns the identity. key is the key of pseudonyms, "" for none. secret
// reports whether a text has the form of a credential. keep selects the steps to
// look at; nil for all.
func (p Plan) Read(r Request, key string, secret func(string) bool, keep func(Place) bool) (id string, out Outcome) {
	for i := range p {
		s := &p[i]
		if keep != nil && !keep(s.place) {
			continue
		}
		v, isSecret := s.value(r)
		if v == "" {
			continue
		}
		v, o := s.dress(v, isSecret, key, secret)
		if v != "" {
			return v, OK
		}
		if out == OK {
			out = o
		}
	}
	return "", out
}

// dress makes an identity out of a value.
func (s *Step) dress(v string, isSecret bool, key string, secret func(string) bool) (string, Outcome) {
	switch {
	case len(v) > MaxCredential || !utf8.ValidString(v), s.place == InResource && len(v) > MaxValue:
		return "", Unfit
	case s.place == InKey, s.place == InResource:
		return v, OK
	case strings.Contains(v, mask):
		return "", Masked
	}
	switch {
	case s.How == Digested:
		return Digest(v), OK
	case s.How == Hidden || isSecret || secret(v):
		if key == "" {
			return "", NoKey
		}
		return Pseudonym(key, v), OK
	case len(v) > MaxValue:
		return "", Unfit
	}
	return v, OK
}

// mask begins every text that stands for what was masked.
const mask = "[REDACTED"

// Pseudonym stands for a credential: standard base64 of HMAC-SHA256(key, value), as
// Metlo's agents make it.
func Pseudonym(key, value string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(value))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// IsPseudonym reports whether s has the form of a pseudonym.
func IsPseudonym(s string) bool {
	mac, err := base64.StdEncoding.Strict().DecodeString(s)
	return err == nil && len(mac) == sha256.Size
}

// Digest is a hash of a session id: "sha256:" and 22 characters.
func Digest(v string) string {
	sum := sha256.Sum256([]byte(v))
	return "sha256:" + base64.RawURLEncoding.EncodeToString(sum[:16])
}
