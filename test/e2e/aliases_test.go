// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// aliasSecret is under a denied key in every shape below.
const aliasSecret = "zq7SECRETzq7"

// aliasValues are shapes in which a secret can stand in an attribute.
var aliasValues = map[string]string{
	"json":   `{"password":"` + aliasSecret + `","n":1}`,
	"form":   "a=1&password=" + aliasSecret,
	"url":    "https://shop.example.com/p?password=" + aliasSecret + "&a=1",
	"target": "/p?password=" + aliasSecret + "&a=1",
	"bearer": "Bearer " + aliasSecret + "abcdefghijklmnop",
}

// TestAliasesAreRedacted sends spans as other agents make them through the real
// collector: one for each alias of docs/attributes.md and each shape of value. The
// exporter must never know a name that the processor does not, because the
// exporter would then send what the processor left alone.
func TestAliasesAreRedacted(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the collector")
	}
	aliases := documentedAliases(t)
	bin := programs(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	fakes, collector := startBackends(ctx, t, bin)
	traces, n := aliasSpans(aliases)
	postTraces(ctx, t, "http://"+collector.OTLPHTTP+"/v1/traces", traces)
	err := collector.Wait(ctx, "delivery", func() error {
		if got := fakes.Count("moesif"); got < n {
			return fmt.Errorf("%d of %d events", got, n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := collector.Stop(20 * time.Second); err != nil {
		t.Error(err)
	}
	for _, r := range fakes.Records() {
		switch r.Type {
		case "violation":
			t.Errorf("%s: %s", r.Backend, r.Message)
		case "event":
			text := string(r.Event) + decodeBase64(string(r.Event))
			if strings.Contains(text, aliasSecret) {
				at := regexp.MustCompile(`span-under-test:[^"]*`).FindString(text)
				t.Errorf("%s: a secret came through in %s", r.Backend, at)
			}
		}
	}
	if strings.Contains(collector.Log(), aliasSecret) {
		t.Error("the collector's log contains the secret")
	}
	t.Logf("%d aliases, %d spans", len(aliases), n)
}

// documentedAliases reads the alias table. TestAttributesAreDocumented makes sure
// that it is complete.
func documentedAliases(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repoRoot(t), "docs", "attributes.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "| Current key | Place | Aliases |")
	if !ok {
		t.Fatal("docs/attributes.md has no alias table")
	}
	var aliases []string
	for line := range strings.Lines(table) {
		if strings.TrimSpace(line) == "" && len(aliases) > 0 {
			break
		}
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(line, -1) {
			name := strings.ReplaceAll(m[1], "<name>", "x_custom_data")
			if strings.Contains(name, ".") {
				aliases = append(aliases, name)
			}
		}
	}
	if len(aliases) < 40 {
		t.Fatalf("only %d aliases found in the table", len(aliases))
	}
	return aliases
}

func aliasSpans(aliases []string) (ptrace.Traces, int) {
	traces := ptrace.NewTraces()
	rs := traces.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "alias-test")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	n := 0
	for _, alias := range aliases {
		for shape, value := range aliasValues {
			n++
			span := spans.AppendEmpty()
			span.SetTraceID([16]byte{1, byte(n >> 8), byte(n)})
			span.SetSpanID([8]byte{1, byte(n >> 8), byte(n)})
			span.SetKind(ptrace.SpanKindServer)
			span.SetStartTimestamp(1_760_000_000_000_000_000)
			span.SetEndTimestamp(1_760_000_000_001_000_000)
			span.SetName("span-under-test:" + alias + " as " + shape)
			a := span.Attributes()
			a.PutStr("http.request.method", http.MethodPost)
			a.PutStr("url.path", "/p")
			a.PutInt("http.response.status_code", 200)
			a.PutStr("apispan.consumer.id", "consumer")
			// Moesif shows the route as the name of the action.
			a.PutStr("http.route", "/span-under-test:"+alias)
			if alias == "http.request.method" || alias == "http.response.status_code" {
				continue // the span would be no exchange
			}
			if strings.HasSuffix(alias, ".headers") {
				a.PutEmptyMap(alias).PutStr("x-custom", value)
				continue
			}
			a.PutStr(alias, value)
		}
	}
	return traces, n
}

func postTraces(ctx context.Context, t *testing.T, url string, traces ptrace.Traces) {
	t.Helper()
	body, err := ptraceotlp.NewExportRequestFromTraces(traces).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("OTLP answer %d", resp.StatusCode)
	}
}
