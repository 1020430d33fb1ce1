// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// summary is what the demo prints of an event.
type summary struct {
	Backend, Method, URL, Who string
	Outgoing                  bool // a call that the shop made itself
	Status                    int
	Millis                    int64
	Redacted                  []string // places whose value was replaced
}

func (s summary) String() string {
	who := s.Who
	if who == "" {
		who = "-"
	}
	redacted := "nothing to redact"
	if n := len(s.Redacted); n > 0 {
		shown := s.Redacted
		if n > 4 {
			shown = shown[:4]
		}
		redacted = fmt.Sprintf("redacted %d: %s", n, strings.Join(shown, ", "))
		if n > 4 {
			redacted += ", …"
		}
	}
	status := "---"
	if s.Status > 0 {
		status = strconv.Itoa(s.Status)
	}
	direction := "in "
	if s.Outgoing {
		direction = "out"
	}
	return fmt.Sprintf("%-7s %s %-4s %-34s %s %4d ms  %-14s %s",
		s.Backend, direction, s.Method, clip(s.URL, 34), status, s.Millis, clip(who, 14), redacted)
}

func clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// moesifEvent and harEvent name only what the demo prints.
type moesifEvent struct {
	Request struct {
		Time, URI, Verb string
	}
	Response *struct {
		Time   string
		Status int
	}
	UserID    string `json:"user_id"`
	Direction string
}

type harEvent struct {
	Group   struct{ Label, Email, ID string }
	Request struct {
		Log struct {
			Entries []struct {
				Time     int64
				Request  struct{ Method, URL string }
				Response struct {
					Status int
				}
			}
		}
	}
}

// summarize reads an event as the backend received it.
func summarize(backend string, event []byte) (summary, error) {
	s := summary{Backend: backend}
	switch backend {
	case "moesif":
		var e moesifEvent
		if err := json.Unmarshal(event, &e); err != nil {
			return s, err
		}
		s.Method, s.URL, s.Who = e.Request.Verb, pathOf(e.Request.URI), e.UserID
		s.Outgoing = e.Direction == "Outgoing"
		if e.Response != nil {
			s.Status, s.Millis = e.Response.Status, millisBetween(e.Request.Time, e.Response.Time)
		}
	case "readme":
		var e harEvent
		if err := json.Unmarshal(event, &e); err != nil {
			return s, err
		}
		if len(e.Request.Log.Entries) == 1 {
			entry := e.Request.Log.Entries[0]
			s.Method, s.URL = entry.Request.Method, pathOf(entry.Request.URL)
			s.Status, s.Millis = entry.Response.Status, entry.Time
		}
		s.Who = e.Group.Label
	default:
		return s, fmt.Errorf("unknown backend %q", backend)
	}
	var tree any
	if err := json.Unmarshal(event, &tree); err != nil {
		return s, err
	}
	s.Redacted = redactedPlaces(tree)
	return s, nil
}

func pathOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "?"
	}
	return u.RequestURI()
}

// redactedPlaces lists where the marks of a policy stand: "[REDACTED…]" or an
// HMAC token.
func redactedPlaces(tree any) []string {
	var places []string
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if name, ok := v["name"].(string); ok && len(v) <= 4 { // a HAR name/value pair
				if _, has := v["value"]; has {
					walk(join(path, name), v["value"])
					return
				}
			}
			if v["transfer_encoding"] == "base64" {
				if text, ok := v["body"].(string); ok {
					if raw, err := base64.StdEncoding.DecodeString(text); err == nil && isRedacted(string(raw)) {
						places = append(places, join(path, "body"))
					}
				}
			}
			keys := make([]string, 0, len(v))
			for k := range v {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			for _, k := range keys {
				walk(join(path, k), v[k])
			}
		case []any:
			for _, e := range v {
				walk(path, e)
			}
		case string:
			var inner any
			if strings.HasPrefix(v, "{") && json.Unmarshal([]byte(v), &inner) == nil {
				walk(path, inner)
				return
			}
			if isRedacted(v) {
				places = append(places, path)
			}
		}
	}
	walk("", tree)
	slices.Sort(places)
	return slices.Compact(places)
}

func isRedacted(s string) bool {
	return strings.Contains(s, "[REDACTED") || strings.Contains(s, "%5BREDACTED") || strings.Contains(s, "hmac:")
}

// shorten drops the levels of a path that only the envelope needs.
var shorten = strings.NewReplacer("request.log.entries.", "", ".headers.", ".", ".postData.text", ".body",
	".postData.params", ".body", ".content.text", ".body")

func join(path, key string) string {
	if path == "" {
		return key
	}
	return shorten.Replace(path + "." + key)
}

func millisBetween(from, to string) int64 {
	a, err := time.Parse(time.RFC3339Nano, from)
	if err != nil {
		return 0
	}
	b, err := time.Parse(time.RFC3339Nano, to)
	if err != nil {
		return 0
	}
	return b.Sub(a).Milliseconds()
}
