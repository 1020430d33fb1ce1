// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guardedstorageextension

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/apispan/apispan/internal/queueguard"
)

// logInterval is how often a storage that refuses to write is mentioned.
const logInterval = time.Minute

// guarded is the extension.
type guarded struct {
	cfg    *Config
	logger *zap.Logger
	inner  storage.Extension
	logged atomic.Int64 // Unix nanoseconds
}

var (
	_ storage.Extension               = (*guarded)(nil)
	_ extensioncapabilities.Dependent = (*guarded)(nil)
	_ queueguard.Wrapper              = (*guarded)(nil)
)

func newGuarded(set extension.Settings, cfg *Config) *guarded {
	return &guarded{cfg: cfg, logger: set.Logger}
}

// Dependencies implements extensioncapabilities.Dependent: the storage starts first.
func (g *guarded) Dependencies() []component.ID { return []component.ID{g.cfg.Storage} }

// Unwrap implements queueguard.Wrapper.
func (g *guarded) Unwrap() storage.Extension { return g.inner }

// Start implements component.Component.
func (g *guarded) Start(_ context.Context, host component.Host) error {
	ext, found := host.GetExtensions()[g.cfg.Storage]
	if !found {
		return fmt.Errorf("guarded_storage: `storage` names %s, which is not among `service::extensions`", g.cfg.Storage)
	}
	inner, ok := ext.(storage.Extension)
	if _, again := ext.(queueguard.Wrapper); !ok || again {
		return fmt.Errorf("guarded_storage: `storage` names %s, which is no storage extension to guard: name a file_storage", g.cfg.Storage)
	}
	g.inner = inner
	return nil
}

// Shutdown implements component.Component.
func (g *guarded) Shutdown(context.Context) error { return nil }

// GetClient implements storage.Extension.
func (g *guarded) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	guard := &queueguard.Guard{
		// Every encoding of the exporterhelper reads nothing as nothing.
		StandIn:   func([]byte) []byte { return nil },
		OnFailure: g.failed,
		OnDamage: func(err error) {
			g.logger.Error("a request in the storage of a queue cannot be read, and is lost: is the volume damaged? The others are delivered",
				zap.Stringer("exporter", id), zap.Error(err))
		},
	}
	return guard.Client(ctx, g.inner, kind, id, name)
}

func (g *guarded) failed(err error) {
	now, last := time.Now().UnixNano(), g.logged.Load()
	if now-last < int64(logInterval) || !g.logged.CompareAndSwap(last, now) {
		return
	}
	g.logger.Warn("the storage of a queue refuses to write: is its volume full? What is stored is delivered and kept", zap.Error(err))
}
