// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package clickhousetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest/check"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/clickhouse/schema"
)

// Check returns what is wrong with one row of the table of exchanges, by the types of its
// columns, and with what a column means beyond its type.
func Check(event []byte) []string {
	return check.Event(event, func(c *check.Checker, path string, v json.RawMessage) {
		eventRule(c, path, v)
		if halfSurrogate(v) {
			c.Fail("event", "an escaped surrogate without its other half")
		}
		var row struct {
			Status    *int
			Weight    json.Number
			Direction string
		}
		if json.Unmarshal(v, &row) != nil {
			return
		}
		if row.Status != nil && (*row.Status < 100 || *row.Status > 999) {
			c.Fail("status", "none of a response")
		}
		if row.Weight == "" || row.Weight == "0" {
			c.Fail("weight", "less than one exchange")
		}
		if row.Direction != "incoming" && row.Direction != "outgoing" {
			c.Fail("direction", "neither incoming nor outgoing")
		}
	})
}

var escape = regexp.MustCompile(`\\(?:u([0-9a-fA-F]{4})|.)`)

// halfSurrogate reports whether one half is escaped and the other is not there.
func halfSurrogate(doc []byte) bool {
	if !bytes.Contains(doc, []byte(`\ud`)) && !bytes.Contains(doc, []byte(`\uD`)) {
		return false
	}
	high := -1 // where the other half has to begin
	for _, m := range escape.FindAllSubmatchIndex(doc, -1) {
		var unit uint64
		if m[2] >= 0 {
			unit, _ = strconv.ParseUint(string(doc[m[2]:m[3]]), 16, 16)
		}
		low := unit >= 0xdc00 && unit <= 0xdfff
		if low != (high == m[0]) || high >= 0 && high != m[0] {
			return true
		}
		if high = -1; unit >= 0xd800 && unit <= 0xdbff {
			high = m[1]
		}
	}
	return high >= 0
}

// CheckEntity is Check for an update of an entity, or an action.
func CheckEntity(item []byte) []string { return check.Event(item, entityRule) }

var (
	eventRule  = table(schema.Events, "event_id", "weight", "direction", "duration_us")
	entityRule = table(schema.Entities, "update_id", "id")
)

// table makes the rule of a row: known columns only, each with a value of its type.
func table(steps []string, required ...string) check.Rule {
	fields := check.Fields{}
	for _, c := range schema.Columns(steps) {
		fields[c.Name] = check.Optional(value(c.Type))
	}
	for _, name := range required {
		for _, c := range schema.Columns(steps) {
			if c.Name == name {
				fields[name] = check.Required(value(c.Type))
			}
		}
	}
	return check.Object(fields)
}

var parts = regexp.MustCompile(`^(\w+)(?:\((.*)\))?$`)

// value makes the rule of a type. A type that is not known panics: the schema has a new one.
func value(typ string) check.Rule {
	m := parts.FindStringSubmatch(typ)
	switch name, inner := m[1], m[2]; name {
	case "LowCardinality":
		return value(inner)
	case "Nullable":
		rule := value(inner)
		return func(c *check.Checker, path string, v json.RawMessage) {
			if string(v) == "null" {
				c.Fail(path, "null; leave the field out")
				return
			}
			rule(c, path, v)
		}
	case "String":
		return check.String
	case "UUID":
		return check.UUID
	case "Bool":
		return check.Bool
	case "UInt16":
		return unsigned(16)
	case "UInt64":
		return unsigned(64)
	case "DateTime64":
		return dateTime64
	case "Map":
		key, val, _ := strings.Cut(inner, ", ")
		if key != "LowCardinality(String)" {
			panic("a map of other keys")
		}
		rule := value(val)
		return func(c *check.Checker, path string, v json.RawMessage) {
			members, _ := c.Members(path, v)
			for name, v := range members {
				rule(c, check.Join(path, fmt.Sprintf("%.20q", name)), v)
			}
		}
	}
	panic("clickhousetest: no rule for the type " + typ)
}

// unsigned wants digits: a sign, a fraction or a number out of range is another number, or
// none, to the server.
func unsigned(bits uint) check.Rule {
	limit := new(big.Int).Lsh(big.NewInt(1), bits)
	return func(c *check.Checker, path string, v json.RawMessage) {
		n, ok := new(big.Int).SetString(string(v), 10)
		if !ok || strings.ContainsAny(string(v), "+-.eE") || n.Cmp(limit) >= 0 {
			c.Fail(path, fmt.Sprintf("not a whole number of %d bits without sign", bits))
		}
	}
}

// dateTime64 wants the basic format with six decimals, and a time that neither toYYYYMM nor
// toDateTime wraps around.
func dateTime64(c *check.Checker, path string, v json.RawMessage) {
	const layout = "2006-01-02 15:04:05.000000"
	s, ok := c.Text(path, v)
	if !ok {
		return
	}
	if t, err := time.Parse(layout, s); err != nil || t.Format(layout) != s || t.Year() < 1970 || t.Year() > 2105 {
		c.Fail(path, "not YYYY-MM-DD hh:mm:ss.ffffff from 1970 to 2105")
	}
}
