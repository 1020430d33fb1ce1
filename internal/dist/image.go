// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// imageUser owns the queue in the image, and runs the Collector.
const imageUser = 10001

// imageName is what loading the image calls it.
const imageName = "ghcr.io/apispan/otelcol-apispan"

type imageInput struct {
	platform

	binary string
}

// image writes an OCI layout of all architectures as one tar: podman, skopeo, crane and
// Docker 25 read it. There is no base image: the binary is static, and needs
// certificates only.
func (r *release) image(inputs []imageInput) error {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	labels := map[string]string{
		"org.opencontainers.image.title":       string(collector),
		"org.opencontainers.image.description": "OpenTelemetry Collector with HTTP redaction and API-analytics export",
		"org.opencontainers.image.version":     r.number(),
		"org.opencontainers.image.source":      "https://github.com/apispan/apispan",
		"org.opencontainers.image.licenses":    "Apache-2.0",
	}
	for _, in := range inputs {
		img, err := r.platformImage(in, labels)
		if err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: in.os, Architecture: in.arch}},
		})
	}
	dir := filepath.Join(r.work, "oci")
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	annotations := map[string]string{
		"org.opencontainers.image.ref.name": r.number(),
		"io.containerd.image.name":          imageName + ":" + r.number(),
	}
	if err := path.AppendIndex(index, layout.WithAnnotations(annotations)); err != nil {
		return err
	}
	return create(filepath.Join(r.out, string(collector)+"_"+r.number()+"_oci.tar"), func(w io.Writer) error {
		return r.tarDir(w, dir)
	})
}

func (r *release) platformImage(in imageInput, labels map[string]string) (v1.Image, error) {
	text, err := r.layer(in.binary)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil },
		tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err = mutate.Append(img, mutate.Addendum{Layer: layer, History: v1.History{Created: v1.Time{Time: r.time}, CreatedBy: "make dist"}})
	if err != nil {
		return nil, err
	}
	return mutate.ConfigFile(img, &v1.ConfigFile{
		Architecture: in.arch, OS: in.os, Created: v1.Time{Time: r.time},
		RootFS: must(img.ConfigFile()).RootFS, History: must(img.ConfigFile()).History,
		// As collectorbuild/Dockerfile has it.
		Config: v1.Config{
			User:         "10001:10001",
			Entrypoint:   []string{"/otelcol-apispan"},
			Cmd:          []string{"--config", "/etc/otelcol-apispan/all-backends.yaml"},
			ExposedPorts: map[string]struct{}{"4317/tcp": {}, "4318/tcp": {}, "13133/tcp": {}},
			Volumes:      map[string]struct{}{"/var/lib/otelcol-apispan": {}},
			Labels:       labels,
		},
	})
}

// must is for values that were made in memory just before.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// layer is the file system of the image.
func (r *release) layer(binary string) ([]byte, error) {
	program, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	licenses, err := r.licenses(binary)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	tw := tar.NewWriter(&out)
	add := func(name string, mode fs.FileMode, owner int, data []byte) {
		err = errors.Join(err, addTar(tw, name, mode, owner, data, r.time))
	}
	for _, dir := range []string{"etc/", "etc/otelcol-apispan/", "etc/ssl/", "etc/ssl/certs/", "licenses/", "var/", "var/lib/"} {
		add(dir, 0o755, 0, nil)
	}
	add("tmp/", 0o777|0o1000, 0, nil)
	add("var/lib/otelcol-apispan/", 0o700, imageUser, nil)
	add("etc/passwd", 0o644, 0, []byte("root:x:0:0:root:/:/sbin/nologin\notelcol:x:10001:10001:otelcol-apispan:/var/lib/otelcol-apispan:/sbin/nologin\n"))
	add("etc/group", 0o644, 0, []byte("root:x:0:\notelcol:x:10001:\n"))
	add("etc/ssl/certs/ca-certificates.crt", 0o644, 0, certificates())
	add("licenses/LICENSES-THIRD-PARTY.txt", 0o644, 0, licenses)
	configs, listErr := r.configs()
	err = errors.Join(err, listErr)
	for _, name := range configs {
		text, readErr := os.ReadFile(filepath.Join(r.root, "collectorbuild/config", name))
		err = errors.Join(err, readErr)
		add("etc/otelcol-apispan/"+name, 0o644, 0, text)
	}
	add("otelcol-apispan", 0o755, 0, program)
	return out.Bytes(), errors.Join(err, tw.Close())
}

// certificates are the roots that Mozilla trusts, as the Go project publishes them.
// Those with conditions are left out: a file of certificates cannot say them.
func certificates() []byte {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // a buffer takes all
		}
	}
	return out.Bytes()
}

// tarDir writes a directory in the order of its names.
func (r *release) tarDir(w io.Writer, dir string) error {
	var names []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(names)
	tw := tar.NewWriter(w)
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		if err := addTar(tw, filepath.ToSlash(rel), 0o644, 0, data, r.time); err != nil {
			return err
		}
	}
	return tw.Close()
}
