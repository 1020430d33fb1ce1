// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Limits: the collector's JSON parser takes 2 MB (metlo-labs/metlo
// backend/src/collector.ts). It has no limit on items; the figure is ours.
const (
	metloMaxItems     = 50
	metloMaxItemBytes = 64 << 10
	metloMaxBytes     = 2 << 20
)

// NewMetlo returns a fake of Metlo's collector: single and batch of both versions
// of /api/…/log-request, and /api/…/verify (metlo-labs/metlo backend/src, checked
// 2026-11-20).
//
// Like the original it reads a batch item by item: those before one that fails are
// taken, those behind it are not. It answers 200 to an item without method or
// status and drops it. It is stricter where the original's own types, its database
// or its Rust successor are; that is a violation, and the item is taken.
func NewMetlo(s Settings) *Fake {
	return newFake(vendor{
		name:         "metlo",
		maxItems:     metloMaxItems,
		maxItemBytes: metloMaxItemBytes,
		maxBytes:     metloMaxBytes,
		success:      http.StatusOK,
		serve:        serveMetlo,
		authorized: func(h http.Header, credential string) bool {
			got := h.Get("Authorization")
			return got != "" && !strings.Contains(got, " ") && (credential == "" || got == credential)
		},
	}, s)
}

func serveMetlo(f *Fake, r *http.Request) (int, string) {
	refuse := func(status int, problems ...string) (int, string) {
		f.violate(problems...)
		return status, `{"message":"refused"}`
	}
	version, call, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/api/"), "/")
	if !ok || version != "v1" && version != "v2" || r.URL.RawQuery != "" {
		return refuse(http.StatusNotFound, "request: not to /api/v1 or /api/v2")
	}
	if !f.vendor.authorized(r.Header, f.settings.Credential) {
		return refuse(http.StatusUnauthorized, "request: credential missing or wrong")
	}
	if r.Method == http.MethodGet && call == "verify" {
		return http.StatusOK, "OK"
	}
	if call != "log-request/single" && call != "log-request/batch" || r.Method != http.MethodPost {
		return refuse(http.StatusNotFound, "request: no such call")
	}
	var problems []string
	if r.Header.Get("Content-Type") != "application/json" {
		problems = append(problems, "request: Content-Type is not application/json")
	}
	if r.Header.Get("Content-Encoding") != "" {
		problems = append(problems, "request: no SDK compresses")
	}
	if r.UserAgent() == "" || strings.HasPrefix(r.UserAgent(), "Go-http-client") {
		problems = append(problems, "request: no User-Agent of its own")
	}
	body, tooLarge, err := f.read(r)
	if tooLarge {
		return refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("request: more than %d bytes", f.vendor.maxBytes))
	}
	items := []json.RawMessage{body}
	if err == nil && call == "log-request/batch" {
		items, err = splitArray("", body)
	} else if err == nil && !json.Valid(body) {
		err = fmt.Errorf("body is not JSON")
	}
	if err != nil {
		return refuse(http.StatusBadRequest, append(problems, "request: "+err.Error())...)
	}
	if len(items) > f.vendor.maxItems {
		problems = append(problems, fmt.Sprintf("request: %d events, at most %d allowed", len(items), f.vendor.maxItems))
	}
	status := f.takeMetlo(version, items, &problems)
	f.violate(problems...)
	if status != http.StatusOK {
		return status, `{"message":"refused"}`
	}
	return status, "OK"
}

// takeMetlo does what the collector does with the items of a request.
func (f *Fake) takeMetlo(version string, items []json.RawMessage, problems *[]string) int {
	traces := make([]metloTrace, len(items))
	for i, item := range items {
		if len(item) > f.vendor.maxItemBytes {
			*problems = append(*problems, fmt.Sprintf("event %d: %d bytes, at most %d allowed", i, len(item), f.vendor.maxItemBytes))
		}
		for _, p := range checkMetlo(version, item) {
			*problems = append(*problems, fmt.Sprintf("event %d: %s", i, p))
		}
		_ = json.Unmarshal(item, &traces[i])
		// The body parser looks at all items before any is taken.
		if version == "v1" && traces[i].breaksParser() {
			return http.StatusInternalServerError
		}
	}
	for i := range items {
		t := &traces[i]
		switch {
		case !metloPath(t.path()) && version == "v1":
			return http.StatusBadRequest
		case !metloPath(t.path()), t.Request.Method == "", t.Response == nil, t.Response.Status == 0:
			continue // answered with 200, all the same
		case version == "v1" && t.breaksSession():
			return http.StatusInternalServerError
		}
		f.accept(items[i : i+1])
	}
	return http.StatusOK
}

// metloTrace is what decides about the answer.
type metloTrace struct {
	Request *struct {
		URL     struct{ Path string }
		Headers []metloPair
		Method  string
	}
	Response *struct {
		Status  int
		Headers []metloPair
	}
}

type metloPair struct {
	Name  *string
	Value string
}

func (t *metloTrace) path() string {
	if t.Request == nil {
		return ""
	}
	return t.Request.URL.Path
}

// breaksParser: body-parser-middleware.ts.
func (t *metloTrace) breaksParser() bool {
	unnamed := func(h metloPair) bool { return h.Name == nil }
	return t.Request == nil || t.Response == nil ||
		slices.ContainsFunc(t.Request.Headers, unnamed) || slices.ContainsFunc(t.Response.Headers, unnamed)
}

// breaksSession: services/authentication-config, for a host that has both kinds of
// authentication that can fail.
func (t *metloTrace) breaksSession() bool {
	for _, h := range t.Request.Headers {
		if !strings.EqualFold(*h.Name, "authorization") {
			continue
		}
		if strings.Contains(strings.ToLower(h.Value), "basic") && !strings.Contains(h.Value, "Basic") {
			return true
		}
		if parts := strings.Split(h.Value, "."); len(parts) > 1 {
			doc, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
			if err != nil || len(doc) > 0 && !json.Valid(doc) {
				return true
			}
		}
	}
	return false
}

// metloPath is getValidPath of backend/src/utils.
func metloPath(path string) bool {
	empty := 0
	for token := range strings.SplitSeq(path, "/") {
		if token == "" {
			empty++
		}
	}
	return strings.HasPrefix(path, "/") && !strings.ContainsAny(path, `\?<>&=`) && empty <= 2
}

// CheckMetlo returns what is wrong with one event, of either version; nothing if it
// is sound.
func CheckMetlo(event []byte) []string {
	var v2 struct{ AnalysisType *string }
	if json.Unmarshal(event, &v2) == nil && v2.AnalysisType != nil {
		return checkMetlo("v2", event)
	}
	return checkMetlo("v1", event)
}

func checkMetlo(version string, event []byte) []string {
	schema := metloV1
	if version == "v2" {
		schema = metloV2
	}
	return checkEvent(event, func(c *checker, path string, v json.RawMessage) {
		schema(c, path, v)
		var t metloTrace
		if json.Unmarshal(v, &t) == nil && version == "v1" && !t.breaksParser() && t.breaksSession() {
			c.fail("request.headers", "an Authorization that the session extraction fails on")
		}
	})
}

var (
	// common/src/types.ts; ports as in ingestors/rust-common/src/trace.rs (u16).
	metloPairs = array(0, 1<<20, object(fields{"name": required(metloText), "value": required(metloText)}))
	metloPort  = intBetween(0, 65535)

	metloMethod = oneOf("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE")
	metloStatus = intBetween(100, 999)

	metloMeta = fields{
		"environment": required(isFilled), "incoming": required(isBool),
		"source": required(isIP), "sourcePort": required(metloPort),
		"destination": required(isFilled), "destinationPort": required(metloPort),
		"metloSource": required(matching(`^[a-z]+/[a-z]+$`, "not <language>/<framework>")),
	}

	metloResponse = object(fields{
		"status": required(metloStatus), "headers": required(metloPairs), "body": required(metloText),
	})

	metloV1 = object(fields{
		"request": required(object(fields{
			"url": required(object(fields{
				"host": required(metloHost), "path": required(metloURLPath), "parameters": required(metloPairs),
			})),
			"headers": required(metloPairs), "body": required(metloText), "method": required(metloMethod),
			"user": optional(isFilled),
		})),
		"response": required(metloResponse),
		"meta":     required(object(metloMeta)),
	})

	metloV2 = object(fields{
		"request": required(object(fields{
			"url": required(object(fields{
				"host": required(metloHost), "path": required(metloURLPath), "parameters": required(metloPairs),
				"endpointPath": optional(metloURLPath),
			})),
			"headers": required(metloPairs), "body": required(metloText), "method": required(metloMethod),
		})),
		"response": required(metloResponse),
		"meta":     required(object(with(metloMeta, "originalSource", optional(isIP)))),
		// Not optional to the Rust collector.
		"redacted":     required(isBool),
		"analysisType": required(oneOf("full", "partial")),
		"sessionMeta": optional(object(fields{
			"authenticationProvided": optional(isBool), "authenticationSuccessful": optional(isBool),
			"authType":         optional(oneOf("basic", "header", "jwt", "session_cookie")),
			"uniqueSessionKey": optional(isFilled), "user": optional(isFilled),
		})),
		"encryption": optional(metloEncryption),
	})
)

func with(f fields, name string, one field) fields {
	all := fields{name: one}
	maps.Copy(all, f)
	return all
}

// metloText is a string that the database can hold.
func metloText(c *checker, path string, v json.RawMessage) {
	if s, ok := c.text(path, v); ok && strings.ContainsRune(s, 0) {
		c.fail(path, "holds a NUL")
	}
}

func metloHost(c *checker, path string, v json.RawMessage) {
	s, ok := c.text(path, v)
	if !ok {
		return
	}
	if u, err := url.Parse("http://" + s); err != nil || u.Host != s && !strings.Contains(s, "%") || s == "" {
		c.fail(path, "not host[:port]")
	}
}

func metloURLPath(c *checker, path string, v json.RawMessage) {
	s, ok := c.text(path, v)
	if !ok {
		return
	}
	if !metloPath(s) {
		c.fail(path, "not a path that getValidPath takes")
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '#' || r == '"' }) {
		c.fail(path, "a character that must be percent-encoded")
	}
}

// metloEncryption: nonces of 12 bytes as lists of numbers, all in the agent's places.
func metloEncryption(c *checker, path string, v json.RawMessage) {
	object(fields{"key": required(isFilled), "generatedIvs": required(isObject)})(c, path, v)
	var e struct{ GeneratedIvs map[string]json.RawMessage }
	if json.Unmarshal(v, &e) != nil {
		return
	}
	for _, name := range sortedKeys(e.GeneratedIvs) {
		place, _, _ := strings.Cut(name, ".")
		if !slices.Contains([]string{"reqQuery", "reqHeaders", "resHeaders", "reqBody", "resBody"}, place) {
			c.fail(join(path, "generatedIvs"), "a place that the agent does not know")
		}
		array(12, 12, intBetween(0, 255))(c, join(path, "generatedIvs"), e.GeneratedIvs[name])
	}
}
