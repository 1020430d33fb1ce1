// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// TestNestedMetadata: text that is a JSON object or array arrives as one; all other text
// stays what it is.
func TestNestedMetadata(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		`{"a":{"b":1,"n":null},"c":[1.5,true,null,"x"]}`: map[string]any{"a": map[string]any{"b": int64(1)}, "c": []any{1.5, true, "x"}},
		`[]`:                          []any{},
		`{"big":9223372036854775808}`: `{"big":9223372036854775808}`,
		`{"a":1} {"b":2}`:             `{"a":1} {"b":2}`,
		`{"a":1`:                      `{"a":1`,
		`17`:                          `17`,
		`"x"`:                         `"x"`,
		`[x]`:                         `[x]`,
		``:                            ``,
	} {
		got, ok := metadataValue(pcommon.NewValueStr(text), 0)
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}
