// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact_test

import (
	"strings"
	"testing"
	"unsafe"

	"github.com/apispan/apispan/redact"
)

// sharesMemory reports whether two strings share memory.
func sharesMemory(a, b string) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	pa, pb := uintptr(unsafe.Pointer(unsafe.StringData(a))), uintptr(unsafe.Pointer(unsafe.StringData(b)))
	return pa < pb+uintptr(len(b)) && pb < pa+uintptr(len(a))
}

// TestBackingArray: a changed value shares no memory with the input, an unchanged
// one is the input, and neither changes when the Scratch is used again.
func TestBackingArray(t *testing.T) {
	t.Parallel()
	for _, c := range loadCorpus(t) {
		p, err := c.Compile()
		if err != nil {
			t.Fatal(err)
		}
		in, err := c.Raw()
		if err != nil {
			t.Fatal(err)
		}
		s := p.NewScratch()
		s.Begin(redact.Exchange{RequestContentType: c.ContentType})
		out, ef := s.Body(redact.Request, in)
		if ef == redact.Changed && sharesMemory(in, out) || ef == redact.Unchanged && out != in {
			t.Errorf("%s: effect %d", c.ID, ef)
		}
		kept := strings.Clone(out)
		s.Body(redact.Request, strings.Repeat("x=1&", 4096)) // scratch memory is used again
		s.Release()
		if out != kept {
			t.Errorf("%s: the result changed later", c.ID)
		}
	}
}
