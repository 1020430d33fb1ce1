// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backend

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Problems collects what is wrong with a block of the configuration, each as a sentence that
// names the full key, the problem and the fix.
type Problems struct {
	// Block is the key of the block, such as "moesif".
	Block string

	list []error
}

// Unless adds, unless ok, that a key has a bad value and what to write instead. It shows
// the value, so it is not for secrets.
func (p *Problems) Unless(ok bool, key string, value any, write string) {
	if ok {
		return
	}
	format := "is %v: write %s"
	if _, text := value.(string); text {
		format = "is %q: write %s"
	}
	p.Say(key, fmt.Sprintf(format, value, write))
}

// Say adds a problem of another kind, which stands behind the key.
func (p *Problems) Say(key, problem string) {
	p.list = append(p.list, fmt.Errorf("`%s::%s` %s", p.Block, key, problem))
}

// Err returns all of them, or nil.
func (p *Problems) Err() error { return errors.Join(p.list...) }

// OneOf adds, unless the value is one of those allowed, that it is none.
func OneOf[T ~string](p *Problems, key string, value T, allowed ...T) {
	var b strings.Builder
	for i, a := range allowed {
		switch {
		case i > 0 && i == len(allowed)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(string(a))
	}
	p.Unless(slices.Contains(allowed, value), key, string(value), b.String())
}
