// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// found is what the server tells of a table.
type found struct {
	database bool
	version  int               // 0: its comment names none
	columns  map[string]string // types by name; none: there is no such table
}

var versionComment = regexp.MustCompile(`\bapispan schema (\d{1,4})\b`)

// Prepare implements [backend.Preparer]: the table is there and takes what an insert
// names, or create_schema makes it so. Where the server does not let us look, the answers
// to inserts have to tell.
func (t *table) Prepare(ask func(path, content string) ([]byte, error)) error {
	have, err := t.look(ask)
	if err != nil && !t.CreateSchema {
		return nil
	}
	if have != nil && t.CreateSchema && (have.columns == nil || have.version > 0 && have.version < len(t.steps)) {
		if have.database {
			err = t.upgrade(ask, have.version)
		} else if _, err = ask("/", "CREATE DATABASE IF NOT EXISTS `"+t.database+"`"); err == nil {
			err = t.upgrade(ask, 0)
		}
		if err == nil {
			have, err = t.look(ask)
		}
	}
	if err != nil || have == nil {
		return err
	}
	return t.fits(have)
}

// look asks the server for the table; nil if it does not tell.
func (t *table) look(ask func(path, content string) ([]byte, error)) (*found, error) {
	at := "database = '" + t.database + "'"
	of := " WHERE " + at + " AND table = '" + t.name + "'"
	body, err := ask("/", "SELECT name, type FROM system.columns"+of+
		" UNION ALL SELECT '.comment', comment FROM system.tables"+strings.Replace(of, "table", "name", 1)+
		" UNION ALL SELECT '.database', '' FROM system.databases WHERE "+strings.Replace(at, "database", "name", 1)+
		" UNION ALL SELECT '.server', version() FORMAT JSONEachRow")
	if err != nil {
		return nil, err
	}
	have, told := &found{}, false
	for dec := json.NewDecoder(bytes.NewReader(body)); dec.More(); {
		var row struct{ Name, Type string }
		switch err := dec.Decode(&row); {
		case err != nil || row.Name == "":
			return nil, nil // no answer of ClickHouse
		case row.Name == ".server":
			told = true
		case row.Name == ".database":
			have.database = true
		case row.Name == ".comment":
			if m := versionComment.FindStringSubmatch(row.Type); m != nil {
				have.version, _ = strconv.Atoi(m[1])
			}
		default:
			if have.columns == nil {
				have.columns = map[string]string{}
			}
			have.columns[row.Name] = row.Type
		}
	}
	if !told {
		return nil, nil
	}
	return have, nil
}

// upgrade does the steps that the table lacks. Several Collectors may do so at a time.
func (t *table) upgrade(ask func(path, content string) ([]byte, error), version int) error {
	fill := strings.NewReplacer("{table}", t.quoted(), "{ttl}", ttl(t.Retention, "", "\n"), "{body_ttl}", ttl(t.BodyRetention, " ", ""))
	for _, step := range t.steps[version:] {
		for statement := range strings.SplitSeq(step, ";\n") {
			if _, err := ask("/", fill.Replace(statement)); err != nil {
				return err
			}
		}
	}
	return nil
}

// fits returns what is wrong with the table, and what to do.
func (t *table) fits(have *found) error {
	const how = "; docs/clickhouse.md has the tables"
	switch {
	case !have.database:
		return fmt.Errorf("there is no database %s, or the user may not see it: check `clickhouse::database`, or set `clickhouse::create_schema: true`"+how, t.database)
	case have.columns == nil:
		return fmt.Errorf("there is no table %s.%s, or the user may not see it: check `clickhouse::table`, or set `clickhouse::create_schema: true`"+how, t.database, t.name)
	case have.version > 0 && have.version < len(t.steps):
		return fmt.Errorf("the table %s.%s has version %d of the schema and this exporter needs %d: set `clickhouse::create_schema: true`, or upgrade it"+how, t.database, t.name, have.version, len(t.steps))
	}
	for _, c := range t.columns {
		switch typ, ok := have.columns[c.Name]; {
		case !ok:
			return fmt.Errorf("the table %s.%s has no column %s: add it as %s, or write another `clickhouse::table`"+how, t.database, t.name, c.Name, c.Type)
		case plain(typ) != plain(c.Type):
			return fmt.Errorf("the column %s of the table %s.%s has another type than %s: change it, or write another `clickhouse::table`"+how, c.Name, t.database, t.name, c.Type)
		}
	}
	return nil
}

var (
	wrapped   = regexp.MustCompile(`(?:LowCardinality|Nullable)\(([^()]*)\)`)
	precision = regexp.MustCompile(`DateTime64\([^()]*\)`)
)

// plain is a type without what makes no difference to inserts.
func plain(typ string) string {
	typ = precision.ReplaceAllString(typ, "DateTime64")
	for next := ""; next != typ; {
		next, typ = typ, wrapped.ReplaceAllString(typ, "$1")
	}
	return typ
}

func (t *table) quoted() string { return "`" + t.database + "`.`" + t.name + "`" }

// ttl is a TTL clause between two texts, or nothing for 0.
func ttl(d time.Duration, before, after string) string {
	if d == 0 {
		return ""
	}
	return before + "TTL toDateTime(time) + toIntervalSecond(" + strconv.FormatInt(int64(d/time.Second), 10) + ")" + after
}
