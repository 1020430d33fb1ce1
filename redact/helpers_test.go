// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
)

// In tests a defect is not hidden by failing closed.
func init() {
	inTests = func(problem any) {
		if problem != plantedDefect {
			panic(problem)
		}
	}
}

// plantedDefect is what TestPanic panics with.
const plantedDefect = "planted defect"

// refToken is the token format in its simplest form.
func refToken(key []byte, scope, value string) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(scope + "\x00" + value))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:16])
}
