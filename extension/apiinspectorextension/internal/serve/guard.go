// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
)

// Access is who may come in.
type Access struct {
	// Hosts are the names that the Host field may have, without a port and in lower case,
	// besides those of this machine if Loopback is true.
	Hosts    []string
	Loopback bool
	// Off is true if no token is asked for; LockToken takes it back. Auth is true if an
	// authenticator of the Collector has let the request in: then none is asked for.
	Off, Auth bool
	// Cookie is the name of the cookie.
	Cookie string

	token, session string
	locked         atomic.Bool
}

// NewAccess returns an Access with a token of its own.
func NewAccess() *Access {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails, see its documentation
	return &Access{Cookie: "apispan_inspector", token: hex.EncodeToString(b[:16]), session: hex.EncodeToString(b[16:])}
}

// Token is what the link carries; empty if none is asked for.
func (a *Access) Token() string {
	if a.Auth || a.Off && !a.locked.Load() {
		return ""
	}
	return a.token
}

// LockToken asks for the token although it is off.
func (a *Access) LockToken() { a.locked.Store(true) }

// headers go with every answer, whatever it is.
var headers = [][2]string{
	{
		"Content-Security-Policy",
		"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	},
	{"X-Content-Type-Options", "nosniff"},
	{"X-Frame-Options", "DENY"},
	{"Referrer-Policy", "no-referrer"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"Cache-Control", "no-store"},
}

func setHeaders(w http.ResponseWriter) {
	h := w.Header()
	for _, kv := range headers {
		h.Set(kv[0], kv[1])
	}
}

// Guard is the outermost handler. A page of another site can make the browser send
// requests here, and by rebinding its name to this address even read the answers: then
// only the Host field tells, so it is looked at before anything else.
func (a *Access) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w)
		if !a.ours(r.Host) {
			w.WriteHeader(http.StatusMisdirectedRequest)
			return
		}
		if why := foreign(r); why != "" {
			fail(w, http.StatusForbidden, why)
			return
		}
		next.ServeHTTP(&noCORS{ResponseWriter: w}, r)
	})
}

// noCORS sees to it that no handler below, whatever its configuration, lets other sites
// in or takes the headers back.
type noCORS struct {
	http.ResponseWriter

	done bool
}

func (w *noCORS) clean() {
	if w.done {
		return
	}
	w.done = true
	for name := range w.Header() {
		if strings.HasPrefix(name, "Access-Control-") {
			w.Header().Del(name)
		}
	}
	setHeaders(w)
}

func (w *noCORS) WriteHeader(code int) {
	w.clean()
	w.ResponseWriter.WriteHeader(code)
}

func (w *noCORS) Write(b []byte) (int, error) {
	w.clean()
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *noCORS) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *noCORS) Flush() {
	w.clean()
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// ours reports whether a Host field names us.
func (a *Access) ours(host string) bool {
	name, ok := hostname(host)
	if !ok {
		return false
	}
	if a.Loopback && (name == "localhost" || name == "127.0.0.1" || name == "::1") {
		return true
	}
	return slices.Contains(a.Hosts, name)
}

// hostname takes the port off a Host field. It is strict: what it does not know is
// nobody's.
func hostname(host string) (string, bool) {
	name := strings.ToLower(host)
	if rest, ok := strings.CutPrefix(name, "["); ok {
		addr, port, ok := strings.Cut(rest, "]")
		ip, err := netip.ParseAddr(addr)
		if !ok || err != nil || !ip.Is6() || ip.Zone() != "" || port != "" && !isPort(port) {
			return "", false
		}
		return ip.String(), true
	}
	if i := strings.IndexByte(name, ':'); i >= 0 {
		if !isPort(name[i:]) {
			return "", false
		}
		name = name[:i]
	}
	return name, name != ""
}

// isPort reports whether s is a colon and a port.
func isPort(s string) bool {
	if len(s) < 2 || len(s) > 6 || s[0] != ':' {
		return false
	}
	return strings.Trim(s[1:], "0123456789") == ""
}

// foreign says why a request comes from the page of another site, if it does.
func foreign(r *http.Request) string {
	if origins, ok := r.Header["Origin"]; ok {
		scheme := "http://"
		if r.TLS != nil {
			scheme = "https://"
		}
		if len(origins) != 1 || !strings.EqualFold(origins[0], scheme+r.Host) {
			return "The request comes from the page of another site."
		}
	}
	for _, site := range r.Header["Sec-Fetch-Site"] {
		if site != "same-origin" && site != "none" {
			return "The request comes from the page of another site. Copy the address into the address bar instead."
		}
	}
	return ""
}

// Ask lets those in who have the token: as Authorization: Bearer, as the cookie, or in the
// link, which makes the cookie.
func (a *Access) Ask(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := a.Token()
		if t := r.URL.Query().Get("t"); t != "" && r.URL.Path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			if token == "" || same(t, token) {
				if token != "" {
					http.SetCookie(w, &http.Cookie{
						Name: a.Cookie, Value: a.session, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
					})
				}
				http.Redirect(w, r, "/", http.StatusSeeOther)
				return
			}
		}
		if token == "" || a.knows(r, token) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="api_inspector"`)
		const text = "Open the address that the Collector printed when it started: its log has the line \"The inspector is at http://…/?t=…\"."
		if strings.HasPrefix(r.URL.Path, "/api/") {
			fail(w, http.StatusUnauthorized, text)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(text + "\n"))
	})
}

func (a *Access) knows(r *http.Request, token string) bool {
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && same(bearer, token) {
		return true
	}
	for _, c := range r.CookiesNamed(a.Cookie) {
		if same(c.Value, a.session) {
			return true
		}
	}
	return false
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
