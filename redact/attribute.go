// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"strings"

	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/redact/internal/fold"
)

// Attribute redacts a span, resource, scope or log attribute by its key.
func (s *Scratch) Attribute(key, value string) (string, Effect) {
	k := NewKey(key)
	return s.AttributeOf(&k, value)
}

// Key is an attribute key that was sorted once. Callers that meet the same keys
// again and again (a batch of spans) keep it: it remembers the last verdict. It is
// not safe for concurrent use.
type Key struct {
	key, name string
	side      Side
	class     class
	header    headerKind

	// known is the context of the value for one policy and one set of scopes.
	known  ctx
	policy *Policy
	scopes scopeSet
}

// NewKey sorts an attribute key.
func NewKey(key string) Key {
	k := Key{key: key}
	k.side, k.name, k.class = classify(key)
	if k.class == classHeader {
		k.header = headerClass(k.name)
	}
	return k
}

// Content reports whether the value is the content of a message: what becomes of
// it depends on the content types and the flags given to Begin. All else depends on
// key, value, direction and scoped rules alone.
func (k *Key) Content() bool { return k.class == classBody }

// AttributeOf is Attribute for a key that was sorted before.
func (s *Scratch) AttributeOf(k *Key, value string) (string, Effect) {
	switch k.class {
	case classHeader:
		return s.field(k, value)
	case classBody:
		return s.Body(k.side, value)
	case classURL:
		return s.attributeWith(k, value, placePath, (*Scratch).urlAndPatterns)
	case classPath:
		return s.attributeWith(k, value, placePath, (*Scratch).pathAndPatterns)
	case classQuery:
		return s.attributeWith(k, value, placeQuery, (*Scratch).walkQuery)
	case classClientIP:
		return s.ClientIP(value)
	case classPeerIP:
		if s.ex.Direction == Outgoing {
			return s.attributeLeaf(k, value, false)
		}
		return s.ClientIP(value)
	case classStructural:
		return s.attributeLeaf(k, value, true)
	}
	return s.attributeLeaf(k, value, false)
}

// attributeWith walks a value whose own key may be denied too.
func (s *Scratch) attributeWith(k *Key, value string, pl place, w walker) (string, Effect) {
	if c := s.knownOf(k); c.v.act >= actHMAC && c.v.act != actMiss {
		return s.leafString(value, c)
	}
	return s.applyString(value, s.root(pl), w)
}

// attributeLeaf decides over an attribute that is one value. Structural ones, which
// the conventions define and which carry no payload, need no entry in an
// allowlist.
func (s *Scratch) attributeLeaf(k *Key, value string, structural bool) (string, Effect) {
	c := s.knownOf(k)
	if structural && c.v.act == actMiss {
		c.v = verdict{}
	}
	return s.leafString(value, c)
}

// knownOf is the context of the value of an attribute: by the name of a header
// field in its place, else by the whole key.
func (s *Scratch) knownOf(k *Key) ctx {
	if k.policy == s.p && k.scopes == s.scopes {
		return k.known
	}
	key, pl := k.key, placeAttribute
	if k.class == classHeader {
		key, pl = k.name, placeRequestHeader
		if k.side == Response {
			pl = placeResponseHeader
		}
	}
	c := s.keyOf(key, pl)
	if c.state == stateNone { // states belong to one Scratch
		k.known, k.policy, k.scopes = c, s.p, s.scopes
	}
	return c
}

func (s *Scratch) keyOf(key string, pl place) ctx {
	return s.child(s.root(pl), str(key))
}

// AttributeBytes is Attribute for a byte slice.
func (s *Scratch) AttributeBytes(key string, value []byte) ([]byte, Effect) {
	k := NewKey(key)
	return s.AttributeBytesOf(&k, value)
}

// AttributeBytesOf is AttributeBytes for a key that was sorted before.
func (s *Scratch) AttributeBytesOf(k *Key, value []byte) ([]byte, Effect) {
	switch k.class {
	case classBody:
		return s.BodyBytes(k.side, value)
	case classOther, classStructural:
	default: // a header, URL, cookie or address that was captured as bytes
		out, ef := s.AttributeOf(k, view(value))
		switch ef {
		case Unchanged:
			return value, ef
		case Removed:
			return nil, ef
		}
		return []byte(out), ef
	}
	c := s.keyOf(k.key, placeAttribute)
	out, ef := s.apply(value, c, (*Scratch).walkBytes)
	switch {
	case ef == Unchanged:
		return value, ef
	case ef == Changed && c.v.act == actDrop:
		return nil, Removed
	}
	return out, ef
}

// walkBytes walks a byte slice of unknown content.
func (s *Scratch) walkBytes(src []byte, c ctx) { s.content(0, src, c, "") }

// AttributeKey decides over an attribute key, which may itself hold a secret: a
// header name or a metadata key that came from a client, or a value that a producer
// put there ("password=x", a URL, a line of a log). The answer does not depend on the
// exchange.
func (s *Scratch) AttributeKey(key string) Effect {
	hit := s.keyOf(key, placeAttribute).v.flags&flagKeyHit != 0
	switch {
	case hit:
		s.count(placeAttribute, ruleNone, actDrop, outcomeRule)
	case structured(str(key)): // read it as a text that no key rule selects
		was := s.stats
		s.leafString(key, ctx{place: placeAttribute})
		hit = s.stats != was
	}
	if !hit || s.p.cfg.DryRun {
		return Unchanged
	}
	return Removed
}

type class uint8

const (
	classOther class = iota
	classStructural
	classHeader
	classBody
	classURL
	classPath
	classQuery
	classClientIP
	classPeerIP
)

// headerPrefixes are the attribute names of header fields: semantic conventions,
// then what other agents use (docs/attributes.md).
var headerPrefixes = []struct {
	prefix string
	side   Side
}{
	{httpattr.RequestHeaderPrefix, Request},
	{httpattr.ResponseHeaderPrefix, Response},
	{"http.request.headers.", Request},
	{"http.response.headers.", Response},
	{"rpc.request.metadata.", Request},
	{"rpc.response.metadata.", Response},
	{"rpc.grpc.request.metadata.", Request},
	{"rpc.grpc.response.metadata.", Response},
	{"rpc.connect_rpc.request.metadata.", Request},
	{"rpc.connect_rpc.response.metadata.", Response},
	{"http.headers.", Request},
}

// classify sorts an attribute key. name is the header name.
func classify(key string) (side Side, name string, c class) {
	if cl, ok := attributeClasses[key]; ok {
		return cl.side, "", cl.class
	}
	if len(key) > 4 && (key[0] == 'h' || key[0] == 'r') {
		for _, p := range headerPrefixes {
			if strings.HasPrefix(key, p.prefix) {
				return p.side, key[len(p.prefix):], classHeader
			}
		}
	}
	return 0, "", classOther
}

type sideClass struct {
	side  Side
	class class
}

var attributeClasses = func() map[string]sideClass {
	m := map[string]sideClass{}
	set := func(side Side, c class, keys ...string) {
		for _, k := range keys {
			m[k] = sideClass{side, c}
		}
	}
	set(Request, classBody, httpattr.RequestBody, "http.request.body", "http.request.body.text", "rpc.request.body",
		"http.request.payload", "http.request_body", "messaging.message.body")
	set(Response, classBody, httpattr.ResponseBody, "http.response.body", "http.response.body.text", "rpc.response.body",
		"http.response.payload", "http.response_body")
	set(0, classURL, httpattr.URLFull, "http.url", "http.target", "url.original", "http.request.url", "http.referer",
		httpattr.CampaignReferrer)
	set(0, classPath, httpattr.URLPath, "http.path")
	set(0, classQuery, httpattr.URLQuery, "url.fragment", "http.query", "http.query_string")
	set(0, classClientIP, httpattr.ClientAddress, "http.client_ip", "client.ip", "source.address", "source.ip", "enduser.ip",
		"network.client.ip")
	set(0, classPeerIP, httpattr.NetworkPeerAddress, "net.peer.ip", "net.sock.peer.addr", "net.peer.name")
	set(0, classStructural, httpattr.RequestMethod, httpattr.RequestMethodOriginal, httpattr.ResponseStatusCode, httpattr.Route,
		httpattr.RequestBodySize, httpattr.ResponseBodySize, httpattr.URLScheme, httpattr.URLTemplate, httpattr.ServerAddress,
		httpattr.ServerPort, httpattr.ClientPort, httpattr.NetworkPeerPort, httpattr.NetworkLocalAddress, httpattr.NetworkLocalPort,
		httpattr.NetworkProtocolName, httpattr.NetworkProtocolVer, httpattr.ErrorType, httpattr.ServiceName, httpattr.ServiceVersion,
		httpattr.DeploymentEnv, httpattr.LegacyDeploymentEnv, httpattr.TelemetrySDKLanguage, "telemetry.sdk.name",
		"telemetry.sdk.version", "service.namespace", "service.instance.id", "http.method", "http.status_code", "http.scheme",
		"http.flavor", "http.host", "net.host.name", "net.host.port", "net.peer.port", "net.protocol.name", "net.protocol.version",
		"net.sock.peer.port", "net.transport", "network.transport", "network.type", "http.request.resend_count",
		"http.request_content_length", "http.response_content_length", "http.server_name", "otel.scope.name", "otel.scope.version",
		"rpc.system", "rpc.method", "rpc.service", "rpc.grpc.status_code", httpattr.RequestBodyTruncated, httpattr.ResponseBodyTruncated,
		httpattr.RequestBodyIncomplete, httpattr.ResponseBodyIncomplete, httpattr.Hijacked, httpattr.EventID, httpattr.APIVersion,
		httpattr.Weight, httpattr.Captured, httpattr.Skip, httpattr.BlockedBy, httpattr.GuardAction, httpattr.GuardRule, httpattr.RedactionPolicy,
		httpattr.RedactionCount, httpattr.EventName, httpattr.SubscriptionStatus, httpattr.SubscriptionPeriodStart,
		httpattr.SubscriptionPeriodEnd, httpattr.ActionName)
	return m
}()

// Header redacts one field value.
func (s *Scratch) Header(side Side, name, value string) (string, Effect) {
	k := Key{name: name, side: side, class: classHeader, header: headerClass(name)}
	return s.field(&k, value)
}

func (s *Scratch) field(k *Key, value string) (string, Effect) {
	c, cl := s.knownOf(k), k.header
	if c.v.act >= actHMAC && c.v.act != actMiss {
		// A denied Cookie field keeps its names.
		if c.v.act == actMask && (cl == headerCookie || cl == headerSetCookie) && s.p.rules[c.v.rule].id != "" {
			return s.cookieField(cl, value, c.v)
		}
		return s.leafString(value, c)
	}
	switch cl {
	case headerCookie, headerSetCookie:
		return s.cookieField(cl, value, verdict{})
	case headerClientIP:
		if ip := s.child(s.root(placeClientIP), str("client_ip")); c.v.act != actMiss || ip.v.act > actAllow && ip.v.act != actMiss {
			return s.ClientIP(value)
		}
	case headerBaggage:
		return s.applyString(value, c, (*Scratch).walkBaggage)
	case headerURL:
		if c.v.act != actMiss {
			return s.applyString(value, s.root(placePath), (*Scratch).walkURLField)
		}
	}
	return s.leafString(value, c)
}

func (s *Scratch) cookieField(cl headerKind, value string, v verdict) (string, Effect) {
	if cl == headerSetCookie {
		c := s.root(placeSetCookie)
		c.v = strongest(c.v, v)
		return s.applyString(value, c, (*Scratch).walkSetCookie)
	}
	c := s.root(placeCookie)
	c.v = strongest(c.v, v)
	return s.applyString(value, c, (*Scratch).walkCookie)
}

// walkURLField walks a field that holds a URL, alone or with parameters round it
// (Link, Refresh).
func (s *Scratch) walkURLField(src []byte, c ctx) {
	if o := blankPrefix(src); o < len(src) && !hasBlank(src[o:]) && src[o] != '<' {
		s.sub(o, (*Scratch).urlAndPatterns, src[o:], c)
		return
	}
	s.inspect(src, c)
}

type headerKind uint8

const (
	headerOther headerKind = iota
	headerCookie
	headerSetCookie
	headerClientIP
	headerURL
	headerBaggage
)

func headerClass(name string) headerKind {
	if len(name) > 40 {
		return headerOther
	}
	var buf [64]byte
	return headerKinds[string(fold.AppendKey(buf[:0], str(name)))]
}

var headerKinds = func() map[string]headerKind {
	m := map[string]headerKind{}
	set := func(k headerKind, names ...string) {
		for _, n := range names {
			m[fold.Key(n)] = k
			m[fold.Key("http-"+n)] = k // CGI spelling
		}
	}
	set(headerCookie, "cookie", "cookie2", "x-original-cookie", "x-cookie", "x-forwarded-cookie")
	set(headerSetCookie, "set-cookie", "set-cookie2")
	set(headerClientIP, "x-forwarded-for", "forwarded", "x-forwarded", "forwarded-for", "x-real-ip", "x-client-ip",
		"x-cluster-client-ip", "cf-connecting-ip", "cf-connecting-ipv6", "cf-pseudo-ipv4", "true-client-ip", "fastly-client-ip",
		"client-ip", "x-original-forwarded-for", "x-envoy-external-address", "x-appengine-user-ip", "x-azure-clientip",
		"x-azure-socketip", "x-remote-addr", "remote-addr", "x-remote-ip", "wl-proxy-client-ip", "proxy-client-ip",
		"x-originating-ip", "x-host-ip", "x-user-ip", "x-nf-client-connection-ip", "fly-client-ip", "do-connecting-ip",
		"x-vercel-forwarded-for", "x-sucuri-clientip", "x-true-client-ip", "ali-cdn-real-ip", "x-proxyuser-ip")
	set(headerBaggage, "baggage")
	set(headerURL, "referer", "referrer", "location", "content-location", "link", "refresh", "origin", "destination",
		"x-original-url", "x-original-uri", "x-rewrite-url", "x-forwarded-uri", "x-request-uri", "x-url", "x-accel-redirect",
		"x-envoy-original-path", "x-waws-unencoded-url", "request-uri", "x-forwarded-url", "sourcemap", "uri")
	return m
}()
