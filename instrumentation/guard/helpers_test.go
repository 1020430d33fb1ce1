// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"encoding/json"
	"reflect"
	"testing"
)

func equal[T any](t *testing.T, want, got T, about ...any) {
	t.Helper()
	if !reflect.DeepEqual(want, got) {
		t.Errorf("got %#v, want %#v %v", got, want, about)
	}
}

func checkf(t *testing.T, ok bool, format string, args ...any) {
	t.Helper()
	if !ok {
		t.Errorf(format, args...)
	}
}

func noError(t testing.TB, err error, about ...any) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v %v", err, about)
	}
}

func sameJSON(t *testing.T, want, got string) {
	t.Helper()
	var a, b any
	noError(t, json.Unmarshal([]byte(want), &a))
	if err := json.Unmarshal([]byte(got), &b); err != nil {
		t.Errorf("%q: %v", got, err)
		return
	}
	equal(t, a, b)
}
