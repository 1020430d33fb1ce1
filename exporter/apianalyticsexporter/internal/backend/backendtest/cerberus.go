// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"
)

// What is known of the service from its clients and from the stand-in server in its
// repository (https://github.com/cerberussecurityai/cerberus, checked 2026-11-20):
// 1000 events a batch, about 64 KB an event. Its clients keep events below 56 KB.
const (
	cerberusMaxItems     = 1000
	cerberusMaxItemBytes = 56 << 10
	cerberusMaxBytes     = cerberusMaxItems * cerberusMaxItemBytes
	// cerberusSecretKeyPath is served beside the events.
	cerberusSecretKeyPath = "/api/secret-key"
)

// CerberusAttack stands for what the firewall in front of Cerberus takes for an
// attack: a request that holds it is answered 403.
const CerberusAttack = "' OR '1'='1' --"

// NewCerberus returns a fake of POST /v1/ingest/batch. It also answers GET
// /api/secret-key with the key that Settings gives, and, at any other path, takes
// WebSocket connections with one event in each text frame.
func NewCerberus(s Settings) *Fake {
	if s.SecretKey == "" {
		s.SecretKey = "cerberus-parity-test-key-v1"
	}
	return newFake(vendor{
		name:         "cerberus",
		path:         "/v1/ingest/batch",
		beside:       cerberusSecretKeyPath,
		maxItems:     cerberusMaxItems,
		maxItemBytes: cerberusMaxItemBytes,
		maxBytes:     cerberusMaxBytes,
		success:      http.StatusOK,
		check:        CheckCerberus,
		serve:        serveCerberus,
		frame:        takeCerberusFrame,
	}, s)
}

// CheckCerberus returns what is wrong with one event; nothing if it is sound.
func CheckCerberus(event []byte) []string {
	return checkEvent(event, cerberusEvent)
}

func serveCerberus(f *Fake, r *http.Request) (int, string) {
	refuse := func(status int, problems ...string) (int, string) {
		f.violate(problems...)
		return status, `{"detail":"refused"}`
	}
	key := r.Header.Get("X-API-Key") //nolint:canonicalheader // the vendor's spelling
	switch {
	case key == "":
		return refuse(http.StatusUnauthorized, "request: no X-API-Key")
	case strings.TrimSpace(key) != key, f.settings.Credential != "" && key != f.settings.Credential:
		return refuse(http.StatusForbidden, "request: credential wrong")
	}
	switch {
	case r.URL.Path == cerberusSecretKeyPath && r.Method == http.MethodGet:
		answer, _ := json.Marshal(map[string]string{"secret_key": f.settings.SecretKey})
		return http.StatusOK, string(answer)
	case r.URL.Path != f.vendor.path || r.URL.RawQuery != "":
		return refuse(http.StatusNotFound, "request: not to "+f.vendor.path)
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
	body, tooLarge, err := f.read(r)
	switch {
	case tooLarge:
		return refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("request: more than %d bytes", f.vendor.maxBytes))
	case err != nil:
		return refuse(http.StatusBadRequest, "request: "+err.Error())
	case bytes.Contains(body, []byte(CerberusAttack)):
		return http.StatusForbidden, "<html>Forbidden</html>" // no fault of the sender's
	}
	var batch struct {
		Events []json.RawMessage `json:"events"`
	}
	if json.Unmarshal(body, &batch) != nil {
		return refuse(http.StatusUnprocessableEntity, `request: body is not {"events":[…]}`)
	}
	if len(batch.Events) > f.vendor.maxItems {
		return refuse(http.StatusRequestEntityTooLarge,
			fmt.Sprintf("request: %d events, at most %d allowed", len(batch.Events), f.vendor.maxItems))
	}
	var problems []string
	var taken []json.RawMessage
	skipped := 0
	for i, event := range batch.Events {
		if len(event) > f.vendor.maxItemBytes {
			// The server says nothing more than that it left one out.
			problems = append(problems, fmt.Sprintf("event %d: %d bytes, at most %d allowed", i, len(event), f.vendor.maxItemBytes))
		}
		for _, p := range CheckCerberus(event) {
			problems = append(problems, fmt.Sprintf("event %d: %s", i, p))
		}
		if cerberusHealth(event) {
			skipped++
			continue
		}
		taken = append(taken, event)
	}
	if len(problems) > 0 {
		return refuse(http.StatusUnprocessableEntity, problems...)
	}
	if len(taken) > 0 {
		f.accept(taken)
	}
	return http.StatusOK, fmt.Sprintf(`{"accepted":%d,"skipped":%d}`, len(taken), skipped)
}

// cerberusHealth reports whether the server leaves the event out
// (playground/stub_ingest.py).
func cerberusHealth(event []byte) bool {
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
	cerberusEvent = object(fields{
		"remote_addr":   required(orNull(matching(`^[0-9a-f]{64}$`, "not an HMAC of 64 hexadecimal digits"))),
		"endpoint":      required(matching(`^/[^?#\s]*$`, "not a path without query")),
		"scheme":        required(isBool),
		"method":        required(isFilled),
		"timestamp":     required(isoTime),
		"custom_data":   required(cleanObject),
		"headers":       required(orNull(cerberusHeaders)),
		"query_params":  required(orNull(cerberusQuery)),
		"body":          required(orNull(cleanDocument)),
		"response_body": required(orNull(cerberusResponse)),
		"user_agent":    required(orNull(atMost(1024))),
		"user_id":       required(orNull(atMost(256))),
		// Not at the revision that was read, and stored there all the same.
		"status_code": optional(intBetween(100, 999)),
		"latency_ms":  required(intBetween(0, 1<<53)),
	})
)

// orNull accepts null, too.
func orNull(check func(*checker, string, json.RawMessage)) func(*checker, string, json.RawMessage) {
	return func(c *checker, path string, v json.RawMessage) {
		if string(v) != "null" {
			check(c, path, v)
		}
	}
}

func atMost(n int) func(*checker, string, json.RawMessage) {
	return func(c *checker, path string, v json.RawMessage) {
		if s, ok := c.text(path, v); ok && (s == "" || len([]rune(s)) > n) {
			c.fail(path, fmt.Sprintf("not of 1 to %d characters", n))
		}
	}
}

// isoTime wants what Python's datetime.fromisoformat reads, with an offset.
func isoTime(c *checker, path string, v json.RawMessage) {
	const layout = "2006-01-02T15:04:05.000000-07:00"
	if s, ok := c.text(path, v); ok {
		if t, err := time.Parse(layout, s); err != nil || t.Year() < 1 || !strings.HasSuffix(s, "+00:00") {
			c.fail(path, "not ISO 8601 in UTC with microseconds and offset")
		}
	}
}

func cerberusHeaders(c *checker, path string, v json.RawMessage) {
	members, ok := c.members(path, v)
	if ok && len(members) == 0 {
		c.fail(path, "empty; write null")
	}
	for _, name := range sortedKeys(members) {
		at := join(path, name)
		value, ok := c.text(at, members[name])
		if !ok {
			continue
		}
		switch strings.ToLower(name) {
		case "authorization":
			if value != "[REDACTED]" && !hexDigest(value) {
				c.fail(at, "neither masked nor an HMAC")
			}
		case "cookie", "set-cookie", "x-api-key", "x-auth-token", "proxy-authorization":
			if value != "[REDACTED]" {
				c.fail(at, "not masked")
			}
		}
	}
}

func hexDigest(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

func cerberusQuery(c *checker, path string, v json.RawMessage) {
	members, ok := c.members(path, v)
	if ok && len(members) == 0 {
		c.fail(path, "empty; write null")
	}
	for _, name := range sortedKeys(members) {
		at, value := join(path, name), members[name]
		if cerberusSensitive[strings.ToLower(name)] {
			if string(value) != `"[REDACTED]"` {
				c.fail(at, "not masked")
			}
			continue
		}
		if first(value) == '[' {
			array(2, 1<<20, isString)(c, at, value)
			continue
		}
		isString(c, at, value)
	}
}

// cerberusResponse accepts a document, and what stands in for one.
func cerberusResponse(c *checker, path string, v json.RawMessage) {
	cleanDocument(c, path, v)
	var m map[string]json.RawMessage
	if json.Unmarshal(v, &m) != nil {
		return
	}
	if _, ok := m["_cerberus_metrics"]; ok {
		c.fail(path, "holds _cerberus_metrics, which belong to custom_data")
	}
	if m["body_truncated"] != nil && m["head"] != nil {
		object(fields{
			"body_truncated": required(isBool), "body_bytes_total": required(intBetween(1, 1<<40)),
			"body_bytes_dropped": required(intBetween(0, 1<<40)), "head": required(isString), "tail": required(isString),
		})(c, path, v)
	}
}

var cerberusSensitive = func() map[string]bool {
	m := make(map[string]bool)
	for k := range strings.FieldsSeq(`password passwd secret token api_key apikey api_secret access_token
		refresh_token authorization auth credential credentials private_key ssh_key session_id session_token
		cookie credit_card card_number cvv ssn`) {
		m[k] = true
	}
	return m
}()

// cleanObject wants an object with distinct names and no secret in it.
func cleanObject(c *checker, path string, v json.RawMessage) {
	c.members(path, v)
	cleanDocument(c, path, v)
}

// cleanDocument wants an object or array without the values of sensitive keys and
// not nested below 20 levels.
func cleanDocument(c *checker, path string, v json.RawMessage) {
	var doc any
	dec := json.NewDecoder(bytes.NewReader(v))
	dec.UseNumber()
	if b := first(v); b != '{' && b != '[' || dec.Decode(&doc) != nil {
		c.fail(path, "not an object or array")
		return
	}
	clean(c, path, doc, 0)
}

func clean(c *checker, path string, v any, depth int) {
	switch v := v.(type) {
	case map[string]any:
		if depth > 20 {
			c.fail(path, "nested too deep")
			return
		}
		for _, k := range sortedKeys(v) {
			if cerberusSensitive[strings.ToLower(k)] && v[k] != "[REDACTED]" {
				c.fail(path, "the value of a sensitive key is not masked")
			}
			clean(c, path, v[k], depth+1)
		}
	case []any:
		if depth > 20 {
			c.fail(path, "nested too deep")
			return
		}
		for _, e := range v {
			clean(c, path, e, depth+1)
		}
	}
}
