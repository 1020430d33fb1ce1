// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apipolicyextension

import (
	"errors"
	"fmt"
	"net"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/apispan/apispan/internal/confkeys"
	"github.com/apispan/apispan/internal/rulefetch"
)

// Defaults and limits.
const (
	defaultEndpoint   = "127.0.0.1:8091"
	defaultMaxSizeMiB = 64
	highestSizeMiB    = 1024
	// defaultWriteTimeout leaves room for a request that waits for new rules.
	defaultWriteTimeout = 90 * time.Second
)

// Config is the YAML of the extension.
type Config struct {
	// ServerConfig is where rules are handed out: endpoint (default 127.0.0.1:8091), tls,
	// auth. Rules name users and companies, so an address beyond this machine needs auth.
	ServerConfig confighttp.ServerConfig `mapstructure:",squash"`

	// Moesif and Metlo are who is asked; at least one of them.
	Moesif *MoesifConfig `mapstructure:"moesif"`
	Metlo  *MetloConfig  `mapstructure:"metlo"`

	// Interval is how often, a tenth more or less. Default 1m, at least 1s. An exporter of
	// Moesif in the same Collector tells sooner of new rules.
	Interval time.Duration `mapstructure:"interval"`

	// Storage is the id of a storage extension that keeps the last good rules. Without it
	// they are lost when the Collector ends.
	Storage *component.ID `mapstructure:"storage"`

	// MaxSizeMiB bounds the rules that are handed out, in MiB. A million users in cohorts
	// take about 100. Default 64, at most 1024. What is larger is refused, and the rules
	// stay as they are.
	MaxSizeMiB int `mapstructure:"max_size_mib"`
}

// MoesifConfig is Moesif.
type MoesifConfig struct {
	// ApplicationID is the Collector Application Id. Required.
	ApplicationID configopaque.String `mapstructure:"application_id"`
	// Endpoint is scheme and host. Default https://api.moesif.net.
	Endpoint string `mapstructure:"endpoint"`
}

// MetloConfig is Metlo.
type MetloConfig struct {
	// APIKey is the key of an agent. Required.
	APIKey configopaque.String `mapstructure:"api_key"`
	// Endpoint is scheme, host and port. Default https://app.metlo.com.
	Endpoint string `mapstructure:"endpoint"`
}

func defaultConfig() *Config {
	server := confighttp.NewDefaultServerConfig()
	server.NetAddr.Endpoint = defaultEndpoint
	server.WriteTimeout = defaultWriteTimeout
	return &Config{ServerConfig: server, Interval: rulefetch.DefaultInterval, MaxSizeMiB: defaultMaxSizeMiB}
}

// Validate implements xconfmap.Validator.
func (c *Config) Validate() error {
	errs := confkeys.Durations(c)
	if c.Moesif == nil && c.Metlo == nil {
		errs = append(errs, errors.New("nobody is asked for rules: set `moesif` or `metlo`, such as moesif: {application_id: \"${env:MOESIF_APPLICATION_ID}\"}"))
	}
	if m := c.Moesif; m != nil {
		errs = append(errs, vendorError("moesif", "application_id", string(m.ApplicationID), m.Endpoint)...)
	}
	if m := c.Metlo; m != nil {
		errs = append(errs, vendorError("metlo", "api_key", string(m.APIKey), m.Endpoint)...)
	}
	if c.Interval < time.Second {
		errs = append(errs, fmt.Errorf("`interval` is %v: write at least 1s, such as 1m", c.Interval))
	}
	if c.MaxSizeMiB < 1 || c.MaxSizeMiB > highestSizeMiB {
		errs = append(errs, fmt.Errorf("`max_size_mib` is %d: write a number of MiB from 1 to %d, such as %d", c.MaxSizeMiB, highestSizeMiB, defaultMaxSizeMiB))
	}
	if !c.ServerConfig.Auth.HasValue() && !loopback(c.ServerConfig.NetAddr.Endpoint) {
		errs = append(errs, errors.New("`endpoint` is reachable from other machines, and rules name users and companies: set `auth` to an authentication extension, or listen on 127.0.0.1:8091"))
	}
	return errors.Join(errs...)
}

func vendorError(block, keyName, key, endpoint string) (errs []error) {
	if key == "" {
		errs = append(errs, fmt.Errorf("`%s::%s` is empty: write the key, such as ${env:%s}", block, keyName, map[string]string{"moesif": "MOESIF_APPLICATION_ID", "metlo": "METLO_API_KEY"}[block]))
	}
	if endpoint != "" {
		if err := rulefetch.CheckURL(endpoint, true); err != nil {
			errs = append(errs, fmt.Errorf("`%s::endpoint` %w", block, err))
		}
	}
	return errs
}

func loopback(endpoint string) bool {
	host, _, err := net.SplitHostPort(endpoint)
	return err == nil && confkeys.Loopback(host)
}
