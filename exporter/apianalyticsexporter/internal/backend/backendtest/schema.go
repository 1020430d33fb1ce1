// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// checker collects what is wrong with one event. Texts are "path: rule" and
// never hold a value.
type checker struct {
	problems []string
}

func (c *checker) fail(path, rule string) {
	c.problems = append(c.problems, path+": "+rule)
}

// field is one member of an object in a schema.
type field struct {
	required bool
	check    func(c *checker, path string, v json.RawMessage)
}

type fields map[string]field

func required(check func(*checker, string, json.RawMessage)) field {
	return field{required: true, check: check}
}

func optional(check func(*checker, string, json.RawMessage)) field {
	return field{check: check}
}

// checkEvent runs a schema over an event.
func checkEvent(event []byte, schema func(*checker, string, json.RawMessage)) []string {
	c := &checker{}
	switch {
	case !json.Valid(event):
		c.fail("event", "not JSON")
	case !utf8.Valid(event):
		c.fail("event", "not UTF-8")
	default:
		schema(c, "", event)
	}
	return c.problems
}

// object makes a check for an object with these members and no others.
func object(schema fields) func(*checker, string, json.RawMessage) {
	return func(c *checker, path string, v json.RawMessage) {
		got, ok := c.members(path, v)
		if !ok {
			return
		}
		for _, name := range sortedKeys(schema) {
			value, present := got[name]
			switch f := schema[name]; {
			case present:
				f.check(c, join(path, name), value)
			case f.required:
				c.fail(join(path, name), "missing")
			}
		}
		for _, name := range sortedKeys(got) {
			if _, known := schema[name]; !known {
				c.fail(path, fmt.Sprintf("unknown field %.40q", name))
			}
		}
	}
}

// array makes a check for an array of elements.
func array(minItems, maxItems int, check func(*checker, string, json.RawMessage)) func(*checker, string, json.RawMessage) {
	return func(c *checker, path string, v json.RawMessage) {
		var items []json.RawMessage
		if first(v) != '[' || json.Unmarshal(v, &items) != nil {
			c.fail(path, "not an array")
			return
		}
		if len(items) < minItems || len(items) > maxItems {
			c.fail(path, fmt.Sprintf("%d elements, want %d to %d", len(items), minItems, maxItems))
		}
		for i, item := range items {
			check(c, path+"["+strconv.Itoa(i)+"]", item)
		}
	}
}

// members returns the members of an object, each name once.
func (c *checker) members(path string, v json.RawMessage) (map[string]json.RawMessage, bool) {
	if first(v) != '{' {
		c.fail(path, "not an object")
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(v))
	_, _ = dec.Token()
	got := make(map[string]json.RawMessage)
	for dec.More() {
		tok, err := dec.Token()
		name, ok := tok.(string)
		var value json.RawMessage
		if err != nil || !ok || dec.Decode(&value) != nil {
			c.fail(path, "not an object")
			return nil, false
		}
		if _, dup := got[name]; dup {
			c.fail(path, fmt.Sprintf("duplicate member %.40q", name))
		}
		got[name] = value
	}
	return got, true
}

// text returns the decoded string, or fails.
func (c *checker) text(path string, v json.RawMessage) (string, bool) {
	var s string
	if first(v) != '"' || json.Unmarshal(v, &s) != nil {
		c.fail(path, "not a string")
		return "", false
	}
	return s, true
}

func isString(c *checker, path string, v json.RawMessage) { c.text(path, v) }

func isFilled(c *checker, path string, v json.RawMessage) {
	if s, ok := c.text(path, v); ok && s == "" {
		c.fail(path, "empty; leave the field out")
	}
}

func isBool(c *checker, path string, v json.RawMessage) {
	if s := string(v); s != "true" && s != "false" {
		c.fail(path, "not a boolean")
	}
}

// intBetween makes a check for an integer.
func intBetween(low, high int64) func(*checker, string, json.RawMessage) {
	return func(c *checker, path string, v json.RawMessage) {
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			c.fail(path, "not an integer")
		} else if n < low || n > high {
			c.fail(path, fmt.Sprintf("not between %d and %d", low, high))
		}
	}
}

// matching makes a check for a string by pattern.
func matching(pattern, rule string) func(*checker, string, json.RawMessage) {
	re := regexp.MustCompile(pattern)
	return func(c *checker, path string, v json.RawMessage) {
		if s, ok := c.text(path, v); ok && !re.MatchString(s) {
			c.fail(path, rule)
		}
	}
}

// oneOf makes a check for a string from a list.
func oneOf(allowed ...string) func(*checker, string, json.RawMessage) {
	return func(c *checker, path string, v json.RawMessage) {
		if s, ok := c.text(path, v); ok && !slices.Contains(allowed, s) {
			c.fail(path, "not one of "+strings.Join(allowed, ", "))
		}
	}
}

var isUUID = matching(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`, "not a UUID of 36 characters")

const timeLayout = "2006-01-02T15:04:05.000Z"

// isTime wants RFC 3339 in UTC with milliseconds.
func isTime(c *checker, path string, v json.RawMessage) {
	s, ok := c.text(path, v)
	if !ok {
		return
	}
	if t, err := time.Parse(timeLayout, s); err != nil || t.Format(timeLayout) != s {
		c.fail(path, "not RFC 3339 in UTC with three decimals")
	}
}

// isIP wants an address without port, brackets or zone.
func isIP(c *checker, path string, v json.RawMessage) {
	if s, ok := c.text(path, v); ok {
		if a, err := netip.ParseAddr(s); err != nil || a.Zone() != "" || a.Is4In6() {
			c.fail(path, "not a bare IP address")
		}
	}
}

// isAbsoluteURL wants scheme, host and nothing that a URL may not contain.
func isAbsoluteURL(c *checker, path string, v json.RawMessage) {
	s, ok := c.text(path, v)
	if !ok {
		return
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		c.fail(path, "not an absolute http or https URL")
		return
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}#", r) }) {
		c.fail(path, "a character that must be percent-encoded")
	}
}

// isObject accepts any object, its members unchecked.
func isObject(c *checker, path string, v json.RawMessage) { c.members(path, v) }

func first(v json.RawMessage) byte {
	v = bytes.TrimLeft(v, " \t\r\n")
	if len(v) == 0 {
		return 0
	}
	return v[0]
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
