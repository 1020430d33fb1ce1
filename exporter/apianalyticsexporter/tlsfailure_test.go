// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/config/configoptional"
	"go.uber.org/zap"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/moesif/moesiftest"
)

// serverCertificate is signed by itself. Its subject is a marker.
func serverCertificate(t *testing.T, name string, until time.Time) (c tls.Certificate, caFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: marker}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until, IsCA: true, BasicConstraintsValid: true,
	}
	if name == "" {
		template.DNSNames, template.IPAddresses = nil, []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, caFile
}

// TestTLSFailures: a handshake that fails says why and what to look at, and quotes
// nothing of what the other side sent.
func TestTLSFailures(t *testing.T) {
	t.Parallel()
	later := time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		host    string // of the certificate; "" means that of the server
		until   time.Time
		known   bool // the authority
		clients tls.ClientAuthType
		plain   bool // the server speaks no TLS
		maxTLS  uint16
		want    string
	}{
		"unknown authority": {until: later, want: "unknown authority"},
		"wrong name":        {host: marker + ".example.com", until: later, known: true, want: "for another name"},
		"expired":           {until: time.Now().Add(-time.Hour), known: true, want: "has expired"},
		"no certificate":    {until: later, known: true, clients: tls.RequireAnyClientCert, want: "refuses our certificate, or wants one"},
		"old version":       {until: later, known: true, maxTLS: tls.VersionTLS11, want: "no version or cipher in common"},
		"no TLS":            {plain: true, until: later, want: "does not speak TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cert, caFile := serverCertificate(t, c.host, c.until)
			srv := httptest.NewUnstartedServer(http.NotFoundHandler())
			srv.Config.ErrorLog = log.New(io.Discard, "", 0)
			srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: c.clients, MaxVersion: c.maxTLS}
			if c.maxTLS != 0 {
				srv.TLS.MinVersion = c.maxTLS
			}
			if c.plain {
				srv.Start()
			} else {
				srv.StartTLS()
			}
			defer srv.Close()
			cfg := testConfig("https://" + srv.Listener.Addr().String())
			if c.known {
				cfg.ClientConfig.TLS.CAFile = caFile
			}
			withoutQueue(cfg)
			cfg.RetryConfig.Enabled = false
			r := newRig(t, cfg).start()
			err := r.exp.ConsumeTraces(t.Context(), traces(0, 1))
			// With TLS 1.3 a request is under way before our certificate is refused, and the
			// connection may be found reset first.
			for try := 0; c.clients != 0 && try < 50 && !strings.Contains(err.Error(), c.want); try++ {
				err = r.exp.ConsumeTraces(t.Context(), traces(0, 1))
			}
			if err == nil || !strings.Contains(err.Error(), "TLS handshake failed: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
			if err != nil && strings.Contains(err.Error(), marker) {
				t.Error("the error quotes the other side")
			}
		})
	}
}

// TestSaidOnce: what a configuration lacks is said once, with the fix; an outage once for
// as long as it lasts.
func TestSaidOnce(t *testing.T) {
	t.Parallel()
	fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
	srv := httptest.NewServer(fake)
	defer srv.Close()

	cfg := testConfig(srv.URL)
	cfg.Moesif = configoptional.None[MoesifConfig]()
	cfg.ReadMe.GetOrInsertDefault().APIKey = appID
	r := newRig(t, cfg).start()
	td := traces(0, 20)
	for _, s := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		for _, key := range []string{"user.id", "enduser.id", "apispan.consumer.id", "apispan.company.id"} {
			s.Attributes().Remove(key)
		}
	}
	for range 3 {
		if err := r.exp.ConsumeTraces(t.Context(), td); err != nil {
			t.Fatal(err)
		}
	}
	if c := r.counts(); c.Dropped["no_identity"] == 0 {
		t.Fatalf("counts %+v", c)
	}
	if n := r.logs.FilterMessageSnippet("set `identity` in http_redaction").Len(); n != 1 {
		t.Errorf("said %d times", n)
	}

	fake.Script(backendtest.Fault{Status: 401, Count: -1})
	cfg = testConfig(srv.URL)
	r = newRig(t, cfg).start()
	for i := range 3 {
		if err := r.exp.ConsumeTraces(t.Context(), traces(100+i, 1)); err != nil {
			t.Fatal(err)
		}
	}
	said := func() int {
		return r.logs.FilterMessageSnippet("the backend refuses us").FilterField(zap.Int("status", 401)).Len()
	}
	waitFor(t, "a word about the outage", func() bool { return said() > 0 })
	r.shutdown()
	if said() != 1 {
		t.Errorf("said %d times", said())
	}
}
