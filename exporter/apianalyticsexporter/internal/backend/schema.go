// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backend

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Schema is the table that the rows of an Endpoint go to. It is a [Preparer], to be embedded:
// the table is there and has the columns, or the steps that it lacks make it so. The block
// of the backend has the keys database, table and create_schema.
type Schema struct {
	// Block is the key of the backend's block; docs/<block>.md shows the tables.
	Block           string
	Database, Table string
	// Create allows the steps. Without it a table that is not as it should be is told, if
	// the server lets us look.
	Create bool
	// Fill puts names and clauses in place of what stands in braces in the statements.
	Fill *strings.Replacer
	// Question is the statement that asks what there is. Its answer is a JSON object with a
	// member "have": an object of the columns with their types, of ".version" with the number
	// of steps that were done, if the table is there ("" for one that is not ours), and of
	// ".database", if that is there.
	Question string
	// CreateDatabase makes the database, and Steps the table, in order: statements with a
	// semicolon and a line break between them, each of which may be done again, also by
	// several Collectors at a time.
	CreateDatabase string
	Steps          []string
	// Columns are those that rows fill.
	Columns []Column
	// Inessential finds in types what makes no difference to rows.
	Inessential *regexp.Regexp
}

// Column is one column of a table, with its type as SQL has it.
type Column struct{ Name, Type string }

// Names are those of the columns, as an insert has them.
func (s *Schema) Names() string {
	var b strings.Builder
	for i, c := range s.Columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(c.Name)
	}
	return b.String()
}

// Look implements [Preparer].
func (s *Schema) Look() (path, content string, optional bool) {
	return "/", s.Fill.Replace(s.Question), !s.Create
}

// Ready implements [Preparer].
func (s *Schema) Ready(answer []byte) (steps []string, err error) {
	var seen struct{ Have map[string]string }
	if json.Unmarshal(answer, &seen) != nil || seen.Have == nil {
		return nil, nil // it does not tell: answers to rows have to
	}
	text, exists := seen.Have[".version"]
	version, foreign := strconv.Atoi(text)
	err = s.wrong(seen.Have, version)
	if err == nil || !s.Create || exists && foreign != nil {
		return nil, err
	}
	if _, ok := seen.Have[".database"]; !ok {
		steps = append(steps, s.Fill.Replace(s.CreateDatabase))
	}
	for _, step := range s.Steps[min(max(version, 0), len(s.Steps)):] {
		steps = append(steps, strings.Split(s.Fill.Replace(step), ";\n")...)
	}
	return steps, err
}

// wrong returns what is wrong with the table, and what to do.
func (s *Schema) wrong(have map[string]string, version int) error {
	_, database := have[".database"]
	_, exists := have[".version"]
	create := "set `" + s.Block + "::create_schema: true`"
	problem := func(format string, args ...any) error {
		return fmt.Errorf(format+"; docs/%s.md has the tables", append(args, s.Block)...)
	}
	switch {
	case !database:
		return problem("there is no database %s, or the user may not see it: check `%s::database`, or %s", s.Database, s.Block, create)
	case !exists:
		return problem("there is no table %s.%s, or the user may not see it: check `%s::table`, or %s", s.Database, s.Table, s.Block, create)
	case version > 0 && version < len(s.Steps):
		return problem("the table %s.%s has version %d of the schema and this exporter needs %d: %s, or upgrade it", s.Database, s.Table, version, len(s.Steps), create)
	}
	for _, c := range s.Columns {
		switch typ, ok := have[c.Name]; {
		case !ok:
			return problem("the table %s.%s has no column %s: add it as %s, or write another `%s::table`", s.Database, s.Table, c.Name, c.Type, s.Block)
		case s.plain(typ) != s.plain(c.Type):
			return problem("the column %s of the table %s.%s has another type than %s: change it, or write another `%s::table`", c.Name, s.Database, s.Table, c.Type, s.Block)
		}
	}
	return nil
}

// plain is a type without what makes no difference.
func (s *Schema) plain(typ string) string { return s.Inessential.ReplaceAllString(typ, "") }
