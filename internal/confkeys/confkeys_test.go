// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package confkeys

import (
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type inner struct {
	Endpoint string `mapstructure:"endpoint"`
}

type root struct {
	inner `mapstructure:",squash"`

	Policy map[string]any `mapstructure:"policy"`
	Block  struct {
		Size int `mapstructure:"size"`
	} `mapstructure:"block"`
}

func TestUnknown(t *testing.T) {
	t.Parallel()
	s := Schema{
		Owner: "this component", Root: reflect.TypeFor[root](), Instead: map[string]map[string]string{"block": {"maxbody": "`size`"}},
		Blocks: map[string]reflect.Type{"block": reflect.TypeFor[root]().Field(2).Type},
	}
	for name, tc := range map[string]struct {
		raw  map[string]any
		want string
	}{
		"all known":       {map[string]any{"endpoint": "x", "policy": map[string]any{"free": 1}, "block": map[string]any{"size": 1, "enabled": false}}, ""},
		"a slip":          {map[string]any{"endpont": "x"}, "`endpont` is no key of this component: did you mean `endpoint`?"},
		"far away":        {map[string]any{"zzz": 1}, "`zzz` is no key of this component: known here are block, endpoint, policy"},
		"below":           {map[string]any{"block": map[string]any{"sizes": 1}}, "`block::sizes` is no key of this component: did you mean `block::size`?"},
		"misplaced":       {map[string]any{"block": map[string]any{"endpoint": "x"}}, "`block::endpoint` is no key of this component: it stands beside `block`, not in it"},
		"no block":        {map[string]any{"block": 3}, "`block` is no block of keys: write `block:` and its keys indented below"},
		"other spelling":  {map[string]any{"block": map[string]any{"SIZE": 1}}, "`block::SIZE` is no key of this component: did you mean `block::size`?"},
		"known elsewhere": {map[string]any{"block": map[string]any{"Max_Body": 1}}, "`block::Max_Body` is no key of this component: write `size`"},
		"beside":          {map[string]any{"maxBody": 1, "block": map[string]any{"size": 1}}, "`maxBody` is no key of this component: write `size`"},
		"beside nothing":  {map[string]any{"maxBody": 1}, "`maxBody` is no key of this component: known here are block, endpoint, policy"},
		"two": {map[string]any{"b": 1, "a": 1}, "`a` is no key of this component: known here are block, endpoint, policy\n" +
			"`b` is no key of this component: known here are block, endpoint, policy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if err := errors.Join(s.Unknown(tc.raw)...); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"deny", "allow", "application_id"}
	for in, want := range map[string]string{"denny": "deny", "aplicationid": "application_id", "x": "", "": "", "hmac": ""} {
		if got := Nearest(in, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", in, got, want)
		}
	}
}
