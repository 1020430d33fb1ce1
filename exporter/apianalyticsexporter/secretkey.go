// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"errors"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.uber.org/zap"

	"github.com/apispan/apispan/internal/keyfetch"
)

// errNoKey is the component's status while there is no HMAC key.
var errNoKey = errors.New("api_analytics: there is no HMAC key yet: events are sent without the caller's address, and Authorization headers are masked")

// secretKeys is the HMAC key of a backend: a configured one, or one that is
// fetched. A nil *secretKeys is that of a backend that needs none.
type secretKeys struct {
	static string
	fetch  keyfetch.Config

	source atomic.Pointer[keyfetch.Source]
	close  func()
}

// Key returns the key in use, or "" while there is none. It may be called before
// start.
func (k *secretKeys) Key() string {
	if k.static != "" {
		return k.static
	}
	if s := k.source.Load(); s != nil {
		return s.Key()
	}
	return ""
}

// missing reports whether events lack what a key would give them.
func (k *secretKeys) missing() bool { return k != nil && k.Key() == "" }

// start warns about keys that protect nothing and begins to fetch, if there is
// something to fetch. changed is called whenever missing may have changed.
func (k *secretKeys) start(ctx context.Context, host component.Host, client confighttp.ClientConfig, set component.TelemetrySettings, changed func(error)) error {
	if k == nil {
		return nil
	}
	switch {
	case k.static == keyfetch.DefaultKey:
		warnDefaultKey(set.Logger)
	case k.static == "" && k.fetch.BaseURL == "":
		set.Logger.Warn("there is no HMAC key: events have no caller's address, and Authorization headers are masked; set cerberus::secret_key or cerberus::backend_url")
	}
	if k.static != "" || k.fetch.BaseURL == "" {
		return nil
	}
	c, err := client.ToClient(ctx, host.GetExtensions(), set)
	if err != nil {
		return err
	}
	cfg := k.fetch
	cfg.OnEvent = func(e keyfetch.Event) {
		switch {
		case e.Err != nil && k.Key() == "":
			set.Logger.Warn("there is no HMAC key: events have no caller's address until there is one; trying again", zap.Error(e.Err))
		case e.Err != nil:
			set.Logger.Warn("the HMAC key in use stays; trying again", zap.Error(e.Err))
		case e.Default:
			warnDefaultKey(set.Logger)
		default:
			set.Logger.Info("fetched the HMAC key")
		}
		changed(e.Err)
	}
	source, err := keyfetch.New(cfg)
	if err != nil {
		return err // Validate has checked the URL
	}
	k.source.Store(source)
	k.close = c.CloseIdleConnections
	source.Start(c)
	// Receivers start after exporters: with this, the first events have their
	// addresses if the service is well.
	source.Wait(ctx)
	return nil
}

func warnDefaultKey(logger *zap.Logger) {
	logger.Warn("the HMAC key is the publicly known default of Cerberus, so hashed addresses can be found by trying: change it in Cerberus")
}

// shutdown ends fetching. The key stays.
func (k *secretKeys) shutdown() {
	if k == nil || k.close == nil {
		return
	}
	k.source.Load().Stop()
	k.close()
}
