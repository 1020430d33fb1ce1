// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestThreatModelNamesTests: every test and fuzz target that SECURITY.md names as the
// proof of a control exists.
func TestThreatModelNamesTests(t *testing.T) {
	t.Parallel()
	declared := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9_]+)\(`)
	for _, name := range trackedFiles(t) {
		if !strings.HasSuffix(name, "_test.go") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(repoRoot(t), name))
		if os.IsNotExist(err) {
			continue // deleted in the work tree, not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range function.FindAllStringSubmatch(string(b), -1) {
			declared[m[1]] = true
		}
	}
	named := 0
	for _, m := range regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)`").FindAllStringSubmatch(readFile(t, "SECURITY.md"), -1) {
		named++
		if !declared[m[1]] {
			t.Errorf("SECURITY.md names %s, which does not exist", m[1])
		}
	}
	if named < 40 {
		t.Errorf("found only %d names", named)
	}
}

// TestShippedReceiversAreOnLoopback, and so are health and metrics, unless the
// environment says otherwise. Kafka is a client.
func TestShippedReceiversAreOnLoopback(t *testing.T) {
	t.Parallel()
	listen := regexp.MustCompile(`(?m)^ +endpoint: (\$\{env:(?:OTLP_LISTEN|HEALTH_LISTEN|OTLP_GRPC|OTLP_HTTP):-127\.0\.0\.1.*|\$\{env:INSPECTOR_LISTEN:-localhost:8089\})$`)
	for _, file := range yamlFiles(t, "collectorbuild/config") {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text, _, _ := strings.Cut(string(b), "\nexporters:")
		if all, ok := strings.Count(text, "endpoint: "), len(listen.FindAllString(text, -1)); all != ok || all == 0 {
			t.Errorf("%s: %d addresses to listen on, %d of them on loopback by default", filepath.Base(file), all, ok)
		}
		if strings.Contains(text, "0.0.0.0") && !strings.Contains(text, "# Start: OTLP_LISTEN=0.0.0.0") {
			t.Errorf("%s: listens everywhere", filepath.Base(file))
		}
	}
}
