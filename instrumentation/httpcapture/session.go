// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"errors"
	"fmt"
	"net/http"

	"go.opentelemetry.io/otel/attribute"

	"github.com/apispan/apispan/internal/caller"
	"github.com/apispan/apispan/internal/httpattr"
)

// SessionSource is a way to show a credential, for WithSessionKey.
type SessionSource struct {
	way caller.Credential
	err error
}

// SessionFromBasic is HTTP Basic authentication: what follows the word Basic in
// Authorization, its blank included, as in Metlo's agents.
func SessionFromBasic() SessionSource { return sessionSource(caller.ByBasic, "") }

// SessionFromHeader is all of the value of a header field with a key or token.
func SessionFromHeader(name string) SessionSource { return sessionHeader(caller.ByHeader, name) }

// SessionFromJWT is SessionFromHeader for a field with a JSON Web Token.
func SessionFromJWT(header string) SessionSource { return sessionHeader(caller.ByJWT, header) }

// SessionFromCookie is the value of a cookie.
func SessionFromCookie(name string) SessionSource { return sessionSource(caller.ByCookie, name) }

// SessionFromAddress is the caller's address, for services without credentials: the
// one of client.address, so that X-Forwarded-For counts only behind a proxy of
// WithTrustedProxies.
func SessionFromAddress() SessionSource { return sessionSource(caller.ByAddress, "") }

func sessionSource(t caller.AuthType, name string) SessionSource {
	return SessionSource{way: caller.NewCredential(t, name)}
}

func sessionHeader(t caller.AuthType, name string) SessionSource {
	s := sessionSource(t, name)
	if !validFieldName(name) {
		s.err = fmt.Errorf("httpcapture: WithSessionKey: %q is not a header name", name)
	}
	return s
}

// minSessionKey is the least length of a key, in bytes.
const minSessionKey = 16

// WithSessionKey records a pseudonym of the caller's credential as
// apispan.session.key: standard base64 of HMAC-SHA256(key, credential), which is
// what Metlo's agents send. The first source that is there counts, and
// apispan.session.auth_type says which; if none is, that of the first stands alone.
// Credentials themselves are masked in header attributes as ever.
//
// Give 32 random bytes or more: with a key that can be guessed, so can credentials.
// Less than 16 bytes or none of the sources is an error, and nothing is recorded. The key
// is copied. Default: off. Servers only.
func WithSessionKey(key []byte, sources ...SessionSource) Option {
	secret := string(key)
	return opt(func(s *settings) {
		s.sessionKey = ""
		var errs []error
		switch {
		case secret == "":
			errs = append(errs, errors.New("httpcapture: WithSessionKey: the key is empty; give 32 random bytes or more"))
		case len(secret) < minSessionKey:
			errs = append(errs, fmt.Errorf("httpcapture: WithSessionKey: the key has %d bytes and could be guessed; give 32 random bytes or more", len(secret)))
		}
		if len(sources) == 0 {
			errs = append(errs, errors.New("httpcapture: WithSessionKey: there is no source; give for example SessionFromBasic()"))
		}
		for _, src := range sources {
			if src.err != nil {
				errs = append(errs, src.err)
			}
		}
		if len(errs) > 0 {
			s.errs = append(s.errs, errs...)
			return
		}
		s.sessionKey, s.sessionSources = secret, nil
		for _, src := range sources {
			s.sessionSources = append(s.sessionSources, src.way)
		}
	})
}

// session returns the attributes for the caller of r.
func (c *config) session(r *http.Request) []attribute.KeyValue {
	if c.sessionKey == "" || c.side != serverSide {
		return nil
	}
	pseudonym, authType, out := caller.Session(&request{c: c, r: r}, c.sessionKey, c.sessionSources)
	if out != caller.OK {
		c.drops.add(reasonIdentityCredential, 1)
	}
	var attrs []attribute.KeyValue
	if pseudonym != "" {
		attrs = append(attrs, attribute.String(httpattr.SessionKey, pseudonym))
	}
	if authType != "" {
		attrs = append(attrs, attribute.String(httpattr.SessionAuthType, string(authType)))
	}
	return attrs
}
