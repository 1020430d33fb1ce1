// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cerberustest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest/check"
)

// What is known of the service from its clients and from the stand-in server in its
// repository (https://github.com/cerberussecurityai/cerberus, checked 2026-11-20):
// 1000 events a batch, about 64 KB an event. Its clients keep events below 56 KB.
const (
	maxItems     = 1000
	maxItemBytes = 56 << 10
	maxBytes     = maxItems * maxItemBytes
	// secretKeyPath is served beside the events.
	secretKeyPath = "/api/secret-key"
)

// Attack stands for what the firewall in front of Cerberus takes for an
// attack: a request that holds it is answered 403.
const Attack = "' OR '1'='1' --"

// Vendor is a fake of POST /v1/ingest/batch. It also answers GET
// /api/secret-key with the key that Settings gives, and, at any other path, takes
// WebSocket connections with one event in each text frame.
var Vendor = backendtest.Vendor{
	Name:         "cerberus",
	Credential:   "token",
	SecretKey:    "cerberus-parity-test-key-v1",
	Path:         "/v1/ingest/batch",
	Beside:       secretKeyPath,
	MaxItems:     maxItems,
	MaxItemBytes: maxItemBytes,
	MaxBytes:     maxBytes,
	Success:      http.StatusOK,
	Check:        Check,
	Serve:        serve,
	Frame:        takeFrame,
}

// Check returns what is wrong with one event; nothing if it is sound.
func Check(event []byte) []string {
	return check.Event(event, eventRule)
}

func serve(f *backendtest.Fake, r *http.Request) (int, string) {
	refuse := func(status int, problems ...string) (int, string) {
		f.Violate(problems...)
		return status, `{"detail":"refused"}`
	}
	key := r.Header.Get("X-API-Key") //nolint:canonicalheader // the vendor's spelling
	switch {
	case key == "":
		return refuse(http.StatusUnauthorized, "request: no X-API-Key")
	case strings.TrimSpace(key) != key, f.Settings.Credential != "" && key != f.Settings.Credential:
		return refuse(http.StatusForbidden, "request: credential wrong")
	}
	switch {
	case r.URL.Path == secretKeyPath && r.Method == http.MethodGet:
		answer, _ := json.Marshal(map[string]string{"secret_key": f.Settings.SecretKey})
		return http.StatusOK, string(answer)
	case r.URL.Path != f.Vendor.Path || r.URL.RawQuery != "":
		return refuse(http.StatusNotFound, "request: not to "+f.Vendor.Path)
	case r.Method != http.MethodPost:
		return refuse(http.StatusMethodNotAllowed, "request: method is not POST")
	}
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/json" {
		return refuse(http.StatusUnsupportedMediaType, "request: Content-Type is not application/json")
	}
	if r.Header.Get("Content-Encoding") != "" {
		return refuse(http.StatusBadRequest, "request: no client of the vendor compresses")
	}
	body, tooLarge, err := f.Read(r)
	switch {
	case tooLarge:
		return refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("request: more than %d bytes", f.Vendor.MaxBytes))
	case err != nil:
		return refuse(http.StatusBadRequest, "request: "+err.Error())
	case bytes.Contains(body, []byte(Attack)):
		return http.StatusForbidden, "<html>Forbidden</html>" // no fault of the sender's
	}
	var batch struct {
		Events []json.RawMessage `json:"events"`
	}
	if json.Unmarshal(body, &batch) != nil {
		return refuse(http.StatusUnprocessableEntity, `request: body is not {"events":[…]}`)
	}
	if len(batch.Events) > f.Vendor.MaxItems {
		return refuse(http.StatusRequestEntityTooLarge,
			fmt.Sprintf("request: %d events, at most %d allowed", len(batch.Events), f.Vendor.MaxItems))
	}
	var problems []string
	var taken []json.RawMessage
	skipped := 0
	for i, event := range batch.Events {
		if len(event) > f.Vendor.MaxItemBytes {
			// The server says nothing more than that it left one out.
			problems = append(problems, fmt.Sprintf("event %d: %d bytes, at most %d allowed", i, len(event), f.Vendor.MaxItemBytes))
		}
		for _, p := range Check(event) {
			problems = append(problems, fmt.Sprintf("event %d: %s", i, p))
		}
		if isHealth(event) {
			skipped++
			continue
		}
		taken = append(taken, event)
	}
	if len(problems) > 0 {
		return refuse(http.StatusUnprocessableEntity, problems...)
	}
	if len(taken) > 0 {
		f.Accept(taken)
	}
	return http.StatusOK, fmt.Sprintf(`{"accepted":%d,"skipped":%d}`, len(taken), skipped)
}

// isHealth reports whether the server leaves the event out
// (playground/stub_ingest.py).
func isHealth(event []byte) bool {
	var e struct {
		Endpoint string `json:"endpoint"`
	}
	_ = json.Unmarshal(event, &e)
	path := strings.TrimRight(e.Endpoint, "/")
	switch strings.ToLower(path[strings.LastIndexByte(path, '/')+1:]) {
	case "health", "healthz", "healthcheck", "health_check", "health-check",
		"ready", "readyz", "readiness", "live", "livez", "liveness":
		return true
	}
	return false
}

var (
	eventRule = check.Object(check.Fields{
		"remote_addr":   check.Required(orNull(check.Matching(`^[0-9a-f]{64}$`, "not an HMAC of 64 hexadecimal digits"))),
		"endpoint":      check.Required(check.Matching(`^/[^?#\s]*$`, "not a path without query")),
		"scheme":        check.Required(check.Bool),
		"method":        check.Required(check.Filled),
		"timestamp":     check.Required(isoTime),
		"custom_data":   check.Required(cleanObject),
		"headers":       check.Required(orNull(headersRule)),
		"query_params":  check.Required(orNull(queryRule)),
		"body":          check.Required(orNull(cleanDocument)),
		"response_body": check.Required(orNull(responseRule)),
		"user_agent":    check.Required(orNull(atMost(1024))),
		"user_id":       check.Required(orNull(atMost(256))),
		// Not at the revision that was read, and stored there all the same.
		"status_code": check.Optional(check.IntBetween(100, 999)),
		"latency_ms":  check.Required(check.IntBetween(0, 1<<53)),
	})
)

// orNull accepts null, too.
func orNull(rule check.Rule) check.Rule {
	return func(c *check.Checker, path string, v json.RawMessage) {
		if string(v) != "null" {
			rule(c, path, v)
		}
	}
}

func atMost(n int) check.Rule {
	return func(c *check.Checker, path string, v json.RawMessage) {
		if s, ok := c.Text(path, v); ok && (s == "" || len([]rune(s)) > n) {
			c.Fail(path, fmt.Sprintf("not of 1 to %d characters", n))
		}
	}
}

// isoTime wants what Python's datetime.fromisoformat reads, with an offset.
func isoTime(c *check.Checker, path string, v json.RawMessage) {
	const layout = "2006-01-02T15:04:05.000000-07:00"
	if s, ok := c.Text(path, v); ok {
		if t, err := time.Parse(layout, s); err != nil || t.Year() < 1 || !strings.HasSuffix(s, "+00:00") {
			c.Fail(path, "not ISO 8601 in UTC with microseconds and offset")
		}
	}
}

func headersRule(c *check.Checker, path string, v json.RawMessage) {
	members, ok := c.Members(path, v)
	if ok && len(members) == 0 {
		c.Fail(path, "empty; write null")
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		at := check.Join(path, name)
		value, ok := c.Text(at, members[name])
		if !ok {
			continue
		}
		switch strings.ToLower(name) {
		case "authorization":
			if value != "[REDACTED]" && !hexDigest(value) {
				c.Fail(at, "neither masked nor an HMAC")
			}
		case "cookie", "set-cookie", "x-api-key", "x-auth-token", "proxy-authorization":
			if value != "[REDACTED]" {
				c.Fail(at, "not masked")
			}
		}
	}
}

func hexDigest(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

func queryRule(c *check.Checker, path string, v json.RawMessage) {
	members, ok := c.Members(path, v)
	if ok && len(members) == 0 {
		c.Fail(path, "empty; write null")
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		at, value := check.Join(path, name), members[name]
		if sensitive[strings.ToLower(name)] {
			if string(value) != `"[REDACTED]"` {
				c.Fail(at, "not masked")
			}
			continue
		}
		if check.First(value) == '[' {
			check.Array(2, 1<<20, check.String)(c, at, value)
			continue
		}
		check.String(c, at, value)
	}
}

// responseRule accepts a document, and what stands in for one.
func responseRule(c *check.Checker, path string, v json.RawMessage) {
	cleanDocument(c, path, v)
	var m map[string]json.RawMessage
	if json.Unmarshal(v, &m) != nil {
		return
	}
	if _, ok := m["_cerberus_metrics"]; ok {
		c.Fail(path, "holds _cerberus_metrics, which belong to custom_data")
	}
	if m["body_truncated"] != nil && m["head"] != nil {
		check.Object(check.Fields{
			"body_truncated": check.Required(check.Bool), "body_bytes_total": check.Required(check.IntBetween(1, 1<<40)),
			"body_bytes_dropped": check.Required(check.IntBetween(0, 1<<40)), "head": check.Required(check.String), "tail": check.Required(check.String),
		})(c, path, v)
	}
}

var sensitive = func() map[string]bool {
	m := make(map[string]bool)
	for k := range strings.FieldsSeq(`password passwd secret token api_key apikey api_secret access_token
		refresh_token authorization auth credential credentials private_key ssh_key session_id session_token
		cookie credit_card card_number cvv ssn`) {
		m[k] = true
	}
	return m
}()

// cleanObject wants an object with distinct names and no secret in it.
func cleanObject(c *check.Checker, path string, v json.RawMessage) {
	c.Members(path, v)
	cleanDocument(c, path, v)
}

// cleanDocument wants an object or array without the values of sensitive keys and
// not nested below 20 levels.
func cleanDocument(c *check.Checker, path string, v json.RawMessage) {
	var doc any
	dec := json.NewDecoder(bytes.NewReader(v))
	dec.UseNumber()
	if b := check.First(v); b != '{' && b != '[' || dec.Decode(&doc) != nil {
		c.Fail(path, "not an object or array")
		return
	}
	clean(c, path, doc, 0)
}

func clean(c *check.Checker, path string, v any, depth int) {
	switch v := v.(type) {
	case map[string]any:
		if depth > 20 {
			c.Fail(path, "nested too deep")
			return
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if sensitive[strings.ToLower(k)] && v[k] != "[REDACTED]" {
				c.Fail(path, "the value of a sensitive key is not masked")
			}
			clean(c, path, v[k], depth+1)
		}
	case []any:
		if depth > 20 {
			c.Fail(path, "nested too deep")
			return
		}
		for _, e := range v {
			clean(c, path, e, depth+1)
		}
	}
}
