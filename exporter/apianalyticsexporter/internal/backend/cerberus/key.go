// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cerberus

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/internal/keyfetch"
)

// errNoKey is the component's status while there is no HMAC key.
var errNoKey = errors.New("api_analytics: there is no HMAC key yet: events are sent without the caller's address, and Authorization headers are masked")

// keySource is the HMAC key: a configured one, or one that is fetched.
type keySource struct {
	static string
	fetch  keyfetch.Config

	source atomic.Pointer[keyfetch.Source]
	close  func()
}

// Key returns the key in use, or "" while there is none.
func (k *keySource) Key() string {
	if k.static != "" {
		return k.static
	}
	if s := k.source.Load(); s != nil {
		return s.Key()
	}
	return ""
}

// MissingKey implements [backend.Keyed].
func (k *keySource) MissingKey() error {
	if k.Key() == "" {
		return errNoKey
	}
	return nil
}

// StartKey implements [backend.Keyed]. It warns about keys that protect nothing.
func (k *keySource) StartKey(ctx context.Context, env backend.Env, changed func()) error {
	warn := func(text string, err error) { env.Log(slog.LevelWarn, text, err) }
	const isDefault = "the HMAC key is the publicly known default of Cerberus, so hashed addresses can be found by trying: change it in Cerberus"
	switch {
	case k.static == keyfetch.DefaultKey:
		warn(isDefault, nil)
	case k.static == "" && k.fetch.BaseURL == "":
		warn("there is no HMAC key: events have no caller's address, and Authorization headers are masked; set cerberus::secret_key or cerberus::backend_url", nil)
	}
	if k.static != "" || k.fetch.BaseURL == "" {
		return nil
	}
	client, err := env.NewClient(ctx)
	if err != nil {
		return err
	}
	cfg := k.fetch
	cfg.OnEvent = func(e keyfetch.Event) {
		switch {
		case e.Err != nil && k.Key() == "":
			warn("there is no HMAC key: events have no caller's address until there is one; trying again", e.Err)
		case e.Err != nil:
			warn("the HMAC key in use stays; trying again", e.Err)
		case e.Default:
			warn(isDefault, nil)
		default:
			env.Log(slog.LevelInfo, "fetched the HMAC key", nil)
		}
		changed()
	}
	source, err := keyfetch.New(cfg)
	if err != nil {
		return err // the configuration's check has seen the URL
	}
	k.source.Store(source)
	k.close = client.CloseIdleConnections
	source.Start(client)
	// Receivers start after exporters: with this, the first events have their
	// addresses if the service is well.
	source.Wait(ctx)
	return nil
}

// StopKey implements [backend.Keyed].
func (k *keySource) StopKey() {
	if k.close != nil {
		k.source.Load().Stop()
		k.close()
	}
}
