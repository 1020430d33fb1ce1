// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package readme

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

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

// Values of Settings.Development.
const (
	// DevelopmentAuto marks exchanges of a named environment that is not in
	// ProductionEnvironments. It is the default.
	DevelopmentAuto = "auto"
	// DevelopmentOn marks all exchanges.
	DevelopmentOn = "true"
	// DevelopmentOff marks none.
	DevelopmentOff = "false"
)

// Settings configures an Encoder.
type Settings struct {
	// APIKey is the project's API key from ReadMe's dashboard. Required.
	APIKey string
	// UserAgent is sent with each request; empty means "apispan".
	UserAgent string
	// Version is log.creator.version; empty means "0.0.0".
	Version string
	// Development decides about the field of that name: DevelopmentAuto (also
	// if empty), DevelopmentOn or DevelopmentOff.
	Development string
	// ProductionEnvironments are the values of deployment.environment.name
	// that are not development, compared without case; nil means "production"
	// and "prod".
	ProductionEnvironments []string
	// SDK presents events as those of one of ReadMe's SDKs: "dotnet", "node",
	// "php", "python" or "ruby" is named in log.creator, and with "php" the names
	// of multipart fields have underscores for dots and blanks. Empty, the
	// default, is "apispan".
	SDK string
}

// sdks are the names that ReadMe's integration suite accepts
// (readmeio/metrics-sdks test/integration-metrics.test.js).
var sdks = []string{"dotnet", "node", "php", "python", "ruby"}

// Encoder implements [backend.Encoder] for ReadMe.
type Encoder struct {
	authorization string
	userAgent     string
	development   string
	production    []string
	creator       string // encoded
	phpNames      bool
}

var _ backend.Encoder = (*Encoder)(nil)

// New returns an encoder, or an error that names the setting to correct and
// holds no value of the key.
func New(s Settings) (*Encoder, error) {
	var errs []error
	switch {
	case s.APIKey == "":
		errs = append(errs, errors.New("`readme::api_key` is empty: copy the API key from ReadMe's dashboard"))
	case !backend.HeaderSafe(s.APIKey), strings.Contains(s.APIKey, ":"):
		errs = append(errs, errors.New("`readme::api_key` holds a blank, a colon, a control character or one beyond ASCII: copy it again without line breaks"))
	}
	switch s.Development {
	case "":
		s.Development = DevelopmentAuto
	case DevelopmentAuto, DevelopmentOn, DevelopmentOff:
	default:
		errs = append(errs, fmt.Errorf("`readme::development` is %q: write auto, true or false", s.Development))
	}
	if s.SDK != "" && !slices.Contains(sdks, s.SDK) {
		errs = append(errs, fmt.Errorf("`readme::sdk` is %q: write %s, or leave it out", s.SDK, strings.Join(sdks, ", ")))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if s.SDK == "" {
		s.SDK = "apispan"
	}
	if s.UserAgent == "" {
		s.UserAgent = "apispan"
	}
	if s.Version == "" {
		s.Version = "0.0.0"
	}
	if s.ProductionEnvironments == nil {
		s.ProductionEnvironments = []string{"production", "prod"}
	}
	creator := append([]byte(nil), `{"name":"readme-metrics (`...)
	creator = append(creator, s.SDK...)
	creator = append(creator, `)","version":`...)
	creator = wire.AppendString(creator, s.Version)
	creator = append(creator, `,"comment":`...)
	goVersion, _, _ := strings.Cut(strings.TrimPrefix(runtime.Version(), "go"), " ")
	creator = wire.AppendString(creator, runtime.GOARCH+"-"+runtime.GOOS+"/"+goVersion)
	creator = append(creator, '}')
	return &Encoder{
		authorization: "Basic " + base64.StdEncoding.EncodeToString([]byte(s.APIKey+":")),
		userAgent:     s.UserAgent,
		development:   s.Development,
		production:    append([]string(nil), s.ProductionEnvironments...),
		creator:       string(creator),
		phpNames:      s.SDK == "php",
	}, nil
}

// Spec implements [backend.Encoder].
func (e *Encoder) Spec() backend.Spec {
	return backend.Spec{
		Name:            "readme",
		Path:            "/v1/request",
		ContentType:     "application/json",
		Prefix:          "[",
		Separator:       ",",
		Suffix:          "]",
		MaxItems:        maxItems,
		MaxItemBytes:    maxItemBytes,
		MaxRequestBytes: maxRequestBytes,
		MinBackoff:      minBackoff,
	}
}

// SetHeader implements [backend.Encoder].
func (e *Encoder) SetHeader(h http.Header) {
	h.Set("Authorization", e.authorization)
	h.Set("User-Agent", e.userAgent)
}

// Classify implements [backend.Encoder]. ReadMe documents no status that needs
// a rule of its own.
func (e *Encoder) Classify(status int) backend.Class { return backend.ClassifyHTTP(status) }

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
	return true
}
