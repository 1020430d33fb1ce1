// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"errors"

	"github.com/apispan/apispan/redact/internal/fold"
)

var errNoRoot = errors.New("needs a $ at its begin")

// Path is a path of the policy language, such as $.user.items[*].sku, for those who
// search with the paths that their policies have.
type Path struct{ steps []step }

// PathStep is a part of where a value stands: a key, or an index of an array if Index is
// not negative.
type PathStep struct {
	Name  string
	Index int
}

// ParsePath reads a path, which begins with "$". Errors go on from "the path".
func ParsePath(text string) (Path, error) {
	if text == "" || text[0] != '$' {
		return Path{}, errNoRoot
	}
	steps, err := parsePath(text)
	return Path{steps}, err
}

// Match reports whether the path selects the value that stands at the end of at: the
// value itself, or one around it.
func (p Path) Match(at []PathStep) bool {
	// Bit i is set if the first i steps are matched; maxPathSteps fit.
	var now uint64 = 1
	goal := uint64(1) << len(p.steps)
	if len(p.steps) == 0 {
		return false
	}
	for _, a := range at {
		var next uint64
		key := ""
		if a.Index < 0 {
			key = fold.Key(a.Name)
		}
		for i := range p.steps {
			if now&(1<<i) == 0 {
				continue
			}
			st := &p.steps[i]
			if st.takes(a.Index, key) {
				next |= 1 << (i + 1)
			}
			if st.descend || a.Index >= 0 && (st.kind == stepName || st.kind == stepGlob) {
				next |= 1 << i
			}
		}
		if next&goal != 0 {
			return true
		}
		now = next
	}
	return false
}

func (s *step) takes(index int, key string) bool {
	switch s.kind {
	case stepElem:
		return index >= 0
	case stepIndex:
		return index == s.index
	case stepName:
		return index < 0 && key == s.name
	}
	return index < 0 && s.glob.match([]byte(key))
}
