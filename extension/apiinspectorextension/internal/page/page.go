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
	"embed"
	"io/fs"
)

//go:embed files
var files embed.FS

// Files are the files of the page, with index.html at the root.
func Files() fs.FS {
	sub, err := fs.Sub(files, "files")
	if err != nil { // only if the directory above had another name
		return files
	}
	return sub
}
