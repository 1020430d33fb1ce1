// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/config/configcompression"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/moesif"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/readme"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/webhook"
)

// choice is one backend block of the configuration with what depends on it.
type choice struct {
	name  string // the block's key
	gates Gates
	// secretKey and secret are the credential, which is required unless
	// secretOptional is set; secretKey "" means that the backend has none.
	secretKey      string
	secret         configopaque.String
	secretOptional bool
	// endpoint is used if the configuration has none beside the block; "" means
	// that one is required.
	endpoint string
	// ownEndpoint is true if endpoint is the block's key of that name, and not
	// the vendor's address.
	ownEndpoint bool
	// wholeURL is true if nothing is appended to the endpoint, which may then
	// hold a query.
	wholeURL bool
	// compression is used if the configuration has none.
	compression configcompression.Type
	// transports are those for other endpoint schemes than http and https.
	transports map[string]newTransport
	// keys is the HMAC key that the encoder uses; nil if it uses none.
	keys *secretKeys
	// newEncoder returns the encoder, or an error that names the key.
	newEncoder func(version string) (backend.Encoder, error)
}

// choices is the exporter's one switch over backends: it lists those whose block
// is set. A new backend is added here, in Config and in Config.Unmarshal.
func (cfg *Config) choices() (list []choice) {
	if cfg.Moesif.HasValue() {
		c := cfg.Moesif.Get()
		list = append(list, choice{
			name: "moesif", gates: c.Gates, secretKey: "application_id", secret: c.ApplicationID,
			endpoint: "https://api.moesif.net", compression: configcompression.TypeGzip,
			newEncoder: func(version string) (backend.Encoder, error) {
				return moesif.New(moesif.Settings{
					ApplicationID:              string(c.ApplicationID),
					UserAgent:                  userAgent(version),
					APIVersion:                 c.APIVersion,
					ServiceVersionAsAPIVersion: c.ServiceVersionAsAPIVersion,
					NoResponseStatus:           c.NoResponseStatus,
					SessionIDAsToken:           c.SessionIDAsToken,
					IgnoreTransactionID:        c.IgnoreTransactionID,
				})
			},
		})
	}
	if cfg.ReadMe.HasValue() {
		c := cfg.ReadMe.Get()
		list = append(list, choice{
			name: "readme", gates: c.Gates, secretKey: "api_key", secret: c.APIKey,
			// No SDK of ReadMe's compresses; whether the server could is unknown.
			endpoint: "https://metrics.readme.io", compression: "none",
			newEncoder: func(version string) (backend.Encoder, error) {
				return readme.New(readme.Settings{
					APIKey:                 string(c.APIKey),
					UserAgent:              userAgent(version),
					Version:                version,
					Development:            string(c.Development),
					ProductionEnvironments: c.ProductionEnvironments,
					SDK:                    c.SDK,
				})
			},
		})
	}
	if cfg.Webhook.HasValue() {
		c := cfg.Webhook.Get()
		list = append(list, choice{
			name: "webhook", gates: c.Gates, secretKey: "bearer_token", secret: c.BearerToken, secretOptional: true,
			endpoint: c.Endpoint, ownEndpoint: true, wholeURL: true, compression: "none",
			newEncoder: func(version string) (backend.Encoder, error) {
				return webhook.New(webhook.Settings{
					Format:      c.Format,
					BearerToken: string(c.BearerToken),
					UserAgent:   userAgent(version),
					Version:     version,
				})
			},
		})
	}
	if cfg.Metlo.HasValue() {
		c := cfg.Metlo.Get()
		list = append(list, choice{
			name: "metlo", gates: c.Gates, secretKey: "api_key", secret: c.APIKey,
			// No SDK of Metlo's compresses.
			endpoint: c.Endpoint, ownEndpoint: true, compression: "none",
			newEncoder: func(version string) (backend.Encoder, error) {
				return c.newEncoder(userAgent(version))
			},
		})
	}
	if cfg.Cerberus.HasValue() {
		list = append(list, cfg.cerberusChoice())
	}
	return list
}

const backendKeys = "`moesif`, `readme`, `metlo`, `cerberus` or `webhook`"

func userAgent(version string) string {
	if version == "" {
		return "apispan"
	}
	return "apispan/" + version
}

// choice returns the one backend block.
func (cfg *Config) choice() (choice, error) {
	list := cfg.choices()
	switch len(list) {
	case 1:
		return list[0], nil
	case 0:
		return choice{}, errors.New("no backend is chosen: write one of the blocks " + backendKeys)
	}
	names := make([]string, len(list))
	for i, c := range list {
		names[i] = "`" + c.name + "`"
	}
	return choice{}, fmt.Errorf("%s are set together: keep one of them, and configure one exporter for each backend, such as api_analytics/%s and api_analytics/%s",
		strings.Join(names, " and "), list[0].name, list[1].name)
}

// validate checks the block; cfg is for what the block requires of other keys.
func (c *choice) validate(cfg *Config) (errs []error) {
	key := func(k string) string { return "`" + c.name + "::" + k + "`" }
	env := strings.ToUpper(c.name + "_" + c.secretKey)
	maxItem := 0
	switch secret := string(c.secret); {
	case secret == "" && c.secretKey != "" && !c.secretOptional:
		errs = append(errs, fmt.Errorf("%s is empty: write \"${env:%s}\" and set that environment variable (one that is not set reads as empty, too)", key(c.secretKey), env))
	case !backend.HeaderSafe(secret):
		errs = append(errs, fmt.Errorf("%s holds a blank, a control character or one beyond ASCII: copy it again without line breaks", key(c.secretKey)))
	default:
		enc, err := c.newEncoder("")
		if err != nil {
			errs = append(errs, err)
			break
		}
		maxItem = enc.Spec().MaxItemBytes
	}
	errs = append(errs, c.gates.validate(key, maxItem)...)
	errs = append(errs, c.validateEndpoint("`endpoint`", cfg.ClientConfig.Endpoint))
	switch common := cfg.ClientConfig.Endpoint; {
	case c.endpoint == "" && common == "" && c.ownEndpoint:
		errs = append(errs, fmt.Errorf("%s is empty: write the URL to send to, such as https://api.example.com", key("endpoint")))
	case c.endpoint == "" && common == "":
		errs = append(errs, fmt.Errorf("`endpoint` is empty: the backend %s has no address of its own, write its URL", c.name))
	case c.ownEndpoint && c.endpoint != "" && common != "":
		errs = append(errs, fmt.Errorf("`endpoint` and %s are set together: keep one of them", key("endpoint")))
	case c.ownEndpoint:
		errs = append(errs, c.validateEndpoint(key("endpoint"), c.endpoint))
	}
	return errs
}

// schemes are those that the endpoint may have.
func (c *choice) schemes() []string {
	return append([]string{"http", "https"}, slices.Sorted(maps.Keys(c.transports))...)
}
