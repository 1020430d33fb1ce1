// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package metlo

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// source is meta.metloSource: which kind of producer sent the trace.
const source = "otel/collector"

// Append implements [backend.Encoder].
func (e *Encoder) Append(dst []byte, ex *exchange.Exchange) ([]byte, backend.Drop) {
	switch {
	case ex.Direction == exchange.Outgoing && toMetlo(ex):
		return dst, backend.DropSelfTraffic
	case !storable(ex.Method):
		return dst, backend.DropMethod
	case ex.StatusCode() == 0:
		return dst, backend.DropNoStatus
	}
	start := len(dst)
	w := writer{dst: dst, e: e}
	if e.wrap != nil && !e.redacted {
		var err error
		if w.seal, err = e.wrap.newSealer(); err != nil {
			return dst[:start], backend.DropEncryption
		}
	}
	w.request(ex)
	w.response(ex)
	w.meta(ex)
	if e.v2 {
		w.raw(`,"redacted":`)
		w.dst = strconv.AppendBool(w.dst, e.redacted)
		w.raw(`,"analysisType":"full"`)
		w.session(ex)
		if w.seal != nil {
			w.dst = w.seal.appendMember(w.dst)
		}
	}
	w.raw("}")
	return w.dst, backend.Keep
}

// storable reports whether the collector has a place for the method: its database
// knows these and fails on others.
func storable(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// toMetlo reports whether an outgoing call reports to a collector of Metlo. Such a
// call would cause a trace, which would cause a call.
func toMetlo(ex *exchange.Exchange) bool {
	rest, ok := strings.CutPrefix(ex.Path, "/api/v")
	return ok && len(rest) > 1 && strings.HasPrefix(rest[1:], "/log-request/")
}

// writer appends one trace. Everything that may hold captured content goes through
// sensitive, so that encryption cannot miss a place.
type writer struct {
	dst  []byte
	e    *Encoder
	seal *sealer // nil: in clear
	// hostName and hostPort are where the request went by its URL.
	hostName string
	hostPort int
}

func (w *writer) raw(s string) { w.dst = append(w.dst, s...) }

func (w *writer) string(s string) { w.dst = wire.AppendString(w.dst, s) }

// sensitive appends a string, encrypted if that is asked for. place is where
// Metlo's agent files the nonce of the value.
func (w *writer) sensitive(place, s string) {
	if w.seal == nil {
		w.string(s)
		return
	}
	w.dst = w.seal.append(w.dst, place, s)
}

func (w *writer) request(ex *exchange.Exchange) {
	w.raw(`{"request":{"url":{"host":"`)
	w.host(ex)
	w.raw(`","path":"`)
	w.dst = appendPath(w.dst, ex.Path)
	w.raw(`","parameters":`)
	w.parameters(ex.Query)
	if w.e.v2 {
		w.route(ex)
	}
	w.raw(`},"headers":`)
	w.headers(&ex.Request, "reqHeaders", ex.UserAgent)
	w.raw(`,"body":`)
	w.body(&ex.Request, "reqBody")
	w.raw(`,"method":"`)
	w.raw(ex.Method) // one of the list in storable
	w.raw(`"`)
	if !w.e.v2 && ex.UserID != "" && !wire.IsMask(ex.UserID) {
		w.raw(`,"user":`) // of the Go SDK; the open source collector ignores it
		w.string(ex.UserID)
	}
	w.raw(`}`)
}

func (w *writer) response(ex *exchange.Exchange) {
	w.raw(`,"response":{"status":`)
	w.dst = strconv.AppendInt(w.dst, int64(ex.Status), 10)
	w.raw(`,"headers":`)
	w.headers(&ex.Response, "resHeaders", "")
	w.raw(`,"body":`)
	w.body(&ex.Response, "resBody")
	w.raw(`}`)
}

// host appends host[:port], the key by which Metlo groups endpoints, and remembers
// its parts.
func (w *writer) host(ex *exchange.Exchange) {
	start := len(w.dst)
	w.dst = wire.AppendBaseURL(w.dst, ex)
	scheme := len("http://")
	w.hostPort = 80
	if w.dst[start+len("http")] == 's' {
		scheme++
		w.hostPort = 443
	}
	w.dst = append(w.dst[:start], w.dst[start+scheme:]...)
	w.hostName = string(w.dst[start:])
	if i := strings.LastIndexByte(w.hostName, ':'); i > strings.LastIndexByte(w.hostName, ']') {
		if n, err := strconv.ParseUint(w.hostName[i+1:], 10, 16); err == nil {
			w.hostPort = int(n)
		}
		w.hostName = w.hostName[:i]
	}
}

// route appends endpointPath if the route is one that the collector would take as
// a path.
func (w *writer) route(ex *exchange.Exchange) {
	if ex.Direction != exchange.Incoming || !strings.HasPrefix(ex.Route, "/") {
		return
	}
	mark := len(w.dst)
	w.raw(`,"endpointPath":`)
	start := len(w.dst)
	w.dst = appendTemplate(append(w.dst, '"'), ex.Route)
	if !ValidPath(string(w.dst[start+1:])) {
		w.dst = w.dst[:mark]
		return
	}
	w.raw(`"`)
}

func (w *writer) meta(ex *exchange.Exchange) {
	environment := ex.Environment
	if environment == "" {
		environment = w.e.settings.Environment
	}
	w.raw(`,"meta":{"environment":`)
	w.string(environment)
	outgoing := ex.Direction == exchange.Outgoing
	w.raw(`,"incoming":`)
	w.dst = strconv.AppendBool(w.dst, !outgoing)
	client, local := endpoint{ex.ClientAddress, ex.ClientPort}, endpoint{ex.LocalAddress, ex.LocalPort}
	peer, name, port := endpoint{ex.PeerAddress, ex.PeerPort}, w.hostName, w.hostPort
	if client.port == 0 && client.address == peer.address {
		client.port = peer.port // no proxy: the caller's port is the socket's
	}
	if name == wire.UnknownHost {
		name, port = wire.UnknownIP, 0
	}
	server := local
	w.raw(`,"source":`)
	if outgoing {
		server = peer
		w.address("sourcePort", endpoint{wire.UnknownIP, 0}, local)
	} else {
		w.address("sourcePort", endpoint{wire.UnknownIP, 0}, client, peer)
	}
	w.raw(`,"destination":`)
	w.address("destinationPort", endpoint{name, port}, server)
	w.raw(`,"metloSource":"` + source + `"`)
	if w.e.v2 && !outgoing && ex.ClientAddress != ex.PeerAddress {
		mark := len(w.dst)
		w.raw(`,"originalSource":`)
		var ok bool
		if w.dst, ok = wire.AppendIP(w.dst, ex.PeerAddress); !ok {
			w.dst = w.dst[:mark]
		}
	}
	w.raw(`}`)
}

type endpoint struct {
	address string
	port    int
}

// address appends the first endpoint that is an IP address, else the name of last,
// and that endpoint's port, else last's, as the member portKey. Ports are integers
// of 16 bits: what Metlo's types call a string its Rust collector reads as u16.
func (w *writer) address(portKey string, last endpoint, candidates ...endpoint) {
	port, found := 0, false
	for _, c := range candidates {
		if w.dst, found = wire.AppendIP(w.dst, c.address); found {
			port = c.port
			break
		}
	}
	if !found {
		if w.dst, found = wire.AppendIP(w.dst, last.address); !found {
			w.string(last.address)
		}
	}
	if port <= 0 || port > 65535 {
		port = last.port
	}
	w.raw(`,"` + portKey + `":`)
	w.dst = strconv.AppendInt(w.dst, int64(port), 10)
}

// session appends sessionMeta: who called, by a pseudonym of the credential that
// was made where the credential was still to be seen. authenticationSuccessful is
// the agent's rule.
func (w *writer) session(ex *exchange.Exchange) {
	user := ex.UserID
	if wire.IsMask(user) || w.seal != nil {
		user = "" // with encryption, nobody but the key's owner is to know
	}
	authType := ex.SessionAuthType
	switch authType {
	case "basic", "header", "jwt", "session_cookie":
	default:
		authType = ""
	}
	key := ex.SessionKey
	if wire.IsMask(key) {
		key = ""
	}
	if key == "" && authType == "" && user == "" {
		return
	}
	w.raw(`,"sessionMeta":{`)
	start := len(w.dst)
	if authType != "" {
		w.raw(`,"authenticationProvided":`)
		w.dst = strconv.AppendBool(w.dst, key != "")
		w.raw(`,"authenticationSuccessful":`)
		w.dst = strconv.AppendBool(w.dst, ex.Status != http.StatusUnauthorized && ex.Status != http.StatusForbidden)
		w.raw(`,"authType":"` + authType + `"`)
	}
	if key != "" {
		w.raw(`,"uniqueSessionKey":`)
		w.string(key)
	}
	if user != "" {
		w.raw(`,"user":`)
		w.string(user)
	}
	w.dst = append(w.dst[:start], w.dst[start+1:]...) // without its first comma
	w.raw(`}`)
}
