// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/apispan/apispan/redact/internal/detect"
	"github.com/apispan/apispan/redact/internal/fold"
	"github.com/apispan/apispan/redact/internal/form"
	"github.com/apispan/apispan/redact/internal/token"
)

const (
	maxDepth     = 512
	maxNested    = 8
	defaultNest  = 4
	defaultBody  = 1 << 20
	maxBody      = 256 << 20
	maxRules     = 1 << 15
	maxScopes    = 64
	maxNameBytes = 512
)

type compiler struct {
	p     *Policy
	errs  []error
	specs []detect.Spec
	// allowed and freed are the entries of allow and except, by list; denied those of
	// the rules that take something.
	allowed [][]namedRule
	freed   []namedRule
	// weaker are the entries of hmac, encrypt and truncate.
	weaker []namedRule
}

func (c *compiler) errorf(line int, format string, args ...any) {
	if len(c.errs) >= maxErrors {
		return
	}
	msg := fmt.Sprintf(format, args...)
	if line > 0 {
		msg = fmt.Sprintf("line %d: %s", line, msg)
	}
	c.errs = append(c.errs, errors.New("redact: "+msg))
}

// CompileConfig compiles a policy that was built in code. Errors are those of
// Compile, with lines only for what came from a file.
func CompileConfig(cfg Config) (*Policy, error) {
	c := &compiler{p: &Policy{cfg: cfg, rules: []rule{{scope: -1}}}}
	c.basics()
	c.defaults()
	c.keyRules("keys", cfg.Keys, allPlaces, -1)
	c.places("in", cfg.In, -1)
	for i, r := range cfg.Rules {
		c.scoped(fmt.Sprintf("rules[%d]", i), r)
	}
	c.detectors()
	c.hmac()
	c.lint()
	if len(c.p.rules) > maxRules {
		c.errorf(0, "%d rules exceed the limit of %d", len(c.p.rules), maxRules)
	}
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	p := c.p
	p.keys.finish()
	p.exempts = slices.ContainsFunc(p.rules, func(r rule) bool { return r.except })
	p.hash = hashOf(p.cfg)
	p.pool.New = func() any { return newScratch(p) }
	return p, nil
}

func hashOf(c Config) string {
	c.HMAC.Keys = append([]HMACKey(nil), c.HMAC.Keys...)
	for i := range c.HMAC.Keys {
		c.HMAC.Keys[i].Value = ""
	}
	b, err := json.Marshal(c)
	if err != nil {
		return ""
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:8])
}

func (c *compiler) basics() {
	f := &c.p.cfg
	switch f.Version {
	case 0:
		f.Version = 1
	case 1:
	default:
		c.errorf(0, "version: %d is not known; write version: 1", f.Version)
	}
	if f.Mask == "" {
		f.Mask = "[REDACTED]"
	}
	if len(f.Mask) > 64 || strings.IndexFunc(f.Mask, badMaskRune) >= 0 {
		c.errorf(0, "mask: must be at most 64 characters out of letters, digits, blank and []()*_.-:, so that it needs no escaping anywhere")
	} else if strings.Count(f.Mask, ":") > 1 || strings.ContainsAny(f.Mask, "0123456789") {
		c.errorf(0, "mask: must have no digits and at most one ':', so that no detector matches it")
	}
	c.p.mask = []byte(f.Mask)
	c.p.maskJSON = []byte(`"` + f.Mask + `"`)
	c.p.maskURL = form.Escape(nil, c.p.mask, false)
	oneOf := func(name string, v *string, def string, others ...string) {
		if *v == "" {
			*v = def
		}
		if *v == def {
			return
		}
		if slices.Contains(others, *v) {
			return
		}
		c.errorf(0, "%s: %q is not known; write %s", name, *v, strings.Join(append([]string{def}, others...), ", "))
	}
	oneOf("on_unparsable", &f.OnUnparsable, "redact", "text")
	oneOf("audit", &f.Audit, "counts", "off", "rules")
	limit := func(name string, v *int, def, lo, hi int) {
		if *v == 0 {
			*v = def
		}
		if *v < lo || *v > hi {
			c.errorf(0, "limits.%s: %d is outside %d to %d", name, *v, lo, hi)
		}
	}
	limit("depth", &f.Limits.Depth, maxDepth, 1, maxDepth)
	limit("nested", &f.Limits.Nested, defaultNest, 1, maxNested)
	limit("body", &f.Limits.Body, defaultBody, 256, maxBody)
}

func badMaskRune(r rune) bool {
	switch {
	case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
		return false
	}
	return !strings.ContainsRune(" []()*_.-:", r)
}

func (c *compiler) add(r rule) uint16 {
	c.p.rules = append(c.p.rules, r)
	return uint16(min(len(c.p.rules)-1, maxRules))
}

func (c *compiler) keyRules(path string, k Keys, places placeSet, scope int) {
	for _, g := range []struct {
		name string
		act  action
		list []KeyRule
	}{
		{"deny", actMask, k.Deny}, {"drop", actDrop, k.Drop}, {"hmac", actHMAC, k.HMAC},
		{"encrypt", actEncrypt, k.Encrypt}, {"truncate", actTruncate, k.Truncate}, {"allow", actAllow, k.Allow}, {"except", actAllow, k.Except},
	} {
		var named []namedRule
		for i, r := range g.list {
			where := fmt.Sprintf("%s.%s[%d]", path, g.name, i)
			ru := rule{id: g.name + ":" + r.Name, act: g.act, tokenScope: []byte(r.Scope), places: places, scope: scope}
			ru.where = where
			ru.except, ru.builtin, ru.keep = g.name == "except", r.shipped, Keep{r.KeepFirst, r.KeepLast}
			ru.v4, ru.v6 = cmp.Or(r.V4, defaultV4), cmp.Or(r.V6, defaultV6)
			if ru.v4 < 0 || ru.v4 > 32 || ru.v6 < 0 || ru.v6 > 128 {
				c.errorf(r.line, "%s: v4 must be 1 to 32 and v6 1 to 128 bits", where)
			}
			c.checkKeep(where, r.line, ru.keep, ru.act)
			named = append(named, namedRule{where: where, name: r.Name, line: r.line, places: places, shipped: r.shipped, act: g.act})
			if r.Lower {
				ru.flags |= flagLower
			}
			if strings.IndexByte(r.Scope, 0) >= 0 {
				c.errorf(r.line, "%s: scope must not contain NUL", where)
			}
			c.key(where, r.line, r.Name, ru)
		}
		switch {
		case g.name == "allow" && len(named) > 0:
			c.allowed = append(c.allowed, named)
		case g.name == "except":
			c.freed = append(c.freed, named...)
		case g.act == actHMAC || g.act == actEncrypt || g.act == actTruncate:
			c.weaker = append(c.weaker, named...)
		}
		c.foldedTwice(named)
	}
}

func (c *compiler) key(where string, line int, name string, ru rule) {
	if strings.TrimSpace(name) == "" {
		c.errorf(line, "%s: the name is empty; write a key name, a glob or a $ path", where)
		return
	}
	if len(name) > maxNameBytes {
		c.errorf(line, "%s: the name has %d bytes, the limit is %d", where, len(name), maxNameBytes)
		return
	}
	if problem, fatal := nameProblem(name, ru.places); fatal {
		c.errorf(line, "%s: %s", where, problem)
		return
	} else if problem != "" && !ru.builtin {
		c.warnf(line, "%s: %s", where, problem)
	}
	if strings.HasPrefix(name, "$") {
		steps, err := parsePath(name)
		if err != nil {
			c.errorf(line, "%s: %s: %v%s", where, name, err, pathHint(name))
			return
		}
		ru.level, ru.glob = pathLevel(steps)
		if err := c.p.paths.add(steps, c.add(ru)); err != nil {
			c.errorf(line, "%s: %v", where, err)
		}
		return
	}
	if !strings.Contains(name, "*") {
		f := fold.Key(name)
		if f == "" {
			c.errorf(line, "%s: %q has nothing but separators; write a name with letters or digits", where, name)
			return
		}
		ru.level = levelName
		c.p.keys.addExact(f, c.add(ru))
		return
	}
	g := foldGlob(name)
	ru.star = g.minLen == 0
	ru.level, ru.glob = levelGlob, &g
	if ru.star {
		ru.level = levelPlace
		if ru.except {
			c.errorf(line, "%s: * would keep everything; write defaults: false to leave the built-in rules out", where)
			return
		}
	}
	c.p.keys.addGlob(g, c.add(ru))
}

func (c *compiler) places(path string, in map[string]PlaceRules, scope int) {
	names := make([]string, 0, len(in))
	for n := range in {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		r := in[n]
		where := path + "." + n
		set, ok := placesOf(n)
		if !ok {
			c.errorf(r.line, "%s: unknown place; known: %s", where, strings.Join(Places(), ", "))
			continue
		}
		c.keyRules(where, r.Keys, set, scope)
		c.lintPlace(where, &r)
		ru := rule{id: where, places: set, scope: scope, whole: true, where: where, level: levelPlace, builtin: r.shipped, v4: r.TruncateV4, v6: r.TruncateV6}
		switch r.Action {
		case "":
		case "keep":
			ru.act = actAllow
		case "mask":
			ru.act = actMask
		case "drop":
			ru.act = actDrop
		case "hmac":
			ru.act = actHMAC
		case "encrypt":
			ru.act = actEncrypt
		default:
			hint := "write keep, mask, drop, hmac or encrypt"
			switch r.Action {
			case "truncate":
				hint = "write truncate: {v4: 24, v6: 48} under client_ip, or truncate: [name] for a key"
			case "remove", "delete":
				hint = "write drop"
			case "redact", "deny", "block":
				hint = "write mask"
			case "allow", "none":
				hint = "write keep"
			case "hash":
				hint = "write hmac"
			}
			c.errorf(r.line, "%s.action: %q is not known; %s", where, r.Action, hint)
		}
		if r.TruncateV4 != 0 || r.TruncateV6 != 0 {
			if r.Action != "" || n != "client_ip" {
				c.errorf(r.line, "%s: give truncate or action, and truncate only for client_ip", where)
			}
			c.truncate(where, r)
			ru.act = actTruncate
		}
		if ru.act != actNone {
			c.add(ru)
		}
	}
}

func (c *compiler) truncate(where string, r PlaceRules) {
	if r.TruncateV4 < 0 || r.TruncateV4 > 32 || r.TruncateV6 < 0 || r.TruncateV6 > 128 {
		c.errorf(r.line, "%s.truncate: v4 must be 0 to 32 and v6 0 to 128 bits", where)
	}
}

func (c *compiler) hmac() {
	h := c.p.cfg.HMAC
	if len(h.Keys) == 0 {
		if h.Active != "" || h.Rotate != 0 {
			c.errorf(h.line, "hmac: has no keys; add keys: [{id: k1, file: …}]")
		}
		for _, r := range c.p.rules {
			if r.act == actHMAC || r.act == actEncrypt {
				c.errorf(0, "%s: needs a key; add hmac.keys with an id and a file or env of at least %d bytes", r.id, token.MinKeyBytes)
				return
			}
		}
		return
	}
	if h.Rotate != 0 && h.Rotate < time.Hour {
		c.errorf(h.line, "hmac.rotate: %v is shorter than 1h", h.Rotate)
	}
	tc := token.Config{Active: h.Active, Rotate: h.Rotate}
	for i, k := range h.Keys {
		n := 0
		for _, v := range []string{k.File, k.Env, k.Value, k.Source} {
			if v != "" {
				n++
			}
		}
		if n != 1 {
			c.errorf(k.line, "hmac.keys[%d]: give exactly one of file, env, value and source", i)
		}
		for j, other := range h.Keys[:i] {
			if k.ID != "" && k.ID == other.ID {
				c.errorf(k.line, "hmac.keys[%d]: has the id %q of hmac.keys[%d]; give each key its own", i, k.ID, j)
			}
		}
		tc.Keys = append(tc.Keys, token.Key{ID: k.ID, File: k.File, Env: k.Env, Value: []byte(k.Value), Source: k.Source})
	}
	if len(c.errs) > 0 {
		return
	}
	ring, err := token.New(tc)
	if err != nil {
		c.errorf(h.line, "hmac: %v", err)
		return
	}
	c.p.ring = ring
}
