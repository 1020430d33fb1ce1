// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backend

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/apispan/apispan/internal/jsonfind"
)

// BatchID returns 32 hexadecimal digits that are the same each time the same items are sent
// in one request, in the same order. It goes by their ids, see [Spec.IDPath]; an item without
// one counts as a whole.
func BatchID(idPath []string, items [][]byte) string {
	h := sha256.New()
	first := []byte(`{"` + strings.Join(idPath, `":{"`) + `":"`)
	for _, item := range items {
		// Encoders begin with the id, so that nothing else has to be read.
		if rest, ok := bytes.CutPrefix(item, first); ok {
			item, _, _ = bytes.Cut(rest, []byte{'"'})
		} else if m, ok := jsonfind.Find(string(item), idPath); ok && len(idPath) > 0 {
			item = bytes.Trim(item[m.ValueStart:m.ValueEnd], `"`)
		}
		_, _ = h.Write(item)
		_, _ = h.Write([]byte{'\n'})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
