// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package page is the inspector's page: static files, plain ES modules without a build step,
// that ask nothing but the interface of package api.
//
// The page follows three rules, which tests hold: captured text enters it as text nodes only,
// it works under a Content-Security-Policy that allows its own files and nothing else, and it
// fetches from no other host.
package page

import (
	"bytes"
	"embed"
	"io/fs"
	"path"
	"sync"

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

// served are the files as browsers get them: scripts and styles without what is there for
// those who work on them: comments, blanks, long names of variables. They are made small when
// they are asked for first, so there is no step between the files and the page.
type served struct {
	fs.FS

	made *sync.Map // by name
}

// ReadFile implements fs.ReadFileFS.
func (s served) ReadFile(name string) ([]byte, error) {
	if b, ok := s.made.Load(name); ok {
		return b.([]byte), nil
	}
	b, err := fs.ReadFile(s.FS, name)
	if err != nil {
		return nil, err
	}
	b = small(name, b)
	s.made.Store(name, b)
	return b, nil
}

// small makes a script or a style small; what cannot be stays as it is.
func small(name string, src []byte) []byte {
	var out bytes.Buffer
	var err error
	switch path.Ext(name) {
	case ".js":
		err = js.Minify(nil, &out, bytes.NewReader(src), nil)
	case ".css":
		err = css.Minify(nil, &out, bytes.NewReader(src), nil)
	default:
		return src
	}
	if err != nil {
		return src
	}
	return out.Bytes()
}
