// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/cerberus"
	"github.com/apispan/apispan/internal/keyfetch"
)

// CerberusConfig configures the backend cerberus.
type CerberusConfig struct {
	// Endpoint is where events go: https://host[/v1/ingest/batch] for batches over
	// HTTP, wss://host/path, exactly as it is, for a WebSocket. Required here or
	// as the key endpoint beside the block.
	Endpoint string `mapstructure:"endpoint"`
	// Token is the account's API key. Required; white space around it is removed.
	Token configopaque.String `mapstructure:"token"`
	// ClientID names the application in WebSocket messages. Required for those;
	// over HTTP the server derives it from the token.
	ClientID string `mapstructure:"client_id"`

	// SecretKey is the HMAC key under which addresses and Authorization headers
	// are hashed. Default none: see BackendURL.
	SecretKey configopaque.String `mapstructure:"secret_key"`
	// BackendURL is where the HMAC key is fetched, GET {backend_url}/api/secret-key.
	// Without it and SecretKey events have no address.
	BackendURL string `mapstructure:"backend_url"`
	// SecretKeyRefresh is the time between fetches of the key. Default 10m.
	SecretKeyRefresh time.Duration `mapstructure:"secret_key_refresh"`

	// MaxBatchEvents is the most events in one batch, up to 1000. Default 50.
	MaxBatchEvents int `mapstructure:"max_batch_events"`
	// ResponseBodies sends captured response bodies. Default true.
	ResponseBodies bool `mapstructure:"response_bodies"`
	// AllowInsecure permits ws:// endpoints and an http:// BackendURL that are not
	// on this machine: the token, and the HMAC key, then travel unencrypted.
	// Default false.
	AllowInsecure bool `mapstructure:"allow_insecure"`

	Gates Gates `mapstructure:",squash"`
}

func defaultCerberus(gates Gates) configoptional.Optional[CerberusConfig] {
	return configoptional.Default(CerberusConfig{
		SecretKeyRefresh: keyfetch.DefaultRefresh,
		MaxBatchEvents:   cerberus.DefaultMaxItems,
		ResponseBodies:   true,
		Gates:            gates,
	})
}

// cerberusChoice returns what the block cerberus chooses.
func (cfg *Config) cerberusChoice() choice {
	c := cfg.Cerberus.Get()
	token := strings.TrimSpace(string(c.Token))
	endpoint := c.Endpoint
	if endpoint == "" {
		endpoint = cfg.ClientConfig.Endpoint
	}
	keys := &secretKeys{
		static: string(c.SecretKey),
		fetch:  keyfetch.Config{BaseURL: c.BackendURL, Token: token, Refresh: c.SecretKeyRefresh},
	}
	return choice{
		name: "cerberus", gates: c.Gates, secretKey: "token", secret: configopaque.String(token),
		// No client of the vendor compresses.
		endpoint: c.Endpoint, ownEndpoint: true, compression: "none",
		keys: keys, transports: map[string]newTransport{"ws": newWebSocket, "wss": newWebSocket},
		newEncoder: func(version string) (backend.Encoder, error) {
			if err := c.validate(endpoint); err != nil {
				return nil, err
			}
			return cerberus.New(cerberus.Settings{
				Token:            token,
				ClientID:         c.ClientID,
				WholeURL:         strings.HasSuffix(strings.TrimRight(endpoint, "/"), cerberus.Path),
				WebSocket:        isWebSocket(endpoint),
				MaxItems:         c.MaxBatchEvents,
				UserAgent:        userAgent(version),
				NoResponseBodies: !c.ResponseBodies,
				Key:              keys.Key,
			})
		},
	}
}

// isWebSocket reports whether the endpoint is one by its scheme.
func isWebSocket(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && (u.Scheme == "ws" || u.Scheme == "wss")
}

// validate checks what only this backend has.
func (c *CerberusConfig) validate(endpoint string) error {
	var errs []error
	if isWebSocket(endpoint) && keyfetch.ClearText(endpoint) && !c.AllowInsecure {
		errs = append(errs, errors.New("the endpoint of `cerberus` begins with ws://: write wss://, or set `cerberus::allow_insecure: true` to send the token and the events unencrypted"))
	}
	if c.SecretKey != "" && c.BackendURL != "" {
		errs = append(errs, errors.New("`cerberus::secret_key` and `cerberus::backend_url` are set together: keep one of them"))
	}
	if c.BackendURL != "" {
		switch err := keyfetch.CheckURL(c.BackendURL); {
		case err != nil:
			errs = append(errs, fmt.Errorf("`cerberus::backend_url` %w", err))
		case keyfetch.ClearText(c.BackendURL) && !c.AllowInsecure:
			errs = append(errs, errors.New("`cerberus::backend_url` begins with http://: write https://, or set `cerberus::allow_insecure: true` to fetch the HMAC key unencrypted"))
		}
		if c.SecretKeyRefresh < time.Second {
			errs = append(errs, fmt.Errorf("`cerberus::secret_key_refresh` is %v: write at least 1s, such as 10m", c.SecretKeyRefresh))
		}
	}
	return errors.Join(errs...)
}
