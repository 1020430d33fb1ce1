// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// backend says where a backend is, and how to ask it whether it knows a credential.
type backend struct {
	name     string
	secret   string // key of the credential
	endpoint string // default
	// probe is the path of a GET that needs the credential, or a URL in the place of
	// the default endpoint; "" means that there is none.
	probe  string
	header string // what the GET needs; {secret} or {basic} is the credential
}

// probeURL returns what to ask at an endpoint, or "".
func (b *backend) probeURL(endpoint string) string {
	switch {
	case strings.HasPrefix(b.probe, "/"):
		return endpoint + b.probe
	case endpoint == b.endpoint:
		return b.probe
	}
	return ""
}

func (b *backend) sign(h http.Header, secret string) {
	name, value, _ := strings.Cut(b.header, ": ")
	h.Set(name, strings.NewReplacer(
		"{secret}", secret, "{basic}", base64.StdEncoding.EncodeToString([]byte(secret+":"))).Replace(value))
}

// backendOf returns the backend of an exporter, and its block.
func backendOf(t *tree, id string) (backend, any) {
	for _, b := range components()["exporters"][exporterType].backends {
		if block := at(section(t, "exporters")[id], b.name); block != nil {
			return b, block
		}
	}
	return backend{}, nil
}

// endpointOf is the endpoint of an exporter without a slash at the end.
func endpointOf(t *tree, id string) string {
	endpoint := text(at(section(t, "exporters")[id], "endpoint"))
	if b, block := backendOf(t, id); endpoint == "" && block != nil {
		if endpoint = text(at(block, "endpoint")); endpoint == "" {
			endpoint = b.endpoint
		}
	}
	return strings.TrimRight(endpoint, "/")
}

// maxSkew is how far the clock may be off: beyond it vendors count events as late.
const maxSkew = 30 * time.Second

// checkBackends connects to each backend once.
func checkBackends(ctx context.Context, t *tree, timeout time.Duration, r *Report) {
	for _, id := range ids(section(t, "exporters")) {
		endpoint := endpointOf(t, id)
		u, err := url.Parse(endpoint)
		if kind(id) != exporterType && !strings.HasPrefix(kind(id), "otlp") || err != nil || u.Host == "" {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		reach(ctx, t, id, u, r)
		cancel()
	}
}

func reach(ctx context.Context, t *tree, id string, u *url.URL, r *Report) {
	port := u.Port()
	if port == "" {
		port = "443"
		if u.Scheme == "http" || u.Scheme == "ws" {
			port = "80"
		}
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		r.addf(13, Fail, id, "%s cannot be reached: %s", u.Host, reason(err))
		return
	}
	_ = conn.Close()
	b, block := backendOf(t, id)
	probe := b.probeURL(endpointOf(t, id))
	if probe == "" {
		r.addf(13, OK, id, "%s takes connections", u.Host)
		r.addf(14, Skip, id, "there is no request that would tell without sending an event")
		return
	}
	client, err := httpClient(at(section(t, "exporters")[id], "tls"))
	if err != nil {
		r.addf(13, Fail, id, "%v", err)
		return
	}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, probe, nil)
	if err != nil {
		r.addf(13, Fail, id, "`endpoint` is no URL")
		return
	}
	secret := text(at(block, b.secret))
	b.sign(req.Header, secret)
	req.Header.Set("User-Agent", "apispan-check")
	begin := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		r.addf(13, Fail, id, "%s does not answer: %s", req.URL.Host, reason(err))
		return
	}
	defer resp.Body.Close()
	content, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	r.addf(13, OK, id, "%s answered in %s", req.URL.Host, time.Since(begin).Round(time.Millisecond))
	switch status := resp.StatusCode; {
	case secret == "":
		r.addf(14, Fail, id, "`%s::%s` is empty", b.name, b.secret)
	case status/100 == 2 && strings.HasPrefix(strings.TrimLeft(string(content), "\ufeff \t\r\n"), "<"):
		r.addf(14, Warn, id, "what answers %d is a page, and not the backend: is there a login, a portal or a firewall before it?", status)
	case status/100 == 2:
		r.addf(14, OK, id, "")
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusPaymentRequired:
		r.addf(14, Fail, id, "the backend answers %d: check `%s::%s` and the account", status, b.name, b.secret)
	default:
		r.addf(14, Warn, id, "the backend answers %d to a request that should succeed: is `endpoint` right?", status)
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		if skew := time.Since(date).Abs(); skew > maxSkew {
			r.addf(15, Warn, id, "this clock and the backend's differ by %s: events are shown at wrong times, and some vendors count them as late", skew.Round(time.Second))
		} else {
			r.addf(15, OK, id, "")
		}
	}
}

// reason is an error without addresses and URLs, which may hold credentials.
func reason(err error) string {
	var dns *net.DNSError
	var ue *url.Error
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &dns):
		return "its name is not known"
	case errors.As(err, &unknown):
		return "its certificate is signed by an unknown authority; set `tls::ca_file`"
	case errors.As(err, &host):
		return "its certificate is for another name"
	case errors.As(err, &ue):
		err = ue.Err
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		err = e
	}
	return err.Error()
}

// httpClient follows no redirects and takes the authority of the exporter.
func httpClient(settings any) (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if file := text(at(settings, "ca_file")); file != "" {
		pem, err := os.ReadFile(file)
		pool := x509.NewCertPool()
		if err != nil || !pool.AppendCertsFromPEM(pem) {
			return nil, errors.New("`tls::ca_file` cannot be read, or holds no certificate")
		}
		config.RootCAs = pool
	}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config},
	}, nil
}
