// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import "testing"

// TestInspection: what a profile says is the inspector's is all of it and nothing else, with
// the versions that a Collector's build writes into paths, and without.
func TestInspection(t *testing.T) {
	t.Parallel()
	const root = "github.com/apispan/apispan"
	for file, want := range map[string]bool{
		"/extension/apiinspectorextension@v0.1.0/look.go": true, "/extension/apiinspectorextension/internal/keep/put.go": true,
		"/extension/apiinspectorextension@v0.1.0/internal/serve/stream.go": true, "@v0.1.0/internal/inspect/tally.go": true, "/internal/inspect/inspect.go": true,
		"/processor/httpredactionprocessor@v0.1.0/inspect.go": true, "/exporter/apianalyticsexporter/inspect_items.go": true,
		"@v0.1.0/redact/inspect.go": false, "/redact/inspect.go": false, "/processor/httpredactionprocessor@v0.1.0/walk.go": false,
		"/exporter/apianalyticsexporter@v0.1.0/inspection/x.go": false, "/extension/apipolicyextension@v0.1.0/extension.go": false,
	} {
		if got := inspection.MatchString(root + file); got != want {
			t.Errorf("%s: %v", file, got)
		}
	}
}
