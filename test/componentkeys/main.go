// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Command componentkeys prints what the configuration of each component of
// otelcol-apispan may hold, which `apispan check` knows by heart (-write puts it
// there). It builds the Collector of manifest.yaml with testdata/dump in the place of
// its main function.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"

	"github.com/apispan/apispan/test/harness"
)

// table is the file of `apispan check`.
const table = "cmd/apispan/internal/check/components.txt"

func main() {
	write := flag.Bool("write", false, "write "+table+" instead of standard output")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *write)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "componentkeys:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, write bool) error {
	root, err := harness.FindRoot()
	if err != nil {
		return err
	}
	b := &harness.Builder{Root: root, Progress: func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }}
	collector, err := b.Collector(ctx, "manifest.yaml")
	if err != nil {
		return err
	}
	dump, err := build(ctx, root, filepath.Dir(collector))
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, dump).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("%w\n%s", err, exit.Stderr)
	}
	if err != nil {
		return err
	}
	if write {
		return os.WriteFile(filepath.Join(root, table), out, 0o644)
	}
	_, err = os.Stdout.Write(out)
	return err
}

// build compiles the generated Collector in dir with the other main function.
func build(ctx context.Context, root, dir string) (string, error) {
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {
		filepath.Join(dir, "main.go"):         filepath.Join(root, "test", "componentkeys", "testdata", "dump", "main.go"),
		filepath.Join(dir, "main_others.go"):  "",
		filepath.Join(dir, "main_windows.go"): "",
	}})
	if err != nil {
		return "", err
	}
	bin := filepath.Join(root, ".tmp", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", err
	}
	file := filepath.Join(bin, "componentkeys.json")
	if err := os.WriteFile(file, overlay, 0o644); err != nil {
		return "", err
	}
	out := filepath.Join(bin, "componentkeys-dump")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-overlay", file, "-o", out, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, text)
	}
	return out, nil
}
