// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/form"
	"github.com/apispan/apispan/redact/internal/textkv"
	"github.com/apispan/apispan/redact/internal/urlsplit"
)

// walkURL reads an absolute or relative URL reference: user information, path
// segments, query and fragment, each under the rules of its place.
func (s *Scratch) walkURL(src []byte, c ctx) {
	u := urlsplit.Split(src)
	pc := s.in(c, placePath)
	qc := s.in(c, placeQuery)
	if u.User >= 0 {
		s.userinfo(src, u, pc)
	}
	if u.HostEnd > u.Host && (pc.v.act == actMiss || pc.v.strong()) {
		s.urlPart(src, u.Host, u.HostEnd, pc)
	}
	// Only the part that touches the end of the capture may be cut.
	tail := func(x ctx, end int) ctx {
		x.cut = x.cut && end == len(src)
		return x
	}
	if u.PathEnd > u.Path {
		s.sub(u.Path, (*Scratch).walkPath, src[u.Path:u.PathEnd], tail(pc, u.PathEnd))
	}
	if u.QueryEnd > u.Query {
		s.sub(u.Query, (*Scratch).walkForm, src[u.Query:u.QueryEnd], tail(qc, u.QueryEnd))
	}
	if u.FragEnd > u.Frag {
		s.fragment(src, u, tail(qc, u.FragEnd))
	}
}

// urlPaths reads the paths of the URLs in a text, the first of which has its "://" at i.
// Their queries are read by urlQueries.
func (s *Scratch) urlPaths(src []byte, i int, c ctx) {
	mark := str("://")
	pc := withoutCut(s.in(c, placePath))
	for {
		start := i + len(mark)
		for start < len(src) && src[start] != '/' && !endsPath[src[start]] {
			start++
		}
		end := start
		for end < len(src) && !endsPath[src[end]] {
			end++
		}
		if tail := end; end-start > 8 {
			for tail > start && (src[tail-1] == '.' || src[tail-1] == ',' || src[tail-1] == ':') { // of the sentence
				tail--
			}
			s.sub(start, (*Scratch).walkPath, src[start:tail], pc)
		}
		if i = bytes.Index(src[end:], mark); i < 0 {
			return
		}
		i += end
	}
}

// urlQueries reads the queries of URLs and paths in a text by the rules for queries, as far
// as what stands behind keys was not taken: GET /cb?code=S&state=xyz HTTP/1.1.
func (s *Scratch) urlQueries(src []byte, c ctx) {
	qc := s.in(c, placeQuery)
	for pos := 0; pos < len(src); {
		i := indexFrom(src, pos, '?')
		start := i
		for start > pos && !endsPath[src[start-1]] {
			start--
		}
		if pos = i + 1; start == i || src[start] != '/' && !bytes.Contains(src[start:i], str("://")) {
			continue
		}
		for pos < len(src) && !endsPath[src[pos]] {
			end := pos
			for end < len(src) && (!endsPath[src[end]] || src[end] == '[' || src[end] == ']') && src[end] != '&' {
				end++
			}
			name, value, _ := bytes.Cut(src[pos:end], str("="))
			if from := end - len(value); len(name) > 0 && len(value) > 0 && !s.covered(from, end) {
				if vc := s.encodedChild(qc, name, true); vc.v.strong() {
					vc.cut = c.cut && end == len(src)
					s.textValue(src, from, end, vc)
				}
			}
			if pos = end; pos < len(src) && src[pos] == '&' {
				pos++
			}
		}
	}
}

// endsPath has what a path in a text ends with.
var endsPath = func() (t [256]bool) {
	for c := range t {
		t[c] = c <= ' '
	}
	for _, c := range []byte("?#\"'<>`()[]{}|\\,;") {
		t[c] = true
	}
	return t
}()

// userinfo tests the password of a URL as the field "password", the user as the
// field "username". What no rule selects is left to the detectors.
func (s *Scratch) userinfo(src []byte, u urlsplit.URL, c ctx) {
	if u.Pass < u.UserEnd {
		s.urlPart(src, u.Pass, u.UserEnd, s.child(c, str("password")))
	}
	end := u.Pass
	if end < u.UserEnd {
		end-- // ":"
	}
	s.urlPart(src, u.User, end, s.child(c, str("username")))
}

// urlPart decides over src[start:end] as one value.
func (s *Scratch) urlPart(src []byte, start, end int, c ctx) {
	if start >= end {
		return
	}
	c.cut = c.cut && end == len(src)
	rep, ef := s.leaf(c, s.unescape(src[start:end], false), kindString)
	if ef == Unchanged {
		return
	}
	if len(rep) > 0 && &rep[0] == &s.p.mask[0] { // nearly always
		s.replace(start, end, s.p.maskURL)
		return
	}
	m := s.mark()
	s.arena = form.Escape(s.arena, rep, false)
	s.replaceFrom(start, end, m)
}

// fragment reads the part behind "#": pairs as OAuth sends them, or a path with a
// query as one-page applications use.
func (s *Scratch) fragment(src []byte, u urlsplit.URL, c ctx) {
	frag := src[u.Frag:u.FragEnd]
	eq, q := bytes.IndexByte(frag, '='), bytes.IndexByte(frag, '?')
	switch {
	case q >= 0 || bytes.IndexByte(frag, '/') >= 0 && eq < 0:
		path := frag
		if q >= 0 {
			path = frag[:q]
			s.sub(u.Frag+q+1, (*Scratch).walkForm, frag[q+1:], c)
		}
		pc := s.in(c, placePath)
		pc.cut = pc.cut && q < 0
		s.sub(u.Frag, (*Scratch).walkPath, path, pc)
	default:
		s.sub(u.Frag, (*Scratch).walkForm, frag, c)
	}
}

// walkPath reads a URL path. A segment behind one that names a denied field is its
// value (/reset/token/<value>), and so is what follows "=" or ":" in a segment.
func (s *Scratch) walkPath(src []byte, c ctx) {
	var under ctx // context of the next segment, if the last one names a field
	named := false
	plain := c.v.act == actNone && !c.v.says() && !c.cut
	for pos := 0; pos <= len(src); {
		if plain && !named {
			next, own, st := s.plainSegments(src, pos, c)
			if pos = next; own.strong() {
				under, named = c, true
				under.v, under.state = strongest(c.v, own), st
				under.v.describeItem(src[:pos-1])
				continue
			}
			if pos > len(src) {
				return
			}
		}
		end := pos
		for end < len(src) && src[end] != '/' && src[end] != '\\' {
			end++
		}
		seg := src[pos:end]
		switch {
		case len(seg) == 0:
		case end < len(src) && s.spans(seg):
			s.decoded(src, pos, len(src), c, (*Scratch).inspect, &percentCoding)
			return
		case named && !routeWord(seg):
			s.urlPart(src, pos, end, under)
			named = false
		case named && !s.namesField(seg, c): // /password/reset/<value>
		case c.cut && end == len(src) && !c.v.strong() && c.v.act != actMiss:
			s.truncated(src, pos, c, "")
			return
		default:
			var hash uint64
			if plain && !named {
				sc := c
				sc.v.flags |= flagSegment
				var known bool
				if hash, known = s.quietLeaf(seg, sc); known {
					break
				}
			}
			before := s.effects()
			under, named = s.segment(src, pos, end, c)
			under.v.describeItem(src[:end])
			if !named {
				s.noteLeaf(hash, before)
			}
		}
		pos = end + 1
	}
}

// describeItem notes that the next segment is the name or the number of an item if path
// ends in a word for several secrets: /secrets/name1, /api-keys/17.
func (v *verdict) describeItem(path []byte) {
	if n := len(path); v.flags&flagSoft != 0 && n > 3 && path[n-1]|0x20 == 's' && path[n-2]|0x20 != 's' {
		v.flags |= flagDescribes
	}
}

// plainSegments passes over segments that name no field and can hold nothing,
// nearly all, and returns the start of the first that needs a closer look. If it comes
// to one that names a denied field and is nothing else, it returns the verdict and
// where the next one starts.
func (s *Scratch) plainSegments(src []byte, pos int, c ctx) (next int, named verdict, st pathState) {
	for pos < len(src) {
		end, look := pos, segmentFirst[src[pos]]
		for ; end < len(src); end++ {
			cl := segmentByte[src[end]]
			if cl == segmentEnd {
				break
			}
			look |= cl
		}
		n := end - pos
		if n < 4 { // no document is as short
			look &^= segmentDoc
		}
		// A colon at the end, as in https://, has no value behind it.
		if look == segmentColon && src[end-1] == ':' && bytes.IndexByte(src[pos:end], ':') == n-1 {
			look = 0
		}
		if look != 0 {
			return pos, verdict{}, stateNone
		}
		if n > 0 {
			own, st := s.lookup(c.place, c.state, src[pos:end])
			switch {
			case own.strong() && own.flags&flagKeyHit == 0 && src[end-1] != ':':
				return end + 1, own, st
			case own.says() || own.flags&flagKeyHit != 0 || st != stateNone, s.p.det != nil && n >= s.p.detMin && s.detects(src[pos:end]):
				return pos, verdict{}, stateNone
			}
		}
		pos = end + 1
	}
	return len(src) + 1, verdict{}, stateNone
}

// Classes of the bytes of a segment.
const (
	segmentEnd   = 1 << iota
	segmentLook  // it may have a structure
	segmentColon // it may be name:value
	segmentDoc   // it may be a document
)

var segmentByte = func() (t [256]uint8) {
	for _, b := range "%=;?&#{[" {
		t[b] = segmentLook
	}
	for _, b := range "<\n\r\t \"" {
		t[b] = segmentDoc
	}
	t[':'] = segmentColon
	t['/'], t['\\'] = segmentEnd, segmentEnd
	return t
}()

// segmentFirst has the bytes that base64 of a document begins with.
var segmentFirst = func() (t [256]uint8) {
	for b, doc := range nestFirst {
		if doc {
			t[b] = segmentDoc
		}
	}
	return t
}()

// spans reports whether a segment begins a document that does not end in it, because
// slashes stand in its strings.
func (s *Scratch) spans(seg []byte) bool {
	switch seg[0] {
	case '{', '[', '%':
	default:
		return false
	}
	dec := s.unescape(seg, false)
	if !looksJSON(dec) {
		return false
	}
	_, ok := textkv.JSONEnd(dec, 0)
	return !ok
}

// segment decides over one path segment with its matrix parameters and returns
// the context of the next one if this one names a field.
func (s *Scratch) segment(src []byte, pos, end int, c ctx) (next ctx, named bool) {
	seg := src[pos:end]
	if bytes.IndexByte(seg, '=') >= 0 || bytes.IndexByte(seg, ';') >= 0 {
		s.sub(pos, (*Scratch).walkForm, seg, withoutCut(c))
		return next, false
	}
	if i := bytes.IndexByte(seg, ':'); i > 0 {
		if vc := s.encodedChild(c, seg[:i], false); vc.v.strong() {
			s.urlPart(src, pos+i+1, end, vc)
			return next, false
		}
	}
	if seg[0] == '%' {
		if dec := s.unescape(seg, false); dec[0] == '{' || dec[0] == '[' || dec[0] == '<' || dec[0] == '"' { // a document, no name
			s.urlPart(src, pos, end, c)
			return next, false
		}
	}
	next = s.encodedChild(c, seg, false)
	named = next.v.strong() && !c.v.strong()
	if !named || next.v.flags&flagKeyHit != 0 {
		s.urlPart(src, pos, end, c)
	}
	return next, named
}

// namesField reports whether a segment names a denied field itself.
func (s *Scratch) namesField(seg []byte, c ctx) bool {
	own, _ := s.lookup(c.place, c.state, seg)
	return own.strong()
}

func withoutCut(c ctx) ctx {
	c.cut = false
	return c
}

// routeWord reports whether a segment is a word of API routes, which stands behind
// "/auth" or "/token" far more often than a secret of that spelling.
func routeWord(seg []byte) bool {
	if len(seg) < 2 || len(seg) > 14 {
		return false
	}
	return routeWords[string(seg)]
}

var routeWords = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range []string{
		"add", "authorize", "callback", "cancel", "change", "check", "complete", "confirm", "confirmation", "create",
		"current", "delete", "disable", "edit", "enable", "exchange", "forgot", "form", "generate", "github", "google",
		"health", "index", "info", "introspect", "issue", "keys", "list", "login", "logout", "me", "new", "oauth",
		"oauth2", "oidc", "policy", "providers", "recover", "recovery", "refresh", "register", "remove", "renew",
		"request", "resend", "reset", "resume", "revoke", "rotate", "saml", "search", "send", "session", "sessions",
		"setup", "signin", "signout", "signup", "start", "status", "stop", "submit", "token", "tokens", "update",
		"user", "userinfo", "users", "v1", "v2", "v3", "v4", "validate", "validation", "verification", "verify",
	} {
		m[w] = true
	}
	return m
}()
