// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apipolicyextension

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/apispan/apispan/extension/apipolicyextension/internal/metadata"
	"github.com/apispan/apispan/internal/poll"
	"github.com/apispan/apispan/internal/rulefetch"
)

// firstWait is how long the start waits for rules, so that services that start with the
// Collector find some.
const firstWait = 5 * time.Second

// hintInterval is how often the answers of an exporter may make the extension ask.
const hintInterval = 5 * time.Second

// policy is the extension.
type policy struct {
	cfg    *Config
	set    component.TelemetrySettings
	id     component.ID
	tel    *metadata.TelemetryBuilder
	server *http.Server
	done   sync.WaitGroup
	store  storage.Client

	vendors map[string]*vendor
	shelf   shelf
	hinted  atomic.Int64 // Unix nanoseconds
	tags    atomic.Pointer[[2]string]
}

// vendor is one who is asked.
type vendor struct {
	name  string
	asker *rulefetch.Asker
	loop  *poll.Loop
}

var (
	_ extension.Extension             = (*policy)(nil)
	_ extensioncapabilities.Dependent = (*policy)(nil)
)

func newPolicy(set extension.Settings, cfg *Config) (*policy, error) {
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	p := &policy{cfg: cfg, set: set.TelemetrySettings, id: set.ID, tel: tel, vendors: map[string]*vendor{}}
	p.shelf.limit = cfg.MaxSizeMiB << 20
	client := &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	add := func(name string, v rulefetch.Vendor, endpoint, key string) error {
		asker, err := rulefetch.NewAsker(v, endpoint, key, client)
		if err != nil {
			return fmt.Errorf("api_policy: `%s`: %w", name, err)
		}
		p.vendors[name] = &vendor{name: name, asker: asker}
		return nil
	}
	if m := cfg.Moesif; m != nil {
		err = add("moesif", rulefetch.Moesif, m.Endpoint, string(m.ApplicationID))
	}
	if m := cfg.Metlo; m != nil && err == nil {
		err = add("metlo", rulefetch.Metlo, m.Endpoint, string(m.APIKey))
	}
	return p, err
}

// Dependencies implements extensioncapabilities.Dependent: the storage starts first.
func (p *policy) Dependencies() []component.ID {
	if p.cfg.Storage == nil {
		return nil
	}
	return []component.ID{*p.cfg.Storage}
}

// Start implements component.Component.
func (p *policy) Start(ctx context.Context, host component.Host) error {
	if err := p.restore(ctx, host); err != nil {
		return err
	}
	server, err := p.cfg.ServerConfig.ToServer(ctx, host.GetExtensions(), p.set, p.handler())
	if err != nil {
		return fmt.Errorf("api_policy: %w", err)
	}
	listener, err := p.cfg.ServerConfig.ToListener(ctx)
	if err != nil {
		return fmt.Errorf("api_policy: `endpoint` %s cannot be listened on; write another address or end who has it: %w", p.cfg.ServerConfig.NetAddr.Endpoint, err)
	}
	p.server = server
	p.done.Go(func() {
		if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			p.set.Logger.Error("the server of rules has ended", zap.Error(err))
		}
	})
	for _, v := range p.vendors {
		p.watch(v)
	}
	wait, cancel := context.WithTimeout(ctx, firstWait)
	defer cancel()
	for _, v := range p.vendors {
		_ = v.loop.Wait(wait) // what came of it is said
	}
	p.set.Logger.Info("rules are handed out at /v1/policy", zap.String("endpoint", listener.Addr().String()), zap.Int("rules", p.shelf.rules()))
	return p.observe()
}

// watch begins to ask a vendor.
func (p *policy) watch(v *vendor) {
	v.loop = poll.Start(func(ctx context.Context) (time.Duration, error) {
		parts := map[string]document{}
		changed, done, wait, err := v.asker.Ask(ctx, func(path string, body io.Reader) error {
			d, err := readDocument(body, p.shelf.limit)
			parts[path] = d
			return err
		})
		outcome := "same"
		if err == nil && changed {
			var problems []error
			if changed, problems, err = p.shelf.put(v.name, parts); err == nil {
				done()
				if changed {
					outcome = "changed"
					p.changed(ctx, problems)
				}
			}
		}
		if err != nil {
			outcome = "failed"
		}
		p.tel.APIPolicyRefreshes.Add(ctx, 1, metric.WithAttributes(attribute.String("vendor", v.name), attribute.String("outcome", outcome)))
		return wait, err
	}, poll.Pace{Interval: p.cfg.Interval}, func(err error) {
		p.set.Logger.Warn("rules could not be had: those there are stay in force; said once until it changes", zap.String("vendor", v.name), zap.Error(err))
	})
}

// changed says what is left out, and keeps the rules.
func (p *policy) changed(ctx context.Context, problems []error) {
	for _, err := range problems {
		p.set.Logger.Warn("a rule is left out, in whole or in part", zap.Error(err))
	}
	if p.store == nil {
		return
	}
	if err := p.store.Set(ctx, storageKey, p.shelf.saved()); err != nil {
		p.set.Logger.Warn("the rules cannot be stored: they are lost when the Collector ends", zap.Error(err))
	}
}

const storageKey = "policy"

// restore takes the last good rules out of the storage.
func (p *policy) restore(ctx context.Context, host component.Host) error {
	if p.cfg.Storage == nil {
		return nil
	}
	ext, ok := host.GetExtensions()[*p.cfg.Storage]
	if !ok {
		return fmt.Errorf("api_policy: `storage` names %s, which is not among `service::extensions`", p.cfg.Storage)
	}
	s, ok := ext.(storage.Extension)
	if !ok {
		return fmt.Errorf("api_policy: `storage` names %s, which is no storage extension: name a file_storage", p.cfg.Storage)
	}
	var err error
	if p.store, err = s.GetClient(ctx, component.KindExtension, p.id, ""); err != nil {
		return fmt.Errorf("api_policy: `storage`: %w", err)
	}
	saved, err := p.store.Get(ctx, storageKey)
	if err != nil || len(saved) == 0 {
		if err != nil {
			p.set.Logger.Warn("the rules that were stored cannot be read", zap.Error(err))
		}
		return nil
	}
	if err := p.shelf.load(saved, p.vendors); err != nil {
		p.set.Logger.Warn("the rules that were stored cannot be used", zap.Error(err))
		return nil
	}
	p.set.Logger.Info("the rules of the last run are in force until the vendor answers", zap.Int("rules", p.shelf.rules()))
	return nil
}

// observe shows the gauges.
func (p *policy) observe() error {
	err := p.tel.RegisterAPIPolicyAgeSecondsCallback(func(_ context.Context, o metric.Float64Observer) error {
		for _, v := range p.vendors {
			o.Observe(v.loop.Age().Seconds(), metric.WithAttributes(attribute.String("vendor", v.name)))
		}
		return nil
	})
	return errors.Join(err,
		p.tel.RegisterAPIPolicyRulesCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(p.shelf.rules()))
			return nil
		}),
		p.tel.RegisterAPIPolicyProblemsCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(p.shelf.problems()))
			return nil
		}))
}

// Answered is told of the header of each answer that an exporter gets of a backend: Moesif
// says there which rules are in force. It only makes the extension ask sooner, and not
// often.
func (p *policy) Answered(backend string, h http.Header) {
	v := p.vendors["moesif"]
	if backend != "moesif" || v == nil {
		return
	}
	tags := rulefetch.MoesifTags(h)
	if tags == [2]string{} {
		return
	}
	if last := p.tags.Load(); last != nil && *last == tags {
		return
	}
	now, at := time.Now().UnixNano(), p.hinted.Load()
	if now-at < int64(hintInterval) || !p.hinted.CompareAndSwap(at, now) {
		return
	}
	p.tags.Store(&tags)
	v.loop.Refresh()
}

// Shutdown implements component.Component.
func (p *policy) Shutdown(ctx context.Context) error {
	for _, v := range p.vendors {
		if v.loop != nil {
			v.loop.Close()
		}
	}
	var errs []error
	if p.server != nil {
		p.shelf.close()
		errs = append(errs, p.server.Shutdown(ctx))
		p.done.Wait()
	}
	if p.store != nil {
		errs = append(errs, p.store.Close(ctx))
	}
	p.tel.Shutdown()
	return errors.Join(errs...)
}
