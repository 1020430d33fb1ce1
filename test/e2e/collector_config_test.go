// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/apispan/apispan/test/harness"
)

var fullCollector struct {
	once sync.Once
	path string
	err  error
}

// fullBinary is the collector of manifest.yaml: the shipped configurations need
// all of its components.
func fullBinary(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the collector")
	}
	fullCollector.once.Do(func() {
		if fullCollector.path = os.Getenv("APISPAN_COLLECTOR"); fullCollector.path != "" {
			return
		}
		b := &harness.Builder{Root: repoRoot(t), Progress: t.Logf}
		fullCollector.path, fullCollector.err = b.Collector(context.WithoutCancel(t.Context()), "manifest.yaml")
	})
	if fullCollector.err != nil {
		t.Fatal(fullCollector.err)
	}
	return fullCollector.path
}

// validate runs `otelcol-apispan validate` and returns what it printed. It sees
// only the given environment.
func validate(t *testing.T, config string, env ...string) (string, error) {
	t.Helper()
	return collector(t, env, "validate", "--config", config)
}

func collector(t *testing.T, env []string, args ...string) (string, error) {
	t.Helper()
	binary := fullBinary(t) // may be built here, which the deadline does not cover
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Errorf("otelcol-apispan %v did not end by itself", args)
	}
	return string(out), err
}

func yamlFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(repoRoot(t), dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no YAML files in %s (%v)", dir, err)
	}
	return files
}

// shippedEnv is what the shipped configurations ask of the environment.
func shippedEnv(t *testing.T) []string {
	t.Helper()
	return []string{
		"MOESIF_APPLICATION_ID=an-id", "README_API_KEY=a-key",
		"CERBERUS_ENDPOINT=https://ingest.example.com", "CERBERUS_BACKEND_URL=https://cerberus.example.com", "CERBERUS_TOKEN=sk",
		"METLO_ENDPOINT=https://metlo.example.com:8081", "METLO_API_KEY=a-key", "METLO_ENCRYPTION_KEY=a-session-key",
		"METER_ENDPOINT=https://meter.example.com/api/v1/events", "METER_TOKEN=a-token",
		"MOESIF_ENDPOINT=http://127.0.0.1:1", "README_ENDPOINT=http://127.0.0.1:1",
		"OTLP_BACKEND=https://otlp.example.com", "GATEWAY=https://gateway.example.com:4318",
		"STATE_DIR=" + t.TempDir(), "TLS_DIR=/etc/otelcol-apispan/tls",
	}
}

// TestShippedConfigsAreValid runs every configuration through the collector.
func TestShippedConfigsAreValid(t *testing.T) {
	t.Parallel()
	for _, file := range yamlFiles(t, "collectorbuild/config") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			out, err := validate(t, file, shippedEnv(t)...)
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestSecretsAreRequired: a configuration that is started without its secrets
// must not come up.
func TestSecretsAreRequired(t *testing.T) {
	t.Parallel()
	for _, file := range yamlFiles(t, "collectorbuild/config") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "${env:MOESIF_APPLICATION_ID}") && !strings.Contains(string(text), "${env:README_API_KEY}") &&
			!strings.Contains(string(text), "${env:METLO_API_KEY}") && !strings.Contains(string(text), "${env:CERBERUS_TOKEN}") {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			out, err := validate(t, file, "STATE_DIR="+t.TempDir(),
				"OTLP_BACKEND=https://otlp.example.com", "TLS_DIR=/etc/otelcol-apispan/tls")
			if err == nil {
				t.Error("valid without a secret")
			}
			if !strings.Contains(out, "application_id") && !strings.Contains(out, "api_key") && !strings.Contains(out, "cerberus::token") {
				t.Errorf("the message names no key:\n%s", out)
			}
		})
	}
}

// TestBadConfigsAreRefused reads what each file of testdata/bad expects from its
// own comments: "# want: text" must be in the message, "# absent: text" must not
// (it is a secret).
func TestBadConfigsAreRefused(t *testing.T) {
	t.Parallel()
	for _, file := range yamlFiles(t, "collectorbuild/testdata/bad") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var want, absent []string
			for line := range strings.Lines(string(text)) {
				if s, ok := strings.CutPrefix(line, "# want: "); ok {
					want = append(want, strings.TrimSpace(s))
				}
				if s, ok := strings.CutPrefix(line, "# absent: "); ok {
					absent = append(absent, strings.TrimSpace(s))
				}
			}
			if len(want) == 0 {
				t.Fatal("the file does not say what the message must contain")
			}
			env := []string{"APISPAN_TEST_SHORT_KEY=only-twenty-bytes-key"}
			// As a check, and at start: a bad configuration never runs.
			for _, args := range [][]string{{"validate", "--config", file}, {"--config", file}} {
				out, err := collector(t, env, args...)
				if err == nil {
					t.Errorf("%v: the configuration was accepted:\n%s", args, out)
				}
				for _, s := range want {
					if !strings.Contains(out, s) {
						t.Errorf("%v: the message does not contain %q:\n%s", args, s, out)
					}
				}
				for _, s := range absent {
					if strings.Contains(out, s) {
						t.Errorf("%v: the message contains a configured secret", args)
					}
				}
				if strings.Contains(out, "panic") || strings.Contains(out, "goroutine ") {
					t.Errorf("%v: a crash is no message:\n%s", args, out)
				}
			}
		})
	}
}

// TestConfigOrder checks what `validate` cannot know: the limiter stands first,
// redaction before every backend, and every exporter keeps its queue on disk and
// retries for ever, or answers the sender only when the data is delivered.
func TestConfigOrder(t *testing.T) {
	t.Parallel()
	type exporter struct {
		DryRun bool           `yaml:"dry_run"`
		Metlo  map[string]any // stamps what it gets on arrival: nothing is to be kept for long
		Queue  struct {
			Storage string
			Enabled *bool
			Wait    bool `yaml:"wait_for_result"`
		} `yaml:"sending_queue"`
		Retry struct {
			MaxElapsed any `yaml:"max_elapsed_time"`
		} `yaml:"retry_on_failure"`
	}
	type config struct {
		Exporters map[string]exporter
		Service   struct {
			Pipelines map[string]struct{ Receivers, Processors, Exporters []string }
		}
	}
	for _, file := range yamlFiles(t, "collectorbuild/config") {
		name := filepath.Base(file)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var c config
		if err := yaml.Unmarshal(text, &c); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		redacted := map[string]bool{} // connectors that carry redacted data
		for _, p := range c.Service.Pipelines {
			if slices.Contains(p.Processors, "http_redaction") {
				for _, e := range p.Exporters {
					redacted[e] = true
				}
			}
		}
		for id, p := range c.Service.Pipelines {
			if slices.Contains(p.Receivers, "otlp") && (len(p.Processors) == 0 || p.Processors[0] != "memory_limiter") {
				t.Errorf("%s: %s: memory_limiter must be the first processor", name, id)
			}
			ok := slices.Contains(p.Processors, "http_redaction") || redacted[p.Receivers[0]]
			if !ok && !strings.HasSuffix(name, "gateway.yaml") { // its agents redact; it refuses what has no stamp
				t.Errorf("%s: %s: no http_redaction before %v", name, id, p.Exporters)
			}
			if slices.Contains(p.Processors, "batch") {
				t.Errorf("%s: %s: the batch processor acknowledges what is only in memory", name, id)
			}
		}
		for id, e := range c.Exporters {
			if e.DryRun || e.Metlo != nil || e.Queue.Wait || e.Queue.Enabled != nil && !*e.Queue.Enabled {
				continue
			}
			if e.Queue.Storage == "" {
				t.Errorf("%s: %s: sending_queue::storage is not set", name, id)
			}
			if e.Retry.MaxElapsed != 0 {
				t.Errorf("%s: %s: retry_on_failure::max_elapsed_time is not 0", name, id)
			}
		}
	}
}

// TestComponentKeys: what `apispan check` knows by heart is what this build takes.
func TestComponentKeys(t *testing.T) {
	t.Parallel()
	if os.Getenv("APISPAN_COLLECTOR") != "" {
		t.Skip("another binary is tested than the one that the checkout builds")
	}
	fullBinary(t)
	cmd := exec.CommandContext(t.Context(), "go", "run", "./componentkeys")
	cmd.Dir = filepath.Join(repoRoot(t), "test")
	got, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(repoRoot(t), "cmd/apispan/internal/check/components.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("run go generate ./cmd/apispan/... (-file +build):\n%s", diff)
	}
}

// TestCheckAgreesWithTheCollector: `apispan check` accepts and refuses what the real
// binary accepts and refuses, alone and when it asks the binary.
func TestCheckAgreesWithTheCollector(t *testing.T) {
	t.Parallel()
	binary := fullBinary(t)
	apispan := filepath.Join(t.TempDir(), "apispan")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", apispan, "./cmd/apispan")
	build.Dir = repoRoot(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	env := append(shippedEnv(t), "APISPAN_TEST_SHORT_KEY=only-twenty-bytes-key", "KAFKA_BROKERS=127.0.0.1:9")
	for dir, good := range map[string]bool{"collectorbuild/config": true, "collectorbuild/testdata/bad": false} {
		for _, file := range yamlFiles(t, dir) {
			if filepath.Base(file) == "demo.yaml" {
				continue // has its addresses from whoever starts it
			}
			cmd := exec.CommandContext(t.Context(), apispan, "check", "--offline", "--collector", binary, file)
			cmd.Env = env
			out, _ := cmd.CombinedOutput()
			alone := failures(string(out), 4, 17, 18)
			asked := failures(string(out), 19)
			if good != (alone == "") || good != (asked == "") || good != (cmd.ProcessState.ExitCode() == 0) {
				t.Errorf("%s: want good=%v:\n%s", filepath.Base(file), good, out)
			}
		}
	}
}

// failures are the failed checks of a report with one of the numbers.
func failures(report string, numbers ...int) (text string) {
	for line := range strings.Lines(report) {
		for _, number := range numbers {
			if strings.HasPrefix(line, fmt.Sprintf("%2d  FAIL", number)) {
				text += line
			}
		}
	}
	return text
}
