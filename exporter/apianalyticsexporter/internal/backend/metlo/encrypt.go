// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package metlo

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strconv"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
)

// The format is that of Metlo's agent (ingestors/rust-common/src/send_trace.rs): a
// new AES-256-GCM key for each trace, wrapped with RSA-OAEP (SHA-256); each value
// encrypted by itself, its tag behind the ciphertext; the nonces in generatedIvs as
// lists of numbers, under the place of the value and, for lists, the ciphertext.
const (
	keyBytes   = 32
	minRSABits = 2048
)

// wrapper makes a key for each trace. It is immutable.
type wrapper struct {
	public *rsa.PublicKey
}

// newWrapper reads a public key. Errors hold nothing of it.
func newWrapper(text string) (*wrapper, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, errors.New(`is no public key in PEM: it must begin with "-----BEGIN PUBLIC KEY-----"`)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, errors.New("is damaged: copy it again")
	}
	public, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("is no RSA key: Metlo wraps keys with RSA-OAEP")
	}
	if bits := public.N.BitLen(); bits < minRSABits {
		return nil, fmt.Errorf("has %d bits: use a key of at least %d", bits, minRSABits)
	}
	w := &wrapper{public: public}
	if _, err := w.newSealer(); err != nil {
		return nil, errors.New("cannot be used: " + err.Error())
	}
	return w, nil
}

// sealer encrypts the values of one trace.
type sealer struct {
	aead    cipher.AEAD
	wrapped string
	nonces  []nonce
}

type nonce struct {
	name  string
	value []byte
}

func (w *wrapper) newSealer() (*sealer, error) {
	key := make([]byte, keyBytes)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, w.public, key, nil)
	if err != nil {
		return nil, err
	}
	return &sealer{aead: aead, wrapped: base64.StdEncoding.EncodeToString(wrapped)}, nil
}

// append appends s encrypted as a JSON string and keeps its nonce. The values of a
// list are told apart by their ciphertext.
func (s *sealer) append(dst []byte, place, text string) []byte {
	iv := make([]byte, s.aead.NonceSize())
	_, _ = rand.Read(iv) // never fails (crypto/rand)
	sealed := base64.StdEncoding.EncodeToString(s.aead.Seal(nil, iv, []byte(text), nil))
	name := place
	if place != "reqBody" && place != "resBody" {
		name += "." + sealed
	}
	s.nonces = append(s.nonces, nonce{name, iv})
	return wire.AppendString(dst, sealed)
}

// appendMember appends the member encryption.
func (s *sealer) appendMember(dst []byte) []byte {
	dst = append(dst, `,"encryption":{"key":"`...)
	dst = append(dst, s.wrapped...)
	dst = append(dst, `","generatedIvs":{`...)
	for i, n := range s.nonces {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = wire.AppendString(dst, n.name)
		dst = append(dst, ":["...)
		for j, b := range n.value {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = strconv.AppendUint(dst, uint64(b), 10)
		}
		dst = append(dst, ']')
	}
	return append(dst, '}', '}')
}
