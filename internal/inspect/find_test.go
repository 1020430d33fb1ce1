// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package inspect_test

import (
	"strings"
	"testing"

	"github.com/apispan/apispan/internal/inspect"
	"github.com/apispan/apispan/internal/inspect/inspecttest"
)

type id string

func (i id) String() string { return string(i) }

func TestFind(t *testing.T) {
	t.Parallel()
	want := &inspecttest.Recorder{}
	all := map[id]any{"api_inspector": want, "health_check": struct{}{}}
	if got, err := inspect.Find(all, "api_inspector", "`inspector`"); err != nil || got != inspect.Sink(want) {
		t.Errorf("Find: %v, %v", got, err)
	}
	for name, part := range map[id]string{"api_inspector/2": "service::extensions", "health_check": "is no inspector"} {
		_, err := inspect.Find(all, name, "`inspector`")
		if err == nil || !strings.Contains(err.Error(), part) || !strings.Contains(err.Error(), "`inspector` names "+string(name)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
