// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"errors"
	"fmt"
	"strings"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/internal/confkeys"
)

// validateClient refuses what the HTTP client would only complain about with each request.
func (cfg *Config) validateClient() (errs []error) {
	for name, value := range cfg.ClientConfig.Headers.Iter {
		switch {
		case !backend.HeaderSafe(name) || name == "" || strings.ContainsAny(name, `"(),/:;<=>?@[\]{}`):
			errs = append(errs, fmt.Errorf("`headers` has the name %q, which no header field can have: write a name such as X-Api-Key", name))
		case strings.ContainsFunc(string(value), func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
			errs = append(errs, fmt.Errorf("`headers::%s` has a line break or another control character in its value: remove it, also from the end of a file or variable that it comes from", name))
		}
	}
	if proxy := cfg.ClientConfig.ProxyURL; proxy != "" {
		check := confkeys.URL{Example: "http://proxy.example.com:3128", Schemes: []string{"socks5", "socks5h"}, User: true}
		if err := check.Check(proxy); err != nil {
			errs = append(errs, fmt.Errorf("`proxy_url` %w", err))
		}
	}
	return errs
}

// validateRetry refuses what would send again without a pause.
func (cfg *Config) validateRetry() (errs []error) {
	if !cfg.RetryConfig.Enabled {
		return nil
	}
	if cfg.RetryConfig.InitialInterval == 0 {
		errs = append(errs, errors.New("`retry_on_failure::initial_interval` is 0, which asks a backend that is down without a pause: write a duration such as 5s"))
	}
	if cfg.RetryConfig.Multiplier < 1 {
		errs = append(errs, fmt.Errorf("`retry_on_failure::multiplier` is %v, by which the pauses become shorter and shorter: write a number of 1 or more, such as 1.5", cfg.RetryConfig.Multiplier))
	}
	return errs
}
