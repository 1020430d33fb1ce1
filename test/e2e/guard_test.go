// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apispan/apispan/examples/shop/shopdata"
	"github.com/apispan/apispan/test/harness"
)

// TestGuardBlocks: the vendor says that a user is over quota; the shop, which knows
// neither the vendor nor its key, answers him with the rule's own body, and the vendor is
// told of the blocked call. The Collector may be killed, and the vendor away: the rules
// stay. An empty list unblocks.
func TestGuardBlocks(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the collector")
	}
	bin := programs(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	dir := t.TempDir()
	rules, overlay := filepath.Join(dir, "rules.json"), filepath.Join(dir, "policy.yaml")
	write := func(doc string) {
		t.Helper()
		if err := os.WriteFile(rules+".new", []byte(doc), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(rules+".new", rules); err != nil {
			t.Fatal(err)
		}
	}
	write(harness.QuotaRules)
	port, err := harness.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	if err := harness.WithPolicy(filepath.Join(repoRoot(t), "collectorbuild", "config", "demo.yaml"), overlay, address); err != nil {
		t.Fatal(err)
	}
	fakes, err := harness.StartFakes(ctx, bin.fakes, []string{"-moesif-rules", rules}, nil)
	if err != nil {
		t.Fatal(err)
	}
	collector := startCollector(ctx, t, bin, fakes, "--config", overlay)
	env := append(collector.HTTPEnv(), "SHOP_POLICY=http://"+address+"/v1/policy", "OTEL_BSP_SCHEDULE_DELAY=200")
	shop, shopAddr, err := harness.StartShop(ctx, ctx, bin.shop, "dropin", env)
	if err != nil {
		t.Fatal(err)
	}
	call := func(user shopdata.User) (int, http.Header, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+shopAddr+"/me", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+user.Token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, resp.Header, string(body)
	}
	users := map[string]shopdata.User{}
	for _, u := range shopdata.Users() {
		users[u.ID] = u
	}
	blocked := func() error {
		status, h, body := call(users["u-alan"])
		if status != http.StatusTooManyRequests || h.Get("X-Plan") != "free" || body != `{"error":"quota","message":"The calls of plan free are used up."}` {
			return fmt.Errorf("Alan gets %d %q", status, body)
		}
		return nil
	}
	wait := func(what string, f func() error) {
		t.Helper()
		if err := shop.Wait(ctx, what, f); err != nil {
			t.Fatal(err)
		}
	}
	wait("the block", blocked)
	if status, h, _ := call(users["u-ada"]); status != http.StatusOK || h.Get("X-Notice") != "Maintenance on Sunday" {
		t.Errorf("Ada gets %d, notice %q", status, h.Get("X-Notice"))
	}
	wait("the vendor's event", func() error {
		for _, r := range fakes.Records() {
			if text := string(r.Event); r.Backend == "moesif" && strings.Contains(text, `"blocked_by":"quota-free"`) && strings.Contains(text, "used up") {
				return nil
			}
		}
		return fmt.Errorf("no event with blocked_by")
	})

	// The rules outlive the Collector, in the service, and the vendor, in the Collector.
	collector.Kill()
	if err := blocked(); err != nil {
		t.Error("without a Collector: ", err)
	}
	if err := os.Remove(rules); err != nil { // the vendor answers 500
		t.Fatal(err)
	}
	if err := collector.Restart(ctx, ctx); err != nil {
		t.Fatal(err)
	}
	wait("the stored rules", func() error {
		resp, err := http.Get("http://" + address + "/v1/policy") //nolint:noctx // a test
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), "quota-free") {
			return fmt.Errorf("%d %q", resp.StatusCode, body)
		}
		return nil
	})
	if err := blocked(); err != nil {
		t.Error("without the vendor: ", err)
	}
	write(`{"rules":[]}`)
	wait("the end of the block", func() error {
		if status, _, body := call(users["u-alan"]); status != http.StatusOK {
			return fmt.Errorf("%d %q", status, body)
		}
		return nil
	})
	for _, p := range []*harness.Process{shop, collector.Process} {
		if err := p.Stop(30 * time.Second); err != nil {
			t.Error(err)
		}
	}
}
