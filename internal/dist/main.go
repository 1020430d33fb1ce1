// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Command dist makes the files of a release, as `make dist VERSION=v1.2.3` does:
//
//	apispan_…, otelcol-apispan_…   archives for Linux, macOS and Windows
//	*.deb, *.rpm                   packages, with the systemd unit
//	otelcol-apispan_…_oci.tar      the container image, for all architectures of Linux
//	*.cdx.json                     what each binary is made of (CycloneDX)
//	checksums.txt                  SHA-256 of all of them
//
// The same commit makes the same bytes: times are those of the commit (or of
// SOURCE_DATE_EPOCH, in seconds), paths of the machine and its settings stay out.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"golang.org/x/mod/semver"
)

// platform is a GOOS and a GOARCH.
type platform struct{ os, arch string }

func (p platform) String() string { return p.os + "/" + p.arch }

// all that are released.
const allPlatforms = "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64,windows/arm64"

// release is one run.
type release struct {
	root, out string
	work      string // intermediate files
	version   string // v1.2.3
	time      time.Time
	platforms []platform
	progress  func(format string, args ...any)
}

// number is the version as file names and packages write it.
func (r *release) number() string { return strings.TrimPrefix(r.version, "v") }

func main() {
	version := flag.String("version", "", "`version` to release, such as v1.2.3")
	out := flag.String("out", "dist", "`directory` for the files, below the root of the checkout; it is emptied")
	platforms := flag.String("platforms", allPlatforms, "`list` of GOOS/GOARCH")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	r, err := newRelease(ctx, *version, *out, *platforms)
	if err == nil {
		err = r.make(ctx)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

func newRelease(ctx context.Context, version, out, platforms string) (*release, error) {
	text, err := output(ctx, ".", "go", "env", "GOMOD")
	if err != nil {
		return nil, err
	}
	root := filepath.Dir(filepath.Dir(filepath.Dir(text))) // internal/dist/go.mod
	if !filepath.IsAbs(out) {
		out = filepath.Join(root, out)
	}
	r := &release{root: root, out: out, version: version, work: filepath.Join(root, ".tmp", "dist")}
	r.progress = func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	if err := r.checkVersion(); err != nil {
		return nil, err
	}
	for p := range strings.SplitSeq(platforms, ",") {
		goos, arch, ok := strings.Cut(p, "/")
		if !ok || !slices.Contains(strings.Split(allPlatforms, ","), p) {
			return nil, fmt.Errorf("%q is no platform of a release: write some of %s", p, allPlatforms)
		}
		r.platforms = append(r.platforms, platform{goos, arch})
	}
	r.time, err = releaseTime(ctx, root)
	return r, err
}

// checkVersion compares the version with what the modules are released as.
func (r *release) checkVersion() error {
	if r.version == "" {
		return errors.New("no version: write VERSION=v1.2.3")
	}
	if !semver.IsValid(r.version) || strings.Count(r.version, ".") < 2 {
		return fmt.Errorf("VERSION=%s is no semantic version: write it as v1.2.3", r.version)
	}
	text, err := os.ReadFile(filepath.Join(r.root, "versions.yaml"))
	if err != nil {
		return err
	}
	var list struct {
		Sets map[string]struct{ Version string } `yaml:"module-sets"`
	}
	if err := yaml.Unmarshal(text, &list); err != nil {
		return fmt.Errorf("versions.yaml: %w", err)
	}
	// v1.2.3-rc.1 comes before v1.2.3, and is made of the same tree.
	base := strings.TrimSuffix(strings.TrimSuffix(r.version, semver.Build(r.version)), semver.Prerelease(r.version))
	if want := list.Sets["apispan"].Version; base != want {
		return fmt.Errorf("VERSION=%s, but versions.yaml says %s: raise it there first (RELEASE.md), or write VERSION=%s", r.version, want, want)
	}
	return nil
}

func releaseTime(ctx context.Context, root string) (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		var err error
		if text, err = output(ctx, root, "git", "log", "-1", "--format=%ct"); err != nil {
			return time.Time{}, fmt.Errorf("the time of the commit is not known: set SOURCE_DATE_EPOCH (seconds): %w", err)
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return time.Time{}, errors.New("SOURCE_DATE_EPOCH is no number of seconds")
	}
	return time.Unix(n, 0).UTC(), nil
}

// make makes everything.
func (r *release) make(ctx context.Context) error {
	for _, dir := range []string{r.out, r.work} {
		if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
			return err
		}
	}
	if err := r.generateCollector(ctx); err != nil {
		return err
	}
	completions, err := r.completions(ctx)
	if err != nil {
		return err
	}
	var images []imageInput
	for _, p := range r.platforms {
		for _, product := range []product{apispan, collector} {
			b, err := r.build(ctx, product, p)
			if err != nil {
				return err
			}
			if err := r.sbom(b); err != nil {
				return fmt.Errorf("SBOM of %s: %w", b.file, err)
			}
			contents, err := r.contents(b, completions)
			if err != nil {
				return err
			}
			if err := r.archive(b, contents); err != nil {
				return err
			}
			if p.os != "linux" {
				continue
			}
			if err := r.packages(b, contents); err != nil {
				return err
			}
			if product == collector {
				images = append(images, imageInput{p, b.file})
			}
		}
	}
	if len(images) > 0 {
		if err := r.image(images); err != nil {
			return fmt.Errorf("image: %w", err)
		}
	}
	return r.checksums()
}

// checksums writes checksums.txt, as sha256sum -c reads it.
func (r *release) checksums() error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, e := range entries {
		f, err := os.Open(filepath.Join(r.out, e.Name()))
		if err != nil {
			return err
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", h.Sum(nil), e.Name())
	}
	r.progress("%d files in %s", len(entries)+1, r.out)
	return os.WriteFile(filepath.Join(r.out, "checksums.txt"), []byte(b.String()), 0o644)
}

// output runs a program and returns what it prints, without the line end.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}
