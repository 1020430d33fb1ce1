// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apiinspectorextension

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/fields"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/keep"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/metadata"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/page"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/serve"
	"github.com/apispan/apispan/internal/confkeys"
	"github.com/apispan/apispan/internal/inspect"
)

// inspector is the extension. It is the Sink that components find among the extensions.
type inspector struct {
	*keep.Store

	cfg       *Config
	set       extension.Settings
	telemetry *metadata.TelemetryBuilder
	fields    *fields.Inventory
	access    *serve.Access
	stopped   chan struct{}
	running   sync.WaitGroup
	servers   []*http.Server
	front     *serve.Server
	link      string

	mu    sync.Mutex
	setup plan
	once  sync.Once
}

var (
	_ extension.Extension = (*inspector)(nil)
	_ inspect.Sink        = (*inspector)(nil)
)

func newInspector(set extension.Settings, cfg *Config) (*inspector, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	i := &inspector{cfg: cfg, set: set, telemetry: telemetry, stopped: make(chan struct{})}
	i.Store = keep.New(keep.Config{
		MaxExchanges: cfg.MaxExchanges, MaxBytes: cfg.MaxBytes, TTL: cfg.TTL, DetailsPerSecond: cfg.DetailsPerSecond, ShowRaw: cfg.ShowRaw,
		NotShown: func(part string, n int64) {
			telemetry.APIInspectorNotShown.Add(context.Background(), n, metric.WithAttributes(attribute.String("part", part)))
		},
	})
	i.fields = fields.New(fields.Config{
		Learning: cfg.Learning,
		New:      func(n int) { telemetry.APIInspectorNewFields.Add(context.Background(), int64(n)) },
	}, time.Now())
	host, _, _ := net.SplitHostPort(cfg.ServerConfig.NetAddr.Endpoint)
	i.access = serve.NewAccess()
	i.access.Loopback, i.access.Off, i.access.Auth = confkeys.Loopback(host), cfg.Token == tokenOff, cfg.ServerConfig.Auth.HasValue()
	for _, h := range cfg.AllowedHosts {
		i.access.Hosts = append(i.access.Hosts, strings.ToLower(h))
	}
	if ip := net.ParseIP(host); !i.access.Loopback && (ip == nil && host != "" || ip != nil && !ip.IsUnspecified()) {
		if ip != nil {
			host = ip.String()
		}
		i.access.Hosts = append(i.access.Hosts, strings.ToLower(host))
	}
	return i, nil
}

// Start implements component.Component.
func (i *inspector) Start(ctx context.Context, host component.Host) error {
	listeners, err := i.listen(ctx)
	if err != nil {
		return err
	}
	closeAll := func() {
		for _, l := range listeners {
			_ = l.Close()
		}
	}
	_, port, _ := net.SplitHostPort(listeners[0].Addr().String())
	i.access.Cookie = "apispan_inspector_" + port // cookies know no ports
	front := serve.New(serve.Options{
		Store: i.Store, Fields: i.fields, Access: i.access, Pages: page.Files(), Logger: i.set.Logger, Version: i.set.BuildInfo.Version,
		Setup: i.told, MaxStreams: i.cfg.MaxStreams, TraceURL: i.cfg.TraceURL, Stopped: i.stopped,
		Limits: keep.Config{MaxExchanges: i.cfg.MaxExchanges, MaxBytes: i.cfg.MaxBytes, TTL: i.cfg.TTL, ShowRaw: i.cfg.ShowRaw},
	})
	i.front = front
	handler := front.Handler()
	for _, l := range listeners {
		server, err := i.cfg.ServerConfig.ToServer(ctx, host.GetExtensions(), i.set.TelemetrySettings, i.access.Ask(handler))
		if err != nil {
			closeAll()
			return err
		}
		server.Handler = i.access.Guard(server.Handler)
		server.MaxHeaderBytes = 64 << 10
		i.servers = append(i.servers, server)
		i.running.Go(func() {
			if err := server.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
				componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
			}
		})
	}
	i.running.Go(func() { i.Run(i.stopped) })
	i.running.Go(func() { i.look(i.stopped) })
	i.link = i.linkTo(listeners[0].Addr())
	i.set.Logger.Info("The inspector is at " + i.address())
	if i.cfg.ShowRaw {
		i.set.Logger.Warn("show_raw is on: values from before the redaction are kept in memory and shown on the inspector's page; each look is logged")
	}
	return nil
}

// address is the link with the token, if one is asked for.
func (i *inspector) address() string {
	if t := i.access.Token(); t != "" {
		return i.link + "?t=" + t
	}
	return i.link
}

// linkTo is the address to click.
func (i *inspector) linkTo(addr net.Addr) string {
	scheme := "http://"
	if i.cfg.ServerConfig.TLS.HasValue() {
		scheme = "https://"
	}
	host, port, _ := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() && len(i.cfg.AllowedHosts) > 0 {
		host = i.cfg.AllowedHosts[0]
	}
	return scheme + net.JoinHostPort(host, port) + "/"
}

// Shutdown implements component.Component.
func (i *inspector) Shutdown(ctx context.Context) error {
	i.once.Do(func() { close(i.stopped) })
	var errs []error
	for _, s := range i.servers {
		// Streams have ended; what is slower than two seconds is cut off.
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		if s.Shutdown(ctx) != nil {
			errs = append(errs, s.Close())
		}
		cancel()
	}
	i.running.Wait()
	if i.front != nil {
		i.front.Trials.Wait()
	}
	i.telemetry.Shutdown()
	return errors.Join(errs...)
}

// Attach implements inspect.Sink. Without a token only dry runs are shown: as soon as an
// exporter sends, the token is asked for.
func (i *inspector) Attach(s inspect.Source) {
	if s.Backend != "" && !s.DryRun && i.access.Off && i.access.Token() == "" && !i.access.Auth {
		i.access.LockToken()
		i.set.Logger.Warn("`token` is off, which holds for dry runs only: "+s.Component+" sends, so the token is asked for", zap.String("address", i.address()))
	}
	i.Store.Attach(s)
}
