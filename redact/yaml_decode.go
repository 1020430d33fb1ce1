// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/apispan/apispan/internal/confkeys"
)

type decoder struct{ errs []error }

func (d *decoder) errorf(n *yaml.Node, path, format string, args ...any) {
	if len(d.errs) < maxErrors {
		d.errs = append(d.errs, fmt.Errorf("redact: line %d: %s: %s", n.Line, path, fmt.Sprintf(format, args...)))
	}
}

func (d *decoder) resolve(n *yaml.Node) *yaml.Node {
	for i := 0; n.Kind == yaml.AliasNode && n.Alias != nil && i < 8; i++ {
		n = n.Alias
	}
	return n
}

// fields is the table of one mapping: what to do for each key.
type fields map[string]func(n *yaml.Node, path string)

func (d *decoder) mapping(n *yaml.Node, path string, f fields, other func(k, v *yaml.Node, path string)) {
	n = d.resolve(n)
	if n.Kind != yaml.MappingNode {
		switch {
		case path == "patterns":
			d.errorf(n, path, "must be a mapping of detectors to actions, such as {email: mask}")
		case len(f) == 0:
			d.errorf(n, orRoot(path), "must be a mapping of names to values, such as {x-tenant: acme}")
		default:
			d.errorf(n, orRoot(path), "must be a mapping of %s", strings.Join(f.names(), ", "))
		}
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		p := join(path, k.Value)
		if seen[k.Value] {
			d.errorf(k, p, "is given twice; keep one")
			continue
		}
		seen[k.Value] = true
		switch fn, ok := f[k.Value]; {
		case ok:
			fn(d.resolve(v), p)
		case other != nil:
			other(k, d.resolve(v), p)
		default:
			hint := meant(k.Value, f)
			if hint == "" {
				hint = suggest(k.Value, f.names())
			}
			d.errorf(k, p, "unknown field%s; known here: %s", hint, strings.Join(f.names(), ", "))
		}
	}
}

func (f fields) names() []string {
	out := make([]string, 0, len(f))
	for k := range f {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func orRoot(path string) string {
	if path == "" {
		return "policy"
	}
	return path
}

// synonyms are what others call a field.
var synonyms = map[string]string{
	"mask": "deny", "redact": "deny", "block": "deny", "blocklist": "deny", "blacklist": "deny", "denylist": "deny", "hide": "deny", "scrub": "deny",
	"obfuscate": "deny", "remove": "drop", "delete": "drop", "strip": "drop", "exclude": "except", "ignore": "except", "skip": "except", "keep": "except",
	"exceptions": "except", "unless": "except", "include": "allow", "whitelist": "allow", "allowlist": "allow", "hash": "hmac", "pseudonymize": "hmac",
	"tokenize": "hmac", "anonymize": "truncate", "shorten": "truncate", "path": "route", "url": "route", "uri": "route", "endpoint": "route",
	"if": "when", "match": "when", "condition": "when", "conditions": "when", "where": "when", "request": "request_body", "response": "response_body",
	"params": "query", "ip": "client_ip", "detectors": "patterns", "regex": "patterns", "request_header": "header",
}

// meant names the field that a word for it means here.
func meant(got string, f fields) string {
	low := strings.ToLower(got)
	if to := synonyms[low]; to != "" && f[to] != nil {
		return " (write " + to + ")"
	}
	if to := synonyms[low]; f["keys"] != nil && f["preset"] != nil && (low == "deny" || low == "drop" || low == "allow" || low == "hmac" || low == "truncate" || to != "") {
		if to == "" {
			to = low
		}
		return " (write it under keys: {" + to + ": [...]})"
	}
	return ""
}

// suggest names the closest known field.
func suggest(got string, known []string) string {
	if near := confkeys.Nearest(got, known); near != "" {
		return " (did you mean " + near + "?)"
	}
	return ""
}

func (d *decoder) str(n *yaml.Node, path string, dst *string) {
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		d.errorf(n, path, "%s is a tag of YAML and no negation; write except: [%s] for a key, not: {…} in a condition, or quotes around it",
			n.Tag, n.Tag[1:])
		return
	}
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		d.errorf(n, path, "must be a string")
		return
	}
	*dst = n.Value
}

func (d *decoder) strs(n *yaml.Node, path string, dst *[]string) {
	if n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		*dst = []string{n.Value}
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.errorf(n, path, "must be a list of strings")
		return
	}
	for i, e := range n.Content {
		var v string
		d.str(d.resolve(e), fmt.Sprintf("%s[%d]", path, i), &v)
		*dst = append(*dst, v)
	}
}

func (d *decoder) boolean(n *yaml.Node, path string, dst *bool) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || n.Decode(dst) != nil {
		d.errorf(n, path, "must be true or false")
	}
}

func (d *decoder) integer(n *yaml.Node, path string, dst *int) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || n.Decode(dst) != nil {
		d.errorf(n, path, "must be a whole number")
	}
}

// positive is integer for what 0 would not switch off.
func (d *decoder) positive(n *yaml.Node, path string, dst *int) {
	if d.integer(n, path, dst); n.Tag == "!!int" && *dst < 1 {
		d.errorf(n, path, "must be 1 or more")
	}
}

// size reads bytes: 65536, 64KiB, 1MiB.
func (d *decoder) size(n *yaml.Node, path string, dst *int) {
	v, mul := n.Value, 1
	for suffix, m := range map[string]int{"KiB": 1 << 10, "MiB": 1 << 20} {
		if s, ok := strings.CutSuffix(v, suffix); ok {
			v, mul = strings.TrimSpace(s), m
		}
	}
	i, err := strconv.Atoi(v)
	if n.Kind != yaml.ScalarNode || err != nil || i < 1 || i > 1<<30/mul {
		d.errorf(n, path, "must be a size of at most 1024MiB, such as 65536, 64KiB or 1MiB")
		return
	}
	*dst = i * mul
}

func (d *decoder) duration(n *yaml.Node, path string, dst *time.Duration) {
	v := n.Value
	if s, ok := strings.CutSuffix(v, "d"); ok {
		if i, err := strconv.Atoi(s); err == nil && i > 0 && i <= 3650 {
			*dst = time.Duration(i) * 24 * time.Hour
			return
		}
	}
	t, err := time.ParseDuration(v)
	if n.Kind != yaml.ScalarNode || err != nil || t <= 0 {
		d.errorf(n, path, "must be a duration such as 30d or 12h")
		return
	}
	*dst = t
}
