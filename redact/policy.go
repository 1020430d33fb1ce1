// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"errors"
	"sync"

	"github.com/apispan/apispan/internal/when"
	"github.com/apispan/apispan/redact/internal/detect"
	"github.com/apispan/apispan/redact/internal/token"
)

// Policy is a compiled policy.
type Policy struct {
	cfg  Config
	hash string
	// rules[0] stands for "no rule".
	rules []rule
	keys  matcher
	paths pathSet
	// scopes are the selectors of scoped rules; rule.scope indexes them.
	scopes []*when.Matcher
	det    *detect.Set
	// detRule maps a detector of det to its rule.
	detRule []uint16
	// detMin is the length in bytes below which no detector can match.
	detMin int
	ring   *token.Keyring

	mask     []byte // plain
	maskJSON []byte // in quotes
	maskURL  []byte // as URLs have it

	exempts  bool // some rule is an exception
	warnings []string
	pool     sync.Pool
}

// rule is one compiled rule.
type rule struct {
	id         string
	act        action
	flags      verdictFlags
	guard      guard
	tokenScope []byte
	places     placeSet
	scope      int // index into Policy.scopes, -1 = always
	// whole is set for rules on all values of a place (no key).
	whole bool
	// star is set for the glob that matches every key: values without a key are
	// meant too.
	star bool
	// except is set for exceptions, detector for what detectors do.
	except, detector bool
	// builtin is set for rules that the user has not written.
	builtin bool
	// where is the place of the rule in the policy.
	where string
	// level and glob are the strength of a key rule; see except.go.
	level strength
	glob  *glob
	keep  Keep
	// v4 and v6 are the bits kept by the truncate action.
	v4, v6 int
}

// Compile compiles a policy in YAML. Unknown fields, unusable patterns and short
// keys are errors that name the line and the key.
func Compile(yaml []byte) (*Policy, error) {
	c, err := ParseConfig(yaml)
	if err != nil {
		return nil, err
	}
	return CompileConfig(c)
}

// Hash identifies the policy: 16 hex digits, equal for equal policies. HMAC key
// material does not enter it, key ids do.
func (p *Policy) Hash() string { return p.hash }

// Config returns the configuration that the policy was compiled from, without
// inline key values.
func (p *Policy) Config() Config {
	c := p.cfg
	c.HMAC.Keys = append([]HMACKey(nil), c.HMAC.Keys...)
	for i := range c.HMAC.Keys {
		c.HMAC.Keys[i].Value = ""
	}
	return c
}

// Ready reports whether hmac and encrypt actions can work: the policy has none,
// or the active key is loaded. Until then such values are masked and counted with
// outcome no_key.
func (p *Policy) Ready() bool {
	return !p.needsKey() || p.ring != nil && p.ring.Ready()
}

func (p *Policy) needsKey() bool {
	for i := range p.rules {
		if a := p.rules[i].act; a == actHMAC || a == actEncrypt {
			return true
		}
	}
	return false
}

// Reload reads HMAC key files, variables and sources again. On error the last good keys
// stay in use.
func (p *Policy) Reload() error {
	if p.ring == nil {
		return nil
	}
	return p.ring.Reload()
}

// SetKeySource sets where HMAC keys with a source come from: source is called by
// Reload with the source's name and returns the key, or nil while there is none. It
// must be safe for concurrent use. The engine itself fetches nothing. Call it, and
// then Reload, before the policy is used and whenever the source has another key.
func (p *Policy) SetKeySource(source func(name string) []byte) {
	if p.ring != nil {
		p.ring.SetSource(source)
	}
}

// KeyStatus describes one HMAC key without its secret.
type KeyStatus struct {
	ID, Source     string
	Active, Loaded bool
}

// Keys lists the HMAC keys in the order of the policy.
func (p *Policy) Keys() []KeyStatus {
	if p.ring == nil {
		return nil
	}
	var out []KeyStatus
	for _, k := range p.ring.Status() {
		out = append(out, KeyStatus{k.ID, k.Source, k.Active, k.Loaded})
	}
	return out
}

var errNoKeys = errors.New("redact: the policy has no hmac.keys")

// Token makes the token of value under key kid, active or retired, to search for
// what was tokenised before a rotation. Empty kid: the active key.
func (p *Policy) Token(kid, scope string, value []byte) (string, error) {
	if p.ring == nil {
		return "", errNoKeys
	}
	return p.ring.Token(kid, scope, value)
}

// Decrypt opens a value that the encrypt action made.
func (p *Policy) Decrypt(text string) ([]byte, error) {
	if p.ring == nil {
		return nil, errNoKeys
	}
	return p.ring.Decrypt(text)
}

// Warnings are what is legal in the policy and yet unlikely to do what its author
// meant, one a line, with the place in the file and what to write instead.
func (p *Policy) Warnings() []string { return append([]string(nil), p.warnings...) }

// Audit is the audit level: "off", "counts" or "rules".
func (p *Policy) Audit() string { return p.cfg.Audit }
