// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/apispan/apispan"

// scopeType is one struct without dependencies, which every recording span answers with
// and which cannot be named otherwise: it forces no version of the SDK on anybody.
const scopeType = "go.opentelemetry.io/otel/sdk/instrumentation"

// importRule forbids a package (and all below it, unless exact) to reach others.
type importRule struct {
	from  string
	never []string
	// except are packages below from that have a rule, or a module, of their own.
	except []string
	why    string
}

// The arrows of ARCHITECTURE.md, as far as they can be broken by an import.
var importRules = []importRule{
	{
		from:  "internal/httpattr",
		never: []string{"go.opentelemetry.io/", "google.golang.org/", module},
		why:   "the vocabulary is shared by everything and must cost nothing",
	},
	{
		from:   "internal",
		never:  []string{"go.opentelemetry.io/collector/"},
		except: []string{"internal/queueguard"},
		why:    "the root module is what services import, and has no Collector in its go.mod",
	},
	{
		from:  "internal/caller",
		never: []string{"go.opentelemetry.io/", "google.golang.org/", module + "/redact", module + "/internal/httpattr"},
		why:   "the application and the Collector read the same, each out of its own requests",
	},
	{
		from:  "internal/poll",
		never: []string{"go.opentelemetry.io/", "google.golang.org/", module},
		why:   "everybody who asks a service shares it",
	},
	{
		from:  "internal/keyfetch",
		never: []string{"go.opentelemetry.io/", "google.golang.org/", module + "/redact", module + "/internal/httpattr"},
		why:   "exporter and processor share it, and share nothing else",
	},
	{
		from:  "redact",
		never: []string{"go.opentelemetry.io/", "google.golang.org/"},
		why:   "the same engine runs in the application and in the Collector",
	},
	{
		from: "instrumentation/httpcapture",
		never: []string{
			"go.opentelemetry.io/collector/", "go.opentelemetry.io/otel/sdk",
			"go.opentelemetry.io/otel/exporters/", "google.golang.org/",
			module + "/processor/", module + "/exporter/",
		},
		why: "a user's service must not be forced to new collector, SDK or gRPC versions",
	},
	{
		from: "instrumentation/guard",
		never: []string{
			"go.opentelemetry.io/collector/", "go.opentelemetry.io/otel/sdk",
			"go.opentelemetry.io/otel/exporters/", "google.golang.org/",
			module + "/processor/", module + "/exporter/", module + "/extension/",
		},
		why: "a user's service must not be forced to new collector, SDK or gRPC versions",
	},
	{
		from:  "internal/guardrules",
		never: []string{"go.opentelemetry.io/", "google.golang.org/", module + "/instrumentation/", module + "/redact"},
		why:   "the service and the Collector read the same rules",
	},
	{
		from: "instrumentation/entities",
		never: []string{
			"go.opentelemetry.io/collector/", "go.opentelemetry.io/otel/sdk",
			"go.opentelemetry.io/otel/exporters/", "google.golang.org/",
			module + "/processor/", module + "/exporter/", module + "/redact",
		},
		why: "a user's service must not be forced to new collector, SDK or gRPC versions",
	},
	{
		from: "instrumentation/captureexport",
		never: []string{
			"go.opentelemetry.io/collector/", "go.opentelemetry.io/otel/exporters/",
			module + "/processor/", module + "/exporter/", module + "/instrumentation/", module + "/redact",
		},
		why: "it works on the spans of any SDK set-up and forces no exporter on it",
	},
	{
		from:  "processor",
		never: []string{module + "/exporter/", module + "/instrumentation/"},
		why:   "what processor and exporter share is the span, not code",
	},
	{
		from:  "exporter",
		never: []string{module + "/processor/", module + "/instrumentation/", module + "/redact"},
		why:   "redaction is finished before the exporter; it only checks the stamp",
	},
	{
		from: "exporter/apianalyticsexporter/internal/backend",
		never: []string{
			"go.opentelemetry.io/collector/pdata", "go.opentelemetry.io/collector/component", "go.opentelemetry.io/collector/consumer",
			"go.opentelemetry.io/collector/exporter", "go.opentelemetry.io/collector/config/confighttp",
			module + "/exporter/apianalyticsexporter/internal/payload",
		},
		why: "an encoder is a pure translation and knows no pdata; of the Collector it knows the types of a configuration block",
	},
	{
		from:  "exporter/apianalyticsexporter/internal/payload",
		never: []string{"go.opentelemetry.io/", module},
		why:   "packing is arithmetic over byte slices",
	},
	{
		from:   "extension",
		never:  []string{module + "/processor/", module + "/exporter/", module + "/instrumentation/", module + "/redact"},
		except: []string{"extension/apiinspectorextension"},
		why:    "an extension serves the components of others, too",
	},
	{
		// It tries policies over what it keeps, finds what looks like a secret among what leaves,
		// and searches by the paths of policies: all of that must be as the engine has it.
		from:  "extension/apiinspectorextension",
		never: []string{module + "/processor/", module + "/exporter/", module + "/instrumentation/"},
		why:   "what it shows it is told through internal/inspect",
	},
	{
		from:  "confmap",
		never: []string{module + "/processor/", module + "/exporter/", module + "/extension/", module + "/instrumentation/", module + "/redact"},
		why:   "a configuration is text; which components it names is the builder's affair",
	},
	{
		from:  "cmd/apispan",
		never: []string{"go.opentelemetry.io/collector/"},
		why:   "the command tests policies; it must build in seconds",
	},
}

// directOnly lists packages whose own import lines (not their dependencies') are
// restricted.
var directOnly = []importRule{
	{
		from:  "examples",
		never: []string{module + "/internal/"},
		why:   "an example may use only what a user can import",
	},
}

type listedPackage struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func TestImportsPointDown(t *testing.T) {
	t.Parallel()
	pkgs := listPackages(t)
	if len(pkgs) < 5 {
		t.Fatalf("go list found only %d packages; the test would prove nothing", len(pkgs))
	}
	check := func(rules []importRule, imports func(listedPackage) []string) {
		for _, rule := range rules {
			seen := false
			for _, p := range pkgs {
				if !under(p.ImportPath, module+"/"+rule.from) || slices.ContainsFunc(rule.except, func(e string) bool { return under(p.ImportPath, module+"/"+e) }) {
					continue
				}
				seen = true
				for _, dep := range imports(p) {
					if under(dep, module+"/"+rule.from) {
						continue
					}
					for _, bad := range rule.never {
						if strings.HasPrefix(dep, bad) && dep != scopeType {
							t.Errorf("%s reaches %s: %s", p.ImportPath, dep, rule.why)
						}
					}
				}
			}
			if !seen {
				t.Errorf("no package below %s: the rule guards nothing", rule.from)
			}
		}
	}
	check(importRules, func(p listedPackage) []string { return p.Deps })
	check(directOnly, func(p listedPackage) []string { return p.Imports })
}

func under(path, parent string) bool {
	return path == parent || strings.HasPrefix(path, parent+"/")
}

// listPackages lists the packages of all modules, as each sees its dependencies.
func listPackages(t *testing.T) []listedPackage {
	t.Helper()
	var pkgs []listedPackage
	for _, dir := range moduleDirs(t) {
		cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,Deps", "./...")
		cmd.Dir = filepath.Join(repoRoot(t), dir)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list in %s: %v", dir, err)
		}
		dec := json.NewDecoder(bytes.NewReader(out))
		for {
			var p listedPackage
			if err := dec.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("go list in %s: %v", dir, err)
			}
			pkgs = append(pkgs, p)
		}
	}
	return pkgs
}
