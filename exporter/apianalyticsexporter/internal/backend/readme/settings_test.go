// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package readme

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
)

func TestBadConfig(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		settings Config
		want     string
	}{
		{Config{APIKey: "rdme_sEcReT:x"}, "`readme::api_key` holds a blank, a colon, a control character or one beyond ASCII: copy it again without line breaks"},
		{Config{APIKey: "k", SDK: "go"}, "`readme::sdk` is \"go\": write dotnet, node, php, python, ruby, or leave it out"},
		{Config{APIKey: "k", Development: "yes"}, "`readme::development` is \"yes\": write auto, true or false"},
	} {
		_, err := tt.settings.NewEncoder(backend.Build{})
		if err == nil || err.Error() != tt.want {
			t.Errorf("New: %v, want %q", err, tt.want)
		} else if strings.Contains(err.Error(), "sEcReT") {
			t.Errorf("the error holds the key: %v", err)
		}
	}
}

func TestSpecAndHeader(t *testing.T) {
	t.Parallel()
	e := newEncoder(t, Config{APIKey: "rdme_key"})
	if s := e.Spec(); s.Path != "/v1/request" || s.MaxItems != 30 || s.MinBackoff != 15*time.Second {
		t.Errorf("Spec: %+v", s)
	}
	h := make(http.Header)
	e.SetHeader(h)
	if got, want := h.Get("Authorization"), "Basic cmRtZV9rZXk6"; got != want {
		t.Errorf("Authorization %q, want %q", got, want)
	}
	if got := h.Get("User-Agent"); got != "apispan/1.2.3" {
		t.Errorf("User-Agent %q", got)
	}
}

func TestDevelopment(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		settings    Config
		environment string
		want        bool
	}{
		{Config{}, "", false},
		{Config{}, "production", false},
		{Config{}, "Prod", false},
		{Config{}, "staging", true},
		{Config{}, "prod-eu", false},
		{Config{}, "eu_prod", false},
		{Config{}, "production-1", false},
		{Config{}, "prod1", false},
		{Config{}, "live", false},
		{Config{}, "eu/Live", false},
		{Config{}, "acme.PRD.eu", false},
		{Config{}, "non-prod", true},
		{Config{}, "nonprod", true},
		{Config{}, "pre-production", true},
		{Config{}, "preprod", true},
		{Config{}, "prod-test", true},
		{Config{}, "product", true},
		{Config{}, "delivery", true},
		{Config{}, "alive", true},
		{Config{ProductionEnvironments: []string{"eu-main"}}, "acme-eu-main-2", false},
		{Config{ProductionEnvironments: []string{"eu-main"}}, "main", true},
		{Config{ProductionEnvironments: []string{"--"}}, "x", true},
		{Config{ProductionEnvironments: []string{"staging"}}, "staging", false},
		{Config{ProductionEnvironments: []string{}}, "production", true},
		{Config{ProductionEnvironments: []string{"live"}}, "LIVE", false},
		{Config{Development: DevelopmentOn}, "production", true},
		{Config{Development: DevelopmentOff}, "staging", false},
	} {
		tt.settings.APIKey = "k"
		if got := newEncoder(t, tt.settings).isDevelopment(tt.environment); got != tt.want {
			t.Errorf("%+v in %q: %v, want %v", tt.settings, tt.environment, got, tt.want)
		}
	}
}

// The caller keeps its slice.
func TestSettingsAreCopied(t *testing.T) {
	t.Parallel()
	environments := []string{"live"}
	e := newEncoder(t, Config{APIKey: "k", ProductionEnvironments: environments})
	environments[0] = "staging"
	if e.isDevelopment("live") {
		t.Error("the encoder reads the caller's slice")
	}
}
