// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.yaml.in/yaml/v3"

	"github.com/apispan/apispan/redact"
)

// minKeyBytes is the least length of an HMAC key; the engine has the same rule.
const minKeyBytes = 32

// compile reads and compiles the policy. Errors name the configuration key. dryRun
// is set if the policy or the processor asks for it; text is the policy without keys.
func (c *Config) compile() (p *redact.Policy, dryRun bool, text string, err error) {
	pc, src, where, err := c.parsePolicy()
	if err != nil {
		return nil, false, "", err
	}
	text = withoutKeys(src, pc.HMAC.Keys)
	if err := addKeys(&pc, c.HMACKeys); err != nil {
		return nil, false, "", err
	}
	if err := validateKeySources(c.KeySources, pc.HMAC.Keys); err != nil {
		return nil, false, "", err
	}
	if validAudit(c.Audit) {
		pc.Audit = c.Audit
	}
	// A dry run works on a copy of the data; the engine itself must act.
	dryRun, pc.DryRun = c.DryRun || pc.DryRun, false
	if p, err = redact.CompileConfig(pc); err != nil {
		return nil, false, "", relocate(err, where)
	}
	return p, dryRun, text, nil
}

// withoutKeys takes key material out of the text of a policy that was read, by which it
// may be shown.
func withoutKeys(src []byte, keys []redact.HMACKey) string {
	if !slices.ContainsFunc(keys, func(k redact.HMACKey) bool { return k.Value != "" }) {
		return string(src)
	}
	var doc yaml.Node
	if yaml.Unmarshal(src, &doc) != nil {
		return ""
	}
	var hide func(n *yaml.Node)
	hide = func(n *yaml.Node) {
		for i, child := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 0 {
				continue // a name
			}
			// Any value that is a key, wherever it stands and however it is written.
			if slices.ContainsFunc(keys, func(k redact.HMACKey) bool { return k.Value != "" && child.Value == k.Value }) {
				child.Value, child.Style = "[hidden]", yaml.DoubleQuotedStyle
			}
			hide(child)
		}
	}
	hide(&doc)
	out, err := yaml.Marshal(&doc)
	if err != nil {
		return ""
	}
	for _, k := range keys { // in a comment
		if k.Value != "" {
			out = bytes.ReplaceAll(out, []byte(k.Value), []byte("[hidden]"))
		}
	}
	return string(out)
}

// parsePolicy returns the policy of the one source that is set. where names the
// source in errors, and src is its text.
func (c *Config) parsePolicy() (pc redact.Config, src []byte, where string, err error) {
	var set []string
	if c.Policy != nil {
		set = append(set, "policy")
	}
	if c.PolicyFile != "" {
		set = append(set, "policy_file")
	}
	if c.Preset != "" {
		set = append(set, "preset")
	}
	switch {
	case len(set) == 0:
		return pc, nil, "", errors.New("no policy: set exactly one of policy, policy_file and preset; preset: default is a good start")
	case len(set) > 1:
		return pc, nil, "", fmt.Errorf("%s are set; keep exactly one", strings.Join(set, " and "))
	}
	switch set[0] {
	case "policy":
		if err := refuseInlineKeys(c.Policy); err != nil {
			return pc, nil, "", err
		}
		if src, err = yaml.Marshal(c.Policy); err != nil {
			return pc, nil, "", fmt.Errorf("policy: cannot be written as YAML: %w", err)
		}
		where = "policy."
	case "policy_file":
		if src, err = os.ReadFile(c.PolicyFile); err != nil {
			return pc, nil, "", fmt.Errorf("policy_file: %w; give the path of a readable policy", err)
		}
		where = "policy_file " + c.PolicyFile + ": "
	case "preset":
		var ok bool
		if src, ok = redact.Preset(c.Preset); !ok {
			return pc, nil, "", fmt.Errorf("preset: %q is unknown; use one of %s", c.Preset, strings.Join(redact.PresetNames(), ", "))
		}
		where = "preset " + c.Preset + ": "
	}
	if pc, err = redact.ParseConfig(src); err != nil {
		return pc, nil, "", relocate(err, where)
	}
	return pc, src, where, nil
}

// lineNumber is how the engine begins an error: the lines of a policy that came
// inline are those of a text that nobody has seen.
var lineNumber = regexp.MustCompile(`^redact: (line \d+: )?`)

// relocate puts where in front of each error of the engine, so that
// "redact: line 4: keys.deny[2]: …" becomes "policy.keys.deny[2]: …".
func relocate(err error, where string) error {
	inline := where == "policy."
	var out []error
	for _, e := range unjoin(err) {
		msg := e.Error()
		if inline {
			msg = lineNumber.ReplaceAllString(msg, "")
		} else {
			msg = strings.TrimPrefix(msg, "redact: ")
		}
		out = append(out, errors.New(where+msg))
	}
	return errors.Join(out...)
}

func unjoin(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		var out []error
		for _, e := range j.Unwrap() {
			out = append(out, unjoin(e)...)
		}
		return out
	}
	return []error{err}
}

// refuseInlineKeys refuses key material under policy.hmac.keys: policy is printed
// with the configuration, hmac_keys is not.
func refuseInlineKeys(policy map[string]any) error {
	hmac, _ := policy["hmac"].(map[string]any)
	keys, _ := hmac["keys"].([]any)
	for i, k := range keys {
		if m, ok := k.(map[string]any); ok {
			if _, has := m["value"]; has {
				return fmt.Errorf("policy.hmac.keys[%d].value: would be printed with the configuration; remove it and write hmac_keys: {<id>: ${env:NAME}}", i)
			}
		}
	}
	return nil
}

// addKeys gives the key material of hmac_keys to the keys that the policy names
// without a source, and adds the ids that it does not name, in order.
func addKeys(pc *redact.Config, keys map[string]configopaque.String) error {
	ids := make([]string, 0, len(keys))
	for id := range keys {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		value := string(keys[id])
		i := slices.IndexFunc(pc.HMAC.Keys, func(k redact.HMACKey) bool { return k.ID == id })
		switch {
		case value == "":
			return fmt.Errorf("hmac_keys.%s: is empty; give at least %d bytes", id, minKeyBytes)
		case len(value) < minKeyBytes:
			return fmt.Errorf("hmac_keys.%s: has %d bytes, need at least %d; make one with: openssl rand -base64 %d", id, len(value), minKeyBytes, minKeyBytes)
		case i < 0:
			pc.HMAC.Keys = append(pc.HMAC.Keys, redact.HMACKey{ID: id, Value: value})
		case pc.HMAC.Keys[i].File != "" || pc.HMAC.Keys[i].Env != "" || pc.HMAC.Keys[i].Value != "" || pc.HMAC.Keys[i].Source != "":
			return fmt.Errorf("hmac_keys.%s: the policy has a source for this key already; keep one of them", id)
		default:
			pc.HMAC.Keys[i].Value = value
		}
	}
	return nil
}
