// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"
)

// TestAccessLogsAreRedacted: credentials in the records of proxies' access logs are masked
// before an exporter makes exchanges of them, in maps and in text.
func TestAccessLogsAreRedacted(t *testing.T) {
	t.Parallel()
	const secret = "hunter2hunter2"
	r := redactorFor(t, "policy: { version: 1, preset: default }", nil)
	for name, body := range map[string]any{
		"traefik": map[string]any{"RequestMethod": "GET", "RequestPath": "/kept?access_token=" + secret, "request_Authorization": "Bearer " + secret},
		"caddy":   map[string]any{"request": map[string]any{"uri": "/kept?access_token=" + secret, "headers": map[string]any{"Authorization": []any{"Bearer " + secret}, "Cookie": []any{"sid=" + secret}}}},
		"kong":    map[string]any{"request": map[string]any{"url": "https://h/kept?api_key=" + secret, "headers": map[string]any{"x-api-key": secret}}},
		"JSON":    `{"request_uri":"/kept?access_token=` + secret + `","http_authorization":"Bearer ` + secret + `"}`,
		"text":    `203.0.113.7 - - [02/Jan/2026:03:04:05 +0000] "GET /kept?access_token=` + secret + ` HTTP/1.1" 200 9 "-" "u"`,
	} {
		ld := plog.NewLogs()
		rec := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		if err := rec.Body().FromRaw(body); err != nil {
			t.Fatal(err)
		}
		out, err := new(plog.JSONMarshaler).MarshalLogs(r.mustLogs(t, ld))
		if err != nil {
			t.Fatal(err)
		}
		if s := string(out); strings.Contains(s, secret) || !strings.Contains(s, "kept") {
			t.Errorf("%s: %s", name, s)
		}
	}
}
