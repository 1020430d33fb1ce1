// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.uber.org/zap"

	"github.com/apispan/apispan/internal/confkeys"
	"github.com/apispan/apispan/internal/keyfetch"
	"github.com/apispan/apispan/redact"
)

// KeySourceConfig is a service that hands out an HMAC key as Cerberus does:
// GET {url}/api/secret-key with the header X-API-Key. The system's certificates and
// the proxy of the environment are used.
type KeySourceConfig struct {
	// URL is the service's base URL. Required.
	URL string `mapstructure:"url"`
	// Token is the API key. Required.
	Token configopaque.String `mapstructure:"token"`
	// Refresh is the time between fetches. Default 10m.
	Refresh time.Duration `mapstructure:"refresh"`
	// AllowInsecure permits an http:// URL that is not on this machine: token and
	// HMAC key then travel unencrypted. Default false.
	AllowInsecure bool `mapstructure:"allow_insecure"`
}

// validateKeySources checks the sources and that policy and sources know each other.
func validateKeySources(sources map[string]KeySourceConfig, keys []redact.HMACKey) error {
	var errs []error
	used := make(map[string]bool)
	for i, k := range keys {
		if k.Source == "" {
			continue
		}
		used[k.Source] = true
		if _, ok := sources[k.Source]; !ok {
			errs = append(errs, fmt.Errorf("hmac.keys[%d].source of the policy: %q is not among key_sources; write key_sources: {%s: {url: https://…, token: ${env:NAME}}}", i, k.Source, k.Source))
		}
	}
	for _, name := range sourceNames(sources) {
		s := sources[name]
		where := "key_sources." + name
		if !used[name] {
			errs = append(errs, fmt.Errorf("%s: no key of the policy uses it; add hmac.keys: [{id: k1, source: %s}] to the policy, or remove it", where, name))
		}
		switch err := keyfetch.URL.Check(s.URL); {
		case s.URL == "":
			errs = append(errs, fmt.Errorf("%s.url: is empty; write the service's base URL", where))
		case err != nil:
			errs = append(errs, fmt.Errorf("%s.url: %w", where, err))
		case confkeys.ClearText(s.URL) && !s.AllowInsecure:
			errs = append(errs, fmt.Errorf("%s.url: begins with http://; write https://, or set allow_insecure: true to fetch the key unencrypted", where))
		}
		if s.Token == "" {
			errs = append(errs, fmt.Errorf("%s.token: is empty; write ${env:NAME} and set that environment variable", where))
		}
		if s.Refresh != 0 && s.Refresh < time.Second {
			errs = append(errs, fmt.Errorf("%s.refresh: %v is shorter than 1s", where, s.Refresh))
		}
	}
	return errors.Join(errs...)
}

func sourceNames(sources map[string]KeySourceConfig) []string {
	names := make([]string, 0, len(sources))
	for name := range sources {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// startKeySources begins to fetch and waits for the first answer of each, so that
// the first data find their keys if the services are well. The policy has the keys
// afterwards; until there is one, values are masked.
func (r *redactor) startKeySources(ctx context.Context, host component.Host) error {
	if len(r.keySources) == 0 {
		return nil
	}
	r.sources = make(map[string]*keyfetch.Source, len(r.keySources))
	for name, c := range r.keySources {
		s, err := keyfetch.New(keyfetch.Config{
			BaseURL: c.URL, Token: string(c.Token), Refresh: c.Refresh,
			OnEvent: func(e keyfetch.Event) { r.keyEvent(ctx, host, name, e) },
		})
		if err != nil {
			return fmt.Errorf("httpredactionprocessor: key_sources.%s: %w", name, err)
		}
		r.sources[name] = s
	}
	r.policy.SetKeySource(func(name string) []byte {
		if s := r.sources[name]; s != nil {
			return []byte(s.Key())
		}
		return nil
	})
	r.keyClient = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	for _, s := range r.sources {
		s.Start(r.keyClient)
	}
	for _, s := range r.sources {
		s.Wait(ctx)
	}
	// What is missing is told by checkKeys.
	_ = r.policy.Reload()
	return nil
}

// keyEvent takes over a key that was fetched.
func (r *redactor) keyEvent(ctx context.Context, host component.Host, name string, e keyfetch.Event) {
	ctx = context.WithoutCancel(ctx)
	if e.Err != nil {
		r.logger.Warn("Fetching an HMAC key failed; the key in use stays, and without one values are masked",
			zap.String("key_source", name), zap.Error(e.Err))
		return
	}
	if e.Default {
		r.logger.Warn("The HMAC key is the publicly known default of Cerberus, so tokens can be reversed by trying: change it there",
			zap.String("key_source", name))
	}
	r.reloadKeys(ctx, host)
}

func (r *redactor) stopKeySources() {
	for _, s := range r.sources {
		s.Stop()
	}
	if r.keyClient != nil {
		r.keyClient.CloseIdleConnections()
	}
}
