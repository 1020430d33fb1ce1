// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"strings"

	"github.com/apispan/apispan/redact/internal/shape"
)

// The built-in rules look at what a value is, which rules of a policy never do: a
// user who writes "deny: [session]" means every session, the built-in list means
// secrets. docs/policy.md has the decisions and their reasons.
//
// What can be told from the name alone is told once per name, in decide. The rest
// is told in spares, from the value, and only for values that a built-in rule
// would take.

// guard says which values a built-in rule spares.
type guard uint8

// From the strictest to the mildest.
const (
	// guardNone: none. Rules of a policy have it.
	guardNone guard = iota
	// guardPersonal: only flags and nothing at all ("ssn", "dob").
	guardPersonal
	// guardSecret: what can be no secret (true, a count, a type name, a message about
	// the field).
	guardSecret
	// guardNumber: also words and numbers of few digits ("pin", "pan").
	guardNumber
	// guardWord: also words, short values and anything else that does not look like
	// a secret, because the name has other meanings ("session", "salt").
	guardWord
	// guardKeySet: all but members of a JSON Web Key ("d", "k").
	guardKeySet
	// guardCode: all but what looks like a part of an OAuth exchange ("code", "state").
	guardCode
	// guardQuestion: questions ("security_question"); what stands beside them goes.
	guardQuestion
	// guardCard: dates that do not stand beside a card number ("expiry").
	guardCard
)

// opens reports whether a container under a built-in rule is entered, so that its
// members are judged one by one, instead of being replaced as a whole.
func (g guard) opens() bool {
	return g != guardNone && g != guardPersonal
}

// opens reports whether a container under v is entered all the same.
func (s *Scratch) opens(v verdict) bool { return s.guarded(v).opens() }

// guarded is the guard of a verdict, guardNone if a rule of the policy has a say in
// it too or if the place is an allowlist: then sparing a value would mean to keep
// what the policy does not want kept.
func (s *Scratch) guarded(v verdict) guard {
	if v.act != actMask || v.flags&flagSoft == 0 {
		return guardNone
	}
	s.asked++
	return s.p.rules[v.rule].guard
}

// spares reports whether the value dec, which a built-in rule would mask, is none
// that the rule means.
func (s *Scratch) spares(c *ctx, dec []byte, k kind) bool {
	g := s.guarded(c.v)
	if g == guardNone || c.cut {
		return false
	}
	switch k {
	case kindNull, kindLiteral:
		return true
	case kindNumber:
		switch g {
		case guardCode:
			return !s.oneTime(c, dec) && !codeWithin(c, dec)
		case guardCard:
			return !s.card()
		}
		return sparesNumber(g, c.v.flags, dec)
	}
	if g == guardKeySet {
		return len(dec) < 8 || !s.keySet()
	}
	if len(dec) > maxSecretBytes {
		if g == guardWord || g == guardCode {
			return shape.HasBlank(dec) // a text
		}
		return c.v.flags&flagDescribes != 0 && shape.Prose(dec)
	}
	switch c.place {
	case placeCookie, placeSetCookie:
		return false
	case placeRequestHeader, placeResponseHeader:
		return shape.Flag(dec) || c.v.flags&flagDescribes != 0 && g != guardPersonal && describing(dec)
	case placePath:
		if g != guardPersonal && (len(dec) < 24 && (shape.Words(dec) || shape.Few(dec, 5)) || fileSegment(dec)) || g == guardWord && len(dec) < 12 {
			return true // /secrets/DB_URL, /pass/annual/2026
		}
	case placeQuery:
		if shape.Digits(dec) && g <= guardSecret && c.v.flags&flagDescribes == 0 { // a query has no numbers, only texts
			return g == guardSecret && (string(dec) == "1" || string(dec) == "0") && strings.Contains(s.p.rules[c.v.rule].id, "pass") // a flag: ?pass=1
		}
	}
	return s.sparesText(g, c, dec)
}

func sparesNumber(g guard, flags verdictFlags, dec []byte) bool {
	switch {
	case g == guardPersonal:
		return flags&flagDescribes != 0 && shape.Few(dec, 3) // a fee, a count
	case flags&flagDescribes != 0:
		return true
	case g == guardNumber:
		return shape.Few(dec, 4)
	case g == guardKeySet:
		return true
	case g == guardWord:
		return shape.Few(dec, 8)
	}
	return shape.Few(dec, 4)
}

func (s *Scratch) sparesText(g guard, c *ctx, dec []byte) bool {
	if f := c.v.flags; f&flagValueKey != 0 && f&flagValueOnly == 0 && g != guardQuestion && shape.Prose(dec) {
		return true // {"id": "password", "text": "Enter your password"}
	}
	if g == guardPersonal {
		return shape.Flag(dec) || shape.Tail(dec) || shape.Range(dec) || c.v.flags&flagDescribes != 0 && describing(dec) || caption(c, dec)
	}
	solid := shape.Solid(dec) // nearly always, and little of what follows
	if !solid && (shape.Flag(dec) || shape.Tail(dec) || shape.Placeholder(dec) || dec[len(dec)-1] == ' ' && shape.Scheme(dec[:len(dec)-1]) ||
		shape.TypeName(dec) || shape.Message(dec) || g != guardCard && shape.Sentence(dec)) {
		return true
	}
	if c.v.flags&flagDescribes != 0 {
		return describing(dec) || c.v.flags&flagMember != 0 && g == guardSecret && shape.UUID(dec)
	}
	switch g {
	case guardSecret:
		if solid {
			return shape.Public(dec) || shape.Position(dec)
		}
		return dec[0] == ' ' && shape.Words(dec) || shape.DateTime(dec) || shape.Symbol(dec) || shape.Public(dec) || shape.Ordinary(dec) ||
			s.label(c, dec) || caption(c, dec) || c.place != placeQuery && shape.FieldName(dec) && !s.passwordRule(c.v.rule) ||
			s.otherMeaning(c, dec)
	case guardWord:
		if solid {
			return !shape.Mixed(dec) || shape.SID(dec) || shape.Position(dec) || shape.Slug(dec)
		}
		if bytes.IndexByte(dec, '=') >= 0 && !shape.URL(dec) {
			return false // pairs: cookies, a signature
		}
		return !shape.Mixed(dec) && !(shape.Digits(dec) && len(dec) >= 8) || shape.SID(dec) || shape.URL(dec) && !secretURL(dec) ||
			shape.Ordinary(dec) || shape.Slug(dec)
	case guardNumber:
		return shape.Words(dec) || shape.Few(dec, 4) || shape.Prose(dec)
	case guardCode:
		return !s.oauthValue(c, dec) && !s.oneTime(c, dec) && !codeWithin(c, dec)
	case guardQuestion:
		return dec[len(dec)-1] == '?'
	case guardCard:
		return !s.card() && !shape.Random(dec)
	}
	return false
}

// codeWithin reports whether a code stands in a container for secrets:
// {"mfa": {"code": "482113"}}.
func codeWithin(c *ctx, dec []byte) bool {
	return c.v.flags&flagWithin != 0 && (shape.Mixed(dec) || shape.Digits(dec) && len(dec) >= 6 && len(dec) <= 8)
}

// label reports whether a value under a name for a secret is a word of a language
// model or of an interface: the token beside its probability, the label of a field.
func (s *Scratch) label(c *ctx, dec []byte) bool {
	if len(dec) > 64 || c.place != placeResponseBody && c.place != placeRequestBody {
		return false
	}
	if dec[len(dec)-1] == '?' && shape.HasBlank(dec) {
		for _, w := range [...]string{"assword", "PIN", "token", "secret"} { // "Forgot password?"
			if bytes.Contains(dec, str(w)) {
				return true
			}
		}
	}
	return len(dec) < 24 && shape.Words(dec) && s.document(docWords, `"logprob`, `"lemma"`, `"pos_tag"`, `"start_offset"`)
}

// passwordRule reports whether a built-in rule is one for passwords, for which people
// choose words such as "password".
func (s *Scratch) passwordRule(rule uint16) bool {
	id := s.p.rules[rule].id
	return !strings.Contains(id, "secret") && !strings.Contains(id, "token") && !strings.Contains(id, "key")
}

// caption reports whether an answer has the caption of a field of an interface where a
// secret could stand: {"password": "Password", "otp": "One-time code"}. In a request
// people send a secret of that spelling.
func caption(c *ctx, dec []byte) bool { return c.place == placeResponseBody && shape.Caption(dec) }

// card reports whether the document has the number of a card.
func (s *Scratch) card() bool {
	return s.document(docCard, `cvv"`, `cvc"`, `cvv2"`, `cvc2"`, "cvv=", "cvc=", "[cvc]", "cvv>", "cvc>", `CVV"`, `CVC"`, "CVV=", "CVC=", "CVV>", "CVC>", "CVV:", "CVC:", "cvv:", "cvc:", "card_number", "cardNumber", "cardnumber", "CardNumber", "card_no", "card[number]",
		"ccnum", "cc_number", "ccNumber", `"pan"`, "pan=", "securityCode", "security_code", "Pan>")
}

// describing reports whether a value describes a secret rather than being one.
func describing(dec []byte) bool {
	if shape.URL(dec) {
		return !secretURL(dec)
	}
	return !shape.Random(dec)
}

// secretURL reports whether a segment of a URL's path may be a secret, such as the
// token of a link in a mail. Its query is left to the rules for queries.
func secretURL(u []byte) bool {
	u, _, _ = bytes.Cut(u, []byte("?"))
	_, u, _ = bytes.Cut(u, []byte("://"))
	_, path, _ := bytes.Cut(u, []byte("/"))
	var seg []byte
	for len(path) > 0 {
		item := itemWords[string(seg)]
		if seg, path, _ = bytes.Cut(path, []byte("/")); item {
			continue // the id of a user
		}
		if fileSegment(seg) {
			continue
		}
		if shape.Random(seg) || len(seg) >= 16 && shape.Mixed(seg) {
			return true
		}
	}
	return false
}

// itemWords are segments of paths that the id of what they name follows.
var itemWords = wordSet("users", "user", "accounts", "account", "apps", "applications", "orgs", "organizations", "groups", "factors", "clients", "projects", "tenants",
	"customers", "teams", "policies", "devices", "members", "workspaces", "subscriptions", "repositories", "files", "documents", "orders", "products")
