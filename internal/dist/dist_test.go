// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/blakesmith/ar"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// run makes a release for one platform in a directory of its own.
func run(t *testing.T, at string) (*release, map[string][]byte) {
	t.Helper()
	t.Setenv("SOURCE_DATE_EPOCH", at)
	r, err := newRelease(t.Context(), currentVersion(t), filepath.Join(t.TempDir(), "out"), "linux/"+runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	r.work, r.progress = filepath.Join(t.TempDir(), "work"), t.Logf
	if err := r.make(t.Context()); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	entries, err := os.ReadDir(r.out)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(r.out, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return r, files
}

func currentVersion(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../versions.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "version: "); ok {
			return v
		}
	}
	t.Fatal("versions.yaml has no version")
	return ""
}

// TestRelease makes a release twice, in two places, and looks into what came out.
func TestRelease(t *testing.T) {
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("builds the collector twice, and runs it")
	}
	r, files := run(t, "1700000000")
	t.Setenv("GOFLAGS", "-v") // a setting of the machine, which must not matter
	t.Setenv("TZ", "Asia/Tokyo")
	_, again := run(t, "1700000000")
	for name, data := range files {
		if !bytes.Equal(data, again[name]) {
			t.Errorf("%s differs in the second build", name)
		}
	}
	n, arch := r.number(), runtime.GOARCH
	rpmArch := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[arch]
	want := []string{
		"apispan_" + n + "_linux_" + arch + ".cdx.json", "apispan_" + n + "_linux_" + arch + ".tar.gz",
		"apispan-" + n + "-1." + rpmArch + ".rpm", "apispan_" + n + "_" + arch + ".deb",
		"otelcol-apispan_" + n + "_linux_" + arch + ".cdx.json", "otelcol-apispan_" + n + "_linux_" + arch + ".tar.gz",
		"otelcol-apispan-" + n + "-1." + rpmArch + ".rpm", "otelcol-apispan_" + n + "_" + arch + ".deb",
		"otelcol-apispan_" + n + "_oci.tar", "checksums.txt",
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(want, got) {
		t.Fatalf("files:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	t.Run("checksums", func(t *testing.T) {
		for name, data := range files {
			if line := fmt.Sprintf("%x  %s\n", sha256.Sum256(data), name); name != "checksums.txt" && !strings.Contains(string(files["checksums.txt"]), line) {
				t.Errorf("no %q", line)
			}
		}
	})
	t.Run("archives", func(t *testing.T) {
		for _, p := range []product{apispan, collector} {
			name := r.name(binary{product: p, platform: platform{"linux", arch}})
			testProgram(t, r, untar(t, gunzip(t, files[name+".tar.gz"]), name+"/"), p)
		}
	})
	t.Run("deb", func(t *testing.T) { testDeb(t, r, files["otelcol-apispan_"+n+"_"+arch+".deb"]) })
	t.Run("rpm", func(t *testing.T) { testRPM(t, r) })
	t.Run("image", func(t *testing.T) { testImage(t, files["otelcol-apispan_"+n+"_oci.tar"]) })
	t.Run("sbom", func(t *testing.T) {
		var bom struct {
			BOMFormat  string
			Components []struct{ Name, Version string }
		}
		if err := json.Unmarshal(files["otelcol-apispan_"+n+"_linux_"+arch+".cdx.json"], &bom); err != nil || bom.BOMFormat != "CycloneDX" {
			t.Fatal(bom.BOMFormat, err)
		}
		if bytes.Contains(files["otelcol-apispan_"+n+"_linux_"+arch+".cdx.json"], []byte("golang/..")) {
			t.Error("the SBOM names directories of the checkout")
		}
		for _, name := range []string{"std", "go.opentelemetry.io/collector/otelcol", "github.com/apispan/apispan/exporter/apianalyticsexporter"} {
			if !slices.ContainsFunc(bom.Components, func(c struct{ Name, Version string }) bool { return c.Name == name }) {
				t.Errorf("the SBOM lacks %s", name)
			}
		}
	})
}

// testProgram runs what is in an archive.
func testProgram(t *testing.T, r *release, files map[string][]byte, p product) {
	t.Helper()
	for _, name := range []string{"LICENSE", "LICENSES-THIRD-PARTY.txt", "CHANGELOG.md"} {
		if len(files[name]) == 0 {
			t.Errorf("%s: no %s", p, name)
		}
	}
	if bytes.Contains(files["LICENSES-THIRD-PARTY.txt"], []byte("has no licence file")) {
		t.Logf("%s: a module has no licence file of its own", p)
	}
	program := filepath.Join(t.TempDir(), string(p))
	if err := os.WriteFile(program, files[string(p)], 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), program, "--version").CombinedOutput()
	if err != nil || !strings.Contains(string(out), r.number()) {
		t.Errorf("%s --version: %s (%v)", p, out, err)
	}
	if bytes.Contains(files[string(p)], []byte(r.root)) {
		t.Errorf("%s holds the path of the checkout", p)
	}
	if p == apispan {
		if !bytes.Contains(files["completions/apispan.bash"], []byte("__complete")) {
			t.Error("no completion")
		}
		return
	}
	config := filepath.Join(t.TempDir(), "no-disk.yaml")
	if err := os.WriteFile(config, files["config/no-disk.yaml"], 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "validate", "--config", config)
	cmd.Env = []string{"MOESIF_APPLICATION_ID=x"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("validate: %v\n%s", err, out)
	}
}

func testDeb(t *testing.T, r *release, deb []byte) {
	t.Helper()
	members := map[string][]byte{}
	for reader := ar.NewReader(bytes.NewReader(deb)); ; {
		h, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if members[strings.TrimSuffix(h.Name, "/")], err = io.ReadAll(reader); err != nil {
			t.Fatal(err)
		}
	}
	control := untar(t, gunzip(t, members["control.tar.gz"]), "./")
	if text := string(control["control"]); !strings.Contains(text, "Package: otelcol-apispan\n") || !strings.Contains(text, "Version: "+r.number()+"\n") {
		t.Errorf("control:\n%s", text)
	}
	if text := string(control["conffiles"]); !strings.Contains(text, "/etc/otelcol-apispan/config.yaml") || !strings.Contains(text, "/etc/otelcol-apispan/environment") {
		t.Errorf("conffiles:\n%s", text)
	}
	for _, script := range []string{"postinst", "prerm"} {
		if len(control[script]) == 0 {
			t.Errorf("no %s", script)
		}
	}
	data := untar(t, gunzip(t, members["data.tar.gz"]), "./")
	unit := string(data["usr/lib/systemd/system/otelcol-apispan.service"])
	if !strings.Contains(unit, "ExecStart=/usr/bin/otelcol-apispan --config /etc/otelcol-apispan/config.yaml") || strings.Contains(unit, "/usr/local/") {
		t.Errorf("unit:\n%s", unit)
	}
	for _, name := range []string{"usr/bin/otelcol-apispan", "etc/otelcol-apispan/config.yaml", "usr/share/doc/otelcol-apispan/LICENSE"} {
		if len(data[name]) == 0 {
			t.Errorf("no %s", name)
		}
	}
}

// testRPM asks rpm, if there is one, and else looks at the lead of the file.
func testRPM(t *testing.T, r *release) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(r.out, "otelcol-apispan-*.rpm"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(data, []byte{0xed, 0xab, 0xee, 0xdb}) || !bytes.Contains(data[:64<<10], []byte("/usr/lib/systemd/system/")) ||
		!bytes.Contains(data[:64<<10], []byte("otelcol-apispan.service")) || !bytes.Contains(data[:64<<10], []byte("systemctl")) {
		t.Error("no rpm, or without the unit and its scripts")
	}
	if _, err := exec.LookPath("rpm"); err != nil {
		return
	}
	if out, err := exec.CommandContext(t.Context(), "rpm", "-qlp", files[0]).CombinedOutput(); err != nil || !strings.Contains(string(out), "/usr/bin/otelcol-apispan\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

func testImage(t *testing.T, text []byte) {
	t.Helper()
	dir := t.TempDir()
	for name, data := range untar(t, text, "") {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	outer, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := outer.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 || manifest.Manifests[0].Annotations["org.opencontainers.image.ref.name"] == "" {
		t.Fatal(manifest, err)
	}
	index, err := outer.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Fatal(err)
	}
	images, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	img, err := index.Image(images.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil || config.Config.User != "10001:10001" || config.Architecture != runtime.GOARCH {
		t.Errorf("%+v, %v", config, err)
	}
	extracted := mutate.Extract(img)
	defer func() { _ = extracted.Close() }()
	all, err := io.ReadAll(extracted)
	if err != nil {
		t.Fatal(err)
	}
	files := untar(t, all, "")
	if n := bytes.Count(files["etc/ssl/certs/ca-certificates.crt"], []byte("BEGIN CERTIFICATE")); n < 80 {
		t.Errorf("%d certificates", n)
	}
	if len(files["otelcol-apispan"]) == 0 || len(files["etc/otelcol-apispan/all-backends.yaml"]) == 0 {
		t.Error("the image lacks the program or its configurations")
	}
	// What the Dockerfile says of the same image.
	dockerfile, err := os.ReadFile("../../collectorbuild/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	entry, err := json.Marshal(config.Config.Entrypoint)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"USER " + config.Config.User, "ENTRYPOINT " + string(entry), config.Config.Cmd[1]} {
		if !strings.Contains(string(dockerfile), line) {
			t.Errorf("the Dockerfile has no %q", line)
		}
	}
	for port := range config.Config.ExposedPorts {
		if !strings.Contains(string(dockerfile), strings.TrimSuffix(port, "/tcp")) {
			t.Errorf("the Dockerfile does not expose %s", port)
		}
	}
}

func gunzip(t *testing.T, data []byte) []byte {
	t.Helper()
	gz, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(gz)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// untar returns the files below a prefix.
func untar(t *testing.T, data []byte, prefix string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for reader := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		name, ok := strings.CutPrefix(h.Name, prefix)
		if !ok {
			t.Errorf("%s is not below %s", h.Name, prefix)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if files[name], err = io.ReadAll(reader); err != nil {
			t.Fatal(err)
		}
	}
}

func TestZip(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := writeZip(&out, "x_1", []file{{"x.exe", 0o755, []byte("program")}}, time.Unix(1700000000, 0)); err != nil {
		t.Fatal(err)
	}
	zr, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil || len(zr.File) != 1 || zr.File[0].Name != "x_1/x.exe" || zr.File[0].Mode() != 0o755 {
		t.Error(zr, err)
	}
}

func TestBadInput(t *testing.T) {
	good := currentVersion(t)
	for _, tc := range []struct{ version, platforms, epoch, want string }{
		{"", "linux/amd64", "1", "no version: write VERSION=v1.2.3"},
		{strings.TrimPrefix(good, "v"), "linux/amd64", "1", "is no semantic version: write it as v1.2.3"},
		{"v0.1", "linux/amd64", "1", "is no semantic version"},
		{"v99.1.2", "linux/amd64", "1", "versions.yaml says " + good},
		{good, "linux/mips", "1", `"linux/mips" is no platform of a release`},
		{good, "", "1", "is no platform of a release"},
		{good, "linux/amd64", "soon", "SOURCE_DATE_EPOCH is no number of seconds"},
	} {
		t.Setenv("SOURCE_DATE_EPOCH", tc.epoch)
		if _, err := newRelease(t.Context(), tc.version, t.TempDir(), tc.platforms); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v", tc, err)
		}
	}
	t.Setenv("SOURCE_DATE_EPOCH", "1")
	if _, err := newRelease(t.Context(), good+"-rc.1", t.TempDir(), allPlatforms); err != nil {
		t.Error(err)
	}
}
