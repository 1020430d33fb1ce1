// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package metlotest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest/check"
)

// Limits: the collector's JSON parser takes 2 MB (metlo-labs/metlo
// backend/src/collector.ts). It has no limit on items; the figure is ours.
const (
	maxItems     = 50
	maxItemBytes = 64 << 10
	maxBytes     = 2 << 20
)

// Vendor is a fake of Metlo's collector: single and batch of both versions
// of /api/…/log-request, and /api/…/verify (metlo-labs/metlo backend/src, checked
// 2026-11-20).
//
// Like the original it reads a batch item by item: those before one that fails are
// taken, those behind it are not. It answers 200 to an item without method or
// status and drops it. It is stricter where the original's own types, its database
// or its Rust successor are; that is a violation, and the item is taken.
var Vendor = backendtest.Vendor{
	Name:         "metlo",
	Credential:   "api_key",
	MaxItems:     maxItems,
	MaxItemBytes: maxItemBytes,
	MaxBytes:     maxBytes,
	Success:      http.StatusOK,
	Check:        Check,
	Serve:        serve,
	Authorized: func(h http.Header, credential string) bool {
		got := h.Get("Authorization")
		return got != "" && !strings.Contains(got, " ") && (credential == "" || got == credential)
	},
}

func serve(f *backendtest.Fake, r *http.Request) (int, string) {
	refuse := func(status int, problems ...string) (int, string) {
		f.Violate(problems...)
		return status, `{"message":"refused"}`
	}
	version, call, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/api/"), "/")
	if !ok || version != "v1" && version != "v2" || r.URL.RawQuery != "" {
		return refuse(http.StatusNotFound, "request: not to /api/v1 or /api/v2")
	}
	if !f.Vendor.Authorized(r.Header, f.Settings.Credential) {
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
	body, tooLarge, err := f.Read(r)
	if tooLarge {
		return refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("request: more than %d bytes", f.Vendor.MaxBytes))
	}
	items := []json.RawMessage{body}
	if err == nil && call == "log-request/batch" {
		items, err = backendtest.SplitArray("", body)
	} else if err == nil && !json.Valid(body) {
		err = fmt.Errorf("body is not JSON")
	}
	if err != nil {
		return refuse(http.StatusBadRequest, append(problems, "request: "+err.Error())...)
	}
	if len(items) > f.Vendor.MaxItems {
		problems = append(problems, fmt.Sprintf("request: %d events, at most %d allowed", len(items), f.Vendor.MaxItems))
	}
	status := take(f, version, items, &problems)
	f.Violate(problems...)
	if status != http.StatusOK {
		return status, `{"message":"refused"}`
	}
	return status, "OK"
}

// take does what the collector does with the items of a request.
func take(f *backendtest.Fake, version string, items []json.RawMessage, problems *[]string) int {
	traces := make([]trace, len(items))
	for i, item := range items {
		if len(item) > f.Vendor.MaxItemBytes {
			*problems = append(*problems, fmt.Sprintf("event %d: %d bytes, at most %d allowed", i, len(item), f.Vendor.MaxItemBytes))
		}
		for _, p := range checkVersion(version, item) {
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
		case !validPath(t.path()) && version == "v1":
			return http.StatusBadRequest
		case !validPath(t.path()), t.Request.Method == "", t.Response == nil, t.Response.Status == 0:
			continue // answered with 200, all the same
		case version == "v1" && t.breaksSession():
			return http.StatusInternalServerError
		}
		f.Accept(items[i : i+1])
	}
	return http.StatusOK
}

// trace is what decides about the answer.
type trace struct {
	Request *struct {
		URL     struct{ Path string }
		Headers []pair
		Method  string
	}
	Response *struct {
		Status  int
		Headers []pair
	}
}

type pair struct {
	Name  *string
	Value string
}

func (t *trace) path() string {
	if t.Request == nil {
		return ""
	}
	return t.Request.URL.Path
}

// breaksParser: body-parser-middleware.ts.
func (t *trace) breaksParser() bool {
	unnamed := func(h pair) bool { return h.Name == nil }
	return t.Request == nil || t.Response == nil ||
		slices.ContainsFunc(t.Request.Headers, unnamed) || slices.ContainsFunc(t.Response.Headers, unnamed)
}

// breaksSession: services/authentication-config, for a host that has both kinds of
// authentication that can fail.
func (t *trace) breaksSession() bool {
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

// validPath is getValidPath of backend/src/utils.
func validPath(path string) bool {
	empty := 0
	for token := range strings.SplitSeq(path, "/") {
		if token == "" {
			empty++
		}
	}
	return strings.HasPrefix(path, "/") && !strings.ContainsAny(path, `\?<>&=`) && empty <= 2
}

// Check returns what is wrong with one event, of either version; nothing if it
// is sound.
func Check(event []byte) []string {
	var v2 struct{ AnalysisType *string }
	if json.Unmarshal(event, &v2) == nil && v2.AnalysisType != nil {
		return checkVersion("v2", event)
	}
	return checkVersion("v1", event)
}

func checkVersion(version string, event []byte) []string {
	schema := v1
	if version == "v2" {
		schema = v2
	}
	return check.Event(event, func(c *check.Checker, path string, v json.RawMessage) {
		schema(c, path, v)
		var t trace
		if json.Unmarshal(v, &t) == nil && version == "v1" && !t.breaksParser() && t.breaksSession() {
			c.Fail("request.headers", "an Authorization that the session extraction fails on")
		}
	})
}

var (
	// common/src/types.ts; ports as in ingestors/rust-common/src/trace.rs (u16).
	pairsRule = check.Array(0, 1<<20, check.Object(check.Fields{"name": check.Required(textRule), "value": check.Required(textRule)}))
	portRule  = check.IntBetween(0, 65535)

	methodRule = check.OneOf("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE")
	statusRule = check.IntBetween(100, 999)

	meta = check.Fields{
		"environment": check.Required(check.Filled), "incoming": check.Required(check.Bool),
		"source": check.Required(check.IP), "sourcePort": check.Required(portRule),
		"destination": check.Required(check.Filled), "destinationPort": check.Required(portRule),
		"metloSource": check.Required(check.Matching(`^[a-z]+/[a-z]+$`, "not <language>/<framework>")),
	}

	responseRule = check.Object(check.Fields{
		"status": check.Required(statusRule), "headers": check.Required(pairsRule), "body": check.Required(textRule),
	})

	v1 = check.Object(check.Fields{
		"request": check.Required(check.Object(check.Fields{
			"url": check.Required(check.Object(check.Fields{
				"host": check.Required(hostRule), "path": check.Required(pathRule), "parameters": check.Required(pairsRule),
			})),
			"headers": check.Required(pairsRule), "body": check.Required(textRule), "method": check.Required(methodRule),
			"user": check.Optional(check.Filled),
		})),
		"response": check.Required(responseRule),
		"meta":     check.Required(check.Object(meta)),
	})

	v2 = check.Object(check.Fields{
		"request": check.Required(check.Object(check.Fields{
			"url": check.Required(check.Object(check.Fields{
				"host": check.Required(hostRule), "path": check.Required(pathRule), "parameters": check.Required(pairsRule),
				"endpointPath": check.Optional(pathRule),
			})),
			"headers": check.Required(pairsRule), "body": check.Required(textRule), "method": check.Required(methodRule),
		})),
		"response": check.Required(responseRule),
		"meta":     check.Required(check.Object(with(meta, "originalSource", check.Optional(check.IP)))),
		// Not optional to the Rust collector.
		"redacted":     check.Required(check.Bool),
		"analysisType": check.Required(check.OneOf("full", "partial")),
		"sessionMeta": check.Optional(check.Object(check.Fields{
			"authenticationProvided": check.Optional(check.Bool), "authenticationSuccessful": check.Optional(check.Bool),
			"authType":         check.Optional(check.OneOf("basic", "header", "jwt", "session_cookie")),
			"uniqueSessionKey": check.Optional(check.Filled), "user": check.Optional(check.Filled),
		})),
		"encryption": check.Optional(encryptionRule),
	})
)

func with(f check.Fields, name string, one check.Field) check.Fields {
	all := check.Fields{name: one}
	maps.Copy(all, f)
	return all
}

// textRule is a string that the database can hold.
func textRule(c *check.Checker, path string, v json.RawMessage) {
	if s, ok := c.Text(path, v); ok && strings.ContainsRune(s, 0) {
		c.Fail(path, "holds a NUL")
	}
}

func hostRule(c *check.Checker, path string, v json.RawMessage) {
	s, ok := c.Text(path, v)
	if !ok {
		return
	}
	if u, err := url.Parse("http://" + s); err != nil || u.Host != s && !strings.Contains(s, "%") || s == "" {
		c.Fail(path, "not host[:port]")
	}
}

func pathRule(c *check.Checker, path string, v json.RawMessage) {
	s, ok := c.Text(path, v)
	if !ok {
		return
	}
	if !validPath(s) {
		c.Fail(path, "not a path that getValidPath takes")
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '#' || r == '"' }) {
		c.Fail(path, "a character that must be percent-encoded")
	}
}

// encryptionRule: nonces of 12 bytes as lists of numbers, all in the agent's places.
func encryptionRule(c *check.Checker, path string, v json.RawMessage) {
	check.Object(check.Fields{"key": check.Required(check.Filled), "generatedIvs": check.Required(check.AnyObject)})(c, path, v)
	var e struct{ GeneratedIvs map[string]json.RawMessage }
	if json.Unmarshal(v, &e) != nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(e.GeneratedIvs)) {
		place, _, _ := strings.Cut(name, ".")
		if !slices.Contains([]string{"reqQuery", "reqHeaders", "resHeaders", "reqBody", "resBody"}, place) {
			c.Fail(check.Join(path, "generatedIvs"), "a place that the agent does not know")
		}
		check.Array(12, 12, check.IntBetween(0, 255))(c, check.Join(path, "generatedIvs"), e.GeneratedIvs[name])
	}
}
