// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apipolicyextension

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/apispan/apispan/instrumentation/guard"
	"github.com/apispan/apispan/internal/guardrules/rulestest"
)

const (
	ruleA  = `[{"_id":"a","type":"regex","block":true,"response":{"status":429}}]`
	ruleB  = `[{"_id":"b","type":"user","block":true,"response":{"status":402}},{"_id":"bad","type":"regex","block":true,"response":{"status":99}}]`
	config = `{"sample_rate":100,"billing_config_jsons":{"x":"SECRET-billing"},"user_rules":{"u-1":[{"rules":"b"}]}}`
)

// host has extensions.
type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// memory is a storage that outlives the Collector.
type memory struct {
	component.StartFunc
	component.ShutdownFunc

	storage.Client

	mu   sync.Mutex
	data map[string][]byte
}

func (m *memory) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return m, nil
}

func (m *memory) Get(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.data[key], nil
}

func (m *memory) Set(_ context.Context, key string, v []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.data[key] = v
	return nil
}

func (*memory) Close(context.Context) error { return nil }

var storageID = component.MustNewID("memory")

// start starts an extension that asks v, and returns it with its address and log.
func start(t *testing.T, change func(*Config), store *memory) (*policy, string, *observer.ObservedLogs) {
	t.Helper()
	cfg := defaultConfig()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	cfg.ServerConfig.NetAddr.Endpoint = ln.Addr().String()
	require.NoError(t, ln.Close())
	cfg.Interval = time.Second
	change(cfg)
	h := host{}
	if store != nil {
		cfg.Storage = &storageID
		h[storageID] = store
	}
	require.NoError(t, cfg.Validate())
	set := extensiontest.NewNopSettings(NewFactory().Type())
	core, logs := observer.New(zap.InfoLevel)
	set.Logger = zap.New(core)
	ext, err := newPolicy(set, cfg)
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), h))
	t.Cleanup(func() { require.NoError(t, ext.Shutdown(context.Background())) })
	return ext, "http://" + cfg.ServerConfig.NetAddr.Endpoint + "/v1/policy", logs
}

func moesif(v *rulestest.Vendor) func(*Config) {
	return func(c *Config) { c.Moesif = &MoesifConfig{ApplicationID: rulestest.Key, Endpoint: v.URL} }
}

func get(t *testing.T, url string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp, string(body)
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	require.Eventually(t, f, 20*time.Second, 5*time.Millisecond, what)
}

// TestHandsOut: what services get, and nothing else of what the vendor said.
func TestHandsOut(t *testing.T) {
	t.Parallel()
	v := rulestest.Moesif(t, ruleB, config)
	p, url, logs := start(t, moesif(v), nil)
	resp, body := get(t, url)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	var doc map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(body), &doc))
	assert.JSONEq(t, ruleB, string(doc["rules"]))
	assert.Contains(t, body, `"u-1"`)
	assert.NotContains(t, body, "SECRET")
	assert.Equal(t, 1, p.shelf.rules())
	assert.Equal(t, 1, p.shelf.problems())
	require.NotEmpty(t, logs.FilterMessageSnippet("left out").All())
	assert.Contains(t, logs.FilterMessageSnippet("left out").All()[0].ContextMap()["error"], `moesif rule "bad": response.status: 99`)
	for _, e := range logs.All() {
		assert.NotContains(t, e.Message, rulestest.Key)
	}

	tag := resp.Header.Get("ETag")
	assert.Regexp(t, `^"[^"]+"$`, tag)
	resp, body = get(t, url, "If-None-Match", tag)
	assert.Equal(t, http.StatusNotModified, resp.StatusCode)
	assert.Empty(t, body)
	resp, body = get(t, url, "Accept-Encoding", "identity", "If-None-Match", `"other"`)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.NotEmpty(t, body)
	resp, _ = get(t, url, "Accept-Encoding", "identity", "If-None-Match", tag)
	assert.Equal(t, http.StatusNotModified, resp.StatusCode, "either coding")
	for _, method := range []string{http.MethodPost, http.MethodDelete} {
		req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
	}
}

// TestWaits: who asks with a condition and a preference gets new rules when they come.
func TestWaits(t *testing.T) {
	t.Parallel()
	v := rulestest.Moesif(t, ruleA, config)
	p, url, _ := start(t, moesif(v), nil)
	resp, _ := get(t, url)
	got := make(chan *http.Response, 1)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	req.Header = http.Header{"If-None-Match": {resp.Header.Get("ETag")}, "Prefer": {"wait=30"}}
	go func() {
		r, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = r.Body.Close()
		}
		got <- r
	}()
	select {
	case <-got:
		t.Fatal("answered without anything new")
	case <-time.After(50 * time.Millisecond):
	}
	v.Set("/v1/rules", ruleB)
	p.vendors["moesif"].loop.Refresh()
	r := <-got
	assert.Equal(t, http.StatusOK, r.StatusCode)
	assert.Contains(t, r.Header.Get("Preference-Applied"), "wait=")
	began := time.Now()
	r, _ = get(t, url, "If-None-Match", r.Header.Get("ETag"), "Prefer", "wait=1")
	assert.Equal(t, http.StatusNotModified, r.StatusCode)
	assert.GreaterOrEqual(t, time.Since(began), 900*time.Millisecond)
}

// TestServices: a service that takes its rules here blocks as the vendor says, soon.
func TestServices(t *testing.T) {
	t.Parallel()
	v := rulestest.Moesif(t, "[]", config)
	p, url, _ := start(t, moesif(v), nil)
	source, err := guard.HTTP(url)
	require.NoError(t, err)
	defer func() { _ = source.Close() }()
	require.NoError(t, source.Wait(t.Context()))
	h := guard.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), source, guard.WithMode(guard.Enforce), guard.WithTimeout(time.Minute))
	status := func() int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		return w.Code
	}
	assert.Equal(t, http.StatusOK, status())
	v.Set("/v1/rules", ruleA)
	p.vendors["moesif"].loop.Refresh()
	eventually(t, "blocked", func() bool { return status() == http.StatusTooManyRequests })
}

// TestKeepsRules: no answer that is none takes rules away.
func TestKeepsRules(t *testing.T) {
	t.Parallel()
	for name, answer := range rulestest.Nonsense() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := rulestest.Moesif(t, ruleA, config)
			p, url, logs := start(t, moesif(v), nil)
			v.Fail(answer)
			eventually(t, "said", func() bool {
				p.vendors["moesif"].loop.Refresh()
				return logs.FilterMessageSnippet("could not be had").Len() > 0
			})
			_, body := get(t, url)
			assert.Contains(t, body, `"_id":"a"`)
			for _, e := range logs.All() {
				text, _ := json.Marshal(e.ContextMap())
				for _, secret := range []string{rulestest.Key, "login", "oops"} {
					assert.NotContains(t, string(text), secret)
				}
			}
		})
	}
}

// TestRestart: the last good rules are there before the vendor answers, those of vendors
// that are not asked any more are not, and damage is said.
func TestRestart(t *testing.T) {
	t.Parallel()
	v := rulestest.Moesif(t, ruleA, config)
	m := rulestest.Metlo(t, `{"wafConfig":[{"uuid":"w","ruleType":"block"}]}`)
	both := func(c *Config) {
		moesif(v)(c)
		c.Metlo = &MetloConfig{APIKey: rulestest.Key, Endpoint: m.URL}
	}
	store := &memory{data: map[string][]byte{}}
	first, _, _ := start(t, both, store)
	assert.Equal(t, 2, first.shelf.rules())
	down := func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	v.Fail(down)
	m.Fail(down)
	second, url, logs := start(t, both, store)
	assert.Equal(t, 2, second.shelf.rules())
	_, body := get(t, url)
	assert.Contains(t, body, `"uuid":"w"`)
	assert.Equal(t, 1, logs.FilterMessageSnippet("the last run").Len())
	third, _, _ := start(t, moesif(v), store)
	assert.Equal(t, 1, third.shelf.rules())
	fourth, url, logs := start(t, moesif(v), &memory{data: map[string][]byte{"policy": []byte("{broken")}})
	assert.Zero(t, fourth.shelf.rules())
	assert.Equal(t, 1, logs.FilterMessageSnippet("cannot be used").Len())
	resp, _ := get(t, url)
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	assert.Equal(t, "5", resp.Header.Get("Retry-After"))
}

// TestHints: an exporter's answers make it ask sooner, not often, and nothing else.
func TestHints(t *testing.T) {
	t.Parallel()
	v := rulestest.Moesif(t, ruleA, config)
	p, url, _ := start(t, func(c *Config) { moesif(v)(c); c.Interval = time.Hour }, nil)
	v.Set("/v1/rules", ruleB)
	before := v.Asked("/v1/rules")
	for i := range 100 {
		p.Answered("moesif", http.Header{"X-Moesif-Rules-Tag": {strings.Repeat("x", i+1)}})
		p.Answered("readme", http.Header{"X-Moesif-Rules-Tag": {"y"}})
		p.Answered("moesif", nil)
	}
	eventually(t, "new rules", func() bool { _, body := get(t, url); return strings.Contains(body, `"_id":"b"`) })
	assert.LessOrEqual(t, v.Asked("/v1/rules")-before, 2)
}

// TestTooLarge: what is larger than allowed is refused, and the rules stay.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	v := rulestest.Moesif(t, ruleA, config)
	p, url, logs := start(t, func(c *Config) { moesif(v)(c); c.MaxSizeMiB = 1 }, nil)
	v.Set("/v1/config", `{"user_rules":{"`+strings.Repeat("x", 2<<20)+`":[]}}`)
	eventually(t, "said", func() bool {
		p.vendors["moesif"].loop.Refresh()
		return logs.FilterMessageSnippet("could not be had").Len() > 0
	})
	_, body := get(t, url)
	assert.Contains(t, body, `"_id":"a"`)
	text, _ := json.Marshal(logs.FilterMessageSnippet("could not be had").All()[0].ContextMap())
	assert.Contains(t, string(text), "max_size_mib")
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for want, yaml := range map[string]map[string]any{
		"nobody is asked":                     {},
		"`moesif::application_id` is empty":   {"moesif": map[string]any{"endpoint": "https://x.example"}},
		"`metlo::api_key` is empty":           {"metlo": map[string]any{}},
		"`moesif::endpoint` does not begin":   {"moesif": map[string]any{"application_id": "x", "endpoint": "api.moesif.net"}},
		"the key would be sent in clear":      {"moesif": map[string]any{"application_id": "x", "endpoint": "http://api.moesif.net"}},
		"`interval` is 5ns":                   {"moesif": map[string]any{"application_id": "x"}, "interval": 5},
		"`max_size_mib` is 0":                 {"moesif": map[string]any{"application_id": "x"}, "max_size_mib": 0},
		"`endpoint` is reachable from others": nil,
	} {
		if yaml == nil {
			want, yaml = "`endpoint` is reachable from other machines", map[string]any{"moesif": map[string]any{"application_id": "x"}, "endpoint": "0.0.0.0:8091"}
		}
		cfg := defaultConfig()
		require.NoError(t, confmap.NewFromStringMap(yaml).Unmarshal(cfg), want)
		require.ErrorContains(t, cfg.Validate(), want)
	}
	cfg := defaultConfig()
	require.NoError(t, confmap.NewFromStringMap(map[string]any{"moesif": map[string]any{"application_id": "x"}}).Unmarshal(cfg))
	require.NoError(t, cfg.Validate())
	assert.Equal(t, configopaque.String("x"), cfg.Moesif.ApplicationID)
}

// TestStart: what is wrong with where it stands.
func TestStart(t *testing.T) {
	t.Parallel()
	v := rulestest.Moesif(t, ruleA, config)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = busy.Close() }()
	for want, change := range map[string]func(*Config){
		"cannot be listened on": func(c *Config) { c.ServerConfig.NetAddr.Endpoint = busy.Addr().String() },
		"is not among":          func(c *Config) { c.Storage = &storageID },
		"which is no storage":   func(c *Config) { id := component.MustNewID("other"); c.Storage = &id },
	} {
		cfg := defaultConfig()
		cfg.ServerConfig.NetAddr.Endpoint = "127.0.0.1:0"
		moesif(v)(cfg)
		change(cfg)
		p, err := newPolicy(extensiontest.NewNopSettings(NewFactory().Type()), cfg)
		require.NoError(t, err)
		h := host{component.MustNewID("other"): nopComponent{}}
		require.ErrorContains(t, p.Start(t.Context(), h), want)
		require.NoError(t, p.Shutdown(t.Context()))
	}
}

type nopComponent struct {
	component.StartFunc
	component.ShutdownFunc
}
