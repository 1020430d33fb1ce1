// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"

	"github.com/apispan/apispan/internal/httpattr"
)

// appendTarget appends what the request was really for, where the attributes that
// every server span has do not say it: the path with its escapes where decoding has
// changed its meaning ("/a%2Fb" is not "/a/b"), and behind a trusted proxy the scheme
// and host that the client used.
func (c *config) appendTarget(dst []attribute.KeyValue, r *http.Request) []attribute.KeyValue {
	if u := r.URL; u != nil {
		if u.RawPath != "" || strings.ContainsAny(u.Path, "?#%") {
			dst = append(dst, attribute.String(httpattr.URLPath, u.EscapedPath()))
		}
		if u.RawQuery != "" {
			dst = append(dst, attribute.String(httpattr.URLQuery, c.query(u.RawQuery)))
		}
	}
	if len(c.proxies) == 0 {
		return dst
	}
	scheme, host := c.forwardedTarget(r)
	if scheme != "" {
		dst = append(dst, attribute.String(httpattr.URLScheme, scheme))
	}
	if host == "" {
		return dst
	}
	name, port := host, 0
	if h, p, err := net.SplitHostPort(host); err == nil {
		name = h
		port, _ = strconv.Atoi(p)
	}
	name = strings.Trim(name, "[]")
	switch { // the server span has the port that the proxy connected to
	case port > 0 && port <= 65535:
	case scheme == "https" || scheme == "" && r.TLS != nil:
		port = 443
	default:
		port = 80
	}
	return append(dst, attribute.String(httpattr.ServerAddress, name), attribute.Int(httpattr.ServerPort, port))
}

// forwardedTarget returns the scheme and the host that the first proxy was asked for,
// each empty if unknown or if whoever says so is not trusted.
func (c *config) forwardedTarget(r *http.Request) (scheme, host string) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !c.trusted(peer.Addr().Unmap().WithZone("")) {
		return "", ""
	}
	scheme, host = firstElement(r.Header["X-Forwarded-Proto"]), firstElement(r.Header["X-Forwarded-Host"])
	if f := firstElement(r.Header["Forwarded"]); f != "" { // RFC 7239
		for pair := range strings.SplitSeq(f, ";") {
			name, v, _ := strings.Cut(strings.TrimSpace(pair), "=")
			v = strings.Trim(v, `"`)
			switch {
			case scheme == "" && strings.EqualFold(name, "proto"):
				scheme = v
			case host == "" && strings.EqualFold(name, "host"):
				host = v
			}
		}
	}
	if scheme = strings.ToLower(scheme); scheme != "http" && scheme != "https" {
		scheme = ""
	}
	if len(host) > 255 || strings.ContainsFunc(host, notInHost) {
		host = ""
	}
	return scheme, strings.ToLower(host)
}

// firstElement returns the first element of a list in header fields of one name.
func firstElement(fields []string) string {
	if len(fields) == 0 {
		return ""
	}
	v, _, _ := strings.Cut(fields[0], ",")
	return strings.TrimSpace(v)
}

// notInHost reports whether c cannot stand in a host with port.
func notInHost(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-._~[]:", c)
}
