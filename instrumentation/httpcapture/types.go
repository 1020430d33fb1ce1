// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"net/http"
	"strings"

	"github.com/apispan/apispan/internal/httpattr"
)

// typeSet is a compiled WithContentTypes; nil is the default.
type typeSet *[]string

func newTypeSet(types []string) typeSet {
	if types == nil {
		return nil
	}
	return &types
}

// alsoCaptured are recorded by default although they are not textual by the
// letter of the convention.
var alsoCaptured = map[string]bool{
	"application/graphql":       true,
	"application/json-seq":      true,
	"application/jsonl":         true,
	"application/jsonlines":     true,
	"application/ndjson":        true,
	"application/x-json-stream": true,
	"application/x-ndjson":      true,
}

// matchType reports whether content of this type is recorded.
func matchType(set typeSet, contentType string) bool {
	if set == nil {
		return httpattr.IsTextual(contentType) || alsoCaptured[httpattr.MediaType(contentType)]
	}
	t := httpattr.MediaType(contentType)
	for _, want := range *set {
		switch {
		case want == t, want == "*/*":
			return true
		case strings.HasSuffix(want, "/*") && strings.HasPrefix(t, want[:len(want)-1]):
			return true
		case want[0] == '+' && strings.HasSuffix(t, want):
			return true
		}
	}
	return false
}

// contentType returns the Content-Type of a header, and whether there is one. A
// key with no value says "do not guess", as it does for net/http.
func contentType(h http.Header) (ct string, known bool) {
	vs, ok := h["Content-Type"]
	if !ok {
		return "", false
	}
	if len(vs) == 0 {
		return "", true
	}
	return vs[0], true
}

// sniff guesses the type as net/http does for a response without one.
func sniff(content string, firstChunk int) string {
	return http.DetectContentType([]byte(content[:min(len(content), firstChunk, 512)]))
}
