// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"io"
	"net/http"
)

// peekBody returns the body if it is no longer than may be looked at, and gives back what
// was read: r.Body then begins anew.
func (g *Guard) peekBody(r *http.Request) ([]byte, bool) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, true
	}
	if r.ContentLength > g.peek || coded(r.Header) {
		return nil, false
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, g.peek+1))
	r.Body = &given{r.Body, bytes.NewReader(b), err}
	return b, err == nil && int64(len(b)) <= g.peek
}

func coded(h http.Header) bool {
	for _, v := range h["Content-Encoding"] {
		if v != "" && v != "identity" {
			return true
		}
	}
	return false
}

// given is a body whose first bytes were read before.
type given struct {
	io.ReadCloser

	first *bytes.Reader
	err   error // that came after them
}

func (g *given) Read(p []byte) (int, error) {
	if g.first.Len() > 0 {
		return g.first.Read(p)
	}
	if g.err != nil {
		return 0, g.err
	}
	return g.ReadCloser.Read(p)
}
