// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"strings"
	"testing"
)

// TestKeySource: a key with a source is missing until the source has one, follows it
// on Reload, and stays when the source has none, or a bad one.
func TestKeySource(t *testing.T) {
	t.Parallel()
	p, err := Compile([]byte("version: 1\nkeys: {hmac: [user]}\nhmac: {keys: [{id: c1, source: vault}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if p.Ready() || p.Reload() == nil {
		t.Error("ready without a source")
	}
	var key string
	p.SetKeySource(func(name string) []byte {
		if name != "vault" {
			t.Errorf("asked for %q", name)
		}
		return []byte(key)
	})
	token := func() string {
		s, err := p.Token("", "", []byte("u-1"))
		if err != nil {
			return err.Error()
		}
		return s
	}
	if p.Reload() == nil || p.Ready() {
		t.Error("ready without a key")
	}
	key = strings.Repeat("a", 32)
	if err := p.Reload(); err != nil || !p.Ready() {
		t.Fatalf("not ready with a key: %v", err)
	}
	first := token()
	key = strings.Repeat("b", 32)
	if err := p.Reload(); err != nil || token() == first || !strings.HasPrefix(token(), "hmac:c1:") {
		t.Errorf("%v, %s after %s", err, token(), first)
	}
	second := token()
	for _, bad := range []string{"", "short", strings.Repeat("c", 5000)} {
		key = bad
		err := p.Reload()
		if err == nil || token() != second || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%d bytes: %v, %s", len(bad), err, token())
		}
	}
	if k := p.Keys(); len(k) != 1 || k[0].Source != `source "vault"` || !k[0].Loaded {
		t.Errorf("%+v", k)
	}
	if _, err := Compile([]byte("version: 1\nhmac: {keys: [{id: c1, source: vault, env: X}]}\n")); err == nil {
		t.Error("two sources of one key are accepted")
	}
}
