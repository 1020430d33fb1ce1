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
	v, _, _ := bytes.Cut(src[start:min(len(src), start+256)], str("\n")) // a value may end at the first blank
	for _, w := range [...]string{"await ", "new ", "return "} {
		v = bytes.TrimPrefix(v, str(w))
	}
	n := 0
	for n < len(v) && identByte(v[n]) {
		n++
	}
	if n == 0 {
		return bytes.HasPrefix(v, str("{type: ")) || bytes.HasPrefix(v, str("{ type: ")) || bytes.HasPrefix(v, str("{$ref: "))
	}
	word, rest := v[:n], bytes.TrimLeft(v[n:], " \t\r")
	if v[0] == '$' && !environment(word) {
		return n > 1 && digitsOf(word) == 0 && graphqlText(src)
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
		if shape.TypeName(word) && next != '[' || (next == '!' || next == '<') && word[0] >= 'A' && word[0] <= 'Z' && digitsOf(word) == 0 && bytes.Contains(src, str("tring")) {
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
			return n <= 4 && next == '[' && fieldNumber(word, src)
		}
		return n > 2 && len(rest) == len(v)-n && (environment(word) || next == '(' && bytes.IndexByte(args, '"') < 0 && bytes.IndexByte(args, '\'') < 0)
	case ')':
		if shape.Flag(word) {
			return true
		}
		fallthrough
	case ';', ',', '}':
		last := key[bytes.LastIndexAny(key, " .$")+1:]
		return len(word) > 2 && bytes.EqualFold(word, last) || environment(word) || n <= 4 && next == ';' && fieldNumber(word, src)
	case 0:
		return environment(word)
	case '{': // a class with a state, in CSS
		return (key[0] == '.' || key[0] == '#') && digitsOf(word) == 0
	}
	return false
}

// fieldNumber reports whether a number is that of a field of a protocol buffer.
func fieldNumber(word, src []byte) bool {
	return shape.Digits(word) && bytes.Contains(src, str("message "))
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

// graphqlText reports whether a text has an operation of GraphQL.
func graphqlText(src []byte) bool {
	return bytes.Contains(src, str("query")) || bytes.Contains(src, str("mutation")) || bytes.Contains(src, str("subscription"))
}
