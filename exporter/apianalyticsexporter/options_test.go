// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/confmap"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/internal/confkeys"
)

// TestSDKOptions: who writes an option of a vendor's SDK, in the block or beside it and in
// the spelling of any language, is told what to write here.
func TestSDKOptions(t *testing.T) {
	t.Parallel()
	all := defaultBackends()
	for _, b := range all.blocks() {
		sdk, ok := reflect.TypeAssert[backend.SDKOptions](reflect.Zero(b.typ))
		if !ok {
			if b.name != "webhook" {
				t.Errorf("%s has no table of its SDKs' options", b.name)
			}
			continue
		}
		known := confkeys.Keys(b.typ)
		for option, text := range sdk.SDKOptions() {
			if option != confkeys.Fold(option) {
				t.Errorf("%s: %q can never match", b.name, option)
			}
			if slices.ContainsFunc(known, func(k string) bool { return confkeys.Fold(k) == option }) {
				t.Errorf("%s: %q is a key of ours", b.name, option)
			}
			for name, raw := range map[string]map[string]any{
				"in the block": {b.name: map[string]any{strings.ToUpper(option): 1}},
				"beside it":    {b.name: map[string]any{}, strings.ToUpper(option): 1},
			} {
				if slices.ContainsFunc(confkeys.Keys(reflect.TypeFor[Config]()), func(k string) bool { return confkeys.Fold(k) == option }) && name == "beside it" {
					continue // it is a key there
				}
				_, err := load(t, confmap.NewFromStringMap(raw))
				if err == nil || !strings.Contains(err.Error(), "write "+text) {
					t.Errorf("%s::%s %s: %v", b.name, option, name, err)
				}
			}
		}
	}
	// Spellings as the SDKs have them.
	for raw, want := range map[string]string{
		"moesif::BATCH_SIZE": "sending_queue", "moesif::Batch_Size": "sending_queue", "moesif::SKIP_OUTGOING": "direction: outgoing",
		"moesif::Mask_Event_Model": "mask_event", "moesif::APPLICATION_ID": "did you mean `moesif::application_id`", "moesif::Api_Endpoint": "endpoint",
		"moesif::enable_governance": "instrumentation/guard", "metlo::REJECT_RESPONSE": "docs/guard.md", "metlo::blockResponse": "api_policy",
		"readme::buffer_length": "sending_queue", "readme::bufferLength": "sending_queue", "readme::allowed_http_hosts": "hosts:", "readme::DENYLIST": "deny",
		"readme::apiKey": "did you mean `readme::api_key`", "metlo::max_body": "max_body_size", "metlo::MAX_BODY": "max_body_size",
		"metlo::COLLECTOR_PORT": "8081", "metlo::LOG_LEVEL": "logs", "metlo::requestsPerSecond": "sampling", "cerberus::ws_url": "wss://",
		"cerberus::clientId": "did you mean `cerberus::client_id`", "cerberus::CERBERUS_DEBUG": "dry_run",
	} {
		block, key, _ := strings.Cut(raw, "::")
		_, err := load(t, confmap.NewFromStringMap(map[string]any{block: map[string]any{key: 1}}))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "`"+raw+"`") {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

// TestEndpointWithPath: an endpoint that says the path of the vendor's requests means the
// same as one without, for events, entities and rates.
func TestEndpointWithPath(t *testing.T) {
	t.Parallel()
	all := defaultBackends()
	for _, b := range all.blocks() {
		for _, endpoint := range []string{"https://api.example.com:8081", "https://api.example.com:8081/base"} {
			cfg := backendConfig(t, b.name, endpoint)
			c, err := cfg.choice()
			if err != nil {
				t.Fatal(err)
			}
			enc, err := c.newEncoder(cfg.ClientConfig.Endpoint, "")
			if err != nil {
				t.Fatal(err)
			}
			want := requestURL(c.endpoint(cfg.ClientConfig.Endpoint), enc.Spec().Path)
			if enc.Spec().Path != "" && want != endpoint+enc.Spec().Path {
				t.Errorf("%s: %s", b.name, want)
			}
			for _, slash := range []string{"", "/"} {
				whole := backendConfig(t, b.name, want+slash)
				c, err := whole.choice()
				if err != nil {
					t.Fatal(err)
				}
				enc, err := c.newEncoder(whole.ClientConfig.Endpoint, "")
				if err != nil {
					t.Fatal(err)
				}
				if got := requestURL(c.endpoint(whole.ClientConfig.Endpoint), enc.Spec().Path); strings.TrimRight(got, "/") != want {
					t.Errorf("%s: %s is sent to %s", b.name, want+slash, got)
				}
				if e, ok := enc.(backend.EntityBackend); ok {
					for kind, x := range e.Entities() {
						if got := requestURL(c.endpoint(whole.ClientConfig.Endpoint), x.Spec().Path); got != endpoint+x.Spec().Path {
							t.Errorf("%s, %v: %s is sent to %s", b.name, kind, want+slash, got)
						}
					}
				}
			}
		}
	}
}

// TestMetloPort: 8081 where none is written, as in Metlo's SDKs.
func TestMetloPort(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]string{
		"https://metlo.example.com": "https://metlo.example.com:8081/api/v1/log-request/batch", "http://10.0.0.1/base/": "http://10.0.0.1:8081/base/api/v1/log-request/batch",
		"http://[::1]": "http://[::1]:8081/api/v1/log-request/batch", "https://metlo.example.com:443": "https://metlo.example.com:443/api/v1/log-request/batch",
	} {
		cfg := backendConfig(t, "metlo", endpoint)
		c, err := cfg.choice()
		if err != nil {
			t.Fatal(err)
		}
		if got := requestURL(c.endpoint(""), "/api/v1/log-request/batch"); got != want {
			t.Errorf("%s: %s", endpoint, got)
		}
	}
}
