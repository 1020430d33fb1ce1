// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/shape"
)

// inert reports whether what stands behind a key in a text, at src[start:end], is
// code that says where a secret comes from, or the type of a field, and not a secret:
// `token = await fetchToken(user);`, `password: String!`, `key = process.env.KEY`,
// `login(password: $password)`.
func inert(src, key []byte, start, end int) bool {
	if start >= end || start > 0 && (src[start-1] == '"' || src[start-1] == '\'' || src[start-1] == '`') {
		return false
	}
	if plainlyNot(src, start) {
		return false
	}
	v, _, _ := bytes.Cut(src[start:min(len(src), start+256)], str("\n")) // a value may end at the first blank
	for _, w := range [...]string{"await ", "new ", "return "} {
		v = bytes.TrimPrefix(v, str(w))
	}
	n := 0
	for n < len(v) && identByte(v[n]) {
		n++
	}
	if n == 0 {
		if i := bytes.IndexByte(v, '>'); i > 0 && v[0] == '<' && v[1]|0x20 >= 'a' && shape.Placeholder(v[:i+1]) { // <your password>
			return i+1 == len(v) || bytes.IndexByte(str("`'\".,;)\r"), v[i+1]) >= 0
		}
		return bytes.HasPrefix(v, str("{ version")) || bytes.HasPrefix(v, str("{type: ")) || bytes.HasPrefix(v, str("{ type: ")) || bytes.HasPrefix(v, str("{$ref: "))
	}
	if n == 1 && bytes.HasPrefix(v, str("$(")) && bytes.IndexByte(v, ')') > 0 { // $(cat token)
		return true
	}
	word, rest := v[:n], bytes.TrimLeft(v[n:], " \t\r")
	if v[0] == '$' && !environment(word) {
		return n > 1 && digitsOf(word) == 0 && (says(src, start, "query") || says(src, start, "mutation") || says(src, start, "subscription"))
	}
	var next byte // behind the word
	if len(rest) > 0 {
		next = rest[0]
	}
	switch next {
	case '!', '?', ';', ')', ',', '|', '>', ']', '[', '=', '<', '@':
		if bytes.ContainsAny(rest, "\"'`") && next == '=' {
			return false // const key: string = 'S'
		}
		if shape.TypeName(word) && next != '[' || (next == '!' || next == '<') && word[0] >= 'A' && word[0] <= 'Z' && digitsOf(word) == 0 && says(src, start, "tring") {
			return true
		}
	}
	switch next {
	case '(', '[':
		args := rest
		if i := bytes.IndexByte(args, ')'); i > 0 {
			args = args[:i]
		} else if next == '(' {
			return false
		}
		if word[0]-'0' < 10 {
			return n <= 4 && next == '[' && shape.Digits(word) && says(src, start, "message ") // the field of a protocol buffer
		}
		return n > 2 && len(rest) == len(v)-n && (environment(word) || next == '(' && lookup(word) || next == '(' && bytes.IndexByte(args, '"') < 0 && bytes.IndexByte(args, '\'') < 0)
	case ')':
		if shape.Flag(word) {
			return true
		}
		fallthrough
	case ';', ',', '}':
		last := key[bytes.LastIndexAny(key, " .$")+1:]
		return len(word) > 2 && bytes.EqualFold(word, last) || environment(word) || n <= 4 && next == ';' && shape.Digits(word) && says(src, start, "message ")
	case 0:
		return environment(word)
	case '{': // a class with a state, in CSS
		return (key[0] == '.' || key[0] == '#') && digitsOf(word) == 0
	}
	return false
}

// plainlyNot reports whether the value at i is a word of which inert says no, by the
// next byte behind it.
func plainlyNot(src []byte, i int) bool {
	if src[i] == '$' {
		return false
	}
	end, limit := i, min(len(src), i+256)
	for end < limit && identBytes[src[end]] {
		end++
	}
	switch string(src[i:end]) {
	case "", "new", "await", "return":
		return false
	}
	for end < limit && (src[end] == ' ' || src[end] == '\t' || src[end] == '\r') {
		end++
	}
	return end < limit && !codeMark[src[end]]
}

// codeMark has what inert looks at behind a word.
var codeMark, identBytes = func() (marks, ident [256]bool) {
	for _, c := range []byte("!?;),|>[]=<@(}{\n") {
		marks[c] = true
	}
	for c := range ident {
		ident[c] = identByte(byte(c))
	}
	return marks, ident
}()

// lookup reports whether a word of code names a function that is given the name of a
// secret: credentials('deploy-token').
func lookup(word []byte) bool {
	for _, w := range [...]string{"credentials", "usernamePassword", "env", "getenv", "get_secret", "getSecret", "fetchSecret", "fetch_secret", "vault", "secret"} {
		if string(word) == w {
			return true
		}
	}
	return false
}

func identByte(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c == '.' || c == '$' || '0' <= c && c <= '9'
}

// environment reports whether a word of code names a place that secrets are read
// from.
func environment(word []byte) bool {
	if digitsOf(word) > 0 {
		return false
	}
	for _, w := range [...]string{
		"process.env", "os.environ", "os.getenv", "System.getenv", "getenv", "ENV", "Deno.env", "import.meta.env", "env", "secrets.", "vars.", "var.", "local.",
		"data.", "module.", "self.", "this.", "ctx.", "req.", "request.", "args.", "opts.", "options.", "props.", "state.", "config.", "settings.",
		"params.", "user.", "session.", "cfg.", "viper.", "config", "configuration", "Configuration", "settings", "$_POST", "$_GET",
	} {
		if bytes.HasPrefix(word, str(w)) && (len(word) > len(w) || w[len(w)-1] != '.') {
			return true
		}
	}
	for _, w := range [...]string{"Header.Get", "headers.get", "header", "Lookup", "lookup", "Param", "param", "Getenv", "prompt"} {
		if bytes.HasSuffix(word, str(w)) {
			return true
		}
	}
	return false
}

// sourceLine reports whether "key:value" is a line of a source file, as stack traces have
// it.
func sourceLine(key, value []byte) bool {
	if len(value) == 0 || value[0]-'0' > 9 {
		return false
	}
	i := bytes.LastIndexByte(key, '.')
	if i <= 0 || len(key)-i > 6 {
		return false
	}
	for _, w := range [...]string{"java", "kt", "scala", "go", "py", "rb", "js", "ts", "tsx", "jsx", "mjs", "cjs", "php", "cs", "rs", "swift", "c", "cc", "cpp", "h", "ex", "exs", "dart", "vue", "clj"} {
		if string(key[i+1:]) == w {
			return true
		}
	}
	return false
}

// told reports whether what stands behind a quoted word says that it is the name of
// something: secret "db" not found.
func told(rest []byte) bool {
	for _, w := range [...]string{" not found", " is forbidden", " already exists", " does not exist", " in namespace", " is invalid", " created", " deleted", " configured", " unchanged", " is not "} {
		if bytes.HasPrefix(rest, str(w)) {
			return true
		}
	}
	return false
}

// toldOf reports whether what stands at i says that something in quotes is not there, or
// the like: `volume "token" : secret "db-token" not found`.
func toldOf(src []byte, i int) bool {
	open := indexFrom(src[:min(len(src), i+32)], i, '"')
	if open <= i+2 || open+1 >= len(src) || src[open-1] != ' ' || !shape.Words(src[i:open-1]) {
		return false
	}
	end := indexFrom(src[:min(len(src), open+128)], open+1, '"')
	return end+1 < len(src) && src[end] == '"' && told(src[end+1:])
}

// says reports whether a text has a word, at its beginning or near a place. It looks
// no further, since it is asked at each key, and a text may have nothing but keys.
func says(src []byte, at int, word string) bool {
	const head, before, behind = 1 << 10, 2 << 10, 1 << 9
	return bytes.Contains(src[:min(len(src), head)], str(word)) ||
		bytes.Contains(src[max(0, at-before):min(len(src), at+behind)], str(word))
}

// serialized reads members as PHP serializes them: s:8:"password";s:4:"S3CR";
func (s *Scratch) serialized(src []byte, c ctx) {
	mark := str("\";s:")
	for pos := 0; pos < len(src); {
		i := bytes.Index(src[pos:], mark)
		if i < 0 {
			return
		}
		end := pos + i // of the name
		pos = end + len(mark)
		from := bytes.LastIndexByte(src[:end], '"') + 1
		start := pos
		for start < len(src) && src[start]-'0' < 10 {
			start++
		}
		if from == 0 || end-from > 64 || start+2 > len(src) || src[start] != ':' || start+1 < len(src) && src[start+1] != '"' {
			continue
		}
		start += 2
		stop := len(src)
		if k := bytes.Index(src[start:], str("\";")); k >= 0 {
			stop = start + k
		}
		vc := c
		vc.v = strongest(c.v, s.nameVerdict(c, src[from:end]))
		if vc.v.strong() && start < stop && !s.covered(start, stop) {
			s.textValue(src, start, stop, vc)
			pos = stop
		}
	}
}

// tuples reads pairs as Python prints them, and calls that are given a name and a value:
// [('password', 'S'), ...], setItem('token','S'), startswith(password,'S').
func (s *Scratch) tuples(src []byte, c ctx) {
	for i := 0; i+2 < len(src); i++ {
		j := bytes.IndexByte(src[i:], '(')
		if j < 0 {
			return
		}
		open := i + j
		if i = open + 1; i < len(src) && src[i] == ' ' { // define( 'name', 'S' )
			i++
		}
		if i >= len(src) {
			return
		}
		name, at := pairName(src, i, open)
		if len(name) == 0 || at >= len(src) || src[at] != ',' {
			continue
		}
		if at++; at < len(src) && src[at] == ' ' {
			at++
		}
		if at+1 >= len(src) || !quoteByte(src[at]) {
			continue
		}
		start := at + 1
		end := len(src)
		if src[at] == '"' {
			if n, _ := stringEnd(src, start); n >= 0 {
				end = n
			}
		} else if n := bytes.IndexByte(src[start:], '\''); n >= 0 {
			end = start + n
		}
		if end <= start {
			continue
		}
		vc := c
		vc.v = strongest(c.v, s.nameVerdict(c, name))
		if vc.v.strong() && !s.covered(start, end) {
			s.textValue(src, start, end, vc)
		}
		i = end
	}
}

// pairName is the name at i, in quotes, or without them if the function in front of the
// bracket compares a field; end is behind it.
func pairName(src []byte, i, open int) (name []byte, end int) {
	if quoteByte(src[i]) {
		n := bytes.IndexByte(src[i+1:min(len(src), i+1+64)], src[i])
		return src[i+1 : i+1+max(n, 0)], i + n + 2
	}
	if !compares(src[:open]) {
		return nil, i
	}
	for end = i; end < len(src) && end-i < 64 && (identByte(src[end]) || src[end] == '/'); {
		end++
	}
	return src[i+bytes.LastIndexByte(src[i:end], '/')+1 : end], end
}

// compares reports whether a text ends with a function of OData or SQL that is given a
// field and a value for it, or a key.
func compares(b []byte) bool {
	for _, f := range [...]string{"startswith", "endswith", "contains", "indexof", "matchespattern", "pgp_sym_encrypt", "pgp_sym_decrypt", "aes_encrypt", "aes_decrypt"} {
		if n := len(b) - len(f); n >= 0 && hasFold(b[n:], f) {
			return true
		}
	}
	return false
}
