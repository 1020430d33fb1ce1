// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"slices"
	"strings"

	"github.com/apispan/apispan/redact/internal/shape"
)

// Questions about the document as a whole, each asked once; see Scratch.docs.
const (
	docKeySet = 2 * iota
	docWords
	docCard
	docOneTime
	docOAuth
	docCallback
	docCodeGrant
	docAccount    // of somebody or something that has a password
	docStream     // words of a language model, one by one
	docScripts    // the scripts of a package
	docTable      // the parameters are columns of a table
	docRecords    // no text whose lines may be of anything
	docState      // a code and a state of OAuth
	docBound      // the variables were looked for
	docParameters // the parameters of statements were looked for, and found
)

// answer answers a question about the document, once.
func (s *Scratch) answer(question uint8, ask func() bool) bool {
	s.asked++
	if s.docs>>question&3 == 0 {
		s.docs |= 1 << question
		if ask() {
			s.docs |= 2 << question
		}
	}
	return s.yes(question)
}

// yes reports whether a question was asked, and answered with yes.
func (s *Scratch) yes(question uint8) bool { return s.docs>>question&2 != 0 }

// document reports whether the document has one of some texts.
func (s *Scratch) document(question uint8, texts ...string) bool {
	return s.answer(question, func() bool {
		return slices.ContainsFunc(texts, func(t string) bool { return holds(s.doc, t) })
	})
}

// holds reports whether a document has a text, of which a quote at the end may be escaped:
// a document in a string.
func holds(doc []byte, text string) bool {
	head := strings.TrimSuffix(text, `"`)
	for i := 0; ; {
		j := bytes.Index(doc[i:], str(head))
		if j < 0 {
			return false
		}
		i += j + len(head)
		if len(head) == len(text) || i < len(doc) && (doc[i] == '"' || doc[i] == '\\') {
			return true
		}
	}
}

// otherMeaning reports whether a value under a name for a secret is one of those that
// the name means elsewhere: the steps of a factor, a pass that is a ticket, a mountain or
// an outcome, the word that a language model says next, the command of a script.
func (s *Scratch) otherMeaning(c *ctx, dec []byte) bool {
	switch s.p.rules[c.v.rule].id {
	case "default:mfa*": // "totp", "required"
		return shape.Words(dec)
	case "default:pass":
		if c.place == placeResponseBody && shape.HasBlank(dec) && (shape.Words(dec) || shape.Prose(dec)) && s.records() && !s.document(docAccount, "user", "User", "ogin", "mail", "Mail", "host",
			"Host", "auth", "Auth", "ccount", "smtp", "db", "admin", "root", "redential", "ssid", "ssh", "proxy", "erver", "remote", "client", "domain", "port") {
			return true
		}
	case "default:*token":
		if c.place == placeResponseBody && len(dec) <= 32 && (!hasDigit(dec) || shape.Few(bytes.TrimSpace(dec), 5)) && s.streamed() {
			return true
		}
	}
	return shape.Prose(dec) && !s.passwordRule(c.v.rule) && commandWords(dec) && s.document(docScripts, `"scripts"`)
}

// commandWords reports whether no word of a command may be a secret.
func commandWords(b []byte) bool {
	for len(b) > 0 {
		word, rest, _ := bytes.Cut(b, str(" "))
		if shape.Random(word) {
			return false
		}
		b = rest
	}
	return true
}

// records reports whether the document is JSON, markup or CSV, and not a text whose lines
// may be of anything.
func (s *Scratch) records() bool {
	return s.answer(docRecords, func() bool {
		if b := firstNonBlank(s.doc); b == '{' || b == '[' || b == '<' {
			return true
		}
		head, _, more := bytes.Cut(s.doc, str("\n"))
		return more && bytes.IndexByte(head, ',') > 0 && !bytes.ContainsAny(head, "=:")
	})
}

// streamed reports whether the document is a stream of events, or of lines, that have a
// token each: {"token":"Hello"}.
func (s *Scratch) streamed() bool {
	return s.answer(docStream, func() bool {
		b := s.doc[blankPrefix(s.doc):]
		ok := hasFold(b, "data:") || hasFold(b, "event:") || hasFold(b, "id:") || hasFold(b, "retry:") || hasFold(b, ":")
		return ok && bytes.Contains(b, str(`"token"`)) || bytes.Count(b, str("\n{\"token\"")) > 0 && bytes.HasPrefix(b, str(`{"token"`))
	})
}

// keySet reports whether the document is a JSON Web Key or a set of them (RFC 7517).
func (s *Scratch) keySet() bool { return s.document(docKeySet, `"kty"`) }

// oauthValue reports whether a value under "code" or "state" is one of OAuth 2.0 or
// OpenID Connect: by its form, or because the document or query around it has
// members and parameters that only such a request or answer has.
func (s *Scratch) oauthValue(c *ctx, dec []byte) bool {
	if c.place == placeQuery || c.place == placePath {
		if len(dec) >= 16 && !shape.HasBlank(dec) || shape.Random(dec) {
			return true
		}
	} else if shape.HasBlank(dec) || shape.Time(dec) || len(dec) < 6 && !s.document(docCodeGrant, "authorization_code") {
		return false
	}
	if len(dec) < 4 && shape.Symbol(dec) {
		return false // ?code=US&state=CA
	}
	if s.document(docOAuth, "grant_type", "redirect_uri", "response_type", "client_id", "client_secret", "code_verifier", "code_challenge",
		"session_state", "iss=", "authuser=", "id_token") {
		return true
	}
	return c.place == placeQuery && (s.document(docCallback, "callback", "oauth", "oidc", "/auth", "/sso", "signin") || s.answer(docState, func() bool {
		code := parameter(s.doc, "code=")
		return code != nil && !shape.Few(code, 4) && !region(parameter(s.doc, "state="))
	}))
}

// region reports whether the value of "state" is none of OAuth: there is none, or it is
// that of an address.
func region(v []byte) bool { return len(v) == 0 || len(v) < 4 && shape.Symbol(v) }

// oneTime reports whether a value under "code" is one that a person was sent: six
// digits in a request that says where they were sent or what they are for.
func (s *Scratch) oneTime(c *ctx, dec []byte) bool {
	if c.place != placeRequestBody || len(dec) != 6 || !shape.Digits(dec) {
		return false
	}
	return s.document(docOneTime, "phone", "Phone", "email", "Email", "To=", `"to"`, "mfa", "Mfa", "MFA", "otp", "OTP", "verif", "Verif",
		"challenge", "login", "user")
}

// parameter is the value of a parameter of a query, or of a URL with one; nil if there
// is none.
func parameter(b []byte, name string) []byte {
	for i := 0; ; {
		j := bytes.Index(b[i:], str(name))
		if j < 0 {
			return nil
		}
		i += j + len(name)
		if j = i - len(name); j == 0 || strings.IndexByte("?&#;", b[j-1]) >= 0 {
			n := bytes.IndexAny(b[i:], "&#;")
			if n < 0 {
				n = len(b) - i
			}
			return b[i : i+n]
		}
	}
}
