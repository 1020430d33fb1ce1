// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/shape"
)

// Passwords without a digit, which a sentence tells like any other word: only what is
// surely none of the words that say something about a password.

// word1 reports whether v, which stands in quotes, is one word that may be a password.
func (f *finder) word1(v []byte) bool {
	return len(v) >= 4 && !shape.HasBlank(v) && !says(v) && !shape.Placeholder(v) && !shape.Flag(v) && bytes.IndexByte(v, '/') < 0
}

// letters reports whether the word src[start:e] is a password by the words around it:
// somebody's, at the end of the sentence, and nothing that is said of passwords. name
// is where the word for password starts.
func (f *finder) letters(name, start, e int) bool {
	src := f.src
	v := src[start:e]
	if len(v) < 6 || !all(v, chAlpha) || says(v) {
		return false
	}
	if f.account(name) || inner(v) {
		return true
	}
	if e < len(src) && src[e] > ' ' && src[e] != '.' && src[e] != ',' && src[e] != '!' && src[e] != '<' && src[e] != '"' || e+1 < len(src) && src[e] == ' ' {
		return false
	}
	if !hasFold(src, start-len("is "), "is ") && !hasFold(src, start-len("was "), "was ") && !hasFold(src, start-len("lautet "), "lautet ") &&
		!hasFold(src, start-len("ist "), "ist ") && !hasFold(src, start-len("est "), "est ") && !hasFold(src, start-len("es "), "es ") {
		return false
	}
	w := name
	for w > 0 && src[w-1] == ' ' {
		w--
	}
	i := f.wordBefore(w)
	return owners[string(bytes.ToLower(src[i:w]))]
}

// owners are words in front of "password" that say whose or which it is.
var owners = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range []string{
		"my", "your", "his", "her", "our", "their", "new", "old", "temporary", "temp", "initial", "default", "admin", "root", "guest", "wifi", "wi-fi",
		"master", "current", "account", "database", "db", "login", "vpn", "network", "ihr", "dein", "mein", "votre", "mon", "su", "tu", "mi", "le", "das", "la",
		"neues", "nouveau", "nueva",
	} {
		m[w] = true
	}
	return m
}()

// account reports whether "username NAME" of a router's configuration, or "enable",
// stands before the word at p.
func (f *finder) account(p int) bool {
	src := f.src
	if hasFold(src, p-len("enable "), "enable ") {
		return true
	}
	i := p
	for n := 0; n < 4 && i > 0 && src[i-1] == ' '; n++ { // username ada privilege 15 password
		e := i - 1
		i = f.wordBefore(e)
		if i == e {
			return false
		}
		if w := src[i:e]; n == 0 && len(w) <= 3 && (hasFold(w, 0, "or") || hasFold(w, 0, "and") || hasFold(w, 0, "nor")) {
			return false
		}
		if n > 0 && e-i == len("username") && hasFold(src, i, "username") {
			return i == 0 || src[i-1] == '\n' || src[i-1] == ' '
		}
	}
	return false
}

// router looks for what a router's configuration has behind the word for a secret, at
// p: a digit that tells how it is written, and it.
func (f *finder) router(p int, n *proseName) span {
	src := f.src
	if p+2 >= len(src) || !isDigit(src[p]) || src[p+1] != ' ' || n.digits < 6 {
		return none
	}
	start := p + 2
	e := start
	for e < len(src) && src[e] > ' ' && src[e] != '"' && src[e] != '<' && src[e] != '\\' && e-start < 130 {
		e++
	}
	v := src[start:e]
	if e == len(src) && f.cut {
		return span{start, e, detProse}
	}
	switch src[p] {
	case '7':
		if len(v) < 6 || len(v)%2 != 0 || !all(v, chHex) || !is(v[0], chDigit) || !is(v[1], chDigit) {
			return none
		}
	case '0':
		if len(v) < 4 || !all(v[:1], chAlnum) || f.unit(start-1) {
			return none
		}
	case '4', '5', '6', '8', '9':
		if len(v) < 16 {
			return none
		}
	default:
		return none
	}
	return span{start, e, detProse}
}

func all(v []byte, class uint16) bool {
	for _, c := range v {
		if !is(c, class) {
			return false
		}
	}
	return len(v) > 0
}

// inner reports whether a capital stands behind a small letter: CorrectHorse.
func inner(v []byte) bool {
	for i := 1; i < len(v); i++ {
		if is(v[i], chUpper) && is(v[i-1], chLower) {
			return true
		}
	}
	return false
}

// says reports whether v is a word that says something about a password: an adjective,
// a participle, an adverb.
func says(v []byte) bool {
	if len(v) > 24 {
		return false
	}
	low := string(bytes.ToLower(v))
	if saidWords[low] {
		return true
	}
	for _, s := range saidEnds {
		if len(low) > len(s)+1 && low[len(low)-len(s):] == s {
			return true
		}
	}
	return false
}

var saidEnds = [...]string{
	"ed", "ing", "ble", "ive", "ary", "ory", "ent", "ant", "ous", "ful", "less", "ly", "ic", "al", "ect", "ete", "lich", "iert", "eint", "isch", "ido", "ada", "ado", "oria", "orio", "cta", "cto", "iva", "ivo", "bile", "lich", "ée", "oire",
}

var saidWords = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range []string{
		"wrong", "weak", "strong", "short", "long", "blank", "empty", "missing", "secure", "insecure", "unsafe", "safe", "same", "different", "new", "old",
		"valid", "invalid", "unknown", "known", "hidden", "null", "none", "undefined", "true", "false", "plaintext", "cleartext", "secret", "below", "above",
		"here", "there", "fine", "okay", "good", "great", "everything", "nothing", "something", "anything", "this", "that", "easy", "hard", "simple", "complex",
		"unique", "yours", "mine", "public", "private", "stale", "overdue", "complete", "broken", "stolen", "forgotten", "gone", "lost", "stuck", "chosen",
		"given", "written", "taken", "shown", "sha", "bcrypt", "scrypt", "argon", "base", "string", "number", "boolean", "object", "array", "text", "field",
		"password", "username", "token", "email", "admin@", "continue", "proceed", "access", "login", "another", "yourself", "unchanged", "falsch", "richtig",
		"leer", "abgelaufen", "zurückgesetzt", "obligatoire", "incorrecta", "incorrecto", "correcta", "correcto", "trop", "demasiado", "required", "default",
	} {
		m[w] = true
	}
	return m
}()

// qualifiers may stand between the word for a secret and "is". Behind those with a
// number stand so many words of any kind: "of the router".
var qualifiers = map[string]int{
	"temporal": 0, "temporaire": 0, "provisoire": 0, "provisional": 0, "actual": 0, "nueva": 0, "nuevo": 0, "actuel": 0, "provisória": 0,
	"temporária": 0, "temporanea": 0, "inicial": 0, "initial": 0, "again": 0, "there": 0,
	"de": 2, "del": 1, "du": 1, "do": 1, "da": 1, "di": 1, "of": 2, "for": 3, "für": 2, "pour": 2, "para": 2, "per": 2, "on": 2,
}

func qualifier(w []byte) (more int, known bool) {
	var low [24]byte
	if qualifierLengths[lower(w[0])]>>len(w)&1 == 0 {
		return 0, false
	}
	for i, c := range w {
		low[i] = lower(c)
	}
	more, known = qualifiers[string(low[:len(w)])]
	return more, known
}

// qualifierLengths has the lengths of qualifiers, as bits, by their first letters.
var qualifierLengths = func() (t [256]uint32) {
	for w := range qualifiers {
		t[w[0]] |= 1 << len(w)
	}
	return t
}()

// qualified returns where the value starts behind "temporal es", "du compte est"; 0 if
// there is no such thing at p.
func (f *finder) qualified(p int) int {
	src, free := f.src, 0
	for n := range 6 {
		e := p
		for e < len(src) && e-p < 24 && (is(src[e], chAlnum|chDash) || src[e] >= 0x80) {
			e++
		}
		if n > 0 && e+1 < len(src) && src[e] == ':' && src[e+1] == ' ' {
			return e + 1
		}
		if e == p || e == len(src) || src[e] != ' ' {
			return 0
		}
		if w := src[p:e]; n > 0 && (codeWord(w) == wordIs || len(w) == 3 && hasFold(w, 0, "was") || hasFold(w, 0, "lautet")) {
			return e + 1
		}
		more, known := qualifier(src[p:e])
		switch {
		case known:
			free = more
		case free == 0:
			return 0
		default:
			free--
		}
		p = e + 1
	}
	return 0
}
