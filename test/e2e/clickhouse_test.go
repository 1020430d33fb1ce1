// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const (
	clickhouseDocs   = "docs/clickhouse"
	clickhouseSchema = exporterDir + "/internal/backend/clickhouse/schema"
)

func sqlFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(repoRoot(t), dir, "*.sql"))
	if err != nil || len(files) < 2 {
		t.Fatalf("%d SQL files in %s (%v)", len(files), dir, err)
	}
	out := map[string]string{}
	for _, file := range files {
		name := filepath.Base(file)
		out[name] = readFile(t, filepath.Join(dir, name))
	}
	return out
}

// TestClickHouseDocs: the page shows every query and every step of the schema as the files
// have them.
func TestClickHouseDocs(t *testing.T) {
	t.Parallel()
	blocks := codeBlocks(readFile(t, "docs/clickhouse.md"), "sql")
	for _, dir := range []string{clickhouseDocs, clickhouseSchema} {
		for name, text := range sqlFiles(t, dir) {
			if !slices.Contains(blocks, text) {
				t.Errorf("docs/clickhouse.md does not show %s as it is", name)
			}
		}
	}
}

// TestClickHouseDashboard: a panel for each query, with Grafana's macros in place of the
// parameters, and nothing of Prometheus.
func TestClickHouseDashboard(t *testing.T) {
	t.Parallel()
	var d struct {
		dashboard

		Panels []struct {
			ID         int
			Title      string
			Datasource datasource
			GridPos    struct{ H, W, X, Y int }
			Targets    []struct {
				RawSQL     string `json:"rawSql"`
				Datasource datasource
			}
		}
	}
	if err := json.Unmarshal([]byte(readFile(t, clickhouseDocs+"/dashboard.json")), &d); err != nil {
		t.Fatal(err)
	}
	source := datasource{"grafana-clickhouse-datasource", "${datasource}"}
	grafana := strings.NewReplacer("{from:DateTime('UTC')}", "$__fromTime", "{to:DateTime('UTC')}", "$__toTime",
		"{route:String}", "${route:singlequote}", "{consumer:String}", "${consumer:singlequote}")
	shown := map[string]bool{}
	bottom := 0
	for i, p := range d.Panels {
		if len(p.Targets) != 1 || p.Datasource != source || p.Targets[0].Datasource != source || p.ID != i+1 {
			t.Fatalf("panel %q: %+v", p.Title, p)
		}
		if p.GridPos.Y < bottom && p.GridPos.X == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %q overlaps", p.Title)
		}
		bottom = p.GridPos.Y + p.GridPos.H
		shown[p.Targets[0].RawSQL] = true
	}
	files := sqlFiles(t, clickhouseDocs)
	for name, text := range files {
		sql := grafana.Replace(text)
		if !shown[sql] {
			t.Errorf("no panel has %s as the documentation has it", name)
		}
		if regexp.MustCompile(`(^|[^$])\{\w+:`).MatchString(sql) {
			t.Errorf("%s has a parameter that Grafana does not fill", name)
		}
	}
	if len(files) != 6 || len(d.Panels) != 6 {
		t.Errorf("%d queries, %d panels", len(files), len(d.Panels))
	}
	variables := map[string]bool{}
	for _, v := range d.Templating.List {
		variables[v.Name] = true
		if v.Type == "query" && (v.Datasource == nil || *v.Datasource != source) {
			t.Errorf("variable %s: %+v", v.Name, v.Datasource)
		}
	}
	for _, m := range regexp.MustCompile(`\$\{(\w+)`).FindAllStringSubmatch(readFile(t, clickhouseDocs+"/dashboard.json"), -1) {
		if !variables[m[1]] {
			t.Errorf("there is no variable %s", m[1])
		}
	}
}

// TestClickHouseCompose: Grafana, ClickHouse and the collector are told of the same user and
// database.
func TestClickHouseCompose(t *testing.T) {
	t.Parallel()
	var c struct {
		Services map[string]struct {
			Environment map[string]string
			Volumes     []string
		}
	}
	if err := yaml.Unmarshal([]byte(readFile(t, "examples/clickhouse/compose.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	server, collector, grafana := c.Services["clickhouse"].Environment, c.Services["collector"].Environment, c.Services["grafana"].Environment
	if server["CLICKHOUSE_USER"] == "" || server["CLICKHOUSE_USER"] != collector["CLICKHOUSE_USER"] || server["CLICKHOUSE_USER"] != grafana["CLICKHOUSE_USER"] ||
		server["CLICKHOUSE_PASSWORD"] != collector["CLICKHOUSE_KEY"] || server["CLICKHOUSE_PASSWORD"] != grafana["CLICKHOUSE_KEY"] || server["CLICKHOUSE_DB"] != collector["CLICKHOUSE_DATABASE"] {
		t.Errorf("clickhouse %v, collector %v, grafana %v", server, collector, grafana)
	}
	var source struct {
		Datasources []struct {
			Type     string
			JSONData struct {
				Host, Username, DefaultDatabase string
				Port                            int
			} `yaml:"jsonData"`
			SecureJSONData struct{ Password string } `yaml:"secureJsonData"`
		}
	}
	text := strings.ReplaceAll(readFile(t, "examples/clickhouse/grafana/datasource.yaml"), "defaultDatabase", "defaultdatabase")
	if err := yaml.Unmarshal([]byte(text), &source); err != nil || len(source.Datasources) != 1 {
		t.Fatalf("%+v, %v", source, err)
	}
	if s := source.Datasources[0]; s.Type != grafana["GF_INSTALL_PLUGINS"] || s.JSONData.Host != "clickhouse" || s.JSONData.Port != 8123 ||
		s.JSONData.DefaultDatabase != server["CLICKHOUSE_DB"] || s.JSONData.Username != "$CLICKHOUSE_USER" || s.SecureJSONData.Password != "$CLICKHOUSE_KEY" {
		t.Errorf("datasource %+v", s)
	}
	var provider struct {
		Providers []struct {
			Type    string
			Options struct{ Path string }
		}
	}
	if err := yaml.Unmarshal([]byte(readFile(t, "examples/clickhouse/grafana/dashboards.yaml")), &provider); err != nil || len(provider.Providers) != 1 {
		t.Fatalf("%+v, %v", provider, err)
	}
	mounted := slices.ContainsFunc(c.Services["grafana"].Volumes, func(v string) bool {
		return strings.HasPrefix(v, "../../"+clickhouseDocs+"/dashboard.json:"+provider.Providers[0].Options.Path+"/")
	})
	if !mounted {
		t.Errorf("the dashboard is not where Grafana looks: %v", c.Services["grafana"].Volumes)
	}
}
