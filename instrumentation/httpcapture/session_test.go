// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/apispan/apispan/instrumentation/httpcapture"
	"github.com/apispan/apispan/redact"
)

// Metlo's rule (ingestors/rust-common/src/send_trace.rs), computed with another
// implementation, key "test-encryption-key".
const (
	sessionBasic   = "Qr3GKrgByxezgsNJEYvgT9qi0cgj3+782ZaPwByVw3E="
	sessionHeader  = "n/lIjE+kHJKpFDFP/UBYNIqC59UQDixZG09hsSRR1UA="
	sessionAddress = "N7yNZOkeO8ZOMStJn2C690vz2TyJRenF2uImO19M/vo="
)

func TestSessionKey(t *testing.T) {
	t.Parallel()
	policy, err := redact.Compile([]byte("version: 1\nkeys: {deny: ['*session*']}\n"))
	if err != nil {
		t.Fatal(err)
	}
	type source = httpcapture.SessionSource
	for _, tt := range []struct {
		name     string
		sources  []source
		header   []string
		options  []httpcapture.Option
		key      any
		authType any
	}{
		{"basic", []source{httpcapture.SessionFromBasic()}, []string{"Authorization", "Basic dXNlcjpwYXNz"}, nil, sessionBasic, "basic"},
		{"basic, lower case", []source{httpcapture.SessionFromBasic()}, []string{"Authorization", "basic dXNlcjpwYXNz"}, nil, sessionBasic, "basic"},
		{"under a policy", []source{httpcapture.SessionFromBasic()}, []string{"Authorization", "Basic dXNlcjpwYXNz"}, []httpcapture.Option{httpcapture.WithPolicy(policy)}, sessionBasic, "basic"},
		{"header", []source{httpcapture.SessionFromHeader("authorization")}, []string{"Authorization", "Basic dXNlcjpwYXNz"}, nil, sessionHeader, "header"},
		{"jwt", []source{httpcapture.SessionFromJWT("Authorization")}, []string{"Authorization", "Basic dXNlcjpwYXNz"}, nil, sessionHeader, "jwt"},
		{"cookie", []source{httpcapture.SessionFromBasic(), httpcapture.SessionFromCookie("sid")}, []string{"Cookie", "a=b; sid=203.0.113.7"}, nil, sessionAddress, "session_cookie"},
		{"address", []source{httpcapture.SessionFromAddress()}, []string{"X-Forwarded-For", "203.0.113.7, 10.0.0.1"}, []httpcapture.Option{httpcapture.WithTrustedProxies("127.0.0.1", "::1", "10.0.0.0/8")}, sessionAddress, nil},
		{"not shown", []source{httpcapture.SessionFromBasic()}, nil, nil, nil, "basic"},
	} {
		c := newCollector(t)
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Authorization") // the credential is read before anybody can change it
			_, _ = io.WriteString(w, "x")
		})
		options := append([]httpcapture.Option{
			httpcapture.WithAllHeaders(), httpcapture.WithSessionKey([]byte("test-encryption-key"), tt.sources...),
		}, tt.options...)
		s := serve(t, wrappings[0].wrap(c, h, options...))
		do(t, s.Client(), newRequest(t, "GET", s.URL+"/", "", tt.header...))
		attrs := c.attrs(t)
		want(t, attrs, map[string]any{"apispan.session.key": tt.key, "apispan.session.auth_type": tt.authType})
		for k, v := range attrs {
			if s, ok := v.(string); ok && strings.Contains(s, "dXNlcjpwYXNz") {
				t.Errorf("%s: %s holds the credential", tt.name, k)
			}
		}
	}
}

func TestSessionKeyErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		option httpcapture.Option
		want   string
	}{
		{httpcapture.WithSessionKey(nil, httpcapture.SessionFromBasic()), "the key is empty"},
		{httpcapture.WithSessionKey([]byte("sEcReT")), "there is no source"},
		{httpcapture.WithSessionKey([]byte("sEcReT"), httpcapture.SessionFromHeader("a b")), `"a b" is not a header name`},
	} {
		err := httpcapture.Validate(tt.option)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "sEcReT") {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
}
