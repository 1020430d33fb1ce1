// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package shape

import (
	"math/rand/v2"
	"testing"
)

// TestSolid looks for a solid word that is something else all the same.
func TestSolid(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	pieces := []string{"a", "x", "X", "1", "12", "1234", "-", "_", "int32", "string", "id", "uuid", "undefined", "must", "xxxx", "page", "hidden", "null", "T10", "row", "arn", "BTC", "Token", "password", "2026", "01", "Mon", "Z", "?", ".", " ", "*"}
	solid := 0
	for range 200_000 {
		var b []byte
		for range 1 + r.IntN(6) {
			b = append(b, pieces[r.IntN(len(pieces))]...)
		}
		if !Solid(b) {
			continue
		}
		solid++
		if Ordinary(b) != Position(b) || DateTime(b) || Symbol(b) || Words(b) || Caption(b) || FieldName(b) || URL(b) || Digits(b) || b[len(b)-1] == '?' || Scheme(b[:len(b)-1]) && b[len(b)-1] == ' ' || Flag(b) || Tail(b) || Placeholder(b) || TypeName(b) || Message(b) || Sentence(b) {
			t.Fatalf("%s is solid, but has another meaning", b)
		}
	}
	if solid < 10_000 {
		t.Errorf("%d words are solid", solid)
	}
}
