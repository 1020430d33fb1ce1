// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/metlo"
)

// MetloConfig configures the backend metlo.
type MetloConfig struct {
	// Endpoint is the URL of Metlo's collector, such as
	// https://metlo.example.com:8081. Required, unless the key of that name beside
	// the block is set.
	Endpoint string `mapstructure:"endpoint"`
	// APIKey is sent as it is in Authorization. Required.
	APIKey configopaque.String `mapstructure:"api_key"`
	// API is "v1" (the default: the collector analyses the content) or "v2" (the
	// agents' interface: routes, sessions and encryption).
	API string `mapstructure:"api"`
	// Single sends each trace in a request of its own. Default false: up to 50.
	Single bool `mapstructure:"single"`
	// Environment is that of exchanges without deployment.environment.name.
	// Default "production".
	Environment string `mapstructure:"environment"`
	// EncryptionPublicKey is an RSA public key in PEM; query, headers and bodies
	// are encrypted for its owner. Needs API "v2". Default none.
	EncryptionPublicKey string `mapstructure:"encryption_public_key"`
	// EncryptionPublicKeyFile is a file with that key, read once, at start.
	EncryptionPublicKeyFile string `mapstructure:"encryption_public_key_file"`

	Gates Gates `mapstructure:",squash"`
}

func defaultMetloConfig(gates Gates) MetloConfig {
	gates.MaxBodySize = metlo.DefaultMaxBodyBytes
	return MetloConfig{API: metlo.V1, Environment: "production", Gates: gates}
}

// Defaults of keys beside the block for metlo. Its collector stamps a trace on
// arrival: one that is delivered late tells a wrong time, so it is not kept long.
const (
	metloTimeout         = 5 * time.Second
	metloInitialInterval = time.Second
	metloMaxInterval     = 5 * time.Second
	metloMaxElapsedTime  = 10 * time.Second
	metloQueueBytes      = minQueueBytes
)

// setMetloDefaults sets what the configuration does not; isSet is told keys of the
// exporter's section.
func (cfg *Config) setMetloDefaults(isSet func(key string) bool) {
	if !isSet("timeout") {
		cfg.ClientConfig.Timeout = metloTimeout
	}
	retry := &cfg.RetryConfig
	if !isSet("retry_on_failure::initial_interval") && !isSet("retry_on_failure::max_interval") {
		retry.InitialInterval, retry.MaxInterval = metloInitialInterval, metloMaxInterval
	}
	if !isSet("retry_on_failure::max_elapsed_time") {
		// Less than an interval would be refused.
		retry.MaxElapsedTime = max(metloMaxElapsedTime, retry.InitialInterval, retry.MaxInterval)
	}
	if cfg.QueueConfig.HasValue() && !isSet("sending_queue::queue_size") {
		if q := cfg.QueueConfig.Get(); q.Sizer == exporterhelper.RequestSizerTypeBytes {
			q.QueueSize = metloQueueBytes
		}
	}
}

func (c *MetloConfig) newEncoder(userAgent string) (backend.Encoder, error) {
	var errs []error
	public := c.EncryptionPublicKey
	switch {
	case c.EncryptionPublicKeyFile == "":
	case public != "":
		errs = append(errs, errors.New("`metlo::encryption_public_key` and `metlo::encryption_public_key_file` are set together: keep one of them"))
	default:
		text, err := os.ReadFile(c.EncryptionPublicKeyFile)
		if err != nil {
			errs = append(errs, fmt.Errorf("`metlo::encryption_public_key_file`: %w: give the path of a readable PEM file", err))
			break
		}
		// An empty file must not mean that nothing is encrypted.
		if public = string(text); public == "" {
			errs = append(errs, errors.New("`metlo::encryption_public_key_file` is empty: write an RSA public key in PEM into it"))
		}
	}
	maxBody := c.Gates.MaxBodySize
	if maxBody <= 0 {
		maxBody = math.MaxInt // the event's limit is left
	}
	enc, err := metlo.New(metlo.Settings{
		APIKey:              string(c.APIKey),
		UserAgent:           userAgent,
		API:                 c.API,
		Single:              c.Single,
		Environment:         c.Environment,
		MaxBodyBytes:        maxBody,
		Redacted:            c.API == metlo.V2 && c.Gates.Bodies == BodiesNone && !c.Gates.Headers,
		EncryptionPublicKey: public,
	})
	if err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return enc, nil
}
