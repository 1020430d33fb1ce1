// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package shape

import "bytes"

// verdictWords say what is wrong with a value; messageWords are the other words of
// such messages.
var (
	verdictWords = newWordSet("required", "invalid", "missing", "expired", "incorrect", "mismatch", "blank", "weak", "short", "taken")
	messageWords = newWordSet(
		"is", "are", "must", "already", "should", "cannot", "empty", "long", "common", "match", "characters", "least", "field", "please", "not",
		"too", "has", "been", "was", "may", "can't", "do", "does", "and", "same", "be", "doesn't", "didn't", "isn't", "failed", "this", "at", "your", "the",
	)
)

// Message reports whether b is a sentence about a value, as validation errors have
// them under the name of a field: "is too short", "This field is required.".
func Message(b []byte) bool {
	if len(b) < 7 || len(b) > 200 || !HasBlank(b) && has(b, isDigit) {
		return false
	}
	for _, m := range [...]string{"must ", "should ", "doesn't ", "does not ", "can't be ", "cannot be ", "may not be "} {
		if len(b) > len(m) && equalFold(b[:len(m)], m) {
			return !has(b, isDigit) || bytes.IndexByte(b[len(m):], ' ') > 0
		}
	}
	words, known, verdicts := 0, 0, 0
	for len(b) > 0 {
		i := 0
		for i < len(b) && class[b[i]]&isBlank == 0 {
			i++
		}
		w := bytes.Trim(b[:i], ".,;:!?()\"'`")
		if has(w, isDigit) && len(w) > 3 {
			return false
		}
		if len(w) > 0 {
			words++
			if verdictWords.has(w) {
				verdicts++
			}
			if messageWords.has(w) {
				known++
			}
		}
		b = bytes.TrimLeft(b[i:], " \t\r\n")
	}
	return verdicts > 0 && (words <= 3 || known > 0) || known >= 3 && 2*known >= words || known >= 4
}

// functionWords hold sentences together; what people choose for a password has few.
var functionWords = newWordSet(
	"a", "an", "the", "of", "to", "in", "on", "is", "are", "or", "and", "that", "for", "you", "your", "we", "it", "this", "with", "by",
	"when", "if", "as", "at", "from", "be", "not", "will", "can", "have", "has", "into", "all", "but", "its",
)

// Sentence reports whether b is a sentence of prose: six words or more that end with
// a full stop, three of which only hold it together.
func Sentence(b []byte) bool {
	if len(b) < 20 || b[len(b)-1] != '.' || has(b, isDigit) || bytes.IndexByte(b, '\n') >= 0 {
		return false
	}
	words, function := 0, 0
	for len(b) > 0 {
		w := b
		if i := bytes.IndexByte(b, ' '); i >= 0 {
			w, b = b[:i], b[i+1:]
		} else {
			b = nil
		}
		words++
		if functionWords.has(w) {
			function++
		}
	}
	return words >= 6 && function >= 3
}

// Prose reports whether b is several words, none of which has a digit: what people
// write, not what a generator makes.
func Prose(b []byte) bool {
	return HasBlank(b) && !has(b, isDigit) && bytes.IndexByte(b, '=') < 0
}

// captionWords are what interfaces call the field of a secret.
var captionWords = newWordSet(
	"password", "passwords", "passwort", "kennwort", "passcode", "passphrase", "code", "codes", "key", "keys", "token", "tokens", "pin", "secret",
	"secrets", "number", "otp", "cvv", "cvc", "ssn", "credentials", "username", "email",
	"passe", "contraseña", "clave", "senha", "wachtwoord", "parola", "hasło", "lösenord", "adgangskode", "passord", "salasana", "heslo", "jelszó", "geheimnis",
	"sicherheitstoken", "sicherheitscode", "schlüssel", "jeton", "código", "codice", "clé", "chave",
)

// captionSigns are such words in scripts without capitals, and parts of some with them.
var captionSigns = [...]string{"密码", "密碼", "パスワード", "비밀번호", "コード", "验证码", "驗證碼", "Парол", "парол", "Код", "код", "Токен", "токен", "Κωδικός", "รหัสผ่าน", "كلمة", "סיסמ", "पासवर्ड"} //nolint:gosmopolitan // words of the world

// Caption reports whether b is the caption of a field for a secret: a few words, the
// first with a capital, one of which is the name of such a thing.
func Caption(b []byte) bool {
	if len(b) >= 3 && len(b) <= 96 && b[0] >= 0x80 {
		if has(b, isDigit|isAlpha) {
			return false
		}
		for _, w := range captionSigns {
			if bytes.Contains(b, []byte(w)) {
				return true
			}
		}
		return false
	}
	if len(b) < 3 || len(b) > 64 || class[b[0]]&isUpper == 0 || has(b, isDigit) || bytes.IndexByte(b, '=') >= 0 {
		return false
	}
	for len(b) > 0 {
		i := 0
		for i < len(b) && class[b[i]]&isBlank == 0 {
			i++
		}
		w := bytes.Trim(b[:i], ".,:?!…")
		if captionWords.has(w) {
			return true
		}
		b = bytes.TrimLeft(b[i:], " \t")
	}
	return false
}

// FieldName reports whether b is the name of a field for a secret, in small letters and
// two words at most: "password", "client-secret", "basic-auth". More are a phrase.
func FieldName(b []byte) bool {
	if len(b) > 40 || !all(b, isLower|isSplit) || bytes.ContainsAny(b, "/:,;@+|") {
		return false
	}
	at := bytes.LastIndexAny(b, "-_.")
	if at > 0 && bytes.ContainsAny(b[:at], "-_.") {
		return false
	}
	last := b[at+1:]
	return captionWords.has(last) || equalFold(last, "auth") || equalFold(last, "tls")
}

// remarkFirst begin what is said about a secret.
var remarkFirst = [...]string{"at", "see", "the", "a", "an", "is", "must", "should", "how", "why", "what", "your", "not", "only", "please", "enter", "choose",
	"min", "max", "minimum", "maximum", "length", "renamed", "required", "requires"}

// Remark reports whether b is a remark about a secret, not one: a few words, of which
// the first only leads to others ("at least 8 characters", "the basics", "see below"),
// or a short sentence ("make it empty.").
func Remark(b []byte) bool {
	if len(b) > 80 || bytes.IndexByte(b, '\n') >= 0 {
		return false
	}
	words, first, function := 0, false, false
	for rest := b; len(rest) > 0; {
		i := bytes.IndexByte(rest, ' ')
		if i < 0 {
			i = len(rest)
		}
		w := bytes.Trim(rest[:i], ".,;:!?()*'`")
		rest = bytes.TrimLeft(rest[i:], " ")
		if len(w) == 0 {
			continue
		}
		if words++; words == 1 {
			for _, f := range remarkFirst {
				first = first || equalFold(w, f)
			}
		}
		function = function || functionWords.has(w)
		if has(w, isDigit) && (len(w) > 2 || has(w, isAlpha)) {
			return false
		}
	}
	return first && words >= 2 && words <= 8 || function && words >= 3 && b[len(b)-1] == '.' && !has(b, isDigit)
}
