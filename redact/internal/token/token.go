// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"strings"
)

const (
	prefixToken   = "hmac:"
	prefixEncrypt = "enc:v1:"
	tokenBytes    = 16 // of the HMAC; 22 characters
)

// Hasher makes tokens for one goroutine. It follows reloads and rotation of its
// Keyring by itself.
type Hasher struct {
	ring *Keyring
	sec  *secret // what mac was made for
	mac  hash.Hash
	sum  [sha256.Size]byte
	zero [1]byte
}

// NewHasher returns a Hasher. A nil Keyring gives one that makes nothing.
func (r *Keyring) NewHasher() *Hasher { return &Hasher{ring: r} }

// active returns the secret in force, with mac set up for it.
func (h *Hasher) active() *secret {
	if h.ring == nil {
		return nil
	}
	sec := h.ring.snapshot().active
	if sec != h.sec {
		h.sec, h.mac = sec, nil
		if sec != nil {
			h.mac = hmac.New(sha256.New, sec.key)
		}
	}
	return sec
}

// AppendToken appends `hmac:<kid>:<22 characters>`: the first 16 bytes of
// HMAC-SHA256(key, scope ‖ 0x00 ‖ value) in unpadded base64url. ok is false, and
// dst unchanged, if the active key is missing, value is empty, or scope contains
// a NUL. It does not allocate beyond dst.
func (h *Hasher) AppendToken(dst, scope, value []byte) (out []byte, ok bool) {
	sec := h.active()
	if sec == nil || len(value) == 0 || bytes.IndexByte(scope, 0) >= 0 {
		return dst, false
	}
	h.mac.Reset()
	if len(scope) > 0 {
		h.mac.Write(scope)
	}
	h.mac.Write(h.zero[:])
	h.mac.Write(value)
	h.mac.Sum(h.sum[:0])
	dst = append(dst, prefixToken...)
	dst = append(dst, sec.kid...)
	dst = append(dst, ':')
	return base64.RawURLEncoding.AppendEncode(dst, h.sum[:tokenBytes]), true
}

// AppendEncrypted appends `enc:v1:<kid>:<base64url(nonce ‖ ciphertext ‖ tag)>`:
// AES-256-GCM with a random 12-byte nonce and the label before it as associated
// data. ok is false, and dst unchanged, if the active key is missing, value is
// empty, or 2^32 values were encrypted under the key by this process.
func (h *Hasher) AppendEncrypted(dst, value []byte) (out []byte, ok bool) {
	sec := h.active()
	if sec == nil || len(value) == 0 || sec.sealed.Add(1) > maxSealed {
		return dst, false
	}
	m := len(dst)
	dst = append(dst, prefixEncrypt...)
	dst = append(dst, sec.kid...)
	dst = append(dst, ':')
	sealed := sec.aead.Seal(nil, nil, value, dst[m:])
	return base64.RawURLEncoding.AppendEncode(dst, sealed), true
}

// Token makes the token of value under the key kid, active or retired: to search
// for tokens that were made before a rotation. Empty kid = active key.
func (r *Keyring) Token(kid, scope string, value []byte) (string, error) {
	sec, err := r.find(kid)
	if err != nil {
		return "", err
	}
	if len(value) == 0 {
		return "", errors.New("token: the value is empty; empty values are never tokenised")
	}
	if strings.IndexByte(scope, 0) >= 0 {
		return "", errors.New("token: a scope must not contain a NUL")
	}
	mac := hmac.New(sha256.New, sec.key)
	mac.Write([]byte(scope + "\x00"))
	mac.Write(value)
	return prefixToken + sec.kid + ":" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:tokenBytes]), nil
}

// Decrypt opens what AppendEncrypted made, under the key that its label names.
func (r *Keyring) Decrypt(text string) ([]byte, error) {
	rest, ok := strings.CutPrefix(text, prefixEncrypt)
	kid, data, ok2 := strings.Cut(rest, ":")
	if !ok || !ok2 {
		return nil, errors.New("token: not an encrypted value, which begins with enc:v1: and the id of its key")
	}
	sealed, err := base64.RawURLEncoding.DecodeString(data)
	if err != nil {
		return nil, errors.New("token: the encrypted value is damaged: not base64url")
	}
	sec, err := r.find(kid)
	if err != nil {
		return nil, err
	}
	plain, err := sec.aead.Open(nil, nil, sealed, []byte(text[:len(text)-len(data)]))
	if err != nil {
		return nil, errors.New("token: cannot decrypt: wrong key under this id, or the value was changed")
	}
	return plain, nil
}
