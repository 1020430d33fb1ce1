// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Sound returns a golden item of a backend, compact, for tests of the vendor's side.
func Sound(t testing.TB, backend, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(sharedDir(t), "..", "..", backend, "testdata", name, "want.json"))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := json.Compact(&b, data); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Replace returns the item with old, which it has to contain, replaced.
func Replace(t testing.TB, item []byte, old, repl string) []byte {
	t.Helper()
	if !bytes.Contains(item, []byte(old)) {
		t.Fatalf("the sound event does not contain %s", old)
	}
	return bytes.Replace(item, []byte(old), []byte(repl), 1)
}

// FindsViolations makes each change to a sound item, and wants a check to say so: what
// is replaced, by what, and a part of what the check says. A rule that is never seen
// failing may check nothing.
func FindsViolations(t *testing.T, check func(event []byte) []string, item []byte, changes [][3]string) {
	t.Helper()
	if problems := check(item); len(problems) > 0 {
		t.Fatalf("the sound event: %q", problems)
	}
	for _, c := range changes {
		FindsViolation(t, check, Replace(t, item, c[0], c[1]), c[1], c[2])
	}
}

// FindsViolation wants a check to find a problem with an event; what names the event.
func FindsViolation(t *testing.T, check func(event []byte) []string, event []byte, what, want string) {
	t.Helper()
	problems := check(event)
	if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, want) }) {
		t.Errorf("with %.60s: found %q, want one with %q", what, problems, want)
	}
}
