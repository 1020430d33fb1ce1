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

type asker = func(path, content string) ([]byte, error)

// Prepare implements [backend.Preparer]: the table is there and takes what an insert
// names, or create_schema makes it so. Where the server does not let us look, the answers
// to inserts have to tell.
func (t *table) Prepare(ask asker) error {
	have, err := t.look(ask)
	if have != nil && t.CreateSchema {
		from, ok := t.version(have)
		if _, exists := have[".comment"]; from < len(t.steps) && (ok || !exists) {
			if err = t.upgrade(ask, have, from); err == nil {
				have, err = t.look(ask)
			}
		}
	}
	switch {
	case err != nil && t.CreateSchema:
		return err
	case err != nil || have == nil:
		return nil
	}
	return t.fits(have)
}

// sights are what look asks for: columns with their types, and with a dot before them the
// table's comment, the database, and that a ClickHouse answers.
const sights = "SELECT name, type FROM system.columns WHERE database = '%[1]s' AND table = '%[2]s'" +
	" UNION ALL SELECT '.comment', comment FROM system.tables WHERE database = '%[1]s' AND name = '%[2]s'" +
	" UNION ALL SELECT '.database', '' FROM system.databases WHERE name = '%[1]s'" +
	" UNION ALL SELECT '.server', version() FORMAT JSONEachRow"

// look asks the server for the table; nil if it does not tell.
func (t *table) look(ask asker) (map[string]string, error) {
	body, err := ask("/", fmt.Sprintf(sights, t.database, t.name))
	have := map[string]string{}
	for dec := json.NewDecoder(bytes.NewReader(body)); err == nil && dec.More(); {
		var row struct{ Name, Type string }
		if dec.Decode(&row) != nil {
			break
		}
		have[row.Name] = row.Type
	}
	if _, told := have[".server"]; !told {
		return nil, err
	}
	return have, err
}

var versionComment = regexp.MustCompile(`\bapispan schema (\d{1,4})\b`)

// version is that of the schema, if the table's comment names one.
func (t *table) version(have map[string]string) (n int, ok bool) {
	if m := versionComment.FindStringSubmatch(have[".comment"]); m != nil {
		n, _ = strconv.Atoi(m[1])
	}
	return n, n > 0
}

// upgrade does the steps that the table lacks. Several Collectors may do so at a time.
func (t *table) upgrade(ask asker, have map[string]string, from int) error {
	todo := strings.Join(t.steps[from:], ";\n")
	if _, ok := have[".database"]; !ok {
		todo = "CREATE DATABASE IF NOT EXISTS `" + t.database + "`;\n" + todo
	}
	fill := strings.NewReplacer("{table}", t.quoted(), "{ttl}", ttl(t.Retention, "", "\n"), "{body_ttl}", ttl(t.BodyRetention, " ", ""))
	for statement := range strings.SplitSeq(todo, ";\n") {
		if _, err := ask("/", fill.Replace(statement)); err != nil {
			return err
		}
	}
	return nil
}

// fits returns what is wrong with the table, and what to do.
func (t *table) fits(have map[string]string) error {
	const how = "; docs/clickhouse.md has the tables"
	_, database := have[".database"]
	_, exists := have[".comment"]
	version, ok := t.version(have)
	switch at := t.database + "." + t.name; {
	case !database:
		return fmt.Errorf("there is no database %s, or the user may not see it: check `clickhouse::database`, or set `clickhouse::create_schema: true`"+how, t.database)
	case !exists:
		return fmt.Errorf("there is no table %s, or the user may not see it: check `clickhouse::table`, or set `clickhouse::create_schema: true`"+how, at)
	case ok && version < len(t.steps):
		return fmt.Errorf("the table %s has version %d of the schema and this exporter needs %d: set `clickhouse::create_schema: true`, or upgrade it"+how, at, version, len(t.steps))
	}
	for _, c := range t.columns {
		switch typ, ok := have[c.Name]; {
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
