// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package readme

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
)

// ReadMe publishes no limits. 30 logs a request is where its Node SDK clamps its
// buffer, and 15 s is how long its SDKs pause after a refusal; the sizes are ours.
const (
	maxItems        = 30
	maxItemBytes    = 250_000
	maxRequestBytes = 1_000_000
	minBackoff      = 15 * time.Second
)

// Config is the block `readme` of the exporter's configuration.
type Config struct {
	// APIKey is the project's API key of ReadMe's dashboard. Required.
	APIKey configopaque.String `mapstructure:"api_key"`
	// Development marks events as development traffic: true, false, or "auto"
	// (the default) for named environments not in ProductionEnvironments.
	Development Switch `mapstructure:"development"`
	// ProductionEnvironments are the values of deployment.environment.name that
	// are production, compared without case, alone or as a word of the value
	// ("prod-eu", "production-1") beside none that denies it ("non-prod", "prod-test").
	// Default "production", "prod", "prd" and "live".
	ProductionEnvironments []string `mapstructure:"production_environments"`
	// SDK presents events as those of one of ReadMe's SDKs: "dotnet", "node",
	// "php", "python" or "ruby" is named in log.creator, and with "php" the names
	// of multipart fields have underscores for dots and blanks. Default "": as our
	// own.
	SDK string `mapstructure:"sdk"`

	Gates backend.Gates `mapstructure:",squash"`
}

// Default returns the block as it is where no key is written.
func (*Config) Default() any {
	return configoptional.Default(Config{Development: DevelopmentAuto, Gates: backend.DefaultGates()})
}

// Facts implements [backend.Config]. No SDK of ReadMe's compresses; whether the server
// could is unknown.
func (c *Config) Facts() backend.Facts {
	return backend.Facts{
		Gates: &c.Gates, SecretKey: "api_key", Secret: string(c.APIKey),
		Endpoint: "https://metrics.readme.io", Paths: []string{"/v1/request", "/request"},
		// The host of the metrics has none; that of the dashboard knows the same keys.
		Probe: "https://dash.readme.com/api/v1/",
	}
}

// Switch is "auto", "true" or "false"; YAML's booleans are taken, too.
type Switch string

// Values of Switch. DevelopmentAuto is the default.
const (
	DevelopmentAuto Switch = "auto"
	DevelopmentOn   Switch = "true"
	DevelopmentOff  Switch = "false"
)

var _ confmap.ScalarUnmarshaler = (*Switch)(nil)

// UnmarshalScalar implements confmap.ScalarUnmarshaler.
func (s *Switch) UnmarshalScalar(v confmap.ScalarValue) error {
	switch x := v.GetRaw().(type) {
	case nil:
		return nil
	case bool:
		*s = Switch(fmt.Sprint(x))
	case string:
		*s = Switch(x)
	default:
		return fmt.Errorf("is of type %T; write auto, true or false", x)
	}
	return nil
}

// sdks are the names that ReadMe's integration suite accepts
// (readmeio/metrics-sdks test/integration-metrics.test.js).
var sdks = []string{"dotnet", "node", "php", "python", "ruby"}

// Encoder implements [backend.Encoder] for ReadMe, which documents no status that needs a
// rule of its own.
type Encoder struct {
	backend.Base

	development Switch
	production  []string
	creator     string // encoded
	phpNames    bool
}

var (
	_ backend.Config  = (*Config)(nil)
	_ backend.Encoder = (*Encoder)(nil)
)

// platform is what log.creator.comment says of us, as the SDKs have it.
var platform = func() string {
	version, _, _ := strings.Cut(strings.TrimPrefix(runtime.Version(), "go"), " ")
	return runtime.GOARCH + "-" + runtime.GOOS + "/" + version
}

// NewEncoder implements [backend.Config].
func (c *Config) NewEncoder(b backend.Build) (backend.Encoder, error) {
	p := backend.Problems{Block: "readme"}
	if strings.Contains(string(c.APIKey), ":") {
		p.Say("api_key", "holds a blank, a colon, a control character or one beyond ASCII: copy it again without line breaks")
	}
	development := cmp.Or(c.Development, DevelopmentAuto)
	backend.OneOf(&p, "development", development, DevelopmentAuto, DevelopmentOn, DevelopmentOff)
	p.Unless(c.SDK == "" || slices.Contains(sdks, c.SDK), "sdk", c.SDK, strings.Join(sdks, ", ")+", or leave it out")
	if err := p.Err(); err != nil {
		return nil, err
	}
	production := slices.Clone(c.ProductionEnvironments)
	if production == nil {
		production = []string{"production", "prod", "prd", "live"}
	}
	creator := append([]byte(nil), `{"name":"readme-metrics (`...)
	creator = append(creator, cmp.Or(c.SDK, "apispan")...)
	creator = append(creator, `)","version":`...)
	creator = wire.AppendString(creator, cmp.Or(b.Version, "0.0.0"))
	creator = append(creator, `,"comment":`...)
	creator = wire.AppendString(creator, platform())
	creator = append(creator, '}')
	return &Encoder{
		Base:        b.Base(map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(string(c.APIKey)+":"))}),
		development: development,
		production:  production,
		creator:     string(creator),
		phpNames:    c.SDK == "php",
	}, nil
}

// Spec implements [backend.Encoder].
func (e *Encoder) Spec() backend.Spec {
	return backend.Spec{
		Name:            "readme",
		Path:            "/v1/request",
		Frame:           backend.JSONArray,
		MaxItems:        maxItems,
		MaxItemBytes:    maxItemBytes,
		Slim:            slim,
		MaxRequestBytes: maxRequestBytes,
		MinBackoff:      minBackoff,
		IDPath:          []string{"_id"},
	}
}

// isDevelopment decides about one environment. An unnamed one is production, the
// vendor's default.
func (e *Encoder) isDevelopment(environment string) bool {
	if e.development != DevelopmentAuto {
		return e.development == DevelopmentOn
	}
	if environment == "" {
		return false
	}
	for _, p := range e.production {
		if strings.EqualFold(p, environment) {
			return false
		}
	}
	words := wordsOf(environment)
	if slices.ContainsFunc(words, func(w string) bool { return notProduction[w] }) {
		return true
	}
	for _, p := range e.production {
		if want := wordsOf(p); len(want) > 0 && containsWords(words, want) {
			return false
		}
	}
	return true
}

// notProduction are words beside which another such as "prod" is no production.
var notProduction = map[string]bool{
	"non": true, "not": true, "no": true, "pre": true, "post": true, "like": true, "dev": true, "devel": true, "develop": true,
	"development": true, "test": true, "tests": true, "testing": true, "qa": true, "uat": true, "stage": true, "staging": true,
	"stg": true, "sandbox": true, "local": true, "demo": true, "preview": true, "mock": true, "fake": true, "shadow": true,
	"load": true, "perf": true, "ci": true, "copy": true, "clone": true, "mirror": true,
}

// wordsOf returns the words of a name in lower case: runs of letters or of digits.
func wordsOf(name string) (words []string) {
	kind := func(r rune) int {
		switch {
		case unicode.IsLetter(r):
			return 1
		case unicode.IsDigit(r):
			return 2
		}
		return 0
	}
	start, last := 0, 0
	name = strings.ToLower(name)
	for i, r := range name + " " {
		k := kind(r)
		if k == last {
			continue
		}
		if last != 0 {
			words = append(words, name[start:i])
		}
		start, last = i, k
	}
	return words
}

// containsWords reports whether want stands in words, in one piece.
func containsWords(words, want []string) bool {
	for i := 0; i+len(want) <= len(words); i++ {
		if slices.Equal(words[i:i+len(want)], want) {
			return true
		}
	}
	return false
}

// slim makes an encoded event smaller.
var slim = []backend.Slim{
	{
		{Path: "request.log.entries.[].request.postData"},
		{Path: "request.log.entries.[].response.content.text", Value: `""`},
	},
	{
		{Path: "request.log.entries.[].request.headers", Value: "[]"},
		{Path: "request.log.entries.[].response.headers", Value: "[]"},
	},
	{
		{Path: "request.log.entries.[].request.url", Longest: 1024},
		{Path: "request.log.entries.[].request.queryString", Value: "[]"},
		{Path: "request.log.entries.[].pageref", Longest: 1024},
	},
}
