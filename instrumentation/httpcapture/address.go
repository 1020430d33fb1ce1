// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// forwarding says whose word is believed about who is at the other end.
type forwarding struct {
	proxies []netip.Prefix // that are believed
	unix    bool           // so is who connects over a Unix socket
	headers []string       // canonical; nil: X-Forwarded-For, else Forwarded
}

// any reports whether anybody is believed.
func (f *forwarding) any() bool { return len(f.proxies) > 0 || f.unix }

func (f *forwarding) trusts(a netip.Addr) bool { return contains(f.proxies, a) }

// clientAddress is the address to record, or not set if what is there will do: tracing
// has written the peer, unless a header says otherwise, which is whatever the client
// wrote.
func (c *config) clientAddress(r *http.Request) (addr string, set bool) {
	if c.forwarding.any() || len(r.Header["X-Forwarded-For"]) > 0 {
		return c.address(r), true
	}
	if c.alongside {
		for _, name := range addressHeaders {
			if len(r.Header[name]) > 0 {
				return c.address(r), true
			}
		}
	}
	return "", false
}

// addressHeaders are what frameworks and their instrumentations take the address of the
// client from.
var addressHeaders = [...]string{
	"Forwarded", "X-Real-Ip", "X-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "Fly-Client-Ip", "X-Cluster-Client-Ip",
	"X-Appengine-Remote-Addr", "X-Original-Forwarded-For", "Fastly-Client-Ip",
}

// address is the address of the client, as far as those say who are believed.
func (c *config) address(r *http.Request) string {
	a, hops := c.forwarding.client(r)
	if hops > 0 && a.IsValid() {
		return a.String()
	}
	host, _ := splitAddress(r.RemoteAddr)
	if !a.IsValid() {
		return cleanValue(host, false) // a Unix socket, or what an adapter made of it
	}
	if a.Is4() && len(host) <= len("255.255.255.255") {
		return host // as String would write it
	}
	return a.String()
}

// client follows the chain of proxies from the peer on, as long as each is believed.
// hops is how many of them are.
func (f *forwarding) client(r *http.Request) (addr netip.Addr, hops int) {
	addr, ok := parseHop(r.RemoteAddr)
	if !f.trustsPeer(r, addr, ok) {
		return addr, 0
	}
	hops = 1
	list, single := f.hops(r.Header)
	for _, hop := range slices.Backward(list) {
		a, ok := parseHop(hop)
		if !ok {
			break
		}
		if addr = a; single || !f.trusts(a) {
			break
		}
		hops++
	}
	return addr, hops
}

func (f *forwarding) trustsPeer(r *http.Request, peer netip.Addr, known bool) bool {
	if known && f.trusts(peer) {
		return true
	}
	if !f.unix {
		return false
	}
	_, unix := r.Context().Value(http.LocalAddrContextKey).(*net.UnixAddr)
	return unix
}

// hops lists what proxies wrote down, the nearest last. Single says that the header
// holds one address, and that is the client's.
func (f *forwarding) hops(h http.Header) (list []string, single bool) {
	if f.headers == nil {
		if list = forwardedFor(h); list != nil {
			return list, false
		}
		return forwarded(h, "for"), false
	}
	for _, name := range f.headers {
		switch vs := h[name]; {
		case len(vs) == 0:
		case name == "X-Forwarded-For":
			return forwardedFor(h), false
		case name == "Forwarded":
			return forwarded(h, "for"), false
		default: // of several the last: a proxy adds, what was before is the client's
			return vs[len(vs)-1:], true
		}
	}
	return nil, false
}

func forwardedFor(h http.Header) []string { return elementsOf(h["X-Forwarded-For"]) }

// elementsOf takes a list in header fields of one name apart.
func elementsOf(fields []string) []string {
	if len(fields) == 0 {
		return nil
	}
	return strings.Split(strings.Join(fields, ","), ",")
}

// forwarded returns a parameter of each element of Forwarded (RFC 7239). The header is
// taken apart from its end, where the nearest proxy has written: it writes by the rules,
// and quotes what the client has a say in, such as the host, in which there may be commas
// and semicolons. What stands before that may be anything, a quote that is left open too.
func forwarded(h http.Header, param string) []string {
	fields := h["Forwarded"]
	if len(fields) == 0 {
		return nil
	}
	s := strings.Join(fields, ",")
	var out []string
	value, pairs, quoted := "", 0, false
	end := len(s)
	for i := len(s) - 1; i >= -1; i-- {
		c := byte(',')
		if i >= 0 {
			c = s[i]
		}
		switch {
		case c == '"':
			quoted = !quoted || isEscaped(s, i)
		case i < 0, !quoted && (c == ',' || c == ';'):
			name, v, ok := strings.Cut(strings.TrimSpace(s[i+1:end]), "=")
			if ok && strings.EqualFold(name, param) {
				value = unquote(v)
				pairs++
			}
			if end = i; c == ';' && i >= 0 {
				continue
			}
			if pairs > 1 {
				value = "" // the proxy has let through what it should have quoted
			}
			out = append(out, value)
			value, pairs = "", 0
		}
	}
	slices.Reverse(out)
	return out
}

// isEscaped reports whether an odd number of backslashes stands before s[i].
func isEscaped(s string, i int) bool {
	before := strings.TrimRight(s[:i], `\`)
	return (i-len(before))%2 == 1
}

// unquote is a value without the quotes around it, or "" if there is only one of them.
func unquote(v string) string {
	if in, ok := strings.CutPrefix(v, `"`); ok {
		if v, ok = strings.CutSuffix(in, `"`); !ok {
			return ""
		}
	}
	return v
}

// parseHop reads an address with or without a port.
func parseHop(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	return a.Unmap().WithZone(""), err == nil
}

// target returns the scheme and the host that the outermost proxy that is believed was
// asked for, each empty if unknown.
func (f *forwarding) target(r *http.Request) (scheme, host string) {
	_, hops := f.client(r)
	if hops == 0 {
		return "", ""
	}
	if scheme = nth(elementsOf(r.Header["X-Forwarded-Proto"]), hops); scheme == "" {
		scheme = nth(forwarded(r.Header, "proto"), hops)
	}
	if host = nth(elementsOf(r.Header["X-Forwarded-Host"]), hops); host == "" {
		host = nth(forwarded(r.Header, "host"), hops)
	}
	if scheme = strings.ToLower(scheme); scheme != "http" && scheme != "https" {
		scheme = ""
	}
	if len(host) > maxHost || strings.ContainsFunc(host, notInHost) {
		host = ""
	}
	return scheme, strings.ToLower(host)
}

// nth is the element that the outermost of so many proxies wrote. What stands before
// it came from the client.
func nth(list []string, hops int) string {
	if len(list) == 0 {
		return ""
	}
	return strings.TrimSpace(list[max(len(list)-hops, 0)])
}

// maxHost is the longest name of a host with its port, in bytes.
const maxHost = 255

// notInHost reports whether c cannot stand in a host with port.
func notInHost(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-._~[]:", c)
}
