// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apiinspectorextension

import (
	"fmt"
	"net"
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/confignet"

	"github.com/apispan/apispan/internal/confkeys"
)

// Config is the YAML of the extension.
type Config struct {
	// ServerConfig is the Collector's: endpoint, tls, auth, timeouts. Default of endpoint:
	// localhost:8089, which listens on 127.0.0.1 and on [::1]. Any address that other
	// machines reach needs auth. cors is refused.
	ServerConfig confighttp.ServerConfig `mapstructure:",squash"`

	// MaxExchanges is how many exchanges are kept, 100 to 50,000. Default 1,000. The newest
	// stay, and up to 20 that are pinned.
	MaxExchanges int `mapstructure:"max_exchanges"`
	// MaxBytes bounds the memory of everything that is kept, in bytes, from 8 MiB to 4 GiB.
	// Default 64 MiB.
	MaxBytes int64 `mapstructure:"max_bytes"`
	// TTL is for how long an exchange is kept, 10 s to 24 h. Default 1 h.
	TTL time.Duration `mapstructure:"ttl"`
	// DetailsPerSecond is of how many exchanges a second the details are kept, 1 to 1,000.
	// Default 50. Some hundred are kept of a burst; beyond that a sample of the traces.
	// Numbers count all exchanges.
	DetailsPerSecond int `mapstructure:"details_per_second"`
	// Learning is for how long after the first exchange of an endpoint its fields are not
	// taken for new, 0 to 24 h. Default 10 min.
	Learning time.Duration `mapstructure:"learning"`

	// ShowRaw keeps and shows values from before the redaction. Default false: then types and
	// lengths. It needs an endpoint that this machine alone reaches.
	ShowRaw bool `mapstructure:"show_raw"`
	// Token is on or off. Default on: the address that is printed at the start carries a
	// token. Off needs an endpoint that this machine alone reaches, and holds as long as
	// every exporter that shows what it does is in dry run.
	Token string `mapstructure:"token"`
	// AllowedHosts are names that the Host field of a request may have, without a port,
	// besides localhost, 127.0.0.1 and [::1] where the endpoint is one of them.
	AllowedHosts []string `mapstructure:"allowed_hosts"`
	// TraceURL is where a trace is shown elsewhere: {trace} stands for its id. Default none.
	TraceURL string `mapstructure:"trace_url"`
	// MaxStreams is how many pages may listen for what is new, 1 to 1,000. Default 16.
	MaxStreams int `mapstructure:"max_streams"`
}

const (
	tokenOn  = "on"
	tokenOff = "off"

	defaultEndpoint = "localhost:8089"
)

func defaultConfig() *Config {
	server := confighttp.NewDefaultServerConfig()
	server.NetAddr.Endpoint = defaultEndpoint
	server.MaxRequestBodySize = 1 << 20
	server.CompressionAlgorithms = []string{}
	// Who sends a request slowly holds no connection for long. Streams are not read from, and
	// take their time back.
	server.ReadHeaderTimeout, server.ReadTimeout = 10*time.Second, 30*time.Second
	return &Config{
		ServerConfig: server, MaxExchanges: 1_000, MaxBytes: 64 << 20, TTL: time.Hour, DetailsPerSecond: 50, Learning: 10 * time.Minute,
		Token: tokenOn, MaxStreams: 16,
	}
}

// between checks a number.
func between[T int | int64](key string, v, lo, hi, example T) error {
	if v < lo || v > hi {
		return fmt.Errorf("`%s` is %d: write a number from %d to %d, such as %d", key, v, lo, hi, example)
	}
	return nil
}

func betweenTimes(key string, v, lo, hi, example time.Duration) error {
	if v < lo || v > hi {
		return fmt.Errorf("`%s` is %s: write a duration from %s to %s, such as %s", key, v, lo, hi, example)
	}
	return nil
}

// Validate implements xconfmap.Validator.
func (c *Config) Validate() error {
	for _, err := range []error{
		between("max_exchanges", c.MaxExchanges, 100, 50_000, 1_000),
		between("max_bytes", c.MaxBytes, 8<<20, 4<<30, 64<<20),
		betweenTimes("ttl", c.TTL, 10*time.Second, 24*time.Hour, time.Hour),
		between("details_per_second", c.DetailsPerSecond, 1, 1_000, 50),
		betweenTimes("learning", c.Learning, 0, 24*time.Hour, 10*time.Minute),
		between("max_streams", c.MaxStreams, 1, 1_000, 16),
		c.validateAccess(),
		c.validateTraceURL(),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) validateAccess() error {
	switch c.ServerConfig.NetAddr.Transport {
	case "", confignet.TransportTypeTCP, confignet.TransportTypeTCP4, confignet.TransportTypeTCP6:
	default:
		return fmt.Errorf("`transport` is %q: a browser needs tcp", c.ServerConfig.NetAddr.Transport)
	}
	host, port, err := net.SplitHostPort(c.ServerConfig.NetAddr.Endpoint)
	if err != nil || port == "" || strings.Trim(port, "0123456789") != "" {
		return fmt.Errorf("`endpoint` is %q: write host and port, such as %s", c.ServerConfig.NetAddr.Endpoint, defaultEndpoint)
	}
	if c.ServerConfig.CORS.HasValue() {
		return fmt.Errorf("`cors` lets pages of other sites read what is captured: take it out; for another name of this machine, use `allowed_hosts`")
	}
	for _, h := range c.AllowedHosts {
		if h == "" || strings.ContainsAny(h, ":/ *[]") {
			return fmt.Errorf("`allowed_hosts` has %q: write the name alone, without scheme, port and wildcard, such as inspector.example.com", h)
		}
	}
	if c.Token != tokenOn && c.Token != tokenOff {
		return fmt.Errorf("`token` is %q: write on or off", c.Token)
	}
	if confkeys.Loopback(host) {
		return nil
	}
	switch {
	case !c.ServerConfig.Auth.HasValue():
		return fmt.Errorf("`endpoint` is %q, which other machines reach: name an authenticator in `auth`, or write %s", c.ServerConfig.NetAddr.Endpoint, defaultEndpoint)
	case c.ShowRaw:
		return fmt.Errorf("`show_raw` is true and `endpoint` is %q, which other machines reach: values from before the redaction stay on this machine; write %s, or take `show_raw` out", c.ServerConfig.NetAddr.Endpoint, defaultEndpoint)
	case c.Token == tokenOff:
		return fmt.Errorf("`token` is off and `endpoint` is %q, which other machines reach: take `token` out, or write %s", c.ServerConfig.NetAddr.Endpoint, defaultEndpoint)
	case (host == "" || net.ParseIP(host) != nil && net.ParseIP(host).IsUnspecified()) && len(c.AllowedHosts) == 0:
		return fmt.Errorf("`allowed_hosts` is empty and `endpoint` is %q, which says no name: write the names under which browsers reach it, else every request is refused", c.ServerConfig.NetAddr.Endpoint)
	}
	return nil
}

func (c *Config) validateTraceURL() error {
	if c.TraceURL == "" {
		return nil
	}
	if !strings.HasPrefix(c.TraceURL, "http://") && !strings.HasPrefix(c.TraceURL, "https://") || !strings.Contains(c.TraceURL, "{trace}") {
		return fmt.Errorf("`trace_url` is %q: write an http(s) URL with {trace} for the id, such as https://jaeger.example.com/trace/{trace}", c.TraceURL)
	}
	return nil
}
