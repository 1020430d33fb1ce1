// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apiinspectorextension

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/confmap"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/serve"
	"github.com/apispan/apispan/internal/inspect"
)

// plan is what the Collector's configuration says of what goes where.
type plan struct {
	listens []string
	// bare are pipelines that export to us without a redaction; ours are the components that
	// could show what they do.
	bare, ours []string
}

// NotifyConfig implements extensioncapabilities.ConfigWatcher, which is not named here since
// newer Collectors have another interface instead: there the page lacks what the
// configuration would tell (addresses, pipelines without a redaction).
func (i *inspector) NotifyConfig(_ context.Context, conf *confmap.Conf) error {
	p := readPlan(conf.ToStringMap())
	i.mu.Lock()
	defer i.mu.Unlock()
	i.setup = p
	return nil
}

// told is the plan, and which components do not show what they do.
func (i *inspector) told() serve.Setup {
	i.mu.Lock()
	defer i.mu.Unlock()
	out := serve.Setup{Listens: i.setup.listens, Bare: i.setup.bare}
	sources := i.Told().Sources
	for _, c := range i.setup.ours {
		if !slices.ContainsFunc(sources, func(s inspect.Source) bool { return s.Component == c }) {
			out.Unseen = append(out.Unseen, c)
		}
	}
	return out
}

func section(m map[string]any, keys ...string) map[string]any {
	for _, k := range keys {
		m, _ = m[k].(map[string]any)
	}
	return m
}

func ids(v any) (out []string) {
	list, _ := v.([]any)
	for _, e := range list {
		out = append(out, fmt.Sprint(e))
	}
	return out
}

func isType(id, typ string) bool { return id == typ || strings.HasPrefix(id, typ+"/") }

func readPlan(conf map[string]any) (p plan) {
	add := func(list *[]string, s string) {
		if !slices.Contains(*list, s) {
			*list = append(*list, s)
		}
	}
	connectors := section(conf, "connectors")
	receivers := section(conf, "receivers")
	pipelines := section(conf, "service", "pipelines")
	names := make([]string, 0, len(pipelines))
	for name := range pipelines {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		one := section(pipelines, name)
		joined := false // fed by another pipeline, which may have redacted
		for _, r := range ids(one["receivers"]) {
			if _, ok := connectors[r]; ok {
				joined = true
			}
			if isType(r, "otlp") {
				for _, l := range listens(section(receivers, r)) {
					add(&p.listens, l)
				}
			}
		}
		redacts, exports := false, false
		for _, c := range ids(one["processors"]) {
			if isType(c, "http_redaction") {
				redacts = true
				add(&p.ours, c)
			}
		}
		for _, c := range ids(one["exporters"]) {
			if isType(c, "api_analytics") {
				exports = true
				add(&p.ours, c)
			}
		}
		if exports && !redacts && !joined {
			add(&p.bare, name)
		}
	}
	return p
}

// listens are the addresses of an OTLP receiver as one can reach them from here.
func listens(receiver map[string]any) (out []string) {
	protocols := section(receiver, "protocols")
	for _, p := range []struct{ key, scheme, port string }{{"grpc", "grpc://", "4317"}, {"http", "http://", "4318"}} {
		v, ok := protocols[p.key]
		if !ok {
			continue
		}
		host, port := "127.0.0.1", p.port
		if m, ok := v.(map[string]any); ok {
			if e, ok := m["endpoint"].(string); ok {
				h, n, err := net.SplitHostPort(e)
				if err != nil {
					continue
				}
				host, port = h, n
			}
		}
		if ip := net.ParseIP(host); host == "" || host == "localhost" || ip != nil && ip.IsUnspecified() {
			host = "127.0.0.1"
		}
		out = append(out, p.scheme+net.JoinHostPort(host, port))
	}
	return out
}
