// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "bytes"

// One-time codes, as mails and short messages tell them: "your code is 482113",
// "482113 is your Acme verification code", "Votre code est : 482113". A number behind
// "code" is more often something else, so that the words around it decide.

// codeKind is what the words around "code" say of it.
type codeKind uint8

const (
	codeBare   codeKind = iota // nothing: six digits behind "is"
	codeOther                  // a postal code, an error code
	codeYours                  // somebody's: four to eight digits behind "is" or a colon
	codeStrong                 // one that lets in: also without a word in between
)

// word classes of codeWords.
const (
	wordStrong = 1 + iota
	wordOther
	wordYour
	wordThe
	wordIs
	wordMaybeIs // if the value is next
)

var codeWords = func() map[string]uint8 {
	m := map[string]uint8{}
	set := func(class uint8, words ...string) {
		for _, w := range words {
			m[w] = class
		}
	}
	set(wordStrong, "verification", "confirmation", "security", "login", "log-in", "signin", "sign-in", "authentication", "authorization",
		"auth", "access", "one-time", "onetime", "activation", "2fa", "mfa", "otp", "sms", "validation", "reset", "recovery", "unlock", "pairing",
		"temporary", "single-use", "verify", "two-factor", "two-step", "2-step", "passcode", "otp-code", "time",
		"vérification", "connexion", "confirmación", "verificación", "verificação", "sécurité", "seguridad", "segurança", "acceso", "acesso", "accès",
		"verifica", "sicurezza", "d'accès", "validación", "d'authentification", "seguranca", "verificacion", "anmeldung",
		"weryfikacyjny", "weryfikacji", "autoryzacyjny", "jednorazowy", "potwierdzający", "dostępu", "logowania", "ověřovací", "autorizační", "doğrulama", "onay", "giriş",
		"verificare", "подтверждения", "проверочный", "verifikasi", "patvirtinimo")
	set(wordOther, "error", "status", "postal", "post", "zip", "country", "area", "promo", "promotion", "promotional", "discount", "coupon",
		"voucher", "gift", "referral", "product", "item", "order", "booking", "reservation", "tracking", "exit", "return", "response",
		"result", "http", "reason", "currency", "language", "locale", "region", "state", "city", "airport", "iata", "icao", "tax", "hs", "cpt", "icd",
		"icd-10", "diagnosis", "procedure", "billing", "branch", "bank", "swift", "bic", "sort", "dial", "dialing", "dialling", "calling", "source",
		"machine", "color", "colour", "key", "event", "module", "course", "class", "project", "customer", "employee", "category", "department",
		"mcc", "naics", "sic", "party", "game", "building", "fault", "failure", "transaction", "trace", "dress", "qr", "bar", "share", "pin", "location",
		"station", "vendor", "supplier", "store", "shop", "site", "cost", "account", "ledger", "unit", "commodity", "material", "article",
		"part", "model", "batch", "lot", "diagnostic", "grpc", "message", "reply", "smtp", "ftp", "sql", "numeric", "char", "character",
		"ascii", "unicode", "reference", "claim", "rebate", "invitation", "invite", "group", "task", "job", "query", "search", "zone", "district", "county", "section", "page", "cve", "loinc", "snomed", "icd10", "ndc", "gl", "plu", "sku", "upc", "ean", "fips", "iso", "merchant", "decline", "route",
		"erreur", "postale", "pays", "produit", "promocional", "producto", "país", "pocztowy", "rabatowy", "produktu", "błędu", "kraju", "poštovní", "posta", "ürün", "hata", "почтовый", "Почтовый", "kreskowy", "zniżkowy", "fehler", "artikel", "produkt", "mon", "el")
	set(wordYour, "your", "votre", "ton", "ihr", "dein", "tu", "su", "seu", "tuo", "il", "uw", "jouw", "this", "my", "twój", "váš", "tvůj", "din", "ditt", "sizin", "ваш", "Ваш", "твой", "anda", "vaš")
	set(wordThe, "the", "le", "der", "el", "o")
	set(wordIs, "is", "as", "est", "ist", "es", "é", "è", "är", "este", "adalah")
	set(wordMaybeIs, "to", "je", "er")
	return m
}()

// codeParts are the first parts of compounds with "code": passcode, Sicherheitscode.
var codeParts = [...]string{"pass", "tigungs", "sicherheits", "verifierings", "verifikations", "verifikasjons", "verificatie", "inloggnings", "inloggings", "engångs", "engangs", "bekreftelses", "bekræftelses", "säkerhets", "sikkerhets", "sikkerheds", "anmelde", "einmal", "zugangs", "verifizierungs", "freischalt", "fungs", "login-", "otp-", "sms-", "2fa-", "time-"}

// code looks for the value of the "code" at p.
func (f *finder) code(p int) span {
	src := f.src
	if p < f.proseSkip || !hasFold(src, p, "code") {
		return none
	}
	e := p + len("code")
	f.proseSkip = e
	return f.codeAt(p, e)
}

// codeAt is code for the word src[p:e].
func (f *finder) codeAt(p, e int) span {
	src := f.src
	if e < len(src) && (is(src[e], chWord|chDash) || src[e] >= 0x80) || !f.digitNear(p) {
		return none
	}
	kind, m := f.before(p, codeBare)
	if m.end > 0 {
		return m
	}
	label := kind == codeBare && e < len(src) && (src[e] == ':' || src[e] == ' ' && e+1 < len(src) && src[e+1] == ':') && f.labels(p)
	if label {
		kind = codeYours
	}
	q, link, kind := f.codeLink(e, kind)
	if label = label && kind == codeYours; label {
		kind = codeBare
	}
	if kind == codeOther || q == 0 || q >= len(src) || kind < codeStrong && !link {
		return none
	}
	start, end, quoted := f.word(q)
	v := src[start:end]
	if f.cut && end > start && len(bytes.Trim(src[end:], " 0123456789")) == 0 && (link && kind > codeBare || len(v) < 9 && all(v, chDigit)) {
		return span{start, len(src), detProse}
	}
	n, letters := 0, 0
	for _, c := range v {
		switch {
		case isDigit(c):
			n++
		case is(c, chUpper):
			letters++
		case c != '-':
			return none
		}
	}
	if n == 3 && len(v) == 3 && !quoted && end+3 < len(src) && src[end] == ' ' && run(src, end+1, chDigit) == end+4 { // 482 113
		end, n = end+4, 6
	}
	switch {
	case f.unit(end), label && !f.endsLabel(end):
		return none
	case letters > 0 && (n == 0 || !link || kind != codeStrong || n+letters < 5) && !(letters == 1 && len(v) > 1 && v[1] == '-'):
		return none
	case kind == codeBare && n != 6, n < 4 && letters == 0, n+letters > 10:
		return none
	}
	return span{start, end, detProse}
}

// nearCode is how far from the word "code" its value is looked for.
const nearCode = 72

// digitNear reports whether a digit is so near to p that it may be of a code. Each byte
// is looked at once.
func (f *finder) digitNear(p int) bool {
	src := f.src
	i := max(f.digitAt, p-nearCode)
	for end := min(len(src), p+nearCode); i < end; i++ {
		if !isDigit(src[i]) {
			continue
		}
		if i >= p {
			break
		}
		f.digitBefore = i + 1
	}
	f.digitAt = i
	return i < len(src) && i < p+nearCode || f.digitBefore > 0 && p-f.digitBefore < nearCode || f.cut && len(src)-p < nearCode
}

// before tells what the words in front of src[p] say of a code there, and where it
// stands if they tell it: "482113 is your login code".
func (f *finder) before(p int, kind codeKind) (codeKind, span) {
	src := f.src
	i, last := p, uint8(0)
	if p > 0 && (is(src[p-1], chWord|chDash) || src[p-1] >= 0x80) { // a compound
		i = f.wordBefore(p)
		kind = codeOther
		for _, w := range codeParts {
			if hasFold(src, p-len(w), w) {
				kind = codeStrong
			}
		}
		if kind == codeOther {
			return kind, none
		}
	}
	for n := range 7 {
		e := i
		for e > 0 && src[e-1] == ' ' {
			e--
		}
		i = f.wordBefore(e)
		if i == e {
			break
		}
		class := codeWord(src[i:e])
		switch class {
		case wordOther:
			if n == 0 && kind != codeStrong {
				return codeOther, none
			}
		case wordStrong:
			kind = codeStrong
		case wordYour:
			kind = max(kind, codeYours)
		case wordIs:
			if last == wordYour || last == wordThe && kind == codeStrong {
				return kind, f.given(i)
			}
		}
		last = class
	}
	return kind, none
}

// given is the number in front of " is your code" at p.
func (f *finder) given(p int) span {
	src := f.src
	e := p
	for e > 0 && (src[e-1] == ' ' || src[e-1] == '*' || src[e-1] == '"') {
		e--
	}
	start := e
	for start > 0 && e-start < 12 && is(src[start-1], chAlnum|chDash) {
		start--
	}
	n := 0
	for _, c := range src[start:e] {
		if isDigit(c) {
			n++
		}
	}
	if n == 3 && e-start == 3 && start > 3 && src[start-1] == ' ' && is(src[start-2], chDigit) && is(src[start-3], chDigit) && is(src[start-4], chDigit) {
		start, n = start-4, 6
	}
	if n < 4 || n > 8 || e-start > n+3 || start > 0 && is(src[start-1], chWord|chDot) {
		return none
	}
	return span{start, e, detProse}
}

// purpose looks for "Use 482113 to verify" in front of the word at p.
func (f *finder) purpose(p int, word string) span {
	src := f.src
	if !hasFold(src, p, word) || !has(src, p-len(" to "), " to ") {
		return none
	}
	m := f.given(p - len("to "))
	if m.end == 0 || word == "verify " && !hasFold(src, p+len(word), "your") && !hasFold(src, p+len(word), "my") && !hasFold(src, p+len(word), "this acc") {
		return none
	}
	for _, w := range [...]string{"use ", "enter ", "type ", "code ", "code: "} {
		if hasFold(src, m.start-len(w), w) {
			return m
		}
	}
	return none
}

// wordBefore is where the word that ends at e starts; e if there is none.
func (f *finder) wordBefore(e int) int {
	i := e
	for i > 0 && e-i < 24 && (is(f.src[i-1], chAlnum|chDash) || f.src[i-1] >= 0x80 || f.src[i-1] == '\'') {
		i--
	}
	return i
}

func codeWord(w []byte) uint8 {
	var low [30]byte
	if len(w) > len(low) {
		return 0
	}
	if len(w) == 0 || codeLengths[lower(w[0])]>>len(w)&1 == 0 {
		return 0
	}
	for i, c := range w {
		low[i] = lower(c)
	}
	return codeWords[string(low[:len(w)])]
}

// codeLengths has the lengths of codeWords, as bits, by their first letters.
var codeLengths = func() (t [256]uint32) {
	for w := range codeWords {
		t[w[0]] |= 1 << len(w)
	}
	return t
}()

// codeLink passes over what stands between "code" and its value: "is", "for ada is",
// "de vérification est :". The words in between may tell what code it is.
func (f *finder) codeLink(p int, kind codeKind) (q int, link bool, _ codeKind) {
	src := f.src
	for n := 0; n < 6 && p < len(src); n++ {
		if src[p] == ':' {
			if kind == codeBare || p+1 < len(src) && src[p+1] != ' ' && src[p+1] != '\n' && !isDigit(src[p+1]) {
				return 0, false, kind
			}
			return p + 1, true, kind
		}
		if src[p] == '\n' || !f.blankAt(p) {
			return 0, false, kind
		}
		for p < len(src) && f.blankAt(p) {
			p++
		}
		if p < len(src) && src[p] == ':' && kind > codeBare {
			return p + 1, true, kind
		}
		e := p
		for e < len(src) && e-p < 30 && (is(src[e], chAlnum|chDash) || src[e] >= 0x80 || src[e] == '\'') {
			e++
		}
		w := src[p:e]
		switch class := codeWord(w); {
		case class == wordStrong:
			kind = codeStrong
		case class == wordMaybeIs && (e+1 >= len(src) || src[e] != ' ' || !isDigit(src[e+1])): // "code to sign in"
		case class == wordIs || class == wordMaybeIs || hasFold(w, 0, "lautet") || hasFold(w, 0, "was") && e-p == 3:
			if e < len(src) && src[e] == ' ' && e+1 < len(src) && src[e+1] == ':' {
				e++
			}
			if e < len(src) && src[e] == ':' {
				e++
			}
			return e, true, kind
		case n == 0 && (e == p || bytes.ContainsAny(w, "0123456789")): // "use code 482113"
			return p, false, kind
		case e == p:
			return 0, false, kind
		}
		p = e
	}
	return 0, false, kind
}

// blankAt reports whether a blank is at p; a no-break space is two bytes, each of which
// counts.
func (f *finder) blankAt(p int) bool {
	return f.src[p] == ' ' || f.src[p] == 0xA0 && p > 0 && f.src[p-1] == 0xC2 || f.src[p] == 0xC2 && p+1 < len(f.src) && f.src[p+1] == 0xA0
}
