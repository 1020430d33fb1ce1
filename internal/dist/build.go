// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/mod/module"
)

// product is a program that is released.
type product string

const (
	apispan   product = "apispan"
	collector product = "otelcol-apispan"
)

// binary is a product for one platform.
type binary struct {
	product
	platform

	file string
}

// name is that of the binary's archive, without extension.
func (r *release) name(b binary) string {
	return fmt.Sprintf("%s_%s_%s_%s", b.product, r.number(), b.os, b.arch)
}

// generated is where the builder puts the Collector's source. Its depth is that of
// the manifest's own output path: replaces are relative to it.
const generated = "collectorbuild/_build_dist"

// generateCollector makes the source of the Collector, with the version in it.
func (r *release) generateCollector(ctx context.Context) error {
	text, err := os.ReadFile(filepath.Join(r.root, "collectorbuild/manifest.yaml"))
	if err != nil {
		return err
	}
	var manifest map[string]any
	if err := yaml.Unmarshal(text, &manifest); err != nil {
		return fmt.Errorf("collectorbuild/manifest.yaml: %w", err)
	}
	dist, _ := manifest["dist"].(map[string]any)
	if dist == nil {
		return fmt.Errorf("collectorbuild/manifest.yaml has no dist")
	}
	dist["version"], dist["output_path"] = r.number(), generated
	if text, err = yaml.Marshal(manifest); err != nil {
		return err
	}
	file := filepath.Join(r.work, "manifest.yaml")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return err
	}
	builder := filepath.Join(r.work, "builder")
	r.progress("generating otelcol-apispan %s", r.number())
	if err := r.run(ctx, filepath.Join(r.root, "internal/tools"), nil, "go", "build", "-trimpath", "-o", builder, "go.opentelemetry.io/collector/cmd/builder"); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(r.root, generated), 0o755); err != nil {
		return err
	}
	return r.run(ctx, r.root, nil, builder, "--skip-compilation", "--config", file)
}

// build compiles a product.
func (r *release) build(ctx context.Context, p product, on platform) (binary, error) {
	b := binary{product: p, platform: on}
	b.file = filepath.Join(r.work, r.name(b), string(p))
	if on.os == "windows" {
		b.file += ".exe"
	}
	dir, pkg, flags := r.root, "./cmd/apispan", "-s -w -X main.version="+r.version
	if p == collector {
		dir, pkg, flags = filepath.Join(r.root, generated), ".", "-s -w"
	}
	r.progress("building %s for %s", p, on)
	// The commit is in no binary: the version is, and an archive of the source has none.
	return b, r.run(ctx, dir, []string{"GOOS=" + on.os, "GOARCH=" + on.arch},
		"go", "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", b.file, pkg)
}

// run runs a build step with settings that are the same on every machine. Its output
// appears in the error only.
func (r *release) run(ctx context.Context, dir string, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=", "GOEXPERIMENT=", "GOAMD64=v1", "GOARM64=v8.0")
	cmd.Env = append(cmd.Env, env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return nil
}

// completions are the scripts for shells, by name.
func (r *release) completions(ctx context.Context) (map[string][]byte, error) {
	b, err := r.build(ctx, apispan, platform{runtime.GOOS, runtime.GOARCH})
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		text, err := output(ctx, r.work, b.file, "completion", shell)
		if err != nil {
			return nil, fmt.Errorf("completion %s: %w", shell, err)
		}
		all[shell] = []byte(text + "\n")
	}
	return all, nil
}

// licenses returns the licence texts of everything that a binary is made of: most of
// them ask that they go with it.
func (r *release) licenses(file string) ([]byte, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil, err
	}
	cache, err := output(context.Background(), r.root, "go", "env", "GOMODCACHE")
	if err != nil {
		return nil, err
	}
	goroot, err := output(context.Background(), r.root, "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	add := func(name, dir string) error {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		found := false
		for _, e := range entries {
			upper := strings.ToUpper(e.Name())
			if e.IsDir() || !slices.ContainsFunc([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE", "PATENTS"}, func(p string) bool { return strings.HasPrefix(upper, p) }) {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return err
			}
			found = true
			fmt.Fprintf(&out, "%s\n%s: %s\n%[1]s\n\n%s\n\n", strings.Repeat("=", 80), name, e.Name(), bytes.TrimSpace(text))
		}
		if !found {
			fmt.Fprintf(&out, "%s\n%s has no licence file in its module\n%[1]s\n\n", strings.Repeat("=", 80), name)
		}
		return nil
	}
	if err := add("Go standard library "+info.GoVersion, goroot); err != nil {
		return nil, err
	}
	for _, m := range info.Deps {
		if strings.HasPrefix(m.Path, "github.com/apispan/apispan") {
			continue // LICENSE
		}
		if m.Replace != nil {
			m = m.Replace
		}
		path, err := module.EscapePath(m.Path)
		if err != nil {
			return nil, err
		}
		version, err := module.EscapeVersion(m.Version)
		if err != nil {
			return nil, err
		}
		if err := add(m.Path+" "+m.Version, filepath.Join(cache, filepath.FromSlash(path)+"@"+version)); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}
