// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package check is for the rules of one event: what it may hold, member by member,
// written from a vendor's published sources. A [Rule] knows a value; [Object] and
// [Array] put rules together.
package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Checker collects what is wrong with one event. Texts are "path: rule" and
// never hold a value.
type Checker struct {
	Problems []string
}

// Fail notes that the value at a path breaks a rule.
func (c *Checker) Fail(path, rule string) {
	c.Problems = append(c.Problems, path+": "+rule)
}

// Rule says what is wrong with the value at a path.
type Rule func(c *Checker, path string, v json.RawMessage)

// Field is one member of an object in a schema.
type Field struct {
	required bool
	check    Rule
}

// Fields are the members of an object, by name.
type Fields map[string]Field

// Required makes a member that has to be there.
func Required(check Rule) Field {
	return Field{required: true, check: check}
}

// Optional makes a member that may be missing.
func Optional(check Rule) Field {
	return Field{check: check}
}

// Event runs a schema over an event.
func Event(event []byte, schema Rule) []string {
	c := &Checker{}
	switch {
	case !json.Valid(event):
		c.Fail("event", "not JSON")
	case !utf8.Valid(event):
		c.Fail("event", "not UTF-8")
	default:
		schema(c, "", event)
	}
	return c.Problems
}

// Object makes a check for an object with these members and no others.
func Object(schema Fields) Rule {
	return func(c *Checker, path string, v json.RawMessage) {
		got, ok := c.Members(path, v)
		if !ok {
			return
		}
		for _, name := range slices.Sorted(maps.Keys(schema)) {
			value, present := got[name]
			switch f := schema[name]; {
			case present:
				f.check(c, Join(path, name), value)
			case f.required:
				c.Fail(Join(path, name), "missing")
			}
		}
		for _, name := range slices.Sorted(maps.Keys(got)) {
			if _, known := schema[name]; !known {
				c.Fail(path, fmt.Sprintf("unknown field %.40q", name))
			}
		}
	}
}

// Array makes a check for an array of elements.
func Array(minItems, maxItems int, check Rule) Rule {
	return func(c *Checker, path string, v json.RawMessage) {
		var items []json.RawMessage
		if First(v) != '[' || json.Unmarshal(v, &items) != nil {
			c.Fail(path, "not an array")
			return
		}
		if len(items) < minItems || len(items) > maxItems {
			c.Fail(path, fmt.Sprintf("%d elements, want %d to %d", len(items), minItems, maxItems))
		}
		for i, item := range items {
			check(c, path+"["+strconv.Itoa(i)+"]", item)
		}
	}
}

// Members returns the members of an object, each name once.
func (c *Checker) Members(path string, v json.RawMessage) (map[string]json.RawMessage, bool) {
	if First(v) != '{' {
		c.Fail(path, "not an object")
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
			c.Fail(path, "not an object")
			return nil, false
		}
		if _, dup := got[name]; dup {
			c.Fail(path, fmt.Sprintf("duplicate member %.40q", name))
		}
		got[name] = value
	}
	return got, true
}

// Text returns the decoded string, or fails.
func (c *Checker) Text(path string, v json.RawMessage) (string, bool) {
	var s string
	if First(v) != '"' || json.Unmarshal(v, &s) != nil {
		c.Fail(path, "not a string")
		return "", false
	}
	return s, true
}

// String accepts any string.
func String(c *Checker, path string, v json.RawMessage) { c.Text(path, v) }

// Filled wants a string that is not empty.
func Filled(c *Checker, path string, v json.RawMessage) {
	if s, ok := c.Text(path, v); ok && s == "" {
		c.Fail(path, "empty; leave the field out")
	}
}

// Bool wants true or false.
func Bool(c *Checker, path string, v json.RawMessage) {
	if s := string(v); s != "true" && s != "false" {
		c.Fail(path, "not a boolean")
	}
}

// IntBetween makes a check for an integer.
func IntBetween(low, high int64) Rule {
	return func(c *Checker, path string, v json.RawMessage) {
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			c.Fail(path, "not an integer")
		} else if n < low || n > high {
			c.Fail(path, fmt.Sprintf("not between %d and %d", low, high))
		}
	}
}

// Matching makes a check for a string by pattern.
func Matching(pattern, rule string) Rule {
	re := regexp.MustCompile(pattern)
	return func(c *Checker, path string, v json.RawMessage) {
		if s, ok := c.Text(path, v); ok && !re.MatchString(s) {
			c.Fail(path, rule)
		}
	}
}

// OneOf makes a check for a string from a list.
func OneOf(allowed ...string) Rule {
	return func(c *Checker, path string, v json.RawMessage) {
		if s, ok := c.Text(path, v); ok && !slices.Contains(allowed, s) {
			c.Fail(path, "not one of "+strings.Join(allowed, ", "))
		}
	}
}

// UUID wants 36 characters.
var UUID = Matching(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`, "not a UUID of 36 characters")

const timeLayout = "2006-01-02T15:04:05.000Z"

// Time wants RFC 3339 in UTC with milliseconds.
func Time(c *Checker, path string, v json.RawMessage) {
	s, ok := c.Text(path, v)
	if !ok {
		return
	}
	if t, err := time.Parse(timeLayout, s); err != nil || t.Format(timeLayout) != s {
		c.Fail(path, "not RFC 3339 in UTC with three decimals")
	}
}

// IP wants an address without port, brackets or zone.
func IP(c *Checker, path string, v json.RawMessage) {
	if s, ok := c.Text(path, v); ok {
		if a, err := netip.ParseAddr(s); err != nil || a.Zone() != "" || a.Is4In6() {
			c.Fail(path, "not a bare IP address")
		}
	}
}

// AbsoluteURL wants scheme, host and nothing that a URL may not contain.
func AbsoluteURL(c *Checker, path string, v json.RawMessage) {
	s, ok := c.Text(path, v)
	if !ok {
		return
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		c.Fail(path, "not an absolute http or https URL")
		return
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}#", r) }) {
		c.Fail(path, "a character that must be percent-encoded")
	}
}

// AnyObject accepts any object, its members unchecked.
func AnyObject(c *Checker, path string, v json.RawMessage) { c.Members(path, v) }

// Anything accepts whatever is there.
func Anything(*Checker, string, json.RawMessage) {}

// FilledObject wants an object with members.
func FilledObject(c *Checker, path string, v json.RawMessage) {
	if got, ok := c.Members(path, v); ok && len(got) == 0 {
		c.Fail(path, "empty; leave the field out")
	}
}

// First returns the first byte that is no white space, or 0.
func First(v json.RawMessage) byte {
	v = bytes.TrimLeft(v, " \t\r\n")
	if len(v) == 0 {
		return 0
	}
	return v[0]
}

// Join returns the path of a member.
func Join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
