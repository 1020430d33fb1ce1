// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package token holds the secret keys of a policy and makes what replaces a
// value under them: keyed pseudonyms (HMAC-SHA256) and ciphertexts
// (AES-256-GCM), each labelled with the id of its key. It also brings client
// addresses into canonical text and truncates them.
//
// Guarantees: keys are at least 32 bytes; only the active key makes new tokens;
// a key that is missing never lets a value pass (ok = false); no error contains
// a key or a value. The same key serves pseudonyms, ciphertexts and its own id
// through separate derivations.
//
// It does not watch files by itself: call Keyring.Reload.
package token
