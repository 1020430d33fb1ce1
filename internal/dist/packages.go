// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // registers itself
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm" // registers itself
)

// packages writes the .deb and the .rpm of a binary.
func (r *release) packages(b binary, contents []file) error {
	for _, format := range []string{"deb", "rpm"} {
		info, err := r.packageInfo(b, contents, format)
		if err != nil {
			return err
		}
		packager, err := nfpm.Get(format)
		if err != nil {
			return err
		}
		if err := nfpm.PrepareForPackager(info, format); err != nil {
			return err
		}
		name := packager.ConventionalFileName(info)
		err = create(filepath.Join(r.out, name), func(w io.Writer) error { return packager.Package(info, w) })
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// stage puts the files of a package where nfpm reads them.
type stage struct {
	dir      string
	contents files.Contents
	err      error
}

func (s *stage) add(to, typ string, mode fs.FileMode, data []byte) {
	from := filepath.Join(s.dir, filepath.FromSlash(to))
	s.err = errors.Join(s.err, os.MkdirAll(filepath.Dir(from), 0o755), os.WriteFile(from, data, 0o644))
	s.contents = append(s.contents, &files.Content{
		Source: from, Destination: to, Type: typ,
		FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: mode},
	})
}

func (r *release) packageInfo(b binary, contents []file, format string) (*nfpm.Info, error) {
	s := &stage{dir: filepath.Join(r.work, r.name(b)+"_"+format)}
	const plain, config = "", files.TypeConfigNoReplace
	doc := "/usr/share/doc/" + string(b.product)
	scripts := nfpm.Scripts{}
	about := "Tests redaction policies and checks Collector configurations"
	for _, f := range contents {
		name := path.Base(f.name)
		switch {
		case f.mode == 0o755:
			s.add("/usr/bin/"+string(b.product), plain, f.mode, f.data)
		case strings.HasSuffix(name, ".service"):
			unit := bytes.ReplaceAll(f.data, []byte("/usr/local/bin/"), []byte("/usr/bin/"))
			s.add("/usr/lib/systemd/system/"+name, plain, f.mode, unit)
		case strings.HasSuffix(name, ".bash"):
			s.add("/usr/share/bash-completion/completions/apispan", plain, f.mode, f.data)
		case strings.HasSuffix(name, ".zsh"):
			s.add("/usr/share/zsh/site-functions/_apispan", plain, f.mode, f.data)
		case strings.HasSuffix(name, ".fish"):
			s.add("/usr/share/fish/vendor_completions.d/apispan.fish", plain, f.mode, f.data)
		default:
			s.add(doc+"/"+f.name, plain, f.mode, f.data)
		}
		if f.name == "config/moesif.yaml" {
			s.add("/etc/otelcol-apispan/config.yaml", config, 0o644, f.data)
		}
	}
	if b.product == collector {
		about = "OpenTelemetry Collector with HTTP redaction and API-analytics export"
		packaging := filepath.Join(r.root, "collectorbuild", "packaging")
		environment, err := os.ReadFile(filepath.Join(packaging, "environment"))
		if err != nil {
			return nil, err
		}
		s.add("/etc/otelcol-apispan/environment", config, 0o600, environment)
		scripts.PostInstall = filepath.Join(packaging, "postinstall.sh")
		scripts.PreRemove = filepath.Join(packaging, "preremove.sh")
	}
	return nfpm.WithDefaults(&nfpm.Info{
		Name: string(b.product), Arch: b.arch, Platform: b.os, Version: r.version,
		Section: "net", Maintainer: "The apispan Authors <https://github.com/apispan/apispan>", Vendor: "The apispan Authors",
		Homepage: "https://github.com/apispan/apispan", License: "Apache-2.0", Description: about,
		DisableGlobbing: true, MTime: r.time,
		Overridables: nfpm.Overridables{
			Contents: s.contents, Scripts: scripts,
			RPM: nfpm.RPM{BuildHost: "localhost", Compression: "gzip:9"},
			Deb: nfpm.Deb{Compression: "gzip"},
		},
	}), s.err
}
