// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/confmap"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
)

// TestLoss: how far a request without an answer got.
func TestLoss(t *testing.T) {
	t.Parallel()
	refused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = refused.Close()
	badTLS := httptest.NewUnstartedServer(http.NotFoundHandler())
	badTLS.Config.ErrorLog = log.New(io.Discard, "", 0)
	badTLS.StartTLS()
	defer badTLS.Close()
	silentTLS, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never shakes hands
	if err != nil {
		t.Fatal(err)
	}
	defer silentTLS.Close()
	aborting := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer aborting.Close()
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer silent.Close()

	for name, tc := range map[string]struct {
		endpoint string
		want     backend.Loss
	}{
		"refused":              {"http://" + refused.Addr().String(), backend.NotSent},
		"name":                 {"http://name.invalid", backend.NotSent},
		"certificate":          {badTLS.URL, backend.NotSent},
		"handshake times out":  {"https://" + silentTLS.Addr().String(), backend.NotSent},
		"reset":                {aborting.URL, backend.MaybeTaken},
		"no answer in time":    {silent.URL, backend.MaybeTaken},
		"clear text meets TLS": {"https" + aborting.URL[len("http"):], backend.NotSent},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(tc.endpoint)
			cfg.ClientConfig.Timeout = 300 * time.Millisecond
			r := startSender(t, cfg).transport.Send(context.Background(), [][]byte{[]byte(`{}`)}, backend.Patience{})
			if r.Status != 0 || r.Err == nil || r.Loss != tc.want {
				t.Errorf("%+v, want loss %d", r, tc.want)
			}
		})
	}
}

// TestOnceClosesIdleConnections: a server that closes an idle connection while we
// write to it leaves open what it took, so where that matters we close first.
func TestOnceClosesIdleConnections(t *testing.T) {
	t.Parallel()
	// The field behind the key has moved in confighttp v0.160: one of the two is set.
	shown := func(client confighttp.ClientConfig) string {
		conf := confmap.New()
		if err := conf.Marshal(&client); err != nil {
			t.Fatal(err)
		}
		return strings.Trim(fmt.Sprint(conf.Get("idle_conn_timeout"), " ", conf.Get("keepalive::idle_conn_timeout")), "<nil>0s ")
	}
	idle := func(enc backend.Endpoint, configured time.Duration) (before, after string) {
		client := testConfig("https://host").ClientConfig
		if setKey(&client, "keepalive::idle_conn_timeout", configured.String()) != nil {
			if err := setKey(&client, "idle_conn_timeout", configured.String()); err != nil {
				t.Fatal(err)
			}
		}
		return shown(client), shown(newSender(choice{}, client, enc, nil).client)
	}
	for configured, want := range map[time.Duration]time.Duration{
		time.Hour: onceIdleTimeout, 90 * time.Second: onceIdleTimeout, time.Second: time.Second,
	} {
		if _, got := idle(wordEncoder{once: true}, configured); got != strings.Trim(want.String(), "0s") {
			t.Errorf("%v became %v, want %v", configured, got, want)
		}
		if before, after := idle(lineEncoder{}, configured); before != after {
			t.Errorf("%v became %v although repeats are recognised", before, after)
		}
	}
}
