// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package schema holds the tables of the backend clickhouse as SQL, for the backend, its
// tests and the documentation.
package schema

import (
	_ "embed"
	"regexp"
	"strings"
)

var (
	//go:embed events_1.sql
	events1 string
	//go:embed events_2.sql
	events2 string
	//go:embed entities_1.sql
	entities1 string
)

// Events and Entities are the steps by which a table of exchanges, and one of entities,
// comes about; the version of a table is how many of them were done. {table}, {ttl} and
// {body_ttl} stand for what the configuration says. A step that was released never
// changes, and may be done again.
var (
	Events   = []string{events1, events2}
	Entities = []string{entities1}
)

// Column is one column of a table, with its type as SQL has it.
type Column struct{ Name, Type string }

var column = regexp.MustCompile(`(?m)^    (?:ADD COLUMN IF NOT EXISTS )?([a-z_]+) ([A-Z]\w+(?:\((?:[^()]|\([^()]*\))*\))?)`)

// Columns lists the columns of a table for which the steps were done.
func Columns(steps []string) (list []Column) {
	for _, m := range column.FindAllStringSubmatch(strings.Join(steps, ""), -1) {
		list = append(list, Column{m[1], m[2]})
	}
	return list
}
