// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package shape

import (
	"bytes"
	"strings"
)

// Forms that are known and no secret.

// Tail reports whether b is a number of which marks leave the last digits: ****6789,
// XXXX-XXXX-XXXX-1234.
func Tail(b []byte) bool {
	n := 0
	for n < len(b) && n < 4 && class[b[len(b)-1-n]]&isDigit != 0 {
		n++
	}
	marks := 0
	for rest := b[:len(b)-n]; len(rest) > 0; {
		switch {
		case rest[0] == '*' || rest[0] == 'X' || rest[0] == 'x':
			marks++
			rest = rest[1:]
		case rest[0] == '-' || rest[0] == ' ' || rest[0] == '.':
			rest = rest[1:]
		case bytes.HasPrefix(rest, []byte("•")) || bytes.HasPrefix(rest, []byte("●")):
			marks++
			rest = rest[len("•"):]
		default:
			return false
		}
	}
	return marks >= 2 && n > 0
}

// Placeholder reports whether b stands for a value that is not there: (hidden),
// <token>, ${TOKEN}, {{token}}, %s.
func Placeholder(b []byte) bool {
	if len(b) < 2 || len(b) > 64 {
		return false
	}
	open, end := b[0], b[len(b)-1]
	switch {
	case open == '(' && end == ')', open == '<' && end == '>':
		return all(b[1:len(b)-1], isAlpha|isSplit|isBlank)
	case open == '$' && end == '}' && b[1] == '{':
		return all(b[2:len(b)-1], isAlpha|isDigit|isSplit|isBlank) || b[2] == '{'
	case open == '{' && end == '}':
		return b[1] == '{' || all(b[1:len(b)-1], isAlpha|isSplit)
	}
	if open == '$' && (end == ')' && b[1] == '(' || all(b[1:], isUpper|isDigit|isSplit) && class[b[1]]&isUpper != 0 && bytes.IndexByte(b, '_') > 0) {
		return true // $(cat file), $API_TOKEN
	}
	return len(b) == 2 && open == '%' && (end == 's' || end == 'v' || end == 'd' || end == 'q')
}

// plainWords are values of settings about secrets: permissions, units.
var plainWords = newWordSet(
	"read", "write", "readonly", "read-only", "read_only", "read-write", "readwrite", "admin:read", "hours", "minutes", "seconds", "days",
	"hidden", "include", "omit", "same-origin", "enabled", "disabled", "inherit", "inherited", "default", "automatic", "manual", "client-secret", "client_secret_basic", "client_secret_post",
)

// Ordinary reports whether b is of a form that no secret has although it is no word of
// prose: the name of a resource, a version, a permission.
func Ordinary(b []byte) bool {
	switch {
	case len(b) == 0:
		return true
	case bytes.HasPrefix(b, []byte("arn:")) && bytes.Count(b, []byte{':'}) >= 4, bytes.HasPrefix(b, []byte("#/")):
		return true
	case version(b), filePath(b), Position(b):
		return true
	}
	return plainWords.has(b)
}

// positions are words that a number follows which says how far one has read.
var positions = newWordSet("page", "cursor", "offset", "next", "prev", "previous", "item", "row", "step", "part", "batch", "chunk", "index", "position")

// Position reports whether b is the place of something in a list: page-2, row_1200.
func Position(b []byte) bool {
	n := len(b)
	for n > 0 && class[b[n-1]]&isDigit != 0 {
		n--
	}
	if n == len(b) || len(b)-n > 7 || n < 4 || n > 10 {
		return false
	}
	return class[b[n-1]]&isSplit != 0 && positions.has(b[:n-1])
}

// filePath reports whether b is the path of a file.
func filePath(b []byte) bool {
	return (b[0] == '/' || len(b) > 2 && (b[0] == '.' || b[0] == '~') && b[1] == '/') && bytes.Count(b, []byte{'/'}) >= 1 &&
		(bytes.Count(b, []byte{'/'}) >= 2 || bytes.LastIndexByte(b, '.') > 1) && all(b, isAlpha|isDigit|isSplit) && !Random(b)
}

// version reports whether b is a version of three numbers, or a range of them.
func version(b []byte) bool {
	if len(b) > 0 && class[b[0]]&isDigit == 0 {
		b = bytes.TrimLeft(b, "^~v>=<")
	}
	return len(b) >= 5 && len(b) <= 16 && bytes.Count(b, []byte{'.'}) == 2 && all(b, isDigit|isSplit) && class[b[0]]&isDigit != 0
}

// Range reports whether b is a version with a sign in front that only ranges of
// versions have: ^1.2.3, ~1.2.3.
func Range(b []byte) bool { return len(b) > 5 && (b[0] == '^' || b[0] == '~') && version(b) }

// Slug reports whether b is words in small letters with a small number or a year at an
// end, joined as in the names of pages: agenda-day-1, 2026-spring.
func Slug(b []byte) bool {
	if len(b) > 40 {
		return false
	}
	first, last := 0, len(b)-1
	for first < len(b) && b[first] != '-' && b[first] != '_' {
		first++
	}
	if first == 0 || first == len(b) {
		return false
	}
	for b[last] != '-' && b[last] != '_' {
		last--
	}
	number, words := b[last+1:], b[:last]
	if !Digits(number) {
		number, words = b[:first], b[first+1:]
	}
	year := len(number) == 4 && (number[0] == '1' && number[1] == '9' || number[0] == '2' && number[1] == '0')
	return Digits(number) && (len(number) <= 2 || year) && len(words) >= 3 && all(words, isLower|isSplit) && !bytes.ContainsAny(words, ".:/,;@+|")
}

// UUID reports whether b is a UUID.
func UUID(b []byte) bool {
	return len(b) == 36 && b[8] == '-' && b[13] == '-' && b[18] == '-' && b[23] == '-' && all(b, isHex|isSplit)
}

// ordinary reports whether b is a thing of a well-known form that is longer than a
// word and no secret: a MIME type, a colour, an address of a chain, a masked
// number, a placeholder.
func ordinary(b []byte) bool {
	switch {
	case b[0] == '#' && len(b) <= 9 && all(b[1:], isHex): // a colour
		return true
	case len(b) == 42 && b[0] == '0' && b[1]|32 == 'x' && all(b[2:], isHex): // an account of Ethereum
		return true
	case b[0] == '0' && len(b) > 1 && b[1] == 'x' && len(b) <= 18 && all(b[2:], isHex): // a number
		return true
	case b[len(b)-1] == ')' && bytes.IndexByte(b, '(') > 0: // transfer(address,uint256)
		return true
	case integrity(b), issue(b), bytes.HasPrefix(b, []byte("arn:aws")), bytes.HasPrefix(b, []byte("did:")), bytes.HasPrefix(b, []byte("#/")):
		return true
	case Masked(b), bytes.HasSuffix(b, []byte("SHA256")), bytes.HasSuffix(b, []byte("SHA1")), bytes.HasSuffix(b, []byte("SHA384")):
		return true
	}
	return false
}

// integrity reports whether b is the hash of a file as packages and pages have it:
// sha512-<base64>.
func integrity(b []byte) bool {
	return len(b) > 30 && b[0] == 's' && b[1] == 'h' && b[2] == 'a' && class[b[3]]&isDigit != 0 && (b[4] == '-' || b[6] == '-')
}

// issue reports whether b is the key of an issue in a tracker: PROJ-123.
func issue(b []byte) bool {
	i := bytes.IndexByte(b, '-')
	return i >= 2 && i <= 10 && all(b[:i], isUpper) && len(b)-i <= 7 && Digits(b[i+1:])
}

// Masked reports whether all of b is marks that stand for what was taken out.
func Masked(b []byte) bool {
	for len(b) > 0 {
		switch {
		case b[0] == '*' || b[0] == '.' || b[0] == '-' || b[0] == ' ':
			b = b[1:]
		case bytes.HasPrefix(b, []byte("•")):
			b = b[len("•"):]
		case bytes.HasPrefix(b, []byte("●")):
			b = b[len("●"):]
		default:
			return false
		}
	}
	return true
}

// Flag reports whether b is a text that stands for true, false or no value.
func Flag(b []byte) bool {
	switch len(b) {
	case 0:
		return true
	case 2, 3, 4, 5, 9:
	default:
		return Masked(b)
	}
	switch b[0] | 0x20 {
	case 't', 'f', 'n', 'y', 'o', 'u':
	default:
		return Masked(b)
	}
	for _, w := range [...]string{"true", "false", "null", "none", "nil", "yes", "no", "on", "off", "n/a", "undefined"} {
		if equalFold(b, w) {
			return true
		}
	}
	return Masked(b)
}

// typeNames are what schemas and type systems call the type of a text.
var typeNames = newWordSet(
	"string", "str", "integer", "int", "int32", "int64", "number", "boolean", "bool", "object", "array", "float", "double", "bytes",
	"any", "unknown", "never", "void", "required", "optional", "nullable", "secretstr", "varchar", "uuid", "date", "datetime", "id",
)

// TypeName reports whether b is a type: `String!`, `[ID!]`, `string | null`,
// `string?`, `varchar(255)`.
func TypeName(b []byte) bool {
	if len(b) > 48 {
		return false
	}
	found := false
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case class[c]&isAlpha != 0:
			j := i
			for j < len(b) && class[b[j]]&(isAlpha|isDigit) != 0 {
				j++
			}
			switch {
			case typeNames.has(b[i:j]):
				found = true
			case !equalFold(b[i:j], "null") && !equalFold(b[i:j], "undefined"):
				return false
			}
			i = j
		case strings.IndexByte("!?[]|() ,<>{};", c) >= 0 || class[c]&isDigit != 0 && found:
			i++
		default:
			return false
		}
	}
	return found
}
