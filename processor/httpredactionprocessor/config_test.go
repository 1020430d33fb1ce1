// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.yaml.in/yaml/v3"
)

// load reads one entry of a file as the Collector does: defaults, unmarshal, validate.
func load(t *testing.T, file, id string) (*Config, error) {
	t.Helper()
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	sub, err := conf.Sub(id)
	if err != nil {
		t.Fatal(err)
	}
	cfg := createDefaultConfig().(*Config)
	if err := sub.Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

// mustConfig makes a configuration from YAML text.
func mustConfig(t testing.TB, text string) *Config {
	t.Helper()
	cfg, err := loadConfig(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func loadConfig(t testing.TB, text string) (*Config, error) {
	t.Helper()
	var raw map[string]any
	if err := yaml.Unmarshal([]byte(text), &raw); err != nil {
		t.Fatal(err)
	}
	cfg := createDefaultConfig().(*Config)
	if err := confmap.NewFromStringMap(raw).Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

func TestGoodConfigs(t *testing.T) {
	t.Parallel()
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	entries := conf.ToStringMap()
	if len(entries) < 4 {
		t.Fatalf("testdata/config.yaml has %d entries", len(entries))
	}
	for name := range entries {
		cfg, err := load(t, "config.yaml", name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, _, _, err := cfg.compile(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var id component.ID
		if err := id.UnmarshalText([]byte(name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDefaultsAreWhatTheFullExampleSays(t *testing.T) {
	t.Parallel()
	full, err := load(t, "config.yaml", "http_redaction/full")
	if err != nil {
		t.Fatal(err)
	}
	def := createDefaultConfig().(*Config)
	if full.KeyReloadInterval != def.KeyReloadInterval || full.StripCaptured != def.StripCaptured || full.DryRun != def.DryRun {
		t.Error("a value that the example calls the default is not")
	}
	if diff := cmp.Diff(sorted(def.ApplyTo), sorted(full.ApplyTo)); diff != "" {
		t.Errorf("apply_to of the example (-default +example):\n%s", diff)
	}
}

// TestBadConfigs checks the whole text of each error, because it is what an
// operator has: the key, what is wrong, what to write.
func TestBadConfigs(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/bad_*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no bad configurations: %v", err)
	}
	for _, f := range files {
		f := filepath.Base(f)
		t.Run(strings.TrimSuffix(f, ".yaml"), func(t *testing.T) {
			t.Parallel()
			_, err := load(t, f, "http_redaction")
			if err == nil {
				t.Fatal("was accepted")
			}
			golden(t, filepath.Join("testdata", strings.TrimSuffix(f, ".yaml")+".error.txt"), err.Error()+"\n")
		})
	}
}

func TestBadPolicyNeverStarts(t *testing.T) {
	t.Parallel()
	cfg := createDefaultConfig().(*Config)
	cfg.Policy = map[string]any{"keys": map[string]any{"denny": []any{"x"}}}
	if _, err := newTestRedactor(cfg, signalTraces); err == nil {
		t.Fatal("a bad policy was started")
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, "config.yaml", "http_redaction/full")
	if err != nil {
		t.Fatal(err)
	}
	conf := confmap.New()
	if err := conf.Marshal(cfg); err != nil {
		t.Fatal(err)
	}
	out, err := yaml.Marshal(conf.ToStringMap())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "0123456789abcdef") {
		t.Errorf("an HMAC key is printed with the configuration")
	}
	if !strings.Contains(string(out), "hmac_keys") {
		t.Error("hmac_keys is not in the printed configuration at all")
	}
}

func TestShortKeyErrorHoldsNoKey(t *testing.T) {
	t.Parallel()
	_, err := load(t, "bad_short_key.yaml", "http_redaction")
	if err == nil || strings.Contains(err.Error(), "only-18") {
		t.Errorf("error = %v", err)
	}
	for _, want := range []string{"18", "32"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not hold %s", err, want)
		}
	}
}

// golden compares got with a file, or writes it with -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run the test with -update to write it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// TestDurationsHaveUnits: a number means nanoseconds, whatever key it is written for.
func TestDurationsHaveUnits(t *testing.T) {
	t.Parallel()
	for key, conf := range map[string]map[string]any{
		"key_reload_interval":       {"key_reload_interval": 60},
		"key_sources::cer::refresh": {"key_sources": map[string]any{"cer": map[string]any{"refresh": 60}}},
	} {
		conf["preset"] = "default"
		cfg := createDefaultConfig().(*Config)
		if err := confmap.NewFromStringMap(conf).Unmarshal(cfg); err != nil {
			t.Fatal(err)
		}
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "`"+key+"` is 60 nanoseconds") {
			t.Errorf("%s: %v", key, err)
		}
	}
}
