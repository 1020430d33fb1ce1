// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"runtime/debug"
)

// version is set by the build of a release: -ldflags '-X main.version=v1.2.3'.
// Without it the version is the module's, which `go install …@v1.2.3` records.
var version string

// versionText is "apispan v1.2.3 REVISION go1.26.0".
func versionText() string {
	v, revision, dirty, goVersion := version, "", "", ""
	if b, ok := debug.ReadBuildInfo(); ok {
		v = cmp.Or(v, b.Main.Version)
		goVersion = " " + b.GoVersion
		for _, kv := range b.Settings {
			switch {
			case kv.Key == "vcs.revision":
				revision = " " + kv.Value
			case kv.Key == "vcs.modified" && kv.Value == "true":
				dirty = "-dirty"
			}
		}
	}
	if revision == "" {
		dirty = ""
	}
	return "apispan " + cmp.Or(v, "(devel)") + revision + dirty + goVersion
}
