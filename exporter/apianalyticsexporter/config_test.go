// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/metadata"
	"github.com/apispan/apispan/internal/confkeys"
)

// load reads one exporter's configuration as the Collector does.
func load(t testing.TB, conf *confmap.Conf) (*Config, error) {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	if err := conf.Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

// TestBadConfig loads every testdata/bad_*.yaml; the lines "# want: …" in it are
// the exact message, and the lines "# newer: …", if any, the one that newer versions of
// the Collector's libraries give.
func TestBadConfig(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "bad_*.yaml"))
	if err != nil || len(files) < 25 {
		t.Fatalf("found %d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var want, newer []string
			for line := range strings.Lines(string(raw)) {
				if w, ok := strings.CutPrefix(line, "# want:"); ok {
					want = append(want, strings.TrimSpace(w))
				}
				if w, ok := strings.CutPrefix(line, "# newer:"); ok {
					newer = append(newer, strings.TrimSpace(w))
				}
			}
			conf, err := confmaptest.LoadConf(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = load(t, conf)
			if err == nil {
				t.Fatal("the configuration was accepted")
			}
			if got, want := err.Error(), strings.Join(want, "\n"); got != want && (newer == nil || got != strings.Join(newer, "\n")) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	all, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	storage := component.MustNewIDWithName("file_storage", "queue")
	for name, change := range map[string]func(cfg *Config){
		"moesif": func(cfg *Config) {
			cfg.Moesif.GetOrInsertDefault().ApplicationID = "an-application-id"
			cfg.Sampling.Source = SamplingVendor
		},
		"readme": func(cfg *Config) {
			cfg.ReadMe.GetOrInsertDefault().APIKey = "a-key"
		},
		"everything": func(cfg *Config) {
			c := &cfg.ClientConfig
			c.Endpoint, c.Timeout, c.Compression = "https://moesif-proxy.internal:9500/collector", 20*time.Second, "zstd"
			c.ProxyURL, c.TLS.CAFile = "http://proxy.internal:3128", "/etc/ssl/internal.pem"
			c.Headers = configopaque.MapList{{Name: "X-Tenant", Value: "shop"}}
			cfg.RequireRedaction, cfg.DryRun, cfg.DryRunFile = false, true, "requests.http"
			cfg.Sampling.Percent, cfg.Sampling.KeepErrors = 12.5, true
			r := &cfg.RetryConfig
			r.InitialInterval, r.MaxInterval, r.MaxElapsedTime = time.Second, time.Minute, time.Hour
			q := cfg.QueueConfig.Get()
			q.NumConsumers, q.QueueSize, q.StorageID = 4, 268435456, &storage
			b := q.Batch.GetOrInsertDefault()
			b.FlushTimeout, b.MinSize, b.MaxSize = 2*time.Second, 100, 400
			m := cfg.Moesif.GetOrInsertDefault()
			m.ApplicationID, m.APIVersion, m.NoResponseStatus = "an-application-id", "v1", 599
			m.ServiceVersionAsAPIVersion, m.SessionIDAsToken, m.IgnoreTransactionID = true, true, true
			m.Gates = Gates{Bodies: BodiesErrors, MaxBodySize: 65536, Headers: false, MaxEventSize: 200000, URL: URLRoute, Direction: DirectionIncoming}
		},
		"readme_development": func(cfg *Config) {
			withoutQueue(cfg)
			r := cfg.ReadMe.GetOrInsertDefault()
			r.APIKey, r.Development, r.ProductionEnvironments = "a-key", "true", []string{"live"}
			r.Gates.Bodies = BodiesNone
		},
		"metlo": func(cfg *Config) {
			m := cfg.Metlo.GetOrInsertDefault()
			m.Endpoint, m.APIKey = "https://metlo.example.com:8081", "a-key"
			cfg.ClientConfig.Timeout = 5 * time.Second
			r := &cfg.RetryConfig
			r.InitialInterval, r.MaxInterval, r.MaxElapsedTime = time.Second, 5*time.Second, 10*time.Second
			cfg.QueueConfig.Get().QueueSize = 40 << 20
		},
		"metlo_own_values": func(cfg *Config) {
			m := cfg.Metlo.GetOrInsertDefault()
			m.APIKey, m.API, m.Single, m.Environment = "a-key", "v2", true, "staging"
			m.EncryptionPublicKeyFile = "testdata/metlo_public_key.pem"
			m.Gates = Gates{Bodies: BodiesErrors, MaxBodySize: 5120, Headers: false, MaxEventSize: 32768, URL: URLFull, Direction: DirectionBoth}
			cfg.ClientConfig.Endpoint, cfg.ClientConfig.Timeout = "http://127.0.0.1:8081", 7*time.Second
			r := &cfg.RetryConfig
			r.InitialInterval, r.MaxInterval, r.MaxElapsedTime = 2*time.Second, 3*time.Second, 0
			cfg.QueueConfig.Get().QueueSize = 67108864
		},
		"cerberus": func(cfg *Config) {
			c := cfg.Cerberus.GetOrInsertDefault()
			c.Endpoint, c.Token = "https://ingest.example.com", "sk_test"
		},
		"cerberus_websocket": func(cfg *Config) {
			c := cfg.Cerberus.GetOrInsertDefault()
			c.Endpoint, c.Token, c.ClientID, c.SecretKey = "wss://ingest.example.com/ws/events", "sk_test", "shop", "a-key"
		},
		"cerberus_everything": func(cfg *Config) {
			cfg.ClientConfig.Endpoint = "https://ingest.example.com/v1/ingest/batch"
			c := cfg.Cerberus.GetOrInsertDefault()
			c.Token, c.ClientID, c.BackendURL = "sk_test\n", "shop", "https://cerberus.example.com"
			c.SecretKeyRefresh, c.MaxBatchEvents, c.ResponseBodies, c.AllowInsecure = time.Hour, 500, false, true
			c.Gates.Bodies = BodiesErrors
		},
		"cloudevents": func(cfg *Config) {
			c := cfg.CloudEvents.GetOrInsertDefault()
			c.Endpoint, c.Subject, c.BearerToken = "https://meter.example.com/api/v1/events", "company", "a-token"
		},
		"cloudevents_everything": func(cfg *Config) {
			cfg.ClientConfig.Endpoint = "https://meter.example.com/in?tenant=shop"
			cfg.Sampling.Percent = 50
			c := cfg.CloudEvents.GetOrInsertDefault()
			c.Type, c.Source, c.Subject, c.DefaultSubject = "com.example.call", "https://shop.example.com", "user", "nobody"
			c.RequireSubject, c.RequireWeightOne, c.Metadata = false, false, []string{"plan", "gen_ai.*"}
			c.Gates.Direction = DirectionBoth
		},
		"webhook": func(cfg *Config) {
			w := cfg.Webhook.GetOrInsertDefault()
			w.Endpoint, w.Format, w.BearerToken = "https://hooks.example.com/in?tenant=shop", "har", "a-token"
		},
		"webhook_open": func(cfg *Config) {
			cfg.ClientConfig.Endpoint = "https://hooks.example.com/in?tenant=shop"
			cfg.Webhook.GetOrInsertDefault()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := component.MustNewIDWithName("api_analytics", name)
			sub, err := all.Sub(id.String())
			if err != nil || len(sub.ToStringMap()) == 0 {
				t.Fatalf("%s: %v", id, err)
			}
			got, err := load(t, sub)
			if err != nil {
				t.Fatal(err)
			}
			want := createDefaultConfig().(*Config)
			change(want)
			if d := cmp.Diff(want, got, exportEverything); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
			if !got.DryRun && !got.hasStorage() {
				if _, err := NewFactory().CreateTraces(context.Background(), exportertest.NewNopSettings(metadata.Type), got); err != nil {
					t.Errorf("CreateTraces: %v", err)
				}
			}
		})
	}
	if n := len(all.ToStringMap()); n != 13 {
		t.Errorf("%d entries in config.yaml, 13 are tested", n)
	}
}

var exportEverything = cmp.Exporter(func(reflect.Type) bool { return true })

func (cfg *Config) hasStorage() bool {
	return cfg.QueueConfig.HasValue() && cfg.QueueConfig.Get().StorageID != nil
}

func TestDefaultConfig(t *testing.T) {
	t.Parallel()
	cfg := createDefaultConfig().(*Config)
	if err := componenttest.CheckConfigStruct(cfg); err != nil {
		t.Error(err)
	}
	empty, err := load(t, confmap.New())
	if err == nil || err.Error() != "no backend is chosen: write one of the blocks `moesif`, `readme`, `metlo`, `cerberus`, `cloudevents`, `clickhouse` or `webhook`" {
		t.Errorf("empty configuration: %v", err)
	}
	if d := cmp.Diff(cfg, empty, exportEverything); d != "" {
		t.Errorf("an empty configuration is not the default (-default +empty)\n%s", d)
	}
	q := cfg.QueueConfig.Get()
	if q.Sizer != exporterhelper.RequestSizerTypeBytes || q.QueueSize != 128<<20 || q.WaitForResult || q.BlockOnOverflow || q.Batch.HasValue() {
		t.Errorf("queue %+v", q)
	}
	if !cfg.RequireRedaction || cfg.DryRun || cfg.RetryConfig.MaxElapsedTime != 0 || !cfg.RetryConfig.Enabled {
		t.Errorf("%+v", cfg)
	}
}

// TestBatchInheritsOurDefaults: "batch:" alone turns batching on with our values.
func TestBatchInheritsOurDefaults(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, confmap.NewFromStringMap(map[string]any{
		"moesif":        map[string]any{"application_id": "an-application-id"},
		"sending_queue": map[string]any{"batch": nil},
	}))
	if err != nil {
		t.Fatal(err)
	}
	b := cfg.QueueConfig.Get().Batch
	if !b.HasValue() || b.Get().MinSize != 200 || b.Get().FlushTimeout != time.Second || b.Get().Sizer != exporterhelper.RequestSizerTypeItems {
		t.Errorf("batch %+v", b)
	}
}

// TestSecretsAreOpaque prints a configuration in every way.
func TestSecretsAreOpaque(t *testing.T) {
	t.Parallel()
	cfg := createDefaultConfig().(*Config)
	cfg.Moesif.GetOrInsertDefault().ApplicationID = marker
	cfg.ReadMe.GetOrInsertDefault().APIKey = marker
	cfg.Metlo.GetOrInsertDefault().APIKey = marker
	cfg.Webhook.GetOrInsertDefault().BearerToken = marker
	cfg.CloudEvents.GetOrInsertDefault().BearerToken = marker
	conf := confmap.New()
	if err := conf.Marshal(cfg); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		fmt.Sprintf("%v", cfg.Moesif.Get()), fmt.Sprintf("%+v", cfg.ReadMe.Get()), fmt.Sprintf("%#v", *cfg.Moesif.Get()), fmt.Sprintf("%#v", *cfg.Metlo.Get()),
		fmt.Sprint(conf.ToStringMap()), fmt.Sprint(cfg.Validate()),
	} {
		if strings.Contains(s, marker) {
			t.Errorf("a secret is printed: %s", s)
		}
	}
}

func TestSwitchRefusesNumbers(t *testing.T) {
	t.Parallel()
	_, err := load(t, confmap.NewFromStringMap(map[string]any{"readme": map[string]any{"api_key": "k", "development": 3}}))
	if err == nil || !strings.Contains(err.Error(), "is of type int; write auto, true or false") {
		t.Errorf("error %v", err)
	}
}

func TestRequestURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://h":            "https://h/v1/x",
		"https://h/":           "https://h/v1/x",
		"https://h/collector/": "https://h/collector/v1/x",
	} {
		if got := requestURL(in, "/v1/x"); got != want {
			t.Errorf("%s: %s", in, got)
		}
		if got := requestURL(in, ""); got != in {
			t.Errorf("%s without a path: %s", in, got)
		}
	}
}

func TestClearText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"https://api.example.com/x": false,
		"http://api.example.com/x":  true,
		"http://192.0.2.1:9500/x":   true,
		"http://localhost:9500/x":   false,
		"http://127.0.0.1:9500/x":   false,
		"http://[::1]:9500/x":       false,
	} {
		if got := confkeys.ClearText(in); got != want {
			t.Errorf("%s: %v", in, got)
		}
		r := newRig(t, testConfig(strings.TrimSuffix(in, "/x"))).start()
		if n := r.logs.FilterMessageSnippet("unencrypted").Len(); (n == 1) != want {
			t.Errorf("%s: %d warnings", in, n)
		}
	}
}

// TestDurationsHaveUnits: a number means nanoseconds, whatever key it is written for.
func TestDurationsHaveUnits(t *testing.T) {
	t.Parallel()
	for _, key := range []string{
		"timeout", "http2_read_idle_timeout", "http2_ping_timeout", "idle_conn_timeout", "tls::reload_interval",
		"retry_on_failure::initial_interval", "retry_on_failure::max_interval", "retry_on_failure::max_elapsed_time",
		"sending_queue::batch::flush_timeout", "cerberus::secret_key_refresh",
	} {
		for value, want := range map[any]string{
			15:      "`" + key + "` is 15 nanoseconds",
			30000:   "`" + key + "` is 30µs",
			"500us": "`" + key + "` is 500µs",
			"15s":   "",
		} {
			conf := map[string]any{
				"retry_on_failure": map[string]any{"max_elapsed_time": 0},
				"cerberus":         map[string]any{"token": "t", "secret_key": strings.Repeat("k", 32), "endpoint": "https://cerberus.example.com"},
			}
			at := conf
			path := strings.Split(key, "::")
			for _, block := range path[:len(path)-1] {
				if at[block] == nil {
					at[block] = map[string]any{}
				}
				at = at[block].(map[string]any)
			}
			at[path[len(path)-1]] = value
			_, err := load(t, confmap.NewFromStringMap(conf))
			switch {
			case want == "" && err != nil && !strings.HasSuffix(path[len(path)-1], "_interval") && key != "retry_on_failure::max_elapsed_time":
				t.Errorf("%s: %v: %v", key, value, err)
			case want == "" && err != nil && strings.Contains(err.Error(), "nanoseconds"):
				t.Errorf("%s: %v: %v", key, value, err)
			case want != "" && (err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "`keepalive::", "`"), want) || // newer Collectors have it in a block
				!strings.Contains(err.Error(), "write the unit")):
				t.Errorf("%s: %v: %v", key, value, err)
			}
		}
	}
}
