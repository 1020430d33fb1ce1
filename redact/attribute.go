// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

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
	// as is the current key that this one is another producer's spelling of: the rules
	// for both hold.
	as *Key

	// known is the context of the value for one policy and one set of scopes.
	known  ctx
	policy *Policy
	scopes scopeSet
	quiet  quietValues
}

// NewKey sorts an attribute key.
func NewKey(key string) Key {
	k := Key{key: key}
	as := ""
	if e := httpattr.Lookup(key); e != nil {
		k.side, k.class = places[e.Place].side, places[e.Place].class
		if e.As != key && e.Place != httpattr.RequestFields && e.Place != httpattr.ResponseFields {
			as = e.As
		}
	} else if e, rest := httpattr.Below(key); e != nil {
		k.side, k.class, k.name = places[e.Place].side, places[e.Place].class, rest
		if e.As != e.Key {
			as = e.As + rest
		}
	}
	if k.class == classHeader && as == "" {
		k.header = headerClass(k.name)
	}
	if as != "" {
		current := NewKey(as)
		k.as = &current
	}
	return k
}

// EachElement reports whether each element of an array under the key is a value of
// its own, read like one: lines of a header field, addresses.
func (k *Key) EachElement() bool { return k.class != classOther && k.class != classStructural }

// places says how values are read that httpattr knows the place of.
var places = [...]sideClass{
	httpattr.Text: {}, httpattr.Identity: {}, httpattr.Metadata: {},
	httpattr.Standard:       {0, classStructural},
	httpattr.RequestField:   {Request, classHeader},
	httpattr.ResponseField:  {Response, classHeader},
	httpattr.RequestFields:  {},
	httpattr.ResponseFields: {},
	httpattr.RequestContent: {Request, classBody}, httpattr.ResponseContent: {Response, classBody},
	httpattr.URL: {0, classURL}, httpattr.Path: {0, classPath}, httpattr.Query: {0, classQuery},
	httpattr.ClientIP: {0, classClientIP}, httpattr.PeerIP: {0, classPeerIP},
}

type sideClass struct {
	side  Side
	class class
}

// Content reports whether the value is the content of a message: what becomes of
// it depends on the content types and the flags given to Begin. All else depends on
// key, value, direction and scoped rules alone.
func (k *Key) Content() bool { return k.class == classBody }

// AttributeOf is Attribute for a key that was sorted before.
func (s *Scratch) AttributeOf(k *Key, value string) (string, Effect) {
	if k.class == classBody || k.class == classPeerIP || len(value) > maxQuiet || s.matched != nil {
		return s.attributeOf(k, value)
	}
	slot := k.quiet.slot(s, value)
	if slot.known() {
		return value, Unchanged
	}
	was := s.noted
	out, ef := s.attributeOf(k, value)
	if ef == Unchanged && s.noted == was {
		slot.remember()
	}
	return out, ef
}

func (s *Scratch) attributeOf(k *Key, value string) (string, Effect) {
	if k.as != nil {
		return s.AttributeAs(k, k.as, value)
	}
	s.named(k.key)
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
	if k.as != nil {
		return s.AttributeBytesAs(k, k.as, value)
	}
	s.named(k.key)
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
		s.named("*") // the key is what must not leave
		s.count(placeAttribute, ruleNone, actDrop, outcomeRule)
		s.explained(nil, numPlaces)
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

// Header redacts one field value.
func (s *Scratch) Header(side Side, name, value string) (string, Effect) {
	k := Key{name: name, side: side, class: classHeader, header: headerClass(name)}
	return s.field(&k, value)
}

func (s *Scratch) field(k *Key, value string) (string, Effect) {
	s.named(k.name)
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
	case headerProtocols:
		return s.applyString(value, c, (*Scratch).walkProtocols)
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
	headerProtocols
)

func headerClass(name string) headerKind {
	if len(name) > 40 {
		return headerOther
	}
	var buf [64]byte
	folded := fold.AppendKey(buf[:0], str(name))
	if k, ok := headerKinds[string(folded)]; ok {
		return k
	}
	for _, tail := range clientIPTails {
		if bytes.HasSuffix(folded, str(tail)) {
			return headerClientIP
		}
	}
	if bytes.HasSuffix(folded, str("cookie")) {
		return headerCookie
	}
	return headerOther
}

// clientIPTails are how names of fields end that proxies and networks of caches put
// the client's address in, folded.
var clientIPTails = [...]string{
	"clientip", "realip", "remoteip", "remoteaddr", "connectingip", "forwardedfor", "vieweraddress", "userip", "sourceip", "originip",
	"peerip", "clientaddress", "clientaddr", "realipport", "clientipport", "comingfrom", "cominfrom", "commingfrom", "visitorip", "endclientip",
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
	set(headerProtocols, "sec-websocket-protocol")
	set(headerURL, "referer", "referrer", "location", "content-location", "link", "refresh", "origin", "destination",
		"x-original-url", "x-original-uri", "x-rewrite-url", "x-forwarded-uri", "x-request-uri", "x-url", "x-accel-redirect",
		"x-envoy-original-path", "x-waws-unencoded-url", "request-uri", "x-forwarded-url", "sourcemap", "uri")
	return m
}()
