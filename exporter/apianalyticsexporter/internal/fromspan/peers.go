// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import (
	"net/netip"
	"strings"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// readURL composes the URL. On a server the parts are what the standard says and
// the Host header names the host; a full URL fills what is missing, and on a
// client it is the standard.
func (r *Reader) readURL(ex *exchange.Exchange) {
	full := parseURL(r.text(fieldURLFull))
	if t := r.text(fieldTarget); t != "" {
		part := parseURL(t)
		if full.path == "" {
			full.path = part.path
		}
		if !full.hasQuery {
			full.query = part.query
		}
		if full.host == "" {
			full.scheme, full.host = part.scheme, part.host
		}
	}
	server := withPort(r.text(fieldServerAddress), r.port(fieldServerPort))
	if server == "" {
		server = cleanHost(r.text(fieldHTTPHost))
	}
	path, hasPath := r.text(fieldURLPath), r.have[fieldURLPath] != 0
	query := r.text(fieldURLQuery)
	scheme := strings.ToLower(r.text(fieldURLScheme))

	if ex.Direction == exchange.Incoming {
		if server == "" {
			server = withPort(r.text(fieldNetHostName), r.port(fieldNetHostPort))
		}
		ex.Host = firstOf(withPort(ex.Request.Get("host"), 0), server, full.host)
		ex.Scheme = firstOf(scheme, full.scheme)
	} else {
		if server == "" {
			server = withPort(r.text(fieldNetPeerName), r.port(fieldNetPeerPort))
		}
		ex.Host = firstOf(full.host, server, withPort(ex.Request.Get("host"), 0))
		ex.Scheme = firstOf(full.scheme, scheme)
		if full.path != "" {
			path, hasPath = full.path, true
		}
	}
	if !hasPath {
		path = full.path
	}
	if p, q, ok := strings.Cut(path, "?"); ok {
		path = p
		query = firstOf(query, q)
	}
	query = strings.TrimPrefix(firstOf(query, full.query), "?")

	if ex.Scheme != "https" {
		ex.Scheme = "http"
	}
	ex.Host = withoutDefaultPort(ex.Scheme, ex.Host)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	ex.Path = escape(path, "?#")
	ex.Query = escape(query, "#")
}

func (r *Reader) readPeers(ex *exchange.Exchange) {
	ex.PeerAddress = bareAddress(r.text(fieldPeerAddress))
	ex.PeerPort = r.port(fieldPeerPort)
	ex.LocalAddress = bareAddress(r.text(fieldLocalAddress))
	ex.LocalPort = r.port(fieldLocalPort)
	ex.ClientAddress = clientAddress(r.text(fieldClientAddress))
	ex.ClientPort = r.port(fieldClientPort)
	if ex.PeerPort == 0 {
		ex.PeerPort = r.port(fieldNetPeerPort)
	}
	if ex.Direction == exchange.Incoming && ex.ClientAddress == "" {
		// The socket's peer is the client, or the last proxy before us.
		ex.ClientAddress = clientAddress(ex.PeerAddress)
		if ex.ClientPort == 0 {
			ex.ClientPort = ex.PeerPort
		}
	}
}

// clientAddress is the first address of a list, as X-Forwarded-For has it, without port
// and zone. What is neither an address nor what redaction leaves of one is none: a word
// such as "unknown" would be one caller for all whom nobody knows.
func clientAddress(s string) string {
	s, _, _ = strings.Cut(s, ",")
	s = strings.Trim(strings.TrimSpace(s), `"`)
	for _, mark := range [...]string{"hmac:", "enc:", "[REDACTED", "***"} {
		if strings.HasPrefix(s, mark) {
			return s
		}
	}
	s = bareAddress(s)
	if addr, err := netip.ParseAddr(s); err == nil {
		if addr.Zone() != "" {
			s, _, _ = strings.Cut(s, "%")
		}
		return s
	}
	if len(s) == 64 && strings.Trim(s, "0123456789abcdef") == "" { // a digest
		return s
	}
	return ""
}
