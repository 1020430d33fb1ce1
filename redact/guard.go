// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"strings"

	"github.com/apispan/apispan/redact/internal/fold"
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
			return !s.oneTime(c, dec)
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
	case placeQuery:
		if shape.Digits(dec) && g <= guardSecret && c.v.flags&flagDescribes == 0 {
			return false // a query has no numbers, only texts
		}
	}
	return s.sparesText(g, c, dec)
}

func sparesNumber(g guard, flags verdictFlags, dec []byte) bool {
	switch {
	case g == guardPersonal:
		return false
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
		return shape.Flag(dec) || c.v.flags&flagDescribes != 0 && describing(dec)
	}
	if shape.Flag(dec) || shape.TypeName(dec) || shape.Message(dec) || g != guardCard && shape.Sentence(dec) {
		return true
	}
	if c.v.flags&flagDescribes != 0 {
		return describing(dec)
	}
	switch g {
	case guardSecret:
		return dec[0] == ' ' && shape.Words(dec) || shape.DateTime(dec) || shape.Symbol(dec) || shape.Public(dec) || s.label(c, dec)
	case guardWord:
		if bytes.IndexByte(dec, '=') >= 0 && !shape.URL(dec) {
			return false // pairs: cookies, a signature
		}
		return !shape.Mixed(dec) && !(shape.Digits(dec) && len(dec) >= 8) || shape.SID(dec) || shape.URL(dec) && !secretURL(dec)
	case guardNumber:
		return shape.Words(dec) || shape.Few(dec, 4) || shape.Prose(dec)
	case guardCode:
		return !s.oauthValue(c, dec) && !s.oneTime(c, dec)
	case guardQuestion:
		return dec[len(dec)-1] == '?'
	case guardCard:
		return !s.card() && !shape.Random(dec)
	}
	return false
}

// label reports whether a value under a name for a secret is a word of a language
// model or of an interface: the token beside its probability, the label of a field.
func (s *Scratch) label(c *ctx, dec []byte) bool {
	if len(dec) > 64 || c.place != placeResponseBody && c.place != placeRequestBody {
		return false
	}
	if shape.HasBlank(dec) && dec[len(dec)-1] == '?' {
		for _, w := range [...]string{"assword", "PIN", "token", "secret"} { // "Forgot password?"
			if bytes.Contains(dec, str(w)) {
				return true
			}
		}
	}
	return len(dec) < 24 && shape.Words(dec) && s.document(docWords, `"logprob`, `"lemma"`, `"pos_tag"`)
}

// card reports whether the document has the number of a card.
func (s *Scratch) card() bool {
	return s.document(docCard, `cvv"`, `cvc"`, `cvv2"`, `cvc2"`, "cvv=", "cvc=", "[cvc]", "cvv>", "cvc>", "CVV", "CVC", "card_number", "cardNumber", "cardnumber", "CardNumber", "card_no", "card[number]",
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
	for len(path) > 0 {
		var seg []byte
		seg, path, _ = bytes.Cut(path, []byte("/"))
		if shape.Random(seg) || len(seg) >= 16 && shape.Mixed(seg) {
			return true
		}
	}
	return false
}

// Questions about the document as a whole, each asked once; see Scratch.docs.
const (
	docKeySet = 2 * iota
	docWords
	docCard
	docOneTime
	docOAuth
	docCallback
	docCodeGrant
	docVariables
	docBound // the variables were looked for
)

// document reports whether the document has one of some texts.
func (s *Scratch) document(question uint8, texts ...string) bool {
	switch s.docs >> question & 3 {
	case 1:
		return false
	case 2:
		return true
	}
	for _, t := range texts {
		if bytes.Contains(s.doc, str(t)) {
			s.docs |= 2 << question
			return true
		}
	}
	s.docs |= 1 << question
	return false
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
	return c.place == placeQuery && (s.document(docCallback, "callback", "oauth", "oidc", "/auth", "/sso", "signin") ||
		hasParameter(s.doc, "code=") && hasParameter(s.doc, "state="))
}

// oneTime reports whether a value under "code" is one that a person was sent: six
// digits in a request that says where they were sent or what they are for.
func (s *Scratch) oneTime(c *ctx, dec []byte) bool {
	if c.place != placeRequestBody || len(dec) != 6 || !shape.Digits(dec) {
		return false
	}
	return s.document(docOneTime, "phone", "Phone", "email", "Email", "To=", `"to"`, "mfa", "Mfa", "MFA", "otp", "OTP", "verif", "Verif",
		"challenge", "login", "user")
}

// hasParameter reports whether a query, or a URL with one, has a parameter.
func hasParameter(b []byte, name string) bool {
	for i := 0; ; {
		j := bytes.Index(b[i:], str(name))
		if j < 0 {
			return false
		}
		i += j + len(name)
		if j = i - len(name); j == 0 || strings.IndexByte("?&#;", b[j-1]) >= 0 {
			return true
		}
	}
}

// nameClass is what a name says besides the rule that it matches.
type nameClass uint8

const (
	nameSecret    nameClass = iota // it names the secret
	nameDescribes                  // it names something about the secret
	nameInnocent                   // it names something else
)

// judgeName tells by its words what a key that a built-in rule matches is about.
func judgeName(key []byte, header bool) nameClass {
	if len(key) > 96 {
		return nameSecret
	}
	var buf [fold.MaxWords][]byte
	var room [96]byte
	w := fold.Words(&buf, room[:], key)
	if len(w) == 0 {
		return nameSecret
	}
	last := w[len(w)-1]
	switch {
	case len(w) == 1:
		if strangers[string(last)] {
			return nameInnocent
		}
		return nameSecret
	case tokenWord[string(last)] && len(w) >= 2:
		switch c := tokenKinds[string(w[len(w)-2])]; {
		case c != nameSecret:
			return c
		case len(w) > 2 && string(w[len(w)-2]) == "request" && string(w[len(w)-3]) == "client": // an idempotency key of AWS
			return nameInnocent
		}
	case string(last) == "key" || string(last) == "keys":
		for _, x := range w[:len(w)-1] {
			if keyKinds[string(x)] {
				return nameInnocent
			}
		}
	}
	for _, x := range w {
		if strangers[string(x)] {
			return nameInnocent
		}
	}
	if firstDescribes[string(w[0])] || lastDescribes[string(last)] && !(header && (string(last) == "id" || string(last) == "ids")) {
		return nameDescribes
	}
	return nameSecret
}

func wordSet(words ...string) map[string]bool {
	m := map[string]bool{}
	for _, w := range words {
		m[w] = true
	}
	return m
}

var (
	tokenWord = wordSet("token", "tokens")

	// keyKinds are words in front of "key" for keys that open nothing.
	keyKinds = wordSet("public", "pub", "publishable", "idempotency", "surrogate", "cache", "routing", "partition", "sort", "dedup", "deduplication",
		"primary", "foreign", "object", "trace", "ratelimit", "shard", "websocket", "socket", "row", "index", "sorting", "translation")

	// strangers are words that a glob of the list meets by chance.
	strangers = wordSet("secretary", "secretaries", "secretariat", "secretion", "secretions", "ratelimit", "remaining",
		"monkey", "donkey", "turkey", "hockey", "jockey", "whiskey", "hotkey", "compass", "bypass", "trespass", "surpass", "encompass",
		"boarding", "season", "render", "ski")

	// memberDescribes are members of an object under a name for a secret that are not
	// the secret: {"token": {"symbol": "USDC"}}, {"password": {"type": "string"}}.
	memberDescribes = wordSet("type", "name", "format", "$ref", "symbol", "description", "title", "label", "in", "status", "address",
		"standard", "decimals", "chain", "network", "logo", "$schema", "pattern", "placeholder", "default_type", "kind", "scheme", "style",
		"scope", "scopes", "permissions", "abilities", "tags", "labels", "created", "created_at", "createdAt", "updated_at", "updatedAt",
		"expires_at", "expiresAt", "expires", "last_used_at", "lastUsedAt", "version", "provider", "owner", "role", "environment", "algorithm",
		"alg", "algo", "rotation", "policy", "message", "loc", "msg")

	// firstDescribes are words that a name begins with that asks about a secret.
	firstDescribes = wordSet("is", "has", "have", "had", "needs", "need", "require", "requires", "required", "must", "can", "may",
		"should", "allow", "allows", "allowed", "force", "enforce", "enable", "enables", "enabled", "disable", "disabled", "show",
		"hide", "hides", "use", "uses", "using", "with", "without", "no", "not", "supports", "support", "min", "max", "minimum",
		"maximum", "num", "number", "count", "total", "remember", "forgot", "forgotten", "accepts", "verify", "validate")

	// lastDescribes are words that a name ends with that says something about a
	// secret.
	lastDescribes = wordSet("at", "on", "date", "time", "timestamp", "expiry", "expires", "expire", "expiration", "expired", "ttl",
		"age", "days", "hours", "minutes", "seconds", "ms", "sec", "secs", "updated", "change", "changes", "changed", "created",
		"modified", "rotated", "used", "count", "counts", "counter", "length", "len", "min", "max", "limit", "limits", "size",
		"total", "num", "attempts", "attempt", "retries", "tries", "score", "strength", "iterations", "rounds", "cost",
		"cycles", "entropy", "bits", "enabled", "disabled", "required", "optional", "set", "valid", "verified", "active",
		"supported", "present", "exists", "missing", "invalid", "incorrect", "failed", "locked", "reset", "status", "state",
		"policy", "policies", "type", "types", "kind", "name", "names", "label", "title", "description", "format", "algorithm",
		"alg", "algo", "method", "methods", "provider", "url", "uri", "endpoint", "path", "file", "filename", "last4", "four",
		"masked", "brand", "network", "scheme", "check", "checks", "version", "field", "fields", "category", "scope", "scopes",
		"permissions", "requirement", "requirements", "rule", "rules", "message", "error", "errors", "prompt", "placeholder",
		"issuer", "bank", "country", "currency", "mode", "level", "ref", "refs", "reference", "arn", "region", "owner", "role",
		"plan", "manager", "store", "engine", "backend", "backends", "scanning", "scanner", "protection", "input", "button",
		"form", "page", "screen", "event", "visible", "hidden", "visibility", "rotation", "interval", "strategy", "usage",
		"price", "symbol", "decimals", "supply", "balance", "amount", "id", "ids", "index", "position", "supplies", "config",
		"settings", "options", "flow", "help", "text", "exp", "month", "year", "support", "stage", "result", "results", "in", "until",
		"since", "standard")
)

// tokenKinds are words in front of "token" that say what kind it is.
var tokenKinds = func() map[string]nameClass {
	m := map[string]nameClass{}
	set := func(c nameClass, words ...string) {
		for _, w := range words {
			m[w] = c
		}
	}
	// Where a list goes on.
	set(nameInnocent, "page", "pages", "next", "prev", "previous", "continuation", "continue", "pagination", "paging", "cursor", "sync",
		"resume", "marker", "offset", "scroll", "watch", "after", "before", "position", "delta", "forward", "backward", "list",
		"idempotency", "idempotent", "dedup", "deduplication", "fencing", "checkpoint", "snapshot", "more")
	// Language models and parsers.
	set(nameInnocent, "eos", "bos", "pad", "unk", "mask", "sep", "cls", "stop", "special", "eot", "eom", "begin", "blank", "per", "parser",
		"syntax", "lexer")
	// Currencies on a chain, and design systems.
	set(nameInnocent, "quote", "base", "underlying", "native", "collateral", "lp", "gas", "reward", "rewards", "staking", "governance",
		"erc20", "erc721", "nft", "wrapped", "design", "color", "colour", "theme", "spacing")
	set(nameDescribes, "from", "to", "in", "out", "input", "output", "buy", "sell", "destination", "fee", "stake", "staked", "pool",
		"borrow", "debt", "start", "end", "max", "min", "prompt", "completion", "total", "cached", "reasoning", "audio")
	return m
}()
