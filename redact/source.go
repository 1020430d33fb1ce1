// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"slices"
	"strings"
	"sync"

	"github.com/apispan/apispan/redact/internal/detect"
	"github.com/apispan/apispan/redact/internal/fold"
)

// MayHide reports whether a value that stands in a place under the last of names,
// each inside the one before, may not leave as it is: by a rule of p, under whatever
// scope, or by the built-in list, whether p has it or not; what p excepts from the
// list is free. p may be nil. The place is one of Places.
//
// It is for those who copy a value to another place (who called, out of a header),
// where the rule would not find it. It is slow: ask when starting.
func MayHide(p *Policy, place string, names ...string) bool {
	pl, ok := onePlace(place)
	if !ok || len(names) == 0 {
		return true
	}
	builtIn := builtInPolicy()
	if p != nil {
		if p.hides(pl, names, true) {
			return true
		}
		if len(p.cfg.Except)+len(p.cfg.Keys.Except) > 0 {
			own, err := CompileConfig(Config{Version: 1, Defaults: true, Except: p.cfg.Except, Keys: Keys{Except: p.cfg.Keys.Except}})
			if err == nil {
				builtIn = own
			}
		}
	}
	if builtIn.hides(pl, names, true) {
		return true
	}
	last := names[len(names)-1]
	return pl == placeCookie && namesLogin(last) && (p == nil || !p.excepts(last))
}

// AlwaysHides reports whether a rule of the policy, in every exchange, turns the
// value under name into something else as a whole.
func (p *Policy) AlwaysHides(place, name string) bool {
	pl, ok := onePlace(place)
	return ok && !p.cfg.DryRun && p.hides(pl, []string{name}, false)
}

// hides looks for a rule that acts. scoped: also one that holds for some exchanges
// only.
func (p *Policy) hides(pl place, names []string, scoped bool) bool {
	s := newScratch(p) // not from the pool: what it remembers is true for this only
	if !scoped {
		s.scopes = scopeSet{}
		for i := range s.roots {
			s.roots[i] = s.rootOf(place(i))
		}
	}
	c := s.root(pl)
	// That all cookies are masked unless a policy says otherwise tells nothing about
	// one of them.
	if strings.HasPrefix(p.rules[c.v.rule].id, "default:") || c.v.act == actMiss {
		c.v = verdict{}
	}
	if pl == placeRequestHeader || pl == placeResponseHeader {
		switch headerClass(names[len(names)-1]) {
		case headerCookie, headerSetCookie:
			return true
		case headerClientIP:
			if s.roots[placeClientIP].strong() {
				return true
			}
		}
	}
	for _, n := range names {
		if c = s.child(c, str(n)); c.v.strong() {
			return true
		}
	}
	return false
}

// onePlace is the place of requests that a name means.
func onePlace(name string) (place, bool) {
	set, ok := placesOf(name)
	for pl := range numPlaces {
		if ok && set&(1<<pl) != 0 {
			return pl, true
		}
	}
	return 0, false
}

func (p *Policy) excepts(name string) bool {
	for _, e := range p.cfg.Except {
		if strings.EqualFold(e, name) {
			return true
		}
	}
	return slices.ContainsFunc(p.cfg.Keys.Except, func(r KeyRule) bool { return strings.EqualFold(r.Name, name) })
}

// namesLogin reports whether a cookie is called what frameworks call those by which
// they know who logged in. Most cookies that are sent to a service are.
func namesLogin(name string) bool {
	folded := fold.Key(name)
	name = strings.ToLower(name)
	return strings.HasSuffix(name, "sid") || strings.HasPrefix(name, "sid") && len(name) > 3 && !isWord(name[3]) ||
		slices.ContainsFunc(loginParts[:], func(p string) bool { return strings.Contains(folded, p) })
}

var loginParts = [...]string{
	"sess", "auth", "token", "login", "loggedin", "remember", "identity", "ticket", "csrf", "xsrf", "sso", "oidc", "saml", "jwt",
	"aspnet", "secret", "passw", "apikey", "credential", "signature",
}

func isWord(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

var builtInPolicy = sync.OnceValue(func() *Policy {
	p, err := CompileConfig(Config{Version: 1, Defaults: true})
	if err != nil {
		panic(err) //nolint:forbidigo // constants, which a test compiles
	}
	return p
})

// LooksSecret reports whether text holds what the built-in detectors know as a
// credential by its form: a token, a vendor's key, a private key.
func LooksSecret(text string) bool {
	var buf [4]detect.Match
	return len(credentialForms().Find(buf[:0], str(text), false)) > 0
}

// noCredential are detectors of other things: an id may well look like one of them.
var noCredential = map[string]bool{"card": true, "email": true, "ip": true, "phone": true, "iban": true, "ssn": true}

var credentialForms = sync.OnceValue(func() *detect.Set {
	var specs []detect.Spec
	for _, n := range detect.DefaultNames() {
		if !noCredential[n] {
			specs = append(specs, detect.Spec{Name: n})
		}
	}
	set, err := detect.Compile(specs)
	if err != nil {
		panic(err) //nolint:forbidigo // constants, which a test compiles
	}
	return set
})
