// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apiinspectorextension

import (
	"net"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/metadata"
)

func withAuth(c *Config) {
	c.ServerConfig.Auth = configoptional.Some(confighttp.AuthConfig{Config: configauth.Config{AuthenticatorID: component.MustNewID("basicauth")}})
}

// TestBadConfig: each error names the key, what is wrong with its value, and what to write.
func TestBadConfig(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		want string
		edit func(*Config)
	}{
		{"`max_exchanges` is 99: write a number from 100 to 50000", func(c *Config) { c.MaxExchanges = 99 }},
		{"`max_exchanges` is 50001:", func(c *Config) { c.MaxExchanges = 50_001 }},
		{"`max_bytes` is 1: write a number from 8388608", func(c *Config) { c.MaxBytes = 1 }},
		{"`ttl` is 1s: write a duration from 10s to 24h0m0s", func(c *Config) { c.TTL = time.Second }},
		{"`details_per_second` is 0:", func(c *Config) { c.DetailsPerSecond = 0 }},
		{"`learning` is -1ns:", func(c *Config) { c.Learning = -1 }},
		{"`max_streams` is 0:", func(c *Config) { c.MaxStreams = 0 }},
		{"`endpoint` is \"8089\": write host and port, such as localhost:8089", func(c *Config) { c.ServerConfig.NetAddr.Endpoint = "8089" }},
		{"`endpoint` is \"\":", func(c *Config) { c.ServerConfig.NetAddr.Endpoint = "" }},
		{"`endpoint` is \"localhost:http\":", func(c *Config) { c.ServerConfig.NetAddr.Endpoint = "localhost:http" }},
		{"`transport` is \"unix\": a browser needs tcp", func(c *Config) { c.ServerConfig.NetAddr.Transport = "unix" }},
		{"`endpoint` is \"0.0.0.0:8089\", which other machines reach: name an authenticator in `auth`", func(c *Config) { c.ServerConfig.NetAddr.Endpoint = "0.0.0.0:8089" }},
		{"`endpoint` is \":8089\", which other machines reach:", func(c *Config) { c.ServerConfig.NetAddr.Endpoint = ":8089" }},
		{"`endpoint` is \"[::]:8089\", which other machines reach:", func(c *Config) { c.ServerConfig.NetAddr.Endpoint = "[::]:8089" }},
		{"`endpoint` is \"192.0.2.1:8089\", which other machines reach:", func(c *Config) { c.ServerConfig.NetAddr.Endpoint = "192.0.2.1:8089" }},
		{"`endpoint` is \"localhost.example:8089\", which other machines reach:", func(c *Config) { c.ServerConfig.NetAddr.Endpoint = "localhost.example:8089" }},
		{"`show_raw` is true and `endpoint` is \"192.0.2.1:8089\", which other machines reach:", func(c *Config) { withAuth(c); c.ServerConfig.NetAddr.Endpoint, c.ShowRaw = "192.0.2.1:8089", true }},
		{"`token` is off and `endpoint` is \"192.0.2.1:8089\",", func(c *Config) { withAuth(c); c.ServerConfig.NetAddr.Endpoint, c.Token = "192.0.2.1:8089", "off" }},
		{"`allowed_hosts` is empty and `endpoint` is \"0.0.0.0:8089\", which says no name:", func(c *Config) { withAuth(c); c.ServerConfig.NetAddr.Endpoint = "0.0.0.0:8089" }},
		{"`allowed_hosts` has \"http://x\":", func(c *Config) { c.AllowedHosts = []string{"http://x"} }},
		{"`allowed_hosts` has \"*\":", func(c *Config) { c.AllowedHosts = []string{"*"} }},
		{"`cors` lets pages of other sites read", func(c *Config) {
			c.ServerConfig.CORS = configoptional.Some(confighttp.CORSConfig{AllowedOrigins: []string{"*"}})
		}},
		{"`token` is \"maybe\": write on or off", func(c *Config) { c.Token = "maybe" }},
		{"`trace_url` is \"jaeger\":", func(c *Config) { c.TraceURL = "jaeger" }},
		{"`trace_url` is \"javascript:{trace}\":", func(c *Config) { c.TraceURL = "javascript:{trace}" }},
		{"", func(*Config) {}},
		{"", func(c *Config) { c.ServerConfig.NetAddr.Endpoint, c.ShowRaw, c.Token = "[::1]:0", true, "off" }},
		{"", func(c *Config) {
			withAuth(c)
			c.ServerConfig.NetAddr.Endpoint, c.AllowedHosts, c.TraceURL = "0.0.0.0:8089", []string{"inspector.example.com"}, "https://x/{trace}"
		}},
	} {
		c := defaultConfig()
		tt.edit(c)
		err := c.Validate()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
}

// TestYAML: the keys are as the README has them.
func TestYAML(t *testing.T) {
	t.Parallel()
	cfg := NewFactory().CreateDefaultConfig()
	err := confmap.NewFromStringMap(map[string]any{
		"endpoint": "localhost:9000", "max_exchanges": 200, "max_bytes": 16 << 20, "ttl": "5m", "details_per_second": 10, "learning": "1m", "show_raw": true,
		"token": "off", "allowed_hosts": []any{"x.test"}, "trace_url": "http://j/{trace}", "max_streams": 3,
	}).Unmarshal(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := cfg.(*Config)
	if c.ServerConfig.NetAddr.Endpoint != "localhost:9000" || c.MaxExchanges != 200 || c.TTL != 5*time.Minute || !c.ShowRaw || c.Token != "off" || len(c.AllowedHosts) != 1 || c.MaxStreams != 3 {
		t.Errorf("%+v", c)
	}
}

// TestBadStart: what can be known only at the start names the key and the fix, too.
func TestBadStart(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	_, port, _ := net.SplitHostPort(busy.Addr().String())
	for _, tt := range []struct {
		want string
		edit func(*Config)
	}{
		{"`endpoint`: 127.0.0.1:" + port + " is in use, perhaps by another Collector: end that, or write another port", func(c *Config) { c.ServerConfig.NetAddr.Endpoint = "localhost:" + port }},
		{"`endpoint`: 127.0.0.1:" + port + " is in use", func(c *Config) { c.ServerConfig.NetAddr.Endpoint = busy.Addr().String() }},
		{"`endpoint`: 192.0.2.1:8089 is no address of this machine", func(c *Config) { withAuth(c); c.ServerConfig.NetAddr.Endpoint = "192.0.2.1:8089" }},
		{"failed to resolve authenticator", func(c *Config) { withAuth(c); c.ServerConfig.NetAddr.Endpoint = "localhost:0" }},
	} {
		c := defaultConfig()
		tt.edit(c)
		i, err := newInspector(extensiontest.NewNopSettings(metadata.Type), c)
		if err != nil {
			t.Fatal(err)
		}
		if err := i.Start(t.Context(), nopHost{}); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%v, want %q", err, tt.want)
		}
		if err := i.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestPlan: what the Collector's configuration says is told.
func TestPlan(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	conf := confmap.NewFromStringMap(map[string]any{
		"receivers": map[string]any{
			"otlp":   map[string]any{"protocols": map[string]any{"grpc": nil, "http": map[string]any{"endpoint": "0.0.0.0:5318"}}},
			"otlp/2": map[string]any{"protocols": map[string]any{"http": map[string]any{"endpoint": "192.0.2.7:4318"}}},
		},
		"connectors": map[string]any{"forward": nil},
		"service": map[string]any{"pipelines": map[string]any{
			"traces":      map[string]any{"receivers": []any{"otlp"}, "processors": []any{"memory_limiter"}, "exporters": []any{"api_analytics/moesif"}},
			"traces/good": map[string]any{"receivers": []any{"otlp/2"}, "processors": []any{"http_redaction/x"}, "exporters": []any{"api_analytics"}},
			"traces/fwd":  map[string]any{"receivers": []any{"forward"}, "exporters": []any{"api_analytics"}},
			"metrics":     map[string]any{"receivers": []any{"otlp"}, "exporters": []any{"debug"}},
		}},
	})
	if err := r.NotifyConfig(t.Context(), conf); err != nil {
		t.Fatal(err)
	}
	got := r.told()
	if l := strings.Join(got.Listens, " "); l != "grpc://127.0.0.1:4317 http://127.0.0.1:5318 http://192.0.2.7:4318" {
		t.Errorf("listens %s", l)
	}
	if b := strings.Join(got.Bare, " "); b != "traces" {
		t.Errorf("bare %s", b)
	}
	if u := strings.Join(got.Unseen, " "); u != "api_analytics/moesif api_analytics http_redaction/x" {
		t.Errorf("unseen %s", u)
	}
	if err := r.NotifyConfig(t.Context(), confmap.NewFromStringMap(map[string]any{"service": "x", "receivers": []any{1}})); err != nil {
		t.Fatal(err)
	}
	if got := r.told(); len(got.Listens)+len(got.Bare) != 0 {
		t.Errorf("%+v", got)
	}
}
