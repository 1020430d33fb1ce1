// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"os"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/confmap"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/fromspan"
	"github.com/apispan/apispan/internal/confkeys"
)

func readREADME(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestREADMEExample loads the first YAML block of the README.
func TestREADMEExample(t *testing.T) {
	t.Parallel()
	_, rest, _ := strings.Cut(readREADME(t), "```yaml\n")
	block, _, _ := strings.Cut(rest, "```")
	block = strings.NewReplacer("${env:MOESIF_APPLICATION_ID}", "an-id", "${env:README_API_KEY}", "a-key").Replace(block)
	ret, err := confmap.NewRetrievedFromYAML([]byte(block))
	if err != nil {
		t.Fatal(err)
	}
	conf, err := ret.AsConf()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"api_analytics/moesif", "api_analytics/readme"} {
		sub, err := conf.Sub("exporters::" + id)
		if err != nil || len(sub.ToStringMap()) == 0 {
			t.Fatalf("%s: %v", id, err)
		}
		if _, err := load(t, sub); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// TestREADMEIsComplete: every key of ours and every reason is explained.
func TestREADMEIsComplete(t *testing.T) {
	t.Parallel()
	text := readREADME(t)
	words := []string{
		reasonUnredacted, reasonTooLarge, reasonInternal, reasonRejected, reasonExhausted, reasonRefused,
		reasonShutdown, reasonDryRun, reasonWrongBackend, reasonDegraded, reasonUnconfirmed,
		string(backend.DropDirection), string(backend.DropMethod), string(backend.DropNoStatus),
		string(backend.DropNoIdentity), string(backend.DropSelfTraffic), string(backend.DropEncryption), string(backend.DropHealthCheck), string(backend.DropWeight),
		string(fromspan.SkipKind), string(fromspan.SkipNotHTTP), string(fromspan.SkipRequested), skipSampled,
		string(backend.DropNoID), string(backend.DropIncomplete), string(backend.DropNoEntity), skipEventName,
		"require_redaction", "dry_run", "dry_run_file", "sampling::source", "sampling::percent", "sampling::keep_errors", "endpoint", "timeout", "compression",
	}
	for _, b := range new(Backends).blocks() {
		words = append(append(words, b.name), confkeys.Keys(b.typ)...)
	}
	for _, w := range words {
		if !strings.Contains(text, "`"+w+"`") {
			t.Errorf("`%s` is not explained", w)
		}
	}
}
