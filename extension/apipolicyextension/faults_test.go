// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apipolicyextension

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/apispan/apispan/instrumentation/guard"
	"github.com/apispan/apispan/internal/guardrules/rulestest"
)

// TestFaults: 2,000 requests a second while rules change every 50 ms, the vendor hangs and
// answers nonsense, the list is emptied, and the extension ends and begins again with what
// it has stored. No request fails because of us, none that is blocked has an effect, and
// at the end, as between, the vendor's last word is in force.
func TestFaults(t *testing.T) {
	t.Parallel()
	v := rulestest.Moesif(t, ruleA, config)
	store := &memory{data: map[string][]byte{}}
	address := freeAddress(t)
	policy := runAt(t, v, store, address)
	source, err := guard.HTTP("http://"+address+"/v1/policy", guard.WithInterval(time.Second), guard.WithReport(func(error) {}))
	require.NoError(t, err)
	t.Cleanup(func() { _ = source.Close() })
	require.NoError(t, source.Wait(t.Context()))

	var served, answered, blocked atomic.Int64
	shop := httptest.NewServer(guard.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served.Add(1) }),
		source, guard.WithMode(guard.Enforce), guard.WithTimeout(time.Minute)))
	t.Cleanup(shop.Close)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	t.Cleanup(client.CloseIdleConnections)
	status := func() int {
		resp, err := client.Get(shop.URL) //nolint:noctx // a test
		if err != nil {
			t.Error(err)
			return 0
		}
		_ = resp.Body.Close()
		answered.Add(1)
		if resp.StatusCode != http.StatusOK {
			blocked.Add(1)
		}
		assert.Contains(t, []int{http.StatusOK, http.StatusTooManyRequests, http.StatusPaymentRequired}, resp.StatusCode)
		return resp.StatusCode
	}

	done := make(chan struct{})
	var callers sync.WaitGroup
	for range 8 { // of 250 a second each, if the machine can
		callers.Go(func() {
			tick := time.NewTicker(4 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-done:
					return
				case <-tick.C:
					status()
				}
			}
		})
	}
	nonsense := rulestest.Nonsense()
	names := make([]string, 0, len(nonsense))
	for name := range nonsense {
		names = append(names, name)
	}
	slices.Sort(names)
	for i := range 60 {
		switch i % 6 {
		case 0:
			v.Set("/v1/rules", fmt.Sprintf(`[{"_id":"n%d","type":"regex","block":true,"response":{"status":%d}}]`, i, []int{402, 429}[i/6%2]))
		case 2:
			v.Fail(nonsense[names[i/6%len(names)]])
		case 3:
			v.Fail(nil)
		case 4:
			v.Set("/v1/rules", "[]")
		}
		policy.vendors["moesif"].loop.Refresh()
		if i == 30 {
			require.NoError(t, policy.Shutdown(context.Background()))
			policy = runAt(t, v, store, address)
		}
		time.Sleep(50 * time.Millisecond)
	}
	v.Fail(nil)
	v.Set("/v1/rules", ruleA)
	policy.vendors["moesif"].loop.Refresh()
	eventually(t, "the last rule", func() bool { return status() == http.StatusTooManyRequests })
	v.Fail(nonsense["page"])
	policy.vendors["moesif"].loop.Refresh()
	for range 50 {
		assert.Equal(t, http.StatusTooManyRequests, status())
	}
	v.Fail(nil)
	v.Set("/v1/rules", "[]")
	policy.vendors["moesif"].loop.Refresh()
	eventually(t, "the end of rules", func() bool { return status() == http.StatusOK })
	close(done)
	callers.Wait()
	assert.Equal(t, answered.Load()-blocked.Load(), served.Load(), "what was blocked had no effect")
	assert.Positive(t, blocked.Load())
	t.Logf("%d requests, %d blocked", answered.Load(), blocked.Load())
	require.NoError(t, policy.Shutdown(context.Background()))
}

func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// runAt runs an extension at an address, until the test shuts it down.
func runAt(t *testing.T, v *rulestest.Vendor, store *memory, address string) *policy {
	t.Helper()
	cfg := defaultConfig()
	cfg.ServerConfig.NetAddr.Endpoint = address
	cfg.Interval, cfg.Storage = time.Second, &storageID
	moesif(v)(cfg)
	p, err := newPolicy(extensiontest.NewNopSettings(NewFactory().Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), host{storageID: store}))
	return p
}
