// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"cmp"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
)

// guard runs code of the application. A panic in it is counted and ends there.
func (c *config) guard(f func()) (ok bool) {
	defer func() {
		if !ok {
			_ = recover()
			c.drops.add(reasonCallbackPanic, 1)
		}
	}()
	f()
	return true
}

// anyCallback reports whether anybody asks to see an Exchange.
func (c *config) anyCallback() bool { return len(c.skip)+len(c.identity)+len(c.metadata) > 0 }

func (c *config) callSkip(ex Exchange) bool {
	for _, f := range c.skip {
		skip := true
		c.guard(func() { skip = f(ex) })
		if skip {
			return true
		}
	}
	return false
}

func (c *config) callIdentity(ex Exchange, id *Identity) {
	for _, f := range c.identity {
		c.guard(func() {
			got := f(ex)
			id.merge(&got)
		})
	}
}

// callMetadata adds what callbacks give to what SetMetadata gave, in the order of
// keys, so that the limit does not depend on the order of a map.
func (c *config) callMetadata(ex Exchange, meta []attribute.KeyValue) (_ []attribute.KeyValue, over int) {
	for _, f := range c.metadata {
		var m map[string]any
		c.guard(func() { m = f(ex) })
		for _, key := range slices.SortedFunc(maps.Keys(m), cmp.Compare[string]) {
			kv, ok := c.metadataAttr(key, m[key])
			if ok {
				meta, ok = putMetadata(meta, 0, kv, false)
			}
			if !ok && m[key] != nil {
				over++
			}
		}
	}
	return meta, over
}

// healthPaths are skipped by default.
var healthPaths = map[string]bool{
	"/health": true, "/healthz": true, "/healthcheck": true, "/health-check": true, "/health_check": true,
	"/health/live": true, "/health/liveness": true, "/health/ready": true, "/health/readiness": true,
	"/live": true, "/livez": true, "/liveness": true, "/ready": true, "/readyz": true, "/readiness": true,
	"/-/healthy": true, "/-/ready": true, "/ping": true, "/_health": true, "/heartbeat": true,
	"/actuator/health": true,
}

var healthAgents = [...]string{"kube-probe/", "GoogleHC/", "ELB-HealthChecker/"}

// skipsRequest decides what is skipped before the exchange begins.
func (c *config) skipsRequest(r *http.Request) bool {
	if c.defaultSkips {
		switch r.Method {
		case http.MethodOptions:
			return true
		case http.MethodGet, http.MethodHead, "":
			if r.URL != nil && healthPaths[r.URL.Path] {
				return true
			}
			if ua := r.Header["User-Agent"]; len(ua) > 0 {
				for _, p := range healthAgents {
					if strings.HasPrefix(ua[0], p) {
						return true
					}
				}
			}
		}
	}
	for _, f := range c.skipRequest {
		skip := true
		c.guard(func() { skip = f(r) })
		if skip {
			return true
		}
	}
	return false
}

// clientAddress is the address to record, or "" to leave what is there. Without
// X-Forwarded-For what is there is the peer; with it, otelhttp takes the first
// entry, which is whatever the client wrote.
func (c *config) clientAddress(r *http.Request) string {
	if len(r.Header["X-Forwarded-For"]) == 0 && len(c.proxies) == 0 {
		return ""
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	addr := peer.Addr().Unmap().WithZone("")
	if !c.trusted(addr) {
		return addr.String()
	}
	hops := forwardedFor(r.Header)
	for _, hop := range slices.Backward(hops) {
		a, ok := parseHop(hop)
		if !ok {
			break
		}
		if addr = a; !c.trusted(a) {
			break
		}
	}
	return addr.String()
}

func (c *config) trusted(a netip.Addr) bool {
	return slices.ContainsFunc(c.proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// forwardedFor lists the hops that proxies wrote down, the nearest last.
func forwardedFor(h http.Header) []string {
	if vs := h["X-Forwarded-For"]; len(vs) > 0 {
		return strings.Split(strings.Join(vs, ","), ",")
	}
	if vs := h["Forwarded"]; len(vs) > 0 { // RFC 7239
		var hops []string
		for elem := range strings.SplitSeq(strings.Join(vs, ","), ",") {
			hop := ""
			for pair := range strings.SplitSeq(elem, ";") {
				if name, v, ok := strings.Cut(strings.TrimSpace(pair), "="); ok && strings.EqualFold(name, "for") {
					hop = strings.Trim(v, `"`)
				}
			}
			hops = append(hops, hop)
		}
		return hops
	}
	return h["X-Real-Ip"]
}

func parseHop(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	return a.Unmap().WithZone(""), err == nil
}

func unescape(name string) string {
	if strings.IndexByte(name, '%') < 0 {
		return name
	}
	if u, err := url.QueryUnescape(name); err == nil {
		return u
	}
	return name
}
