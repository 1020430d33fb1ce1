// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"net"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
)

// requestAttributes appends what is known of a request when its span starts
// (https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span).
func (s *serverTracing) requestAttributes(dst []attribute.KeyValue, r *http.Request) []attribute.KeyValue {
	host, port := s.server(r)
	method, original := methodAttributes(r.Method)
	dst = append(dst, semconv.ServerAddress(host), method, scheme(r))
	if port > 0 {
		dst = append(dst, semconv.ServerPort(port))
	}
	if original {
		dst = append(dst, semconv.HTTPRequestMethodOriginal(r.Method))
	}
	peer, peerPort := splitAddress(r.RemoteAddr)
	if peer != "" {
		dst = append(dst, semconv.NetworkPeerAddress(peer))
		if peerPort > 0 {
			dst = append(dst, semconv.NetworkPeerPort(peerPort))
		}
	}
	if agent := r.UserAgent(); agent != "" {
		dst = append(dst, semconv.UserAgentOriginal(agent))
	}
	client, _, _ := strings.Cut(r.Header.Get("X-Forwarded-For"), ",")
	if client == "" {
		client = peer
	}
	if client != "" {
		dst = append(dst, semconv.ClientAddress(client))
	}
	if r.URL != nil && r.URL.Path != "" {
		dst = append(dst, semconv.URLPath(r.URL.Path))
	}
	name, version := protocol(r.Proto)
	if name != "" && name != "http" {
		dst = append(dst, semconv.NetworkProtocolName(name))
	}
	if version != "" {
		dst = append(dst, semconv.NetworkProtocolVersion(version))
	}
	if route := routeOf(r.Pattern); route != "" {
		dst = append(dst, semconv.HTTPRoute(route))
	}
	return dst
}

// responseAttributes appends what is known when it has been answered.
func (v *served) responseAttributes(dst []attribute.KeyValue) []attribute.KeyValue {
	if n := max(v.read, v.announced); n > 0 {
		dst = append(dst, semconv.HTTPRequestBodySize(int(n)))
	}
	if v.written > 0 {
		dst = append(dst, semconv.HTTPResponseBodySize(int(v.written)))
	}
	if v.status > 0 {
		dst = append(dst, semconv.HTTPResponseStatusCode(v.status))
	}
	if v.failed {
		dst = append(dst, semconv.ErrorTypeKey.String(strconv.Itoa(v.status)))
	}
	return dst
}

// metricSet appends the attributes of the metrics
// (https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#http-server).
func (s *serverTracing) metricSet(dst []attribute.KeyValue, r *http.Request, status int) []attribute.KeyValue {
	host, port := s.server(r)
	method, _ := methodAttributes(strings.ToUpper(r.Method))
	dst = append(dst, method, scheme(r), semconv.ServerAddress(host))
	if port > 0 {
		dst = append(dst, semconv.ServerPort(port))
	}
	name, version := protocol(r.Proto)
	if name != "" {
		dst = append(dst, semconv.NetworkProtocolName(name))
	}
	if version != "" {
		dst = append(dst, semconv.NetworkProtocolVersion(version))
	}
	if status > 0 {
		dst = append(dst, semconv.HTTPResponseStatusCode(status))
	}
	if route := routeOf(r.Pattern); route != "" {
		dst = append(dst, semconv.HTTPRoute(route))
	}
	return dst
}

// serverSpanName is "METHOD route", or the method while the route is unknown.
func serverSpanName(r *http.Request) string {
	method := strings.ToUpper(r.Method)
	if _, known := knownMethod(method); !known {
		method = "HTTP"
	}
	if route := routeOf(r.Pattern); route != "" {
		return method + " " + route
	}
	return method
}

// server is the name of the server, and its port unless the scheme implies it.
func (s *serverTracing) server(r *http.Request) (host string, port int) {
	host, port = splitAddress(r.Host)
	if s.serverName != "" {
		var p int
		if host, p = splitAddress(s.serverName); p >= 0 {
			port = p
		}
	}
	if port == 443 && r.TLS != nil || port == 80 && r.TLS == nil {
		port = 0
	}
	return host, port
}

func scheme(r *http.Request) attribute.KeyValue {
	if r.TLS != nil {
		return semconv.URLScheme("https")
	}
	return semconv.URLScheme("http")
}

// methodAttributes is the method in the spelling of the convention; original
// reports that the request spells it otherwise.
func methodAttributes(method string) (kv attribute.KeyValue, original bool) {
	if kv, known := knownMethod(method); known || method == "" {
		return kv, false
	}
	kv, _ = knownMethod(strings.ToUpper(method))
	return kv, true
}

func knownMethod(method string) (kv attribute.KeyValue, known bool) {
	switch method {
	case http.MethodGet:
		return semconv.HTTPRequestMethodGet, true
	case http.MethodPost:
		return semconv.HTTPRequestMethodPost, true
	case http.MethodPut:
		return semconv.HTTPRequestMethodPut, true
	case http.MethodDelete:
		return semconv.HTTPRequestMethodDelete, true
	case http.MethodPatch:
		return semconv.HTTPRequestMethodPatch, true
	case http.MethodHead:
		return semconv.HTTPRequestMethodHead, true
	case http.MethodOptions:
		return semconv.HTTPRequestMethodOptions, true
	case http.MethodConnect:
		return semconv.HTTPRequestMethodConnect, true
	case http.MethodTrace:
		return semconv.HTTPRequestMethodTrace, true
	}
	return semconv.HTTPRequestMethodOther, false
}

// protocol takes "HTTP/1.1" apart.
func protocol(proto string) (name, version string) {
	if v, ok := strings.CutPrefix(proto, "HTTP/"); ok {
		return "http", v
	}
	name, version, _ = strings.Cut(proto, "/")
	return strings.ToLower(name), version
}

// splitAddress takes "host:port", "[host]:port", "host" or "[host]" apart. The
// port is -1 if there is none or it is not a number.
func splitAddress(s string) (host string, port int) {
	colon := strings.LastIndexByte(s, ':')
	if strings.HasPrefix(s, "[") {
		end := strings.LastIndexByte(s, ']')
		if end < 0 {
			return "", -1
		}
		if colon < end {
			return s[1:end], -1
		}
	} else if colon < 0 {
		return s, -1
	}
	host, p, err := net.SplitHostPort(s)
	if err != nil {
		return "", -1
	}
	n, err := strconv.ParseUint(p, 10, 16)
	if err != nil {
		return host, -1
	}
	return host, int(n) //nolint:gosec // 16 bits
}
