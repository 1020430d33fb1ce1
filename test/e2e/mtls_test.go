// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apispan/apispan/test/harness"
)

// authority signs certificates for 127.0.0.1.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}}
	a.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) issue(t *testing.T, serial int64) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(serial), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// write puts ca.crt, tls.crt and tls.key into dir, as gateway.yaml and agent.yaml
// read them.
func (a *authority) write(t *testing.T, dir string, c tls.Certificate) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"ca.crt":  {Type: "CERTIFICATE", Bytes: a.cert.Raw},
		"tls.crt": {Type: "CERTIFICATE", Bytes: c.Certificate[0]},
		"tls.key": {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestGatewayAsksForACertificate: gateway.yaml takes OTLP from those who have a
// certificate of the authority, and from nobody else; agent.yaml has one.
func TestGatewayAsksForACertificate(t *testing.T) {
	t.Parallel()
	bin := fullBinary(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	arrived := make(chan struct{}, 100)
	vendor := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
	}))
	defer vendor.Close()
	ours, theirs, dir := newAuthority(t), newAuthority(t), t.TempDir()
	ours.write(t, dir, ours.issue(t, 2))

	const moved = `
receivers: { otlp: { protocols: { http: { endpoint: "${env:OTLP_HTTP}" } } } }
service: { telemetry: { metrics: { level: none } } }
`
	start := func(config, over string, env ...string) (*harness.Process, string) {
		port, err := harness.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		health, err := harness.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		addr := func(port int) string { return (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}).String() }
		p, err := harness.Start(ctx, bin, harness.StartOptions{
			Args: []string{"--config", filepath.Join(repoRoot(t), "collectorbuild/config", config), "--config", "yaml:" + moved, "--config", "yaml:" + over},
			Env:  append(env, "OTLP_HTTP="+addr(port), "HEALTH_LISTEN="+addr(health), "STATE_DIR="+t.TempDir()),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Stop(10 * time.Second) })
		if err := p.Wait(ctx, "being ready", harness.HTTPReady("http://"+addr(health)+"/status")); err != nil {
			t.Fatal(err)
		}
		return p, addr(port)
	}
	gateway, addr := start("gateway.yaml", `
exporters:
  api_analytics/moesif: { endpoint: "`+vendor.URL+`", require_redaction: false }
  api_analytics/readme: { endpoint: "`+vendor.URL+`" }
`, "TLS_DIR="+dir, "MOESIF_APPLICATION_ID=an-id", "README_API_KEY=a-key")

	roots := x509.NewCertPool()
	roots.AddCert(ours.cert)
	post := func(url string, certs ...tls.Certificate) (int, error) {
		tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certs}}
		defer tr.CloseIdleConnections()
		resp, err := (&http.Client{Transport: tr, Timeout: time.Minute}).Post(url+"/v1/traces", "application/json", strings.NewReader(otlpSpan))
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode, err
	}
	refused := func(err error) bool { return err != nil && strings.Contains(err.Error(), "remote error: tls: ") }
	if _, err := post("https://" + addr); !refused(err) {
		t.Errorf("without a certificate: %v", err)
	}
	if _, err := post("https://"+addr, theirs.issue(t, 3)); !refused(err) {
		t.Errorf("with a certificate of another authority: %v", err)
	}
	if status, _ := post("http://" + addr); status == http.StatusOK {
		t.Error("taken without TLS")
	}
	if len(arrived) != 0 {
		t.Error("something arrived from those who may not send")
	}
	if status, err := post("https://"+addr, ours.issue(t, 4)); status != http.StatusOK {
		t.Errorf("with a certificate: %d, %v", status, err)
	}
	wait := func(from string) {
		select {
		case <-arrived:
		case <-ctx.Done():
			t.Fatalf("nothing arrived from %s\n%s", from, gateway.Log())
		}
	}
	wait("a client with a certificate")

	_, agent := start("agent.yaml", `receivers: { otlp: { protocols: { grpc: { endpoint: "127.0.0.1:0" } } } }`,
		"GATEWAY=https://"+addr, "TLS_CA="+filepath.Join(dir, "ca.crt"),
		"TLS_CERT="+filepath.Join(dir, "tls.crt"), "TLS_KEY="+filepath.Join(dir, "tls.key"))
	if status, err := post("http://" + agent); status != http.StatusOK {
		t.Errorf("agent: %d, %v", status, err)
	}
	wait("the agent")
}
