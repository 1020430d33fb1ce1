// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package inspect

import "strings"

// MaxName bounds each name that exchanges are counted by, in bytes.
const MaxName = 512

// Who says what tells callers apart.
type Who uint8

// The kinds of callers.
const (
	Anonymous Who = iota
	ByConsumer
	ByUser
	ByCompany
)

// WhoCalled is who called: the owner of the API key, else the user, else the company. What
// is masked is nobody, as it would be one for all who were masked.
func WhoCalled(x *Summary) (string, Who) {
	switch {
	case x.ConsumerID != "" && !IsMask(x.ConsumerID):
		return x.ConsumerID, ByConsumer
	case x.UserID != "" && !IsMask(x.UserID):
		return x.UserID, ByUser
	case x.CompanyID != "" && !IsMask(x.CompanyID):
		return x.CompanyID, ByCompany
	}
	return "", Anonymous
}

// IsMask reports whether a value is the text of a mask.
func IsMask(s string) bool {
	if s == "" || s[0] != '[' && s[0] != '*' { // nearly always
		return false
	}
	return strings.HasPrefix(s, "[REDACTED") && strings.HasSuffix(s, "]") || len(s) >= 3 && strings.Trim(s, "*") == ""
}

// IsToken reports whether a value is a pseudonym: hmac, the id of the key, 22 characters.
func IsToken(s string) bool {
	rest, ok := strings.CutPrefix(s, "hmac:")
	_, sum, found := strings.Cut(rest, ":")
	return ok && found && len(sum) == 22
}

// Route is the route of an exchange, and whether it was made of the path.
func Route(x *Summary) (route string, guessed bool) {
	if x.Route != "" {
		return x.Route, false
	}
	return string(appendGuess(nil, x.Outgoing, x.Host, x.Path)), true
}

func cut(s string) string { return s[:min(len(s), MaxName)] }

// appendGuess folds the ids of a path: /users/17/orders is /users/{id}/orders.
func appendGuess(b []byte, outgoing bool, host, path string) []byte {
	if outgoing && host != "" {
		b = append(b, cut(host)...)
	}
	path = cut(path)
	if i := strings.IndexByte(path, '?'); i >= 0 {
		path = path[:i]
	}
	for n := 0; path != ""; n++ {
		seg := strings.TrimPrefix(path, "/")
		path = ""
		if i := strings.IndexByte(seg, '/'); i >= 0 {
			seg, path = seg[:i], seg[i:]
		}
		b = append(b, '/')
		switch {
		case n == 12:
			return append(b, "…"...)
		case isID(seg):
			b = append(b, "{id}"...)
		default:
			b = append(b, seg...)
		}
	}
	if len(b) == 0 {
		b = append(b, '/')
	}
	return b
}

// isID reports whether a segment of a path is a value: digits, a UUID, a hash, something
// long or escaped, a mask or a token.
func isID(seg string) bool {
	if seg == "" {
		return false
	}
	digits, hex, letters := 0, 0, 0
	for i := range len(seg) {
		switch c := seg[i]; {
		case '0' <= c && c <= '9':
			digits++
			hex++
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			hex++
			letters++
		case 'g' <= c|0x20 && c|0x20 <= 'z':
			letters++
		case c == '-' || c == '_':
			hex++
		case c == '.':
		default:
			return true // @, %, :, [ and the like
		}
	}
	switch {
	case len(seg) <= 3 && (seg[0] == 'v' || seg[0] == 'V') && digits == len(seg)-1 && digits > 0:
		return false // a version
	case digits == len(seg), digits > 0 && letters == 0:
		return true
	case len(seg) >= 8 && hex == len(seg) && digits > 0:
		return true
	case digits >= 3 && digits*3 >= len(seg):
		return true
	}
	return len(seg) > 40 || digits >= 4
}
