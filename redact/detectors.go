// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"fmt"
	"sort"

	"github.com/apispan/apispan/redact/internal/detect"
)

func knownDetector(name string) bool {
	_, ok := detect.Lookup(name)
	return ok
}

func detectorNames() []string {
	return detect.Names()
}

// actReport counts a match and keeps it.
const actReport = actAllow

func patternAction(name string) (action, error) {
	switch name {
	case "mask":
		return actMask, nil
	case "drop":
		return actDrop, nil
	case "hmac":
		return actHMAC, nil
	case "encrypt":
		return actEncrypt, nil
	case "report":
		return actReport, nil
	case "truncate":
		return actTruncate, nil
	case "off":
		return actNone, nil
	}
	return actNone, fmt.Errorf("action %q is not known; write mask, drop, hmac, encrypt, truncate (addresses), report or off", name)
}

func (c *compiler) detectors() {
	f := &c.p.cfg
	acts, written := map[string]string{}, map[string]bool{}
	if f.Defaults {
		for _, n := range detect.DefaultNames() {
			acts[n] = "mask"
		}
	}
	for n, a := range f.Patterns {
		name, ok := detect.Lookup(n)
		if !ok {
			c.errorf(0, "patterns.%s: unknown detector", n)
			continue
		}
		acts[name], written[name] = a, true
	}
	names := make([]string, 0, len(acts))
	for n := range acts {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		a, err := patternAction(acts[n])
		if err != nil {
			c.errorf(0, "patterns.%s: %v", n, err)
			continue
		}
		if a == actNone {
			continue
		}
		if a == actTruncate && n != "ip" {
			c.errorf(0, "patterns.%s: truncate is for addresses; write ip: truncate, or another action", n)
		}
		keep := f.PatternKeep[n]
		c.checkKeep("patterns."+n, 0, keep, a)
		where := ""
		if written[n] {
			where = "patterns." + n
		}
		r := c.add(rule{id: "pattern:" + n, where: where, act: a, places: allPlaces, scope: -1, detector: true, keep: keep, v4: defaultV4, v6: defaultV6})
		c.spec(detect.Spec{Name: n}, r)
	}
	ids := map[string]bool{}
	for i, re := range f.Regex {
		where := fmt.Sprintf("patterns.re[%d]", i)
		if re.ID == "" || ids[re.ID] {
			c.errorf(re.line, "%s.id: must be given and be unique", where)
		}
		ids[re.ID] = true
		if knownDetector(re.ID) {
			c.warnf(re.line, "%s.id: %q is the name of a detector, whose counts would be the same; choose another id", where, re.ID)
		}
		if re.Regex == "" {
			c.errorf(re.line, "%s.regex: is empty", where)
			continue
		}
		if re.Action == "" {
			re.Action = "mask"
		}
		a, err := patternAction(re.Action)
		if err != nil {
			c.errorf(re.line, "%s: %v", where, err)
			continue
		}
		if a == actNone {
			continue
		}
		spec := detect.Spec{Regex: re.Regex}
		if _, err := detect.Compile([]detect.Spec{spec}); err != nil {
			c.errorf(re.line, "%s.regex: %v", where, err)
			continue
		}
		c.lintRegex(where, re.line, re.Regex)
		keep := Keep{re.KeepFirst, re.KeepLast}
		c.checkKeep(where, re.line, keep, a)
		c.spec(spec, c.add(rule{
			id: "pattern:" + re.ID, where: where, act: a, places: allPlaces, scope: -1, detector: true, keep: keep, v4: defaultV4, v6: defaultV6,
		}))
	}
	if len(c.specs) == 0 || len(c.errs) > 0 {
		return
	}
	set, err := detect.Compile(c.specs)
	if err != nil {
		c.errorf(0, "patterns: %v", err)
		return
	}
	c.p.det = set
	c.p.detMin = shortestMatch
	for _, n := range names {
		if shortDetectors[n] && acts[n] != "off" {
			c.p.detMin = 0
		}
	}
	if len(f.Regex) > 0 {
		c.p.detMin = 0
	}
}

// shortestMatch is a lower bound of what the detectors match that are not in
// shortDetectors: the shortest is user information, "//u@h".
const shortestMatch = 5

// shortDetectors can match shorter text.
var shortDetectors = map[string]bool{"ip": true, "email": true}

func (c *compiler) spec(sp detect.Spec, rule uint16) {
	c.specs = append(c.specs, sp)
	c.p.detRule = append(c.p.detRule, rule)
}
