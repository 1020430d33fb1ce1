// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cerberus

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
	"github.com/apispan/apispan/internal/confkeys"
	"github.com/apispan/apispan/internal/keyfetch"
)

const (
	// path is that of the HTTP batch endpoint.
	path = "/v1/ingest/batch"

	// maxItemBytes is the vendor's own cap, read as decimal to be on the safe
	// side. The server leaves out events above about 64 KB, which grow by what
	// it adds to them.
	maxItemBytes = 56_000
	// defaultMaxItems is the vendor's batch size; its server answers 413 above
	// limitMaxItems.
	defaultMaxItems = 50
	limitMaxItems   = 1000
	maxRequestBytes = 2_850_000 // 50 of the largest events

	// What the vendor's bridge keeps of these strings, in characters.
	maxUserAgent = 1024
	maxUserID    = 256
)

// Config is the block `cerberus` of the exporter's configuration.
type Config struct {
	// Endpoint is where events go: https://host[/v1/ingest/batch] for batches over
	// HTTP, wss://host/path, exactly as it is, for a WebSocket. Required here or
	// as the key endpoint beside the block.
	Endpoint string `mapstructure:"endpoint"`
	// Token is the account's API key. Required; white space around it is removed.
	Token configopaque.String `mapstructure:"token"`
	// ClientID names the application in WebSocket messages. Required for those;
	// over HTTP the server derives it from the token.
	ClientID string `mapstructure:"client_id"`

	// SecretKey is the HMAC key under which addresses and Authorization headers
	// are hashed. Default none: see BackendURL.
	SecretKey configopaque.String `mapstructure:"secret_key"`
	// BackendURL is where the HMAC key is fetched, GET {backend_url}/api/secret-key.
	// Without it and SecretKey events have no address.
	BackendURL string `mapstructure:"backend_url"`
	// SecretKeyRefresh is the time between fetches of the key. Default 10m.
	SecretKeyRefresh time.Duration `mapstructure:"secret_key_refresh"`

	// MaxBatchEvents is the most events in one batch, up to 1000. Default 50.
	MaxBatchEvents int `mapstructure:"max_batch_events"`
	// ResponseBodies sends captured response bodies. Default true.
	ResponseBodies bool `mapstructure:"response_bodies"`
	// AllowInsecure permits ws:// endpoints and an http:// BackendURL that are not
	// on this machine: the token, and the HMAC key, then travel unencrypted.
	// Default false.
	AllowInsecure bool `mapstructure:"allow_insecure"`

	Gates backend.Gates `mapstructure:",squash"`
}

// Default returns the block as it is where no key is written.
func (*Config) Default() any {
	return configoptional.Default(Config{
		SecretKeyRefresh: keyfetch.DefaultRefresh,
		MaxBatchEvents:   defaultMaxItems,
		ResponseBodies:   true,
		Gates:            backend.DefaultGates(),
	})
}

// Facts implements [backend.Config]. No client of the vendor compresses.
func (c *Config) Facts() backend.Facts {
	return backend.Facts{
		Gates: &c.Gates, SecretKey: "token", Secret: c.token(),
		Endpoint: c.Endpoint, OwnEndpoint: true,
		Transports: map[string]backend.NewTransport{"ws": newWebSocket, "wss": newWebSocket},
	}
}

func (c *Config) token() string { return strings.TrimSpace(string(c.Token)) }

// Encoder implements [backend.Encoder] for Cerberus.
type Encoder struct {
	backend.Base
	keySource

	config    Config
	token     string
	wholeURL  bool // the endpoint ends with path already
	webSocket bool // one event a frame instead of batches

	scratch sync.Pool // *scratch
}

var (
	_ backend.Config       = (*Config)(nil)
	_ backend.Encoder      = (*Encoder)(nil)
	_ backend.Shedder      = (*Encoder)(nil)
	_ backend.Degrader     = (*Encoder)(nil)
	_ backend.AnswerReader = (*Encoder)(nil)
	_ backend.Keyed        = (*Encoder)(nil)
)

// NewEncoder implements [backend.Config].
func (c *Config) NewEncoder(b backend.Build) (backend.Encoder, error) {
	e := &Encoder{
		config: *c, token: c.token(),
		wholeURL:  strings.HasSuffix(strings.TrimRight(b.Endpoint, "/"), path),
		webSocket: isWebSocket(b.Endpoint),
		keySource: keySource{
			static: string(c.SecretKey),
			fetch:  keyfetch.Config{BaseURL: c.BackendURL, Token: c.token(), Refresh: c.SecretKeyRefresh},
		},
	}
	e.config.MaxBatchEvents = cmp.Or(c.MaxBatchEvents, defaultMaxItems)
	e.scratch.New = func() any { return new(scratch) }
	header := map[string]string{"X-API-Key": e.token}
	if e.webSocket { // there the credential is in the frames
		header = nil
	}
	e.Base = b.Base(header)
	if err := e.validate(b.Endpoint); err != nil {
		return nil, err
	}
	return e, nil
}

// isWebSocket reports whether the endpoint is one by its scheme.
func isWebSocket(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && (u.Scheme == "ws" || u.Scheme == "wss")
}

func (e *Encoder) validate(endpoint string) error {
	c, p := &e.config, backend.Problems{Block: "cerberus"}
	var insecure error
	if e.webSocket && confkeys.ClearText(endpoint) && !c.AllowInsecure {
		insecure = errors.New("the endpoint of `cerberus` begins with ws://: write wss://, or set `cerberus::allow_insecure: true` to send the token and the events unencrypted")
	}
	if c.SecretKey != "" && c.BackendURL != "" {
		p.Say("secret_key", "and `cerberus::backend_url` are set together: keep one of them")
	}
	if c.BackendURL != "" {
		switch err := keyfetch.URL.Check(c.BackendURL); {
		case err != nil:
			p.Say("backend_url", err.Error())
		case confkeys.ClearText(c.BackendURL) && !c.AllowInsecure:
			p.Say("backend_url", "begins with http://: write https://, or set `cerberus::allow_insecure: true` to fetch the HMAC key unencrypted")
		}
		p.Unless(c.SecretKeyRefresh >= time.Second, "secret_key_refresh", c.SecretKeyRefresh, "at least 1s, such as 10m")
	}
	if e.webSocket && c.ClientID == "" {
		p.Say("client_id", "is empty: write the application's client id, which is part of every WebSocket message")
	}
	n := c.MaxBatchEvents
	p.Unless(n >= 0 && n <= limitMaxItems, "max_batch_events", n, fmt.Sprintf("a number from 1 to %d, or 0 for %d", limitMaxItems, defaultMaxItems))
	return errors.Join(insecure, p.Err())
}

// Spec implements [backend.Encoder].
func (e *Encoder) Spec() backend.Spec {
	spec := backend.Spec{
		Name:            "cerberus",
		Path:            path,
		Frame:           backend.Frame{ContentType: "application/json", Prefix: `{"events":[`, Separator: ",", Suffix: "]}"},
		MaxItems:        e.config.MaxBatchEvents,
		MaxItemBytes:    maxItemBytes,
		Slim:            slim,
		MaxRequestBytes: maxRequestBytes,
		EmptyProbe:      true,
	}
	if e.wholeURL {
		spec.Path = ""
	}
	if e.webSocket {
		spec.Path = ""
		spec.Prefix, spec.Separator, spec.Suffix = "", "", ""
		spec.MaxItems, spec.EmptyProbe = 1, false
	}
	return spec
}

// AppendFrame appends the text frame that carries item: the item with the
// credential as its first members, and once more as token, which older servers
// read.
func (e *Encoder) AppendFrame(dst, item []byte) []byte {
	dst = append(dst, `{"api_key":`...)
	dst = wire.AppendString(dst, e.token)
	dst = append(dst, `,"client_id":`...)
	dst = wire.AppendString(dst, e.config.ClientID)
	dst = append(dst, `,"token":`...)
	dst = wire.AppendString(dst, e.token)
	if len(item) > 2 {
		dst = append(dst, ',')
	}
	return append(dst, item[1:]...)
}

// Classify implements [backend.Encoder]. Cerberus answers 403 to an unknown key,
// and so does the firewall in front of it to a batch that holds what looks like an
// attack. It counts as the latter here; see EmptyProbe in Spec.
func (e *Encoder) Classify(status int) backend.Class {
	if status == http.StatusForbidden {
		return backend.Reject
	}
	return backend.ClassifyHTTP(status)
}

// Skipped implements [backend.AnswerReader].
func (e *Encoder) Skipped(body []byte) int {
	var answer struct {
		Skipped json.RawMessage `json:"skipped"`
	}
	var n int
	if json.Unmarshal(body, &answer) != nil || json.Unmarshal(answer.Skipped, &n) != nil || n < 0 {
		return 0
	}
	return n
}
