// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"

	"github.com/apispan/apispan/internal/httpattr"
)

// SessionSource is a way to show a credential, for WithSessionKey.
type SessionSource struct {
	authType string // "": the address
	name     string
	err      error
}

// SessionFromBasic is HTTP Basic authentication: what follows the word Basic in
// Authorization, its blank included, as in Metlo's agents.
func SessionFromBasic() SessionSource { return SessionSource{authType: "basic"} }

// SessionFromHeader is all of the value of a header field with a key or token.
func SessionFromHeader(name string) SessionSource { return sessionHeader("header", name) }

// SessionFromJWT is SessionFromHeader for a field with a JSON Web Token.
func SessionFromJWT(header string) SessionSource { return sessionHeader("jwt", header) }

// SessionFromCookie is the value of a cookie.
func SessionFromCookie(name string) SessionSource {
	return SessionSource{authType: "session_cookie", name: name}
}

// SessionFromAddress is the caller's address, for services without credentials: the
// first of X-Forwarded-For, else the peer.
func SessionFromAddress() SessionSource { return SessionSource{} }

func sessionHeader(authType, name string) SessionSource {
	s := SessionSource{authType: authType, name: http.CanonicalHeaderKey(name)}
	if !validFieldName(name) {
		s.err = fmt.Errorf("httpcapture: WithSessionKey: %q is not a header name", name)
	}
	return s
}

// WithSessionKey records a pseudonym of the caller's credential as
// apispan.session.key: standard base64 of HMAC-SHA256(key, credential), which is
// what Metlo's agents send. The first source that is there counts, and
// apispan.session.auth_type says which; if none is, that of the first stands alone.
// Credentials themselves are masked in header attributes as ever.
//
// Give 32 random bytes or more: with a key that can be guessed, so can credentials.
// An empty key or none of the sources is an error, and nothing is recorded. The key
// is copied. Default: off. Servers only.
func WithSessionKey(key []byte, sources ...SessionSource) Option {
	key = append([]byte(nil), key...)
	return opt(func(s *settings) {
		s.sessionKey = nil
		var errs []error
		if len(key) == 0 {
			errs = append(errs, errors.New("httpcapture: WithSessionKey: the key is empty; give 32 random bytes or more"))
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
		s.sessionKey, s.sessionSources = key, sources
	})
}

// session returns the attributes for the caller of r.
func (c *config) session(r *http.Request) []attribute.KeyValue {
	if c.sessionKey == nil || c.side != serverSide {
		return nil
	}
	for _, src := range c.sessionSources {
		secret := src.read(r)
		if secret == "" {
			continue
		}
		mac := hmac.New(sha256.New, c.sessionKey)
		mac.Write([]byte(secret))
		out := []attribute.KeyValue{attribute.String(httpattr.SessionKey, base64.StdEncoding.EncodeToString(mac.Sum(nil)))}
		if src.authType != "" {
			out = append(out, attribute.String(httpattr.SessionAuthType, src.authType))
		}
		return out
	}
	if t := c.sessionSources[0].authType; t != "" {
		return []attribute.KeyValue{attribute.String(httpattr.SessionAuthType, t)}
	}
	return nil
}

func (s *SessionSource) read(r *http.Request) string {
	switch s.authType {
	case "basic":
		v := r.Header.Get("Authorization")
		if _, after, ok := strings.Cut(v, "Basic"); ok {
			return after
		}
		if n := len("basic"); len(v) > n && strings.EqualFold(v[:n], "basic") {
			return v[n:]
		}
		return ""
	case "header", "jwt":
		return r.Header.Get(s.name)
	case "session_cookie":
		if c, err := r.Cookie(s.name); err == nil {
			return c.Value
		}
		return ""
	}
	first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-For"), ",")
	if first = strings.TrimSpace(first); first != "" {
		return first
	}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}
