// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// SharedCases returns the exchanges that every backend encodes, by name.
func SharedCases(t testing.TB) map[string]*exchange.Exchange {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(sharedDir(t), "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no shared cases: %v", err)
	}
	cases := make(map[string]*exchange.Exchange, len(files))
	for _, file := range files {
		ex, err := LoadExchange(file)
		if err != nil {
			t.Fatal(err)
		}
		cases[strings.TrimSuffix(filepath.Base(file), ".json")] = ex
	}
	return cases
}

// sharedDir returns the directory of the shared cases. Tests of other packages
// need it, and their working directory is elsewhere.
func sharedDir(t testing.TB) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("no caller information")
	}
	dir := filepath.Join(filepath.Dir(file), "testdata")
	if _, err := os.Stat(dir); err != nil { // built with -trimpath: from backend/<name>
		dir = filepath.Join("..", "backendtest", "testdata")
	}
	return dir
}

// Golden compares what a backend makes of every case with testdata/<case>/want.json
// of its package, or rewrites those files if update is set.
//
// The cases are the shared ones and testdata/<case>/exchange.json. The block is what
// config returns, with the fields of testdata/<case>/settings.json, if there is one.
func Golden(t *testing.T, update bool, vendor Vendor, config func() backend.Config) {
	t.Helper()
	cases := SharedCases(t)
	own, err := filepath.Glob(filepath.Join("testdata", "*", "exchange.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range own {
		name := filepath.Base(filepath.Dir(file))
		if cases[name] != nil {
			t.Fatalf("case %s is shared; choose another name", name)
		}
		if cases[name], err = LoadExchange(file); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { keptShare(t, len(cases)) })
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, update, vendor, filepath.Join("testdata", name), cases[name], config())
		})
	}
	wants, err := filepath.Glob(filepath.Join("testdata", "*", "want.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range wants {
		if name := filepath.Base(filepath.Dir(file)); cases[name] == nil {
			t.Errorf("%s belongs to no case; delete it", file)
		}
	}
}

func golden(t *testing.T, update bool, vendor Vendor, dir string, ex *exchange.Exchange, config backend.Config) {
	settings, err := os.ReadFile(filepath.Join(dir, "settings.json"))
	if errors.Is(err, fs.ErrNotExist) {
		settings, err = []byte("{}"), nil
	}
	if err == nil {
		dec := json.NewDecoder(bytes.NewReader(settings))
		dec.DisallowUnknownFields()
		err = dec.Decode(config)
	}
	if err != nil {
		t.Fatal(err)
	}
	enc, err := config.NewEncoder(backend.Build{})
	if err != nil {
		t.Fatal(err)
	}
	vendor.complete(t, enc)
	out, drop := enc.Append(nil, ex)
	if drop != backend.Keep {
		out, _ = json.Marshal(map[string]backend.Drop{"drop": drop})
	} else {
		for _, problem := range vendor.Check(out) {
			t.Error(problem)
		}
	}
	var got bytes.Buffer
	// Indent keeps order, numbers and escapes, so the file shows every byte
	// but white space.
	if err := json.Indent(&got, out, "", "  "); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	got.WriteByte('\n')
	file := filepath.Join(dir, "want.json")
	if update {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; run the test with -update and review the file", err)
	}
	if line, g, w := firstDifference(got.Bytes(), want); line > 0 {
		t.Errorf("%s differs at line %d:\n got %s\nwant %s", file, line, g, w)
	}
}

// keptShare: a golden file may well say that its exchange is dropped, but not most of
// them, or an encoder that drops everything would only have to be run with -update.
func keptShare(t *testing.T, cases int) {
	t.Helper()
	if t.Failed() {
		return
	}
	wants, err := filepath.Glob(filepath.Join("testdata", "*", "want.json"))
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for _, file := range wants {
		if want, err := os.ReadFile(file); err == nil && !bytes.HasPrefix(want, []byte("{\n  \"drop\":")) {
			kept++
		}
	}
	if kept < cases*2/3 {
		t.Errorf("only %d of %d cases become an event, want two thirds: is Append right to drop the others?", kept, cases)
	}
}

// firstDifference returns the number of the first line that differs, or 0.
func firstDifference(got, want []byte) (line int, g, w string) {
	gots, wants := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	if slices.Equal(gots, wants) {
		return 0, "", ""
	}
	for i := range max(len(gots), len(wants)) {
		g, w = "<end>", "<end>"
		if i < len(gots) {
			g = gots[i]
		}
		if i < len(wants) {
			w = wants[i]
		}
		if g != w {
			return i + 1, g, w
		}
	}
	return 0, "", ""
}
