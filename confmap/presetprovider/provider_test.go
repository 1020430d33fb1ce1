// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package presetprovider

import (
	"context"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
)

func resolve(t *testing.T, uris ...string) (map[string]any, error) {
	t.Helper()
	r, err := confmap.NewResolver(confmap.ResolverSettings{
		URIs:              uris,
		ProviderFactories: []confmap.ProviderFactory{NewFactory(), envprovider.NewFactory(), yamlprovider.NewFactory()},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Shutdown(context.Background()) }()
	conf, err := r.Resolve(context.Background())
	if err != nil {
		return nil, err
	}
	return conf.ToStringMap(), nil
}

// TestPreset: a preset is found, its defaults hold, and another file lies over it.
func TestPreset(t *testing.T) {
	t.Setenv("OTLP_GRPC", "127.0.0.1:14317")
	conf, err := resolve(t, "preset:inspect", "yaml:{extensions: {api_inspector: {show_raw: true}}}")
	if err != nil {
		t.Fatal(err)
	}
	c := confmap.NewFromStringMap(conf)
	for key, want := range map[string]any{
		"receivers::otlp::protocols::grpc::endpoint":          "127.0.0.1:14317",
		"receivers::otlp::protocols::http::endpoint":          "127.0.0.1:4318",
		"extensions::api_inspector::endpoint":                 "localhost:8089",
		"extensions::api_inspector::show_raw":                 true,
		"exporters::api_analytics/moesif::dry_run":            true,
		"processors::http_redaction::preset":                  "default",
		"service::telemetry::metrics::level":                  "none",
		"exporters::api_analytics/cerberus::inspector":        "api_inspector",
		"processors::memory_limiter::spike_limit_mib":         128,
		"exporters::api_analytics/webhook::webhook::endpoint": "https://webhook.example.com",
	} {
		if got := c.Get(key); got != want {
			t.Errorf("%s is %v, want %v", key, got, want)
		}
	}
}

func TestUnknownPreset(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"preset:inspct":     `there is no preset "inspct": did you mean preset:inspect? there are preset:inspect`,
		"preset:":           `there is no preset "": there are preset:inspect`,
		"preset:../inspect": `there is no preset "../inspect"`,
	} {
		if _, err := resolve(t, uri); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", uri, err)
		}
	}
	if _, err := (provider{}).Retrieve(context.Background(), "inspect", nil); err == nil {
		t.Error("a URI of another scheme is taken")
	}
}
