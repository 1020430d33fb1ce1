// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"errors"
	"net/netip"
)

// MinKeyBytes is the shortest key that is accepted.
const MinKeyBytes = 32

// KeyConfig is one key. Exactly one of File, Env and Value is set.
type KeyConfig struct {
	// ID labels tokens: 1 to 32 of [A-Za-z0-9_-]. Empty = derived from the key.
	ID string
	// File is read at start and by Reload. One line end at its end is not part of
	// the key.
	File string
	// Env names an environment variable.
	Env string
	// Value is the key itself.
	Value string
}

// Config is the `hmac` section of a policy.
type Config struct {
	// Active is the ID of the key that makes new tokens. Empty = the first key.
	Active string
	Keys   []KeyConfig
}

// Keyring holds the keys of a policy. It is safe for concurrent use.
type Keyring struct{}

// New reads the keys. A key that is there but unusable (short, two keys with one
// id, bad id) is an error. A file or variable that is not there is not: the
// Keyring starts without that key, Status says so, and AppendToken returns false
// until Reload finds it.
func New(cfg Config) (*Keyring, error) { return nil, errors.New("token: not built yet") }

// Reload reads files and variables again. A key that has vanished or become
// unusable keeps its last good state and is reported in the error.
func (r *Keyring) Reload() (changed bool, err error) { return false, nil }

// Ready reports whether the active key is loaded.
func (r *Keyring) Ready() bool { return false }

// KeyStatus describes one key without its secret.
type KeyStatus struct {
	ID     string // empty while a derived id is not known
	Source string // "file NAME", "environment variable NAME" or "value"
	Active bool
	Loaded bool
}

// Status lists the keys in configuration order.
func (r *Keyring) Status() []KeyStatus { return nil }

// Token makes the token of value under the key kid, active or retired: to search
// for tokens that were made before a rotation. Empty kid = active key.
func (r *Keyring) Token(kid, scope string, value []byte) (string, error) { return "", nil }

// Decrypt opens what AppendEncrypted made, under any key of the ring.
func (r *Keyring) Decrypt(text string) ([]byte, error) { return nil, nil }

// State is the working memory of one goroutine for one Keyring.
type State struct{}

// NewState returns a State. It follows the Keyring's reloads by itself.
func (r *Keyring) NewState() *State { return &State{} }

// AppendToken appends `hmac:<kid>:<22 characters>`: the first 16 bytes of
// HMAC-SHA256(key, scope ‖ 0x00 ‖ value) in unpadded base64url. ok is false, and
// dst unchanged, if the active key is missing, value is empty, or scope contains
// a NUL. It does not allocate beyond dst.
func (s *State) AppendToken(dst []byte, scope string, value []byte) (out []byte, ok bool) {
	return dst, false
}

// AppendEncrypted appends `enc:<kid>:<base64url(nonce ‖ ciphertext ‖ tag)>`
// (AES-256-GCM, random 12-byte nonce, the label as associated data). ok is false,
// and dst unchanged, as for AppendToken and after 2^32 values under one key.
func (s *State) AppendEncrypted(dst []byte, value []byte) (out []byte, ok bool) {
	return dst, false
}

// ParseIP reads a client address as it stands in logs and headers: with port,
// brackets, quotes, zone, or as IPv4-mapped IPv6.
func ParseIP(text []byte) (netip.Addr, bool) { return netip.Addr{}, false }

// AppendIP appends the canonical text of an address, the one that tokens are
// made of: unmapped, lower case, compressed, without zone.
func AppendIP(dst []byte, a netip.Addr) []byte { return dst }

// TruncateIP keeps the first v4Bits of an IPv4 or v6Bits of an IPv6 address.
func TruncateIP(a netip.Addr, v4Bits, v6Bits int) netip.Addr { return a }
