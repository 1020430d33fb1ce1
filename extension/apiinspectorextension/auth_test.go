// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apiinspectorextension

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/extensionauth"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/metadata"
)

// authenticator lets in who says the word.
type authenticator struct {
	component.StartFunc
	component.ShutdownFunc
}

var _ extensionauth.Server = authenticator{}

func (authenticator) Authenticate(ctx context.Context, sources map[string][]string) (context.Context, error) {
	if v := sources["X-Word"]; len(v) == 1 && v[0] == "friend" {
		return ctx, nil
	}
	return ctx, errors.New("who are you?")
}

type authHost struct{}

func (authHost) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{component.MustNewID("basicauth"): authenticator{}}
}

// TestAuth: beyond this machine the authenticator decides who comes in, after the Host
// field; the token is not asked for, and names of this machine are nobody's.
func TestAuth(t *testing.T) {
	t.Parallel()
	cfg := defaultConfig()
	withAuth(cfg)
	cfg.ServerConfig.NetAddr.Endpoint, cfg.AllowedHosts = "0.0.0.0:0", []string{"Inspector.example.com"}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	i, err := newInspector(extensiontest.NewNopSettings(metadata.Type), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Start(t.Context(), authHost{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = i.Shutdown(context.Background()) })
	r := &rig{inspector: i, t: t}
	addr := "127.0.0.1:" + port(i.link[len("http://"):len(i.link)-1])
	for _, tt := range []struct {
		host, fields string
		want         int
	}{
		{"inspector.example.com", "X-Word: friend\r\n", http.StatusOK},
		{"inspector.example.com:9", "X-Word: friend\r\n", http.StatusOK},
		{"inspector.example.com", "", http.StatusUnauthorized},
		{"inspector.example.com", "X-Word: foe\r\n", http.StatusUnauthorized},
		{"inspector.example.com", "X-Word: friend\r\nOrigin: http://evil.example\r\n", http.StatusForbidden},
		{"evil.example", "X-Word: friend\r\n", http.StatusMisdirectedRequest},
		{"localhost", "X-Word: friend\r\n", http.StatusMisdirectedRequest},
		{"127.0.0.1", "X-Word: friend\r\n", http.StatusMisdirectedRequest},
	} {
		res, _ := r.raw(addr, "GET /api/status HTTP/1.1\r\nHost: "+tt.host+"\r\n"+tt.fields+"Connection: close\r\n\r\n")
		if res.StatusCode != tt.want {
			t.Errorf("%s %q: %d, want %d", tt.host, tt.fields, res.StatusCode, tt.want)
		}
		secure(t, tt.host, res)
	}
}
