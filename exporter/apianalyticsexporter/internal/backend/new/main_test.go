// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestScaffold makes a backend beside the others, without touching the checkout: what
// is written compiles and passes the suite as it is, and its golden files are stable.
func TestScaffold(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles")
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	files, err := backendFiles(root, "acme")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for name, text := range files {
		if !strings.HasSuffix(name, ".go") {
			continue
		}
		copied := filepath.Join(dir, strings.ReplaceAll(name, "/", "+"))
		if err := os.WriteFile(copied, text, 0o600); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[filepath.Join(root, name)] = copied
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, text, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(in, name string, args ...string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = in
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
	}
	run(root, "go", "build", "-overlay", list, ".")
	bin := filepath.Join(dir, "acme.test")
	run(root, "go", "test", "-c", "-vet=off", "-overlay", list, "-o", bin, "./internal/backend/acme")
	work := t.TempDir()
	run(work, bin, "-test.run", "Golden", "-update")
	run(work, bin)
}

func TestBadNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"": "is no name", "Acme": "is no name", "a-b": "is no name", "../x": "is no name", "moesif": "exists already",
	} {
		if _, err := backendFiles("../../..", name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
