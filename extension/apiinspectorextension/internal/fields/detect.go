// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"strings"

	"github.com/apispan/apispan/redact"
)

// detector runs the detectors of the redaction engine over what leaves: all of them, also
// those that no policy has.
type detector struct{ policy *redact.Policy }

// maxLooked bounds the text that a detector reads.
const maxLooked = 4 << 10

func newDetector() *detector {
	patterns := map[string]string{}
	for _, d := range redact.Detectors() {
		patterns[d.Name] = "report"
	}
	p, err := redact.CompileConfig(redact.Config{Version: 1, Patterns: patterns, Audit: "rules"})
	if err != nil {
		return &detector{}
	}
	return &detector{p}
}

// find names the first detector that fires; empty if none does.
func (d *detector) find(text string) string {
	if d.policy == nil || len(text) < 6 {
		return ""
	}
	s := d.policy.NewScratch()
	defer s.Release()
	s.Begin(redact.Exchange{})
	s.Text(text[:min(len(text), maxLooked)])
	for _, c := range s.Counts() {
		if name, ok := strings.CutPrefix(c.Rule, "pattern:"); ok {
			return name
		}
	}
	return ""
}
