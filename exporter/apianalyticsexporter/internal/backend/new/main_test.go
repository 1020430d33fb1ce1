// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	// What one backend takes: its folder, the registry, the README, and a generated list.
	var outside []string
	for name := range files {
		if !strings.HasPrefix(name, "internal/backend/acme/") {
			outside = append(outside, name)
		}
	}
	slices.Sort(outside)
	if want := []string{"README.md", "backends.go", "internal/backend/vendors/vendors.go"}; !slices.Equal(outside, want) {
		t.Errorf("outside of its folder a backend touches %q, want %q", outside, want)
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

	// An encoder that drops everything is found, although its golden files say so.
	event := overlay.Replace[filepath.Join(root, "internal/backend/acme/event.go")]
	text = files["internal/backend/acme/event.go"]
	drops := bytes.Replace(text, []byte("exchange.Exchange) ([]byte, backend.Drop) {\n"),
		[]byte("exchange.Exchange) ([]byte, backend.Drop) {\n\tif ex.Status >= 0 {\n\t\treturn dst, backend.DropMethod\n\t}\n"), 1)
	if bytes.Equal(drops, text) {
		t.Fatal("the template's Append is declared otherwise")
	}
	if err := os.WriteFile(event, drops, 0o600); err != nil {
		t.Fatal(err)
	}
	run(root, "go", "test", "-c", "-vet=off", "-overlay", list, "-o", bin, "./internal/backend/acme")
	cmd := exec.Command(bin, "-test.run", "Golden", "-update")
	cmd.Dir = t.TempDir()
	if out, err := cmd.CombinedOutput(); err == nil || !bytes.Contains(out, []byte("cases become an event, want two thirds")) {
		t.Errorf("an encoder that drops everything: %v\n%s", err, out)
	}
}

// TestVendorsAreGenerated: the list of the vendors' sides is that of the registry.
func TestVendorsAreGenerated(t *testing.T) {
	t.Parallel()
	files := make(map[string][]byte)
	if err := addVendors("../../..", files); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile("../vendors/vendors.go"); err != nil || !bytes.Equal(got, files[vendors]) {
		t.Errorf("vendors.go is not that of the registry (%v): go run ./internal/backend/new -vendors", err)
	}
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
