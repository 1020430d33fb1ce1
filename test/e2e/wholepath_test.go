// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apispan/apispan/examples/shop/shopdata"
	"github.com/apispan/apispan/test/harness"
)

// TestWholePath runs the real programs: traffic → shop (instrumented server) →
// OTLP → otelcol-apispan → schema-checking Moesif and ReadMe endpoints. It proves
// that every exchange arrives once at Moesif, that no event breaks a vendor's
// rule, and that no secret of the shop is in an event, a log or a metric.
func TestWholePath(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the collector")
	}
	for _, tc := range []struct{ name, mode, protocol string }{
		{"drop-in over OTLP/HTTP", "dropin", "http"},
		{"alongside otelhttp over OTLP/gRPC", "alongside", "grpc"},
	} {
		t.Run(tc.name, func(t *testing.T) { wholePath(t, tc.mode, tc.protocol) })
	}
}

func wholePath(t *testing.T, mode, protocol string) {
	bin := programs(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()

	fakes, err := harness.StartFakes(ctx, bin.fakes, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	// At debug the Collector says the most, and must not say too much.
	collector := startCollector(ctx, t, bin, fakes, "--set=service.telemetry.logs.level=debug")
	env := collector.HTTPEnv()
	if protocol == "grpc" {
		env = collector.GRPCEnv()
	}
	shop, addr, err := harness.StartShop(ctx, ctx, bin.shop, mode, env)
	if err != nil {
		t.Fatal(err)
	}
	traffic, err := harness.Start(ctx, bin.traffic, harness.StartOptions{
		Args: []string{"-target", "http://" + addr, "-requests", "400", "-rate", "200", "-duration", "30s", "-json"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := traffic.Err(); err != nil {
		t.Fatalf("traffic: %v\n%s", err, traffic.Log())
	}
	sent := requestsSent(t, traffic.Log())

	// Stopping the shop sends what its SDK still holds.
	if err := shop.Stop(15 * time.Second); err != nil {
		t.Fatalf("shop: %v\n%s", err, shop.Log())
	}
	metrics := waitForDelivery(ctx, t, collector)
	if err := collector.Stop(20 * time.Second); err != nil {
		t.Errorf("collector: %v\n%s", err, collector.Log())
	}
	if err := fakes.Stop(5 * time.Second); err != nil {
		t.Errorf("fake endpoints: %v", err)
	}

	checkRecords(t, fakes, sent, exchangesRecorded(t, shop))
	log := collector.Log()
	secretsAbsent(t, "collector log", log)
	for _, credential := range []string{"demo-application", "demo-key"} {
		if strings.Contains(log, credential) || strings.Contains(metrics, credential) {
			t.Errorf("the collector's log or metrics hold the credential of a backend")
		}
	}
	if !strings.Contains(log, "\tdebug\t") {
		t.Error("the collector did not log at debug, so the search in its log says little")
	}
	secretsAbsent(t, "shop log", shop.Log())
	secretsAbsent(t, "collector metrics", metrics)
	t.Logf("%d requests sent, %d events at Moesif, %d at ReadMe", sent, fakes.Count("moesif"), fakes.Count("readme"))
}

// requestsSent reads how many requests the traffic generator made.
func requestsSent(t *testing.T, log string) int {
	t.Helper()
	for line := range strings.Lines(log) {
		var s struct{ Requests int }
		if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &s) == nil && s.Requests > 0 {
			return s.Requests
		}
	}
	t.Fatalf("no summary in the traffic's output:\n%s", log)
	return 0
}

// exchangesRecorded reads from the shop's last line how many exchanges it has
// recorded.
func exchangesRecorded(t *testing.T, shop *harness.Process) int {
	t.Helper()
	n, err := harness.ExchangesRecorded(shop)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// waitForDelivery polls the collector's own metrics until every translated event
// is accounted for, and returns the last scrape.
func waitForDelivery(ctx context.Context, t *testing.T, c *harness.Collector) string {
	t.Helper()
	var text string
	err := c.Wait(ctx, "delivery of every event", func() error {
		var err error
		if text, err = c.ScrapeMetrics(ctx); err != nil {
			return err
		}
		return deliveryBalance(text)
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return text
}

// checkRecords looks at every event as the backends received it.
func checkRecords(t *testing.T, fakes *harness.Fakes, sent, recorded int) {
	t.Helper()
	redacted := false
	for _, r := range fakes.Records() {
		switch r.Type {
		case "violation":
			t.Errorf("%s: %s", r.Backend, r.Message)
		case "event":
			if r.Duplicate {
				t.Errorf("%s: event %s delivered twice without a fault", r.Backend, r.ID)
			}
			secretsAbsent(t, r.Backend+" event", string(r.Event))
			redacted = redacted || bytes.Contains(r.Event, []byte("[REDACTED"))
		}
	}
	if !redacted {
		t.Error("no event has a redacted value: the traffic sends secrets, so the test proves nothing")
	}
	// Every exchange is an event at Moesif: the incoming ones, and the calls to the
	// payment stub on top.
	if n := fakes.Count("moesif"); n != recorded || n < sent*9/10 {
		t.Errorf("Moesif got %d events; the shop recorded %d exchanges for %d requests", n, recorded, sent)
	}
	// ReadMe takes only exchanges with a consumer.
	if n := fakes.Count("readme"); n < sent/4 {
		t.Errorf("ReadMe got %d events for %d requests", n, sent)
	}
	routes := map[string]bool{}
	for _, r := range fakes.Records() {
		if r.Type == "event" && r.Backend == "moesif" {
			var e struct {
				Request struct {
					Verb string
					Body any
				}
				Response struct{ Status int }
			}
			if err := json.Unmarshal(r.Event, &e); err != nil {
				t.Fatalf("moesif event is not JSON: %v", err)
			}
			routes[e.Request.Verb+" "+strconv.Itoa(e.Response.Status/100)+"xx"] = true
			if e.Request.Body != nil {
				routes["with a body"] = true
			}
		}
	}
	for _, want := range []string{"GET 2xx", "POST 2xx", "GET 4xx", "POST 4xx", "with a body"} {
		if !routes[want] {
			t.Errorf("no event %q; got %v", want, routes)
		}
	}
}

// secretsAbsent looks for every secret of the shop, as text and inside base64.
func secretsAbsent(t *testing.T, where, text string) {
	t.Helper()
	decoded := decodeBase64(text)
	for i, secret := range shopdata.Secrets() {
		if strings.Contains(text, secret) || strings.Contains(decoded, secret) {
			// The position, not the value: test logs are kept, too.
			t.Errorf("%s contains secret number %d of shopdata.Secrets", where, i)
		}
	}
}

// decodeBase64 returns the decoded form of every long base64 run in text.
func decodeBase64(text string) string {
	var out strings.Builder
	for _, word := range strings.FieldsFunc(text, func(r rune) bool {
		return r != '+' && r != '/' && r != '=' && r != '-' && r != '_' &&
			(r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		if len(word) < 16 {
			continue
		}
		word = strings.TrimRight(word, "=")
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			b, err := enc.DecodeString(word)
			if err == nil {
				out.Write(b)
				out.WriteByte('\n')
			}
		}
	}
	return out.String()
}

func TestSecretsAbsentFindsThem(t *testing.T) {
	t.Parallel()
	if got := decodeBase64(`{"body":"` + base64.StdEncoding.EncodeToString([]byte("password=hunter2&x=1")) + `"}`); !strings.Contains(got, "hunter2") {
		t.Errorf("decodeBase64 = %q", got)
	}
}
