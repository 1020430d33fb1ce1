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
)

//go:embed files
var files embed.FS

// Files are the files of the page, with index.html at the root. Read them with fs.ReadFile.
func Files() fs.FS {
	sub, err := fs.Sub(files, "files")
	if err != nil { // only if the directory above had another name
		return files
	}
	return served{sub}
}

// served are the files without the lines of comments in scripts and styles, which are for
// those who work on them.
type served struct{ fs.FS }

// ReadFile implements fs.ReadFileFS.
func (s served) ReadFile(name string) ([]byte, error) {
	b, err := fs.ReadFile(s.FS, name)
	if e := path.Ext(name); e == ".js" || e == ".css" {
		b = withoutComments(b)
	}
	return b, err
}

// withoutComments empties the lines that hold nothing but a comment, or a part of one; so an
// error of a script still names the line of its source. A comment behind code stays: where
// one begins only a parser knows. A test holds that no text goes over several lines, so that
// no line of one looks like a comment.
func withoutComments(src []byte) []byte {
	out := make([]byte, 0, len(src))
	inside := false
	for line := range bytes.Lines(src) {
		text := bytes.TrimSpace(line)
		if bytes.HasPrefix(text, []byte("/*")) {
			inside = true
		}
		if inside || bytes.HasPrefix(text, []byte("//")) {
			line = []byte("\n")
		}
		if bytes.HasSuffix(text, []byte("*/")) {
			inside = false
		}
		out = append(out, line...)
	}
	return out
}
