// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// MinKeyBytes is the shortest key that is accepted, the output size of SHA-256
// (RFC 2104 section 3).
const MinKeyBytes = 32

// maxKeyBytes bounds what is read from a key file.
const maxKeyBytes = 4096

// Key is one key of a Config. Exactly one of File, Env, Value and Source is set.
type Key struct {
	// ID labels tokens: 1 to 32 of [A-Za-z0-9_-]. Empty = derived from the key, so
	// that a wrong key cannot carry a right label.
	ID string
	// File is read at start and by Reload. One line end at its end is not part of
	// the key.
	File string
	// Env names an environment variable.
	Env string
	// Value is the key itself.
	Value []byte
	// Source names a source of the host's, see Keyring.SetSource.
	Source string
}

// Config is the `hmac` section of a policy.
type Config struct {
	// Active is the ID of the key that makes new tokens. Empty = the first key.
	Active string
	Keys   []Key
	// Rotate, if not zero, derives a new key from the active one (HKDF-SHA256)
	// for each period of this length since the Unix epoch; the id becomes
	// `<id>-<period>`. At least one hour, in whole seconds.
	Rotate time.Duration
}

// errMissing marks a source that is not there, as against one that is unusable.
var errMissing = errors.New("missing")

func (k Key) source() string {
	switch {
	case k.File != "":
		return fmt.Sprintf("file %q", k.File)
	case k.Env != "":
		return fmt.Sprintf("environment variable %q", k.Env)
	case k.Source != "":
		return fmt.Sprintf("source %q", k.Source)
	default:
		return "value"
	}
}

// name is how errors call the i-th key.
func (k Key) name(i int) string {
	if k.ID != "" {
		return fmt.Sprintf("key %q", k.ID)
	}
	return fmt.Sprintf("keys[%d]", i)
}

func (k Key) validate(i int) error {
	n := 0
	for _, set := range [...]bool{k.File != "", k.Env != "", len(k.Value) > 0, k.Source != ""} {
		if set {
			n++
		}
	}
	if n != 1 {
		return fmt.Errorf("token: %s: %d sources, need exactly one of file, env, value, source", k.name(i), n)
	}
	if k.ID != "" && !validID(k.ID) {
		return fmt.Errorf("token: keys[%d]: id %q: use 1 to 32 of A-Z a-z 0-9 _ -", i, k.ID)
	}
	return nil
}

func validID(id string) bool {
	if id == "" || len(id) > 32 {
		return false
	}
	for _, c := range []byte(id) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

// read returns the secret; source is the host's. The error is errMissing if there is
// none to be had.
func (k Key) read(i int, source func(name string) []byte) ([]byte, error) {
	var b []byte
	switch {
	case k.File != "":
		f, err := os.Open(k.File)
		if err == nil {
			b, err = io.ReadAll(io.LimitReader(f, maxKeyBytes+1))
			_ = f.Close()
		}
		if err != nil {
			reason := "cannot be read"
			switch {
			case errors.Is(err, fs.ErrNotExist):
				reason = "does not exist"
			case errors.Is(err, fs.ErrPermission):
				reason = "is not readable for this process"
			}
			return nil, fmt.Errorf("token: %s: %s %s: %w", k.name(i), k.source(), reason, errMissing)
		}
		if len(b) > maxKeyBytes {
			return nil, fmt.Errorf("token: %s: %s is longer than %d bytes, so it is not a key", k.name(i), k.source(), maxKeyBytes)
		}
		b = bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
	case k.Env != "":
		b = []byte(os.Getenv(k.Env))
	case k.Source != "":
		if source != nil {
			b = bytes.Clone(source(k.Source))
		}
		if len(b) == 0 {
			return nil, fmt.Errorf("token: %s: %s has no key yet: %w", k.name(i), k.source(), errMissing)
		}
		if len(b) > maxKeyBytes {
			return nil, fmt.Errorf("token: %s: %s gives more than %d bytes, so it is not a key", k.name(i), k.source(), maxKeyBytes)
		}
	default:
		b = bytes.Clone(k.Value)
	}
	if len(b) == 0 {
		return nil, fmt.Errorf("token: %s: %s is empty or not set: %w", k.name(i), k.source(), errMissing)
	}
	if len(b) < MinKeyBytes {
		return nil, fmt.Errorf("token: %s: %s has %d bytes, need at least %d; make one with: openssl rand -base64 32",
			k.name(i), k.source(), len(b), MinKeyBytes)
	}
	return b, nil
}
