// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package shopapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/apispan/apispan/examples/shop/shopdata"
	"github.com/apispan/apispan/instrumentation/httpcapture"
)

type userKey struct{}

func userOf(ctx context.Context) shopdata.User {
	u, _ := ctx.Value(userKey{}).(shopdata.User)
	return u
}

// authenticated admits callers with a bearer token or a session cookie.
func (s *Shop) authenticated(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, ok := s.caller(r)
		if !ok {
			w.Header().Set("WWW-Authenticate", `Bearer realm="shop"`)
			fail(w, http.StatusUnauthorized, "a valid token is required")
			return
		}
		identify(r.Context(), user)
		next(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
	})
}

// caller finds out who calls, by a bearer token or a session cookie.
func (s *Shop) caller(r *http.Request) (user shopdata.User, ok bool) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if user, ok = s.byToken[token]; ok {
		return user, true
	}
	if c, err := r.Cookie("session"); err == nil {
		user, ok = s.bySess[c.Value]
	}
	return user, ok
}

// Caller returns the ids of user and company that call, empty if nobody is known.
func (s *Shop) Caller(r *http.Request) (user, company string) {
	u, _ := s.caller(r)
	return u.ID, u.CompanyID
}

// identify names the caller on the captured exchange. The consumer is the owner
// of the API key, named by the key's public id and never by the key.
func identify(ctx context.Context, u shopdata.User) {
	httpcapture.SetIdentity(ctx, httpcapture.Identity{
		UserID:         u.ID,
		CompanyID:      u.CompanyID,
		SubscriptionID: u.SubscriptionID,
		ConsumerID:     u.KeyID,
		Label:          u.Name,
		Email:          u.Email,
	})
}

func (s *Shop) loginJSON(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Email    string `json:"email"`
		Password string `json:"password"`
	}
	if !decode(w, r, &in) {
		return
	}
	user, ok := s.byEmail[in.Email]
	if !ok || in.Password != shopdata.Password {
		fail(w, http.StatusUnauthorized, "wrong e-mail address or password")
		return
	}
	identify(r.Context(), user)
	setSession(w, user)
	reply(w, http.StatusOK, map[string]any{
		"user":  map[string]string{"id": user.ID, "name": user.Name},
		"token": user.Token, "token_type": "Bearer", "expires_in": 3600,
	})
}

func (s *Shop) loginForm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		fail(w, http.StatusBadRequest, "the form cannot be read")
		return
	}
	user, ok := s.byEmail[r.PostForm.Get("email")]
	if !ok || r.PostForm.Get("password") != shopdata.Password {
		http.Redirect(w, r, "/login?failed=1", http.StatusSeeOther)
		return
	}
	identify(r.Context(), user)
	setSession(w, user)
	http.Redirect(w, r, "/me", http.StatusSeeOther)
}

func setSession(w http.ResponseWriter, u shopdata.User) {
	http.SetCookie(w, &http.Cookie{
		Name: "session", Value: u.Session, Path: "/",
		HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode,
	})
}

func (s *Shop) me(w http.ResponseWriter, r *http.Request) {
	u := userOf(r.Context())
	reply(w, http.StatusOK, map[string]any{
		"id": u.ID, "name": u.Name, "email": u.Email,
		"company":  map[string]string{"id": u.CompanyID, "subscription": u.SubscriptionID},
		"api_keys": []map[string]string{{"id": u.KeyID, "api_key": u.Token}},
	})
}
