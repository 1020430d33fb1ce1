// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"net"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"

	"github.com/apispan/apispan/internal/httpattr"
)

// Limits of what tracing has written of a request, in bytes. net/http lets 1 MiB
// through, and a span of that size costs others their place in every queue.
const (
	maxPath   = maxHeaderValue
	maxMethod = 64
)

// appendMended appends what tracing has written of a request in a form that must not
// leave: text that is not UTF-8, for one of which an exporter loses the whole batch;
// text without an end; the address that the client claims to have.
//
// Raw leaves the length to a policy that follows and must see the whole.
func (c *config) appendMended(dst []attribute.KeyValue, r *http.Request, raw bool) []attribute.KeyValue {
	if addr, set := c.clientAddress(r); set {
		dst = append(dst, attribute.String(httpattr.ClientAddress, addr))
	}
	if u := r.URL; u != nil && (len(u.Path) > maxPath || !utf8.ValidString(u.Path)) {
		dst = append(dst, attribute.String(httpattr.URLPath, cleanValue(u.EscapedPath(), raw)))
	}
	if agent := r.UserAgent(); len(agent) > maxHeaderValue || !utf8.ValidString(agent) {
		dst = append(dst, attribute.String(httpattr.UserAgent, cleanValue(agent, raw)))
	}
	if len(r.Method) > maxMethod {
		dst = append(dst, attribute.String(httpattr.RequestMethodOriginal, r.Method[:maxMethod]))
	}
	if len(r.Host) > maxHost || !utf8.ValidString(r.Host) {
		host, _ := splitAddress(r.Host)
		dst = append(dst, attribute.String(httpattr.ServerAddress, cutString(cleanValue(host, false), maxHost)))
	}
	return dst
}

// appendTarget appends what the request was really for, where the attributes that
// every server span has do not say it: the path with its escapes where decoding has
// changed its meaning ("/a%2Fb" is not "/a/b"), behind a trusted proxy the scheme and
// host that the client used, and on a span of somebody else's the host: otelgin,
// otelecho and others put the name of the service there, otelhttp does not.
func (c *config) appendTarget(dst []attribute.KeyValue, r *http.Request, guest bool) []attribute.KeyValue {
	if u := r.URL; u != nil {
		if u.RawPath != "" || strings.ContainsAny(u.Path, "?#%") {
			dst = append(dst, attribute.String(httpattr.URLPath, cleanValue(u.EscapedPath(), c.policy != nil)))
		}
		if u.RawQuery != "" {
			dst = append(dst, attribute.String(httpattr.URLQuery, c.query(u.RawQuery)))
		}
	}
	scheme, host := "", ""
	if c.forwarding.any() {
		scheme, host = c.forwarding.target(r)
	}
	if scheme != "" {
		dst = append(dst, attribute.String(httpattr.URLScheme, scheme))
	}
	if guest && host == "" && !strings.ContainsFunc(r.Host, notInHost) {
		host = r.Host
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
