// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// file is one that goes with a binary.
type file struct {
	name string // in archives, with slashes
	mode fs.FileMode
	data []byte
}

// contents is what goes with a binary, itself first.
func (r *release) contents(b binary, completions map[string][]byte) ([]file, error) {
	program, err := os.ReadFile(b.file)
	if err != nil {
		return nil, err
	}
	all := []file{{filepath.Base(b.file), 0o755, program}}
	add := func(name, from string) error {
		text, err := os.ReadFile(filepath.Join(r.root, filepath.FromSlash(from)))
		all = append(all, file{name, 0o644, text})
		return err
	}
	if err := errors.Join(add("LICENSE", "LICENSE"), add("CHANGELOG.md", "CHANGELOG.md")); err != nil {
		return nil, err
	}
	licenses, err := r.licenses(b.file)
	if err != nil {
		return nil, err
	}
	all = append(all, file{"LICENSES-THIRD-PARTY.txt", 0o644, licenses})
	if b.product == apispan {
		for _, shell := range []string{"bash", "fish", "zsh"} {
			all = append(all, file{"completions/apispan." + shell, 0o644, completions[shell]})
		}
		return all, nil
	}
	configs, err := r.configs()
	if err != nil {
		return nil, err
	}
	for _, name := range configs {
		if err := add("config/"+name, "collectorbuild/config/"+name); err != nil {
			return nil, err
		}
	}
	if b.os == "linux" {
		return all, add("otelcol-apispan.service", "collectorbuild/otelcol-apispan.service")
	}
	return all, nil
}

// configs are the shipped configurations.
func (r *release) configs() (names []string, err error) {
	entries, err := os.ReadDir(filepath.Join(r.root, "collectorbuild/config"))
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".yaml") && e.Name() != "demo.yaml" {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// archive writes the .tar.gz or .zip of a binary. All of it is below one directory.
func (r *release) archive(b binary, contents []file) error {
	name := r.name(b)
	ext, write := ".tar.gz", writeTarGz
	if b.os == "windows" {
		ext, write = ".zip", writeZip
	}
	return create(filepath.Join(r.out, name+ext), func(w io.Writer) error {
		return write(w, name, contents, r.time)
	})
}

// create makes a file, and reports what closing it says.
func create(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

func writeTarGz(w io.Writer, dir string, contents []file, at time.Time) error {
	gz, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	tw := tar.NewWriter(gz)
	for _, f := range contents {
		if err := addTar(tw, dir+"/"+f.name, f.mode, 0, f.data, at); err != nil {
			return err
		}
	}
	return errors.Join(tw.Close(), gz.Close())
}

// addTar adds a file, or a directory if the name ends in a slash.
func addTar(tw *tar.Writer, name string, mode fs.FileMode, owner int, data []byte, at time.Time) error {
	h := &tar.Header{
		Typeflag: tar.TypeReg, Name: name, Mode: int64(mode), Uid: owner, Gid: owner,
		Size: int64(len(data)), ModTime: at, Format: tar.FormatPAX,
	}
	if strings.HasSuffix(name, "/") {
		h.Typeflag = tar.TypeDir
	}
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	_, err := tw.Write(data)
	return err
}

func writeZip(w io.Writer, dir string, contents []file, at time.Time) error {
	zw := zip.NewWriter(w)
	for _, f := range contents {
		h := &zip.FileHeader{Name: dir + "/" + f.name, Method: zip.Deflate, Modified: at}
		h.SetMode(f.mode)
		out, err := zw.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := out.Write(f.data); err != nil {
			return err
		}
	}
	return zw.Close()
}
