// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Programs that Build makes, by name: the package path below the root of the checkout.
const (
	Shop       = "examples/shop"
	Traffic    = "test/traffic"
	FakeVendor = "exporter/apianalyticsexporter/internal/backend/backendtest/fakevendor"
)

// BenchManifest is the manifest of collectorbench, as Collector takes it.
const BenchManifest = "../test/collectorbench/manifest.yaml"

// Builder makes the programs of one checkout.
type Builder struct {
	// Root is the directory of the root go.mod.
	Root string
	// Bin is where programs go. Default: Root/.tmp/bin.
	Bin string
	// Progress receives one line per step; nil means silence.
	Progress func(format string, args ...any)
}

// FindRoot walks up from the working directory to the root go.mod.
func FindRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(b, []byte("module github.com/apispan/apispan\n")) {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("harness: no go.mod of github.com/apispan/apispan above the working directory; run this in a checkout")
		}
		dir = parent
	}
}

func (b *Builder) bin() string {
	if b.Bin != "" {
		return b.Bin
	}
	return filepath.Join(b.Root, ".tmp", "bin")
}

func (b *Builder) progressf(format string, args ...any) {
	if b.Progress != nil {
		b.Progress(format, args...)
	}
}

// Program builds the main package below the root, in the module that holds it, and
// returns the binary's path.
func (b *Builder) Program(ctx context.Context, pkg string) (string, error) {
	out := filepath.Join(b.bin(), filepath.Base(pkg))
	b.progressf("building %s", pkg)
	dir := filepath.Join(b.Root, filepath.FromSlash(pkg))
	return out, b.run(ctx, dir, "go", "build", "-trimpath", "-o", out, ".")
}

// Collector builds otelcol-apispan from a manifest below collectorbuild/ and
// returns the binary's path. It does nothing if neither the manifest nor a source
// file has changed since the last build.
func (b *Builder) Collector(ctx context.Context, manifest string) (string, error) {
	path := filepath.Join(b.Root, "collectorbuild", manifest)
	out, err := outputPath(path)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(b.Root, out)
	binary := filepath.Join(dir, "otelcol-apispan")
	stamp := filepath.Join(dir, ".inputs")
	sum, err := b.inputs(path)
	if err != nil {
		return "", err
	}
	if old, err := os.ReadFile(stamp); err == nil && string(old) == sum {
		if _, err := os.Stat(binary); err == nil {
			b.progressf("collector is up to date (%s)", manifest)
			return binary, nil
		}
	}
	b.progressf("building otelcol-apispan from collectorbuild/%s: one to three minutes the first time, seconds after that", manifest)
	if _, err := b.Generate(ctx, manifest); err != nil {
		return "", err
	}
	return binary, os.WriteFile(stamp, []byte(sum), 0o644)
}

// Generate runs the builder on a manifest below collectorbuild/, with more arguments
// such as --skip-compilation, and returns the directory of what it made.
func (b *Builder) Generate(ctx context.Context, manifest string, args ...string) (string, error) {
	path := filepath.Join(b.Root, "collectorbuild", manifest)
	out, err := outputPath(path)
	if err != nil {
		return "", err
	}
	ocb, err := b.OCB(ctx)
	if err != nil {
		return "", err
	}
	// OCB makes the last directory of output_path only.
	dir := filepath.Join(b.Root, out)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return dir, b.run(ctx, b.Root, ocb, append([]string{"--config", path}, args...)...)
}

// OCB builds the OpenTelemetry Collector Builder and returns the binary's path.
func (b *Builder) OCB(ctx context.Context) (string, error) {
	ocb := filepath.Join(b.bin(), "builder")
	b.progressf("building the OpenTelemetry Collector Builder (pinned in internal/tools/go.mod)")
	return ocb, b.run(ctx, filepath.Join(b.Root, "internal", "tools"), "go", "build", "-trimpath", "-o", ocb,
		"go.opentelemetry.io/collector/cmd/builder")
}

// Broker builds the Kafka broker for tests, which is a module of its own.
func (b *Builder) Broker(ctx context.Context) (string, error) {
	out := filepath.Join(b.bin(), "kafkabroker")
	b.progressf("building test/kafkabroker")
	return out, b.run(ctx, filepath.Join(b.Root, "test", "kafkabroker"), "go", "build", "-trimpath", "-o", out, ".")
}

// outputPath reads dist.output_path, which the builder takes relative to the
// working directory (the root).
func outputPath(manifest string) (string, error) {
	text, err := os.ReadFile(manifest)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "output_path:"); ok {
			return strings.Trim(strings.TrimSpace(v), `"'`), nil
		}
	}
	return "", fmt.Errorf("harness: %s has no dist.output_path", filepath.Base(manifest))
}

// inputs hashes what the binary is made of: manifest, go.mod, go.sum and every
// Go and embedded file of the packages that it can contain.
func (b *Builder) inputs(manifest string) (string, error) {
	h := sha256.New()
	add := func(path string) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		fmt.Fprintln(h, path)
		_, err = io.Copy(h, f)
		return err
	}
	for _, p := range []string{manifest, "go.mod", "go.sum"} {
		if !filepath.IsAbs(p) {
			p = filepath.Join(b.Root, p)
		}
		if err := add(p); err != nil {
			return "", err
		}
	}
	for _, dir := range []string{"redact", "confmap", "processor", "exporter", "extension", "internal"} {
		err := filepath.WalkDir(filepath.Join(b.Root, dir), func(path string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return err
			case d.IsDir():
				if d.Name() == "testdata" || d.Name() == "bench" || d.Name() == "tools" {
					return filepath.SkipDir
				}
				return nil
			case strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, ".md"):
				return nil
			}
			return add(path)
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// run executes a build step; its output appears only in the error.
func (b *Builder) run(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	// A workspace or mode flag of the caller must not change what is built.
	// CGO_ENABLED=0 and -trimpath are what OCB compiles with: with other flags the
	// standard library and all that is shared would be compiled twice, which costs
	// a third of a cold build.
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, tail(out, 4000))
	}
	return nil
}

func tail(b []byte, n int) []byte {
	if len(b) > n {
		return append([]byte("…"), b[len(b)-n:]...)
	}
	return b
}
