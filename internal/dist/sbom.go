// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/CycloneDX/cyclonedx-gomod/pkg/generate/bin"
	"github.com/google/uuid"
	"github.com/rs/zerolog"
)

// sbom writes what a binary is made of, as the Go linker recorded it in the binary.
func (r *release) sbom(b binary) error {
	g, err := bin.NewGenerator(b.file, bin.WithIncludeStdlib(true), bin.WithVersionOverride(r.version), bin.WithLogger(zerolog.Nop()))
	if err != nil {
		return err
	}
	bom, err := g.Generate()
	if err != nil {
		return err
	}
	if err := r.nameOurs(bom, b.file); err != nil {
		return err
	}
	program, err := os.ReadFile(b.file)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(program)
	// Both follow from what is described, so that the same binary has the same SBOM.
	bom.SerialNumber = uuid.NewSHA1(uuid.NameSpaceOID, sum[:]).URN()
	bom.Metadata.Timestamp = r.time.Format(time.RFC3339)
	return create(filepath.Join(r.out, r.name(b)+".cdx.json"), func(w io.Writer) error {
		return cyclonedx.NewBOMEncoder(w, cyclonedx.BOMFileFormatJSON).SetPretty(true).Encode(bom)
	})
}

// nameOurs gives the modules of this checkout their names: the binary was built of
// directories, which the generator takes for names.
func (r *release) nameOurs(bom *cyclonedx.BOM, file string) error {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return err
	}
	names := map[string]string{} // by directory
	for _, m := range info.Deps {
		if m.Replace != nil && strings.HasPrefix(m.Replace.Path, ".") {
			names[m.Replace.Path] = m.Path
		}
	}
	rename := func(ref string) string {
		dir, rest, ok := strings.Cut(strings.TrimPrefix(ref, "pkg:golang/"), "@(devel)")
		if name := names[dir]; ok && name != "" {
			return "pkg:golang/" + name + "@" + r.version + rest
		}
		return ref
	}
	for i := range *bom.Components {
		c := &(*bom.Components)[i]
		if name := names[c.Name]; name != "" {
			c.Name, c.Version = name, r.version
		}
		c.BOMRef, c.PackageURL = rename(c.BOMRef), rename(c.PackageURL)
	}
	for i := range *bom.Dependencies {
		d := &(*bom.Dependencies)[i]
		d.Ref = rename(d.Ref)
		if d.Dependencies != nil {
			for j, ref := range *d.Dependencies {
				(*d.Dependencies)[j] = rename(ref)
			}
		}
	}
	if bom.Compositions != nil {
		for i := range *bom.Compositions {
			for _, list := range []*[]cyclonedx.BOMReference{(*bom.Compositions)[i].Assemblies, (*bom.Compositions)[i].Dependencies} {
				if list != nil {
					for j, ref := range *list {
						(*list)[j] = cyclonedx.BOMReference(rename(string(ref)))
					}
				}
			}
		}
	}
	return nil
}
