// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/apispan/apispan/test/harness"
)

func readFile(t testing.TB, name string) string {
	t.Helper()
	root, err := harness.FindRoot()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestDashboard: each query of the dashboard, with what Grafana's plugin writes in place of its
// macros and variables, gives what the documented one gives, and so do those of variables.
func TestDashboard(t *testing.T) {
	e := startEngine(t)
	e.must("CREATE DATABASE api")
	for _, statement := range eventSteps(t, "", "") {
		e.must(statement)
	}
	const n = 20_000
	e.must(fmt.Sprintf(someEvents, 0, n, n))
	from, to := begin.AddDate(0, 0, 9), begin.AddDate(0, 0, 21)
	const route, consumer = "/v1/things-7/{id}", "consumer-1"
	grafana := strings.NewReplacer("$__fromTime", fmt.Sprintf("toDateTime(%d)", from.Unix()), "$__toTime", fmt.Sprintf("toDateTime(%d)", to.Unix()),
		"${route:singlequote}", "'"+route+"'", "${consumer:singlequote}", "'"+consumer+"'")
	params := map[string]string{"from": from.Format(time.DateTime), "to": to.Format(time.DateTime), "route": route, "consumer": consumer}
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct {
				RawSQL string `json:"rawSql"`
			}
		}
		Templating struct {
			List []struct{ Name, Type, Query string }
		}
	}
	if err := json.Unmarshal([]byte(readFile(t, "docs/clickhouse/dashboard.json")), &d); err != nil {
		t.Fatal(err)
	}
	// A documented query by its first line, which is a comment.
	documented := map[string]string{}
	for _, query := range readDir(t, queriesDir) {
		title, _, _ := strings.Cut(query, "\n")
		documented[title] = query
	}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			title, _, _ := strings.Cut(target.RawSQL, "\n")
			got := e.rows(inAPI(grafana.Replace(target.RawSQL)), nil)
			if want := e.rows(inAPI(documented[title]), params); len(got) == 0 || !reflect.DeepEqual(got, want) {
				t.Errorf("panel %q: %d rows, and %d of the documented query, or others", p.Title, len(got), len(want))
			}
		}
	}
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			if got := e.rows(inAPI(grafana.Replace(v.Query)), nil); len(got) < 2 {
				t.Errorf("variable %s has %d values", v.Name, len(got))
			}
		}
	}
	if len(d.Panels) != 6 {
		t.Errorf("%d panels", len(d.Panels))
	}
}

// TestDocsSQL: the engine reads every statement of the page, that of a cluster with the columns
// of the schema, too; and what changes or asks a table is done, on one.
func TestDocsSQL(t *testing.T) {
	e := startEngine(t)
	e.must("CREATE DATABASE api")
	entities := strings.NewReplacer("{table}", "api.api_users").Replace(readDir(t, schemaDir)["entities.sql"])
	for _, statement := range append(eventSteps(t, "", ""), entities) {
		e.must(statement)
	}
	columns := regexp.MustCompile(`(?s)CREATE TABLE[^(]*\(\n(.*?)\n\)\nENGINE`).FindStringSubmatch(eventSteps(t, "", "")[0])[1]
	for _, index := range regexp.MustCompile(`ADD INDEX IF NOT EXISTS (.*?)[,;\n]`).FindAllStringSubmatch(readDir(t, schemaDir)["events.sql"], -1) {
		columns += ",\n    INDEX " + index[1]
	}
	fill := strings.NewReplacer("{table}", "api_events", "{ttl}", "", "{body_ttl}", "", "{database}", "api", "{name}", "api_events",
		"    -- columns and indexes as above", columns)
	params := map[string]string{"from": begin.Format(time.DateTime), "to": begin.Format(time.DateTime), "route": "/", "consumer": "x"}
	statements, done := 0, 0
	for _, block := range regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(readFile(t, "docs/clickhouse.md"), -1) {
		text := strings.ReplaceAll(strings.TrimSpace(block[1]), "\n\n", ";\n")
		for statement := range strings.SplitSeq(strings.TrimSuffix(text, ";"), ";\n") {
			statement = strings.Trim(fill.Replace(statement), "\n;")
			if statement == "" {
				continue
			}
			statements++
			plain := strings.TrimSuffix(statement, "\nFORMAT JSONEachRow")
			if _, err := e.ask("EXPLAIN AST "+plain, params); err != nil {
				t.Errorf("%v\n%.600s", err, statement)
			}
			if strings.HasPrefix(plain, "ALTER TABLE api_events M") || strings.Contains(plain, "FROM api_users") {
				done++
				if _, err := e.ask(strings.ReplaceAll(inAPI(plain), "TABLE api_events", "TABLE api.api_events"), nil); err != nil {
					t.Errorf("%v\n%s", err, plain)
				}
			}
		}
	}
	if statements < 20 || done < 5 {
		t.Errorf("%d statements, %d of them done", statements, done)
	}
}
