// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package page is the inspector's page: static files, plain ES modules without a build step,
// that ask nothing but the interface of package api. What never changes stands in the document: frames of the views,
// columns and sentences; the scripts fill it.
//
// The page follows three rules, which tests hold: captured text enters it as text nodes only,
// it works under a Content-Security-Policy that allows its own files and nothing else, and it
// fetches from no other host.
package page

import (
	"bytes"
	"embed"
	"io"
	"io/fs"
	"path"
	"regexp"
	"sync"

	"github.com/tdewolff/minify/v2"
	"github.com/tdewolff/minify/v2/css"
	"github.com/tdewolff/minify/v2/js"
)

//go:embed files
var files embed.FS

// Files are the files of the page, with index.html at the root. Read them with fs.ReadFile.
func Files() fs.FS {
	sub, err := fs.Sub(files, "files")
	if err != nil { // only if the directory above had another name
		return files
	}
	return served{sub, &sync.Map{}}
}

// served are the files as browsers get them: the script of the page with all that it imports in one, and it and the
// styles without what is there for those who work on them: comments, blanks, long names of
// variables. They are made small when they are asked for first, so there is no step between the
// files and the page. The other scripts are there as they are written, for whoever wants to read them.
type served struct {
	fs.FS

	made *sync.Map // by name
}

// entry is the script that the document asks for.
const entry = "main.js"

// ReadFile implements fs.ReadFileFS.
func (s served) ReadFile(name string) ([]byte, error) {
	if b, ok := s.made.Load(name); ok {
		return b.([]byte), nil
	}
	b, err := fs.ReadFile(s.FS, name)
	if err != nil {
		return nil, err
	}
	var small []byte
	switch {
	case name == entry:
		small, err = script(s.FS, name)
	case path.Ext(name) == ".css":
		small, err = shrink(css.Minify, b)
	default:
		return b, nil
	}
	if err == nil { // else it is served as it is written, and works
		b = small
	}
	s.made.Store(name, b)
	return b, nil
}

type minifier = func(*minify.M, io.Writer, io.Reader, map[string]string) error

func shrink(by minifier, src []byte) ([]byte, error) {
	var out bytes.Buffer
	err := by(nil, &out, bytes.NewReader(src), nil)
	return out.Bytes(), err
}

var (
	imports = regexp.MustCompile(`(?m)^import (?:\{[^}]*\} from )?'\./(\w+\.js)';\n`)
	exports = regexp.MustCompile(`(?m)^export `)
)

// script is a script and all that it imports as one function, so that the names are of that function
// and can be made short, and a browser asks once. No name stands at the top of two of them: what would clash is no script.
func script(files fs.FS, name string) ([]byte, error) {
	var all bytes.Buffer
	seen := map[string]bool{}
	var add func(name string) error
	add = func(name string) error {
		if seen[name] {
			return nil
		}
		seen[name] = true
		src, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		for _, m := range imports.FindAllSubmatch(src, -1) {
			if err := add(string(m[1])); err != nil {
				return err
			}
		}
		all.Write(exports.ReplaceAll(imports.ReplaceAll(src, nil), nil))
		return nil
	}
	all.WriteString("(()=>{\n")
	if err := add(name); err != nil {
		return nil, err
	}
	all.WriteString("\n})()")
	return shrink(js.Minify, all.Bytes())
}
