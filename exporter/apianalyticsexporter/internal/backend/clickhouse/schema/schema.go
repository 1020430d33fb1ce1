// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package schema holds the tables of the backend clickhouse as SQL, for the backend, its
// tests and the documentation.
package schema

import (
	_ "embed"
	"regexp"
	"strings"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
)

var (
	//go:embed events.sql
	events string
	//go:embed entities.sql
	entities string
	// Look is the Question of a [backend.Schema].
	//
	//go:embed look.sql
	Look string
)

// Events and Entities are the steps by which a table of exchanges, and one of entities,
// comes about, with an empty line between them; the version of a table is how many of them
// were done. {table}, {ttl} and {body_ttl} stand for what the configuration says. A step
// that was released never changes, and may be done again.
var Events, Entities = strings.Split(events, "\n\n"), strings.Split(entities, "\n\n")

var column = regexp.MustCompile(`(?m)^    (?:ADD COLUMN IF NOT EXISTS )?([a-z_]+) ([A-Z]\w+(?:\((?:[^()]|\([^()]*\))*\))?)`)

// Columns lists the columns of a table for which the steps were done.
func Columns(steps []string) (list []backend.Column) {
	for _, m := range column.FindAllStringSubmatch(strings.Join(steps, "\n"), -1) {
		list = append(list, backend.Column{Name: m[1], Type: m[2]})
	}
	return list
}
