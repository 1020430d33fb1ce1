// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guardrules

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
)

// authConfig says how callers of a host show who they are.
type authConfig struct {
	Host       string `json:"host"`
	Type       string `json:"authType"`
	Header     string `json:"headerKey"`
	Cookie     string `json:"cookieName"`
	UserCookie string `json:"userCookieName"`
}

type hostName struct {
	host    string
	pattern *regexp.Regexp
}

// Session returns what stands for the session of a request, by the authentication that the
// vendor has on record for its host, and the user that a cookie names.
func (s *Set) Session(q *Request) (session, user string) {
	if s == nil || s.waf == nil || len(s.waf.auth) == 0 {
		return "", ""
	}
	host := q.Host
	for _, h := range s.waf.hosts {
		if h.pattern.MatchString(host) {
			host = h.host
			break
		}
	}
	for i := range s.waf.auth {
		a := &s.waf.auth[i]
		if a.Host != host {
			continue
		}
		switch a.Type {
		case "basic":
			_, session, _ = strings.Cut(q.Header.Get("Authorization"), "Basic")
		case "header", "jwt":
			session = q.Header.Get(a.Header)
		case "session_cookie":
			session = cookie(q.Header, a.Cookie)
		}
		if a.UserCookie != "" {
			user = cookie(q.Header, a.UserCookie)
		}
		return session, user
	}
	return "", ""
}

func cookie(h http.Header, name string) string {
	r := http.Request{Header: h}
	if c, err := r.Cookie(name); err == nil {
		return c.Value
	}
	return ""
}

func (b *Builder) authentication(dec *json.Decoder) error {
	var list []authConfig
	if dec.Decode(&list) != nil {
		b.problem("metlo", "", "authenticationConfig", "is no list of objects with host and authType: rate limits by session do not count")
		return nil
	}
	b.waf().auth = list
	return nil
}

func (b *Builder) hostMap(dec *json.Decoder) error {
	var list []struct{ Host, Pattern string }
	if dec.Decode(&list) != nil {
		b.problem("metlo", "", "hostMap", "is no list of objects with host and pattern")
		return nil
	}
	for _, h := range list {
		re, err := regexp.Compile(h.Pattern)
		if err != nil || len(h.Pattern) > maxPattern {
			b.problem("metlo", "", "hostMap", "holds a pattern that RE2 does not know")
			continue
		}
		b.waf().hosts = append(b.waf().hosts, hostName{h.Host, re})
	}
	return nil
}
