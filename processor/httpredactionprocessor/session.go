// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/internal/caller"
	"github.com/apispan/apispan/internal/httpattr"
)

// SessionKeyConfig makes a pseudonym of the caller's credential: standard base64 of
// HMAC-SHA256(key, credential), as Metlo's agents send it (sessionMeta). Calls with
// one credential have one pseudonym; without the key nobody gets from it to the
// credential. Exactly one of Key and KeyFile must be set.
type SessionKeyConfig struct {
	// Key is the HMAC key, its bytes as they are. Metlo calls it ENCRYPTION_KEY and
	// takes any string; 32 random bytes or more are what keeps credentials from
	// being guessed.
	Key configopaque.String `mapstructure:"key"`
	// KeyFile is a file with the key; a line break at its end is not part of it. It
	// is read again at key_reload_interval.
	KeyFile string `mapstructure:"key_file"`
	// Sources are where a credential may be; the first that is there counts.
	Sources []SessionSourceConfig `mapstructure:"sources"`
}

// SessionSourceConfig is one way to show a credential. Exactly one field is set.
type SessionSourceConfig struct {
	// Basic is HTTP Basic authentication: what follows the word Basic in
	// Authorization, its blank included, as in Metlo's agents.
	Basic bool `mapstructure:"basic"`
	// Header is a request header field with a key or token: all of its value.
	Header string `mapstructure:"header"`
	// JWT is a request header field with a JSON Web Token: all of its value.
	JWT string `mapstructure:"jwt"`
	// Cookie is a request cookie.
	Cookie string `mapstructure:"cookie"`
	// Address is the caller's address, for services without credentials:
	// client.address, else that of the peer. It stands alone.
	Address bool `mapstructure:"address"`
}

// sessionKeys makes pseudonyms. All methods may be called on nil.
type sessionKeys struct {
	file string
	key  atomic.Pointer[string] // nil: missing
	ways []caller.Credential
}

// newSessionKeys checks and compiles the configuration; nil if there is none.
// Errors hold no key material. A file is read later, by reload.
func newSessionKeys(c *SessionKeyConfig) (*sessionKeys, error) {
	if c == nil {
		return nil, nil //nolint:nilnil // no pseudonyms is a valid answer
	}
	var errs []error
	s := &sessionKeys{file: c.KeyFile}
	switch key := string(c.Key); {
	case key == "" && c.KeyFile == "":
		errs = append(errs, errors.New("session_key.key: is empty; write ${env:NAME} and set that variable, or use key_file; make one with: openssl rand -base64 32"))
	case key != "" && c.KeyFile != "":
		errs = append(errs, errors.New("session_key: key and key_file are set; keep exactly one"))
	case key != "":
		s.key.Store(&key)
	}
	if len(c.Sources) == 0 {
		errs = append(errs, errors.New("session_key.sources: is empty; add a list such as [{basic: true}, {header: x-api-key}]"))
	}
	for i, source := range c.Sources {
		way, err := source.compile()
		if err == nil && source.Address && len(c.Sources) > 1 {
			err = errors.New("address stands for services without credentials; remove it or the others")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("session_key.sources[%d]: %w", i, err))
			continue
		}
		s.ways = append(s.ways, way)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	// A file that is not there yet is no error at start: it is reported, and read
	// as soon as it is.
	_ = s.reload()
	return s, nil
}

func (c SessionSourceConfig) compile() (caller.Credential, error) {
	var all []caller.Credential
	add := func(is bool, t caller.AuthType, name string) {
		if is {
			all = append(all, caller.NewCredential(t, name))
		}
	}
	add(c.Basic, caller.ByBasic, "")
	add(c.Header != "", caller.ByHeader, c.Header)
	add(c.JWT != "", caller.ByJWT, c.JWT)
	add(c.Cookie != "", caller.ByCookie, c.Cookie)
	add(c.Address, caller.ByAddress, "")
	if len(all) != 1 {
		return caller.Credential{}, fmt.Errorf("has %d sources; set exactly one of basic, header, jwt, cookie, address", len(all))
	}
	return all[0], nil
}

// secret returns the key of pseudonyms, "" if there is none.
func (s *sessionKeys) secret() string {
	if s == nil {
		return ""
	}
	if key := s.key.Load(); key != nil {
		return *key
	}
	return ""
}

func (s *sessionKeys) fromFile() bool { return s != nil && s.file != "" }

// missing reports whether pseudonyms are asked for and cannot be made.
func (s *sessionKeys) missing() bool { return s != nil && s.key.Load() == nil }

// reload reads the key file again. After an error the key stays as it was.
func (s *sessionKeys) reload() error {
	if !s.fromFile() {
		return nil
	}
	b, err := os.ReadFile(s.file)
	if err != nil {
		return fmt.Errorf("session_key.key_file: %w", err)
	}
	key := strings.TrimRight(string(b), "\r\n")
	if key == "" {
		return fmt.Errorf("session_key.key_file: %s is empty", s.file)
	}
	s.key.Store(&key)
	return nil
}

// session returns the pseudonym of the caller of a SERVER span, and how the
// credential was shown. It reads the attributes before the policy does; the result
// is set afterwards, by putSession, so that no rule takes it for a credential.
func (w *walker) session(kind ptrace.SpanKind, attrs pcommon.Map) (pseudonym, authType string) {
	s := w.r.sessions
	if s == nil || w.r.strip || kind != ptrace.SpanKindServer {
		return "", ""
	}
	for _, k := range []string{httpattr.SessionKey, httpattr.SessionAuthType} {
		if _, ok := attrs.Get(k); ok {
			return "", "" // made nearer to the application
		}
	}
	pseudonym, t, out := caller.Session(w.request(attrs), s.secret(), s.ways)
	switch out {
	case caller.NoKey:
		w.tally.fail(failure{"no_key", "session_key"}, 1)
	case caller.Masked:
		w.tally.fail(failure{"unsupported", "session_key"}, 1)
	}
	return pseudonym, string(t)
}

// sound reports whether v is what session makes: then it comes from there, or from
// the wrapper in the application, and stays. Policies mask keys with "session" in
// their name, and a pseudonym that is masked is good for nothing. Anything else
// under these keys is a value like any other.
func sound(key string, v pcommon.Value) bool {
	if v.Type() != pcommon.ValueTypeStr {
		return false
	}
	s := v.Str()
	if key == httpattr.SessionAuthType {
		return caller.IsAuthType(s)
	}
	return caller.IsPseudonym(s)
}

// putSession sets what session has found.
func putSession(attrs pcommon.Map, pseudonym, authType string) {
	if pseudonym != "" {
		attrs.PutStr(httpattr.SessionKey, pseudonym)
	}
	if authType != "" {
		attrs.PutStr(httpattr.SessionAuthType, authType)
	}
}
