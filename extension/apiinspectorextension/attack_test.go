// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apiinspectorextension

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
)

// TestSlowRequests: who sends a request slowly, or never ends it, is cut off; a stream, which
// is a request that lasts, is not.
func TestSlowRequests(t *testing.T) {
	t.Parallel()
	if c := defaultConfig().ServerConfig; c.ReadHeaderTimeout <= 0 || c.ReadTimeout <= 0 || c.WriteTimeout <= 0 {
		t.Errorf("by default somebody may take his time: %+v", c)
	}
	const patience = 500 * time.Millisecond
	r := start(t, func(c *Config) { c.ServerConfig.ReadHeaderTimeout, c.ServerConfig.ReadTimeout = patience, 2*patience })
	stream := r.listen2("/api/stream", "")
	stream.next("stats")
	for name, begin := range map[string]string{
		"half a line":     "GET /api/sta",
		"half a header":   "GET / HTTP/1.1\r\nHost: " + r.addr + "\r\nX-",
		"half a body":     "POST /api/sandbox HTTP/1.1\r\nHost: " + r.addr + "\r\nAuthorization: Bearer " + r.token + "\r\nContent-Length: 100000\r\n\r\n#",
		"a stranger's":    "POST /api/sandbox HTTP/1.1\r\nHost: " + r.addr + "\r\nContent-Length: 100000\r\n\r\n#",
		"another name's":  "POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 100000\r\n\r\n#",
		"nothing at all":  "",
		"chunks for ever": "POST /api/sandbox HTTP/1.1\r\nHost: " + r.addr + "\r\nAuthorization: Bearer " + r.token + "\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n#\r\n",
	} {
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, begin); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second)) // of a busy machine
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Errorf("%s: the connection is still open: %v", name, err)
		}
	}
	time.Sleep(2 * patience) // the stream is older than any request may be
	r.complete(r.shown(1, nil))
	stream.next("exchange")
}

// TestManyClients: a thousand who listen at once get a few streams and a thousand answers, and
// leave nothing behind.
func TestManyClients(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.attachAll(true)
	goroutines := runtime.NumGoroutine()
	var open, refused, other atomic.Int64
	var all sync.WaitGroup
	done := make(chan struct{})
	for range 1000 {
		all.Go(func() {
			c, err := net.Dial("tcp", r.addr)
			if err != nil {
				other.Add(1)
				return
			}
			defer c.Close()
			fmt.Fprintf(c, "GET /api/stream HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", r.addr, r.token)
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			switch {
			case err != nil:
				other.Add(1)
			case res.StatusCode == http.StatusOK:
				open.Add(1)
				<-done
			case res.StatusCode == http.StatusServiceUnavailable:
				refused.Add(1)
			default:
				other.Add(1)
			}
		})
	}
	eventually(t, "all have an answer", func() bool { return open.Load()+refused.Load()+other.Load() == 1000 })
	if n := open.Load(); n != 16 || other.Load() > 0 {
		t.Errorf("%d streams, %d were refused, %d had no answer", n, refused.Load(), other.Load())
	}
	k := r.shown(1, nil)
	r.complete(k) // nobody is held up
	close(done)
	all.Wait()
	eventually(t, "nothing is left", func() bool {
		return runtime.NumGoroutine() <= goroutines+20 && r.listen2("/api/stream", "").res.StatusCode == http.StatusOK
	})
}

// TestTLS: the same names and the same token count over TLS, by HTTP/1.1 and, where the server
// speaks it, HTTP/2, whose requests name the host in another place; nobody talks HTTP/2 in the
// clear.
func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	r := start(t, func(c *Config) {
		c.ServerConfig.TLS = configoptional.Some(configtls.ServerConfig{Config: configtls.Config{CertPem: configopaque.String(cert), KeyPem: configopaque.String(key)}})
	})
	addr := strings.TrimSuffix(strings.TrimPrefix(r.link, "https://"), "/")
	for _, http2 := range []bool{false, true} {
		tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: http2} //nolint:gosec // its own certificate
		defer tr.CloseIdleConnections()
		for host, want := range map[string]int{"": 200, "localhost": 200, "LOCALHOST:" + port(addr): 200, "evil.example": 421, "localhost.": 421, "[::1]": 200, "[::ffff:127.0.0.1]": 421, "127.0.0.1.nip.io": 421} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+addr+"/api/status", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = host
			req.Header.Set("Authorization", "Bearer "+r.token)
			res, err := tr.RoundTrip(req)
			if err != nil {
				t.Fatalf("HTTP/2 %v, host %q: %v", http2, host, err)
			}
			_ = res.Body.Close()
			if res.StatusCode != want {
				t.Errorf("%s, host %q: %d, want %d", res.Proto, host, res.StatusCode, want)
			}
			secure(t, host, res)
		}
		for field, want := range map[string]int{"Origin: https://" + addr: 200, "Origin: http://" + addr: 403, "Sec-Fetch-Site: cross-site": 403, "Cookie: x=y": 200} {
			name, value, _ := strings.Cut(field, ": ")
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+addr+"/api/status", http.NoBody)
			req.Header.Set("Authorization", "Bearer "+r.token)
			req.Header.Set(name, value)
			res, err := tr.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != want {
				t.Errorf("%s, %s: %d, want %d", res.Proto, field, res.StatusCode, want)
			}
		}
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+addr+"/?t="+r.token, http.NoBody)
		res, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if c := res.Cookies(); len(c) != 1 || !c[0].Secure || !c[0].HttpOnly {
			t.Errorf("%s: cookies %v", res.Proto, c)
		}
	}
	plain := start(t, nil)
	for _, begin := range []string{
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
		"GET /api/status HTTP/1.1\r\nHost: " + plain.addr + "\r\nAuthorization: Bearer " + plain.token + "\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
	} {
		c, err := net.Dial("tcp", plain.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, begin)
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		first := make([]byte, 12)
		if _, err := io.ReadFull(c, first); err != nil || !strings.HasPrefix(string(first), "HTTP/1.1 ") || strings.HasPrefix(string(first), "HTTP/1.1 101") {
			t.Errorf("%.20q is answered with %q", begin, first)
		}
	}
}

// certificate is one of its own.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}
