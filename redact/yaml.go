// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/apispan/apispan/redact/internal/detect"
)

// ParseConfig reads a policy in YAML. It is strict: every unknown or repeated
// field and every value of a wrong type is an error with its line, and all of
// them are reported together. A top-level "redact:" or "policy:" wrapper is
// accepted. A "preset:" field names the preset that the file starts from.
func ParseConfig(src []byte) (Config, error) {
	var doc, second yaml.Node
	docs := yaml.NewDecoder(bytes.NewReader(src))
	if err := docs.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return Config{}, fmt.Errorf("redact: policy is not YAML: %w%s", err, yamlHint(string(src)))
	}
	if err := docs.Decode(&second); err == nil {
		return Config{}, fmt.Errorf("redact: line %d: policy: a second document begins here, which would not be read; keep one, without --- in between", second.Line)
	} else if !errors.Is(err, io.EOF) {
		return Config{}, fmt.Errorf("redact: policy is not YAML: %w%s", err, yamlHint(string(src)))
	}
	d := &decoder{}
	c := Config{Defaults: true}
	if len(doc.Content) > 0 {
		root := d.resolve(doc.Content[0])
		if root.Kind == yaml.MappingNode && len(root.Content) == 2 {
			if k := root.Content[0].Value; k == "redact" || k == "policy" {
				root = d.resolve(root.Content[1])
			}
		}
		if root.Kind != yaml.ScalarNode || root.Tag != "!!null" {
			d.config(root, &c)
		}
	}
	return c, errors.Join(d.errs...)
}

// maxErrors bounds what one bad file can print.
const maxErrors = 20

func (d *decoder) config(n *yaml.Node, c *Config) {
	// The preset comes first whatever its position: the file is written over it.
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == "preset" {
				d.preset(d.resolve(n.Content[i+1]), c)
			}
		}
	}
	d.mapping(n, "", fields{
		"preset":   func(*yaml.Node, string) {},
		"version":  func(n *yaml.Node, p string) { d.integer(n, p, &c.Version) },
		"defaults": func(n *yaml.Node, p string) { d.boolean(n, p, &c.Defaults) },
		"except":   func(n *yaml.Node, p string) { d.strs(n, p, &c.Except) },
		"mask": func(n *yaml.Node, p string) {
			if d.str(n, p, &c.Mask); n.Kind == yaml.ScalarNode && n.Value == "" {
				d.errorf(n, p, "must not be empty, since then nobody sees that something was there; to remove values write drop")
			}
		},
		"mask_by_type":  func(n *yaml.Node, p string) { d.boolean(n, p, &c.MaskByType) },
		"keys":          func(n *yaml.Node, p string) { d.keys(n, p, &c.Keys) },
		"in":            func(n *yaml.Node, p string) { d.in(n, p, &c.In) },
		"rules":         func(n *yaml.Node, p string) { d.scoped(n, p, &c.Rules) },
		"patterns":      func(n *yaml.Node, p string) { d.patterns(n, p, c) },
		"hmac":          func(n *yaml.Node, p string) { d.hmac(n, p, &c.HMAC) },
		"on_unparsable": func(n *yaml.Node, p string) { d.str(n, p, &c.OnUnparsable) },
		"limits":        func(n *yaml.Node, p string) { d.limits(n, p, &c.Limits) },
		"audit":         func(n *yaml.Node, p string) { d.str(n, p, &c.Audit) },
		"dry_run":       func(n *yaml.Node, p string) { d.boolean(n, p, &c.DryRun) },
	}, nil)
}

func (d *decoder) preset(n *yaml.Node, c *Config) {
	var name string
	d.str(n, "preset", &name)
	src, ok := Preset(name)
	if !ok {
		d.errorf(n, "preset", "unknown preset %q; known: %s", name, strings.Join(PresetNames(), ", "))
		return
	}
	pc, err := ParseConfig(src)
	if err != nil {
		d.errorf(n, "preset", "%v", err)
		return
	}
	*c = pc
	c.ship()
}

// ship marks the rules of a preset: what a file says over it is stronger.
func (c *Config) ship() {
	keys := func(k *Keys) {
		for _, l := range [][]KeyRule{k.Deny, k.Drop, k.HMAC, k.Encrypt, k.Truncate, k.Allow, k.Except} {
			for i := range l {
				l[i].shipped = true
			}
		}
	}
	in := func(m map[string]PlaceRules) {
		for n, r := range m {
			r.shipped = true
			keys(&r.Keys)
			m[n] = r
		}
	}
	keys(&c.Keys)
	in(c.In)
	for i := range c.Rules {
		keys(&c.Rules[i].Keys)
		in(c.Rules[i].In)
	}
}

func (d *decoder) keyFields(k *Keys) fields {
	return fields{
		"deny":     func(n *yaml.Node, p string) { d.keyRules(n, p, &k.Deny, "keep") },
		"drop":     func(n *yaml.Node, p string) { d.keyRules(n, p, &k.Drop, "") },
		"hmac":     func(n *yaml.Node, p string) { d.keyRules(n, p, &k.HMAC, "token") },
		"encrypt":  func(n *yaml.Node, p string) { d.keyRules(n, p, &k.Encrypt, "") },
		"truncate": func(n *yaml.Node, p string) { d.keyRules(n, p, &k.Truncate, "bits") },
		"allow":    func(n *yaml.Node, p string) { d.keyRules(n, p, &k.Allow, "") },
		"except":   func(n *yaml.Node, p string) { d.keyRules(n, p, &k.Except, "") },
	}
}

func (d *decoder) keys(n *yaml.Node, path string, k *Keys) { d.mapping(n, path, d.keyFields(k), nil) }

func (d *decoder) keyRules(n *yaml.Node, path string, dst *[]KeyRule, options string) {
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = n.Content
	} else if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		d.errorf(n, path, "must be a list of names, globs and $ paths")
		return
	}
	for i, e := range list {
		e = d.resolve(e)
		p := fmt.Sprintf("%s[%d]", path, i)
		r := KeyRule{line: e.Line}
		if e.Kind == yaml.MappingNode {
			f := fields{"name": func(n *yaml.Node, p string) { d.str(n, p, &r.Name) }}
			switch options {
			case "keep":
				f["keep_first"] = func(n *yaml.Node, p string) { d.integer(n, p, &r.KeepFirst) }
				f["keep_last"] = func(n *yaml.Node, p string) { d.integer(n, p, &r.KeepLast) }
			case "bits":
				f["v4"] = func(n *yaml.Node, p string) { d.positive(n, p, &r.V4) }
				f["v6"] = func(n *yaml.Node, p string) { d.positive(n, p, &r.V6) }
			case "token":
				f["lower"] = func(n *yaml.Node, p string) { d.boolean(n, p, &r.Lower) }
				f["scope"] = func(n *yaml.Node, p string) { d.str(n, p, &r.Scope) }
			}
			d.mapping(e, p, f, nil)
		} else {
			d.str(e, p, &r.Name)
		}
		*dst = append(*dst, r)
	}
}

func (d *decoder) in(n *yaml.Node, path string, dst *map[string]PlaceRules) {
	if *dst == nil {
		*dst = map[string]PlaceRules{}
	}
	f := fields{}
	for _, name := range Places() {
		f[name] = func(n *yaml.Node, p string) {
			r := PlaceRules{line: n.Line}
			pf := d.keyFields(&r.Keys)
			pf["action"] = func(n *yaml.Node, p string) { d.str(n, p, &r.Action) }
			if name == "client_ip" {
				names := pf["truncate"]
				pf["truncate"] = func(n *yaml.Node, p string) {
					if n.Kind != yaml.MappingNode {
						if n.Kind == yaml.ScalarNode && n.Tag == "!!int" {
							d.errorf(n, p, "must be a mapping of v4 and v6 to bits; write {v4: %s, v6: 48}", n.Value)
							return
						}
						names(n, p)
						return
					}
					d.mapping(n, p, fields{
						"v4": func(n *yaml.Node, p string) { d.integer(n, p, &r.TruncateV4) },
						"v6": func(n *yaml.Node, p string) { d.integer(n, p, &r.TruncateV6) },
					}, nil)
					if r.TruncateV4 == 0 && r.TruncateV6 == 0 {
						d.errorf(n, p, "leaves nothing of an address; write {v4: 24, v6: 48}, or action: mask")
					}
				}
			}
			d.mapping(n, p, pf, nil)
			(*dst)[name] = r
		}
	}
	d.mapping(n, path, f, nil)
}

func (d *decoder) scoped(n *yaml.Node, path string, dst *[]ScopedRules) {
	if n.Kind != yaml.SequenceNode {
		d.errorf(n, path, "must be a list of {when, keys, in}")
		return
	}
	for i, e := range n.Content {
		r := ScopedRules{line: e.Line}
		d.mapping(e, fmt.Sprintf("%s[%d]", path, i), fields{
			"when": func(n *yaml.Node, p string) { d.when(n, p, &r.When, false) },
			"keys": func(n *yaml.Node, p string) { d.keys(n, p, &r.Keys) },
			"in":   func(n *yaml.Node, p string) { d.in(n, p, &r.In) },
		}, nil)
		*dst = append(*dst, r)
	}
}

//nolint:dupl // another list of other fields; a table of pointers would say less
func (d *decoder) patterns(n *yaml.Node, path string, c *Config) {
	if c.Patterns == nil {
		c.Patterns = map[string]string{}
	}
	d.mapping(n, path, fields{
		"re": func(n *yaml.Node, p string) {
			if n.Kind != yaml.SequenceNode {
				d.errorf(n, p, "must be a list of {id, regex, action}")
				return
			}
			for i, e := range n.Content {
				r := Regex{line: e.Line}
				d.mapping(e, fmt.Sprintf("%s[%d]", p, i), fields{
					"id":         func(n *yaml.Node, p string) { d.str(n, p, &r.ID) },
					"regex":      func(n *yaml.Node, p string) { d.str(n, p, &r.Regex) },
					"action":     func(n *yaml.Node, p string) { d.str(n, p, &r.Action) },
					"keep_first": func(n *yaml.Node, p string) { d.integer(n, p, &r.KeepFirst) },
					"keep_last":  func(n *yaml.Node, p string) { d.integer(n, p, &r.KeepLast) },
				}, nil)
				c.Regex = append(c.Regex, r)
			}
		},
	}, func(k, v *yaml.Node, p string) {
		var a string
		if v.Kind == yaml.MappingNode {
			a = "mask"
			var keep Keep
			d.mapping(v, p, fields{
				"action":     func(n *yaml.Node, p string) { d.str(n, p, &a) },
				"keep_first": func(n *yaml.Node, p string) { d.integer(n, p, &keep.First) },
				"keep_last":  func(n *yaml.Node, p string) { d.integer(n, p, &keep.Last) },
			}, nil)
			if name, ok := detect.Lookup(k.Value); ok && keep != (Keep{}) {
				if c.PatternKeep == nil {
					c.PatternKeep = map[string]Keep{}
				}
				c.PatternKeep[name] = keep
			}
		} else {
			d.str(v, p, &a)
		}
		if v.Tag == "!!bool" {
			d.errorf(v, p, "must be an action; write %s", map[bool]string{true: "mask", false: "off"}[v.Value == "true"])
			return
		}
		if a != "" {
			if _, err := patternAction(a); err != nil {
				d.errorf(v, p, "%v", err)
				return
			}
		}
		if !knownDetector(k.Value) {
			d.errorf(k, p, "unknown detector%s; known: %s", suggest(k.Value, detectorNames()), strings.Join(detectorNames(), ", "))
			return
		}
		c.Patterns[k.Value] = a
	})
}

//nolint:dupl // see patterns
func (d *decoder) hmac(n *yaml.Node, path string, h *HMAC) {
	h.line = n.Line
	d.mapping(n, path, fields{
		"active": func(n *yaml.Node, p string) { d.str(n, p, &h.Active) },
		"rotate": func(n *yaml.Node, p string) { d.duration(n, p, &h.Rotate) },
		"keys": func(n *yaml.Node, p string) {
			if n.Kind != yaml.SequenceNode {
				d.errorf(n, p, "must be a list of {id, file}, {id, env} or {id, source}")
				return
			}
			for i, e := range n.Content {
				k := HMACKey{line: e.Line}
				d.mapping(e, fmt.Sprintf("%s[%d]", p, i), fields{
					"id":     func(n *yaml.Node, p string) { d.str(n, p, &k.ID) },
					"file":   func(n *yaml.Node, p string) { d.str(n, p, &k.File) },
					"env":    func(n *yaml.Node, p string) { d.str(n, p, &k.Env) },
					"value":  func(n *yaml.Node, p string) { d.str(n, p, &k.Value) },
					"source": func(n *yaml.Node, p string) { d.str(n, p, &k.Source) },
				}, nil)
				h.Keys = append(h.Keys, k)
			}
		},
	}, nil)
}

func (d *decoder) limits(n *yaml.Node, path string, l *Limits) {
	d.mapping(n, path, fields{
		"depth":  func(n *yaml.Node, p string) { d.positive(n, p, &l.Depth) },
		"nested": func(n *yaml.Node, p string) { d.positive(n, p, &l.Nested) },
		"body":   func(n *yaml.Node, p string) { d.size(n, p, &l.Body) },
	}, nil)
}
