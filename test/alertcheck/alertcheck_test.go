// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package alertcheck

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

const docs = "../../docs"

// TestRules reads the rules as Prometheus does: expressions, durations, templates.
func TestRules(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(docs, "alerts", "apispan.rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	groups, errs := rulefmt.Parse(text, false, model.UTF8Validation, parser.NewParser(parser.Options{}))
	for _, err := range errs {
		t.Error(err)
	}
	if groups == nil || len(groups.Groups) < 2 {
		t.Fatal("no groups")
	}
}

// TestQueries parses every query of the dashboards, with values for Grafana's
// variables.
func TestQueries(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(docs, "dashboards", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	variables := strings.NewReplacer("$__rate_interval", "5m", "$job", "j", "$instance", "i", "$exporter", "e")
	p := parser.NewParser(parser.Options{})
	queries := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d struct {
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
		}
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatal(err)
		}
		for _, panel := range d.Panels {
			for _, target := range panel.Targets {
				queries++
				expr := variables.Replace(target.Expr)
				if strings.Contains(expr, "$") {
					t.Errorf("%s: %s: a variable that the dashboard does not have: %s", filepath.Base(file), panel.Title, expr)
				}
				if _, err := p.ParseExpr(expr); err != nil {
					t.Errorf("%s: %s: %v", filepath.Base(file), panel.Title, err)
				}
			}
		}
	}
	if queries < 50 {
		t.Errorf("only %d queries", queries)
	}
}
