// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "github.com/apispan/apispan/redact/internal/detect"

// Detector describes a built-in value detector, a name under "patterns:".
type Detector struct {
	Name string
	// Doc is one line.
	Doc string
	// Default reports whether it masks in a policy with "defaults: true".
	Default bool
}

// Detectors lists the built-in value detectors.
func Detectors() []Detector {
	var out []Detector
	for _, i := range detect.List() {
		out = append(out, Detector{i.Name, i.Doc, i.Default})
	}
	return out
}
