// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package caller

import "strings"

// AuthType is how a credential was shown, in Metlo's words.
type AuthType string

// The ways to show one. ByAddress is that of services without credentials.
const (
	ByBasic   AuthType = "basic"
	ByHeader  AuthType = "header"
	ByJWT     AuthType = "jwt"
	ByCookie  AuthType = "session_cookie"
	ByAddress AuthType = ""
)

// IsAuthType reports whether s is a way to show a credential.
func IsAuthType(s string) bool {
	switch AuthType(s) {
	case ByBasic, ByHeader, ByJWT, ByCookie:
		return true
	}
	return false
}

// Credential is a way to show a credential.
type Credential struct {
	Type AuthType
	name string
	n    Name
}

// NewCredential returns one. name is that of the field or cookie.
func NewCredential(t AuthType, name string) Credential {
	return Credential{Type: t, name: name, n: NewName(name)}
}

// read returns the credential as it was shown, all of it.
func (c *Credential) read(r Request) string {
	switch c.Type {
	case ByBasic:
		return afterBasic(first(r.Values(authorization)))
	case ByHeader, ByJWT:
		return first(r.Values(c.n))
	case ByCookie:
		return cookie(r, c.name)
	}
	return address(r.Address())
}

// afterBasic returns what follows the word Basic. The blank before the credential
// belongs to it: Metlo's agents leave it, and only so the pseudonyms are the same. The
// word is looked for in the middle, too, as they do.
func afterBasic(field string) string {
	if _, after, ok := strings.Cut(field, "Basic"); ok {
		return after
	}
	if n := len("basic"); len(field) > n && strings.EqualFold(field[:n], "basic") {
		return field[n:]
	}
	return ""
}

// Session returns the pseudonym of the first credential that is there, and how it
// was shown. If none is there, the first way to show one stands alone: none was
// shown. With any other outcome than OK both are empty: that one was shown and that
// none was would both be wrong.
func Session(r Request, key string, ways []Credential) (pseudonym string, t AuthType, out Outcome) {
	for i := range ways {
		secret := ways[i].read(r)
		switch {
		case secret == "":
			continue
		case key == "":
			return "", "", NoKey
		case strings.Contains(secret, mask):
			return "", "", Masked
		}
		return Pseudonym(key, secret), ways[i].Type, OK
	}
	if len(ways) == 0 {
		return "", "", OK
	}
	return "", ways[0].Type, OK
}
