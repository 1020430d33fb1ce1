// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const runbook = "https://github.com/apispan/apispan/blob/main/docs/operations.md"

// alertRules is a file of Prometheus rules.
type alertRules struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Expr, For    string
			Labels, Annotations map[string]string
		}
	}
}

// dashboard is the part of a Grafana dashboard that is ours to get right.
type dashboard struct {
	UID           *string `json:"uid"`
	ID            *int    `json:"id"`
	Title         string
	Description   string
	SchemaVersion int
	Tags          []string
	Templating    struct {
		List []struct {
			Name, Type string
			Definition string
			Query      any
			Datasource *datasource
		}
	}
	Panels []struct {
		ID                       int
		Title, Type, Description string
		Datasource               *datasource
		GridPos                  struct{ H, W, X, Y int }
		FieldConfig              struct{ Defaults struct{ Unit string } }
		Targets                  []struct {
			RefID      string `json:"refId"`
			Expr       string
			Datasource *datasource
		}
	}
}

type datasource struct{ Type, UID string }

func (d *datasource) variable() bool {
	return d != nil && *d == datasource{"prometheus", "${datasource}"}
}

func readRules(t *testing.T) (rules alertRules) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(readFile(t, "docs/alerts/apispan.rules.yaml")), &rules); err != nil {
		t.Fatal(err)
	}
	return rules
}

func readDashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(repoRoot(t), "docs/dashboards/*.json"))
	if err != nil || len(files) < 3 {
		t.Fatalf("only %d dashboards (%v)", len(files), err)
	}
	out := map[string]dashboard{}
	for _, file := range files {
		var d dashboard
		name := filepath.Base(file)
		if err := json.Unmarshal([]byte(readFile(t, "docs/dashboards/"+name)), &d); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		out[name] = d
	}
	return out
}

// known is every metric with its labels, and for labels with fixed values these.
type known struct {
	labels map[string]map[string]bool
	values map[string]map[string][]string
}

// declared reads the components' metadata.yaml. Histograms have Prometheus's three
// suffixes.
func declared(t *testing.T) known {
	t.Helper()
	k := known{map[string]map[string]bool{}, map[string]map[string][]string{}}
	for _, file := range []string{"exporter/apianalyticsexporter/metadata.yaml", "processor/httpredactionprocessor/metadata.yaml"} {
		var m struct {
			Attributes map[string]struct{ Enum []string }
			Telemetry  struct {
				Metrics map[string]struct {
					Attributes []string
					Histogram  any
				}
			}
		}
		if err := yaml.Unmarshal([]byte(readFile(t, file)), &m); err != nil {
			t.Fatal(err)
		}
		for name, metric := range m.Telemetry.Metrics {
			suffixes := []string{""}
			if metric.Histogram != nil {
				suffixes = []string{"_bucket", "_sum", "_count"}
			}
			for _, suffix := range suffixes {
				full := "otelcol_" + name + suffix
				k.labels[full], k.values[full] = map[string]bool{"le": suffix == "_bucket"}, map[string][]string{}
				for _, a := range metric.Attributes {
					k.labels[full][a], k.values[full][a] = true, m.Attributes[a].Enum
				}
			}
		}
	}
	if len(k.labels) < 20 {
		t.Fatalf("only %d metrics", len(k.labels))
	}
	return k
}

var (
	selector = regexp.MustCompile(`\b(otelcol_[a-z_0-9]+)(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"`)
	grouping = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
)

// scrapeLabels are added by Prometheus.
var scrapeLabels = []string{"job", "instance"}

// problems names every metric, label and label value of an expression that does not
// exist.
func (k known) problems(expr string) (out []string) {
	all := map[string]bool{}
	found := selector.FindAllStringSubmatch(expr, -1)
	if len(found) == 0 {
		return []string{"no metric"}
	}
	for _, m := range found {
		labels, ok := k.labels[m[1]]
		if !ok {
			out = append(out, "no metric is called "+m[1])
			continue
		}
		maps.Copy(all, labels)
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			if slices.Contains(scrapeLabels, l[1]) {
				continue
			}
			if !labels[l[1]] {
				out = append(out, m[1]+" has no label "+l[1])
			}
			values := k.values[m[1]][l[1]]
			for v := range strings.SplitSeq(l[2], "|") {
				if len(values) > 0 && !strings.HasPrefix(v, "$") && !slices.Contains(values, v) {
					out = append(out, m[1]+": "+l[1]+" is never "+v)
				}
			}
		}
	}
	for _, g := range grouping.FindAllStringSubmatch(expr, -1) {
		for l := range strings.SplitSeq(g[1], ",") {
			if l = strings.TrimSpace(l); l != "" && !all[l] && !slices.Contains(scrapeLabels, l) {
				out = append(out, "no metric has the label "+l)
			}
		}
	}
	return out
}

// TestProblems: the check of expressions sees what is wrong.
func TestProblems(t *testing.T) {
	t.Parallel()
	k := declared(t)
	for expr, want := range map[string]int{
		`sum by (job, exporter) (rate(otelcol_exporter_api_analytics_requests{outcome=~"retry|reject"}[5m]))`: 0,
		`otelcol_exporter_api_analytics_events_lost`:                                                          1,
		`otelcol_exporter_api_analytics_events_sent{backend="x"}`:                                             1,
		`otelcol_exporter_api_analytics_requests{outcome=~"retry|lost"}`:                                      1,
		`sum by (vendor) (otelcol_exporter_api_analytics_requests)`:                                           1,
		`otelcol_exporter_api_analytics_request_duration_bucket{le="1"}`:                                      0,
		`otelcol_exporter_api_analytics_request_duration`:                                                     1,
		`up`: 1,
	} {
		if got := k.problems(expr); len(got) != want {
			t.Errorf("%s: %q", expr, got)
		}
	}
}

// expressions returns every PromQL expression that we ship, by where it stands.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, g := range readRules(t).Groups {
		for _, r := range g.Rules {
			out["alert "+r.Alert] = r.Expr
		}
	}
	for name, d := range readDashboards(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				out[name+": "+p.Title+" "+target.RefID] = target.Expr
			}
		}
		for _, v := range d.Templating.List {
			if v.Definition != "" {
				out[name+": variable "+v.Name] = v.Definition
			}
		}
	}
	return out
}

// TestMonitoredMetricsExist: every metric and label in alert rules and dashboards is
// declared by our components, or is one of the Collector's own, as the real binary
// shows it. What the run shows of ours is what we declare.
func TestMonitoredMetricsExist(t *testing.T) {
	t.Parallel()
	k := declared(t)
	for name, labels := range operate(t).metrics {
		if strings.Contains(name, "_api_analytics_") || strings.Contains(name, "_http_redaction_") {
			for l := range labels {
				if !k.labels[name][l] {
					t.Errorf("the collector shows %s with the label %s, which metadata.yaml does not have", name, l)
				}
			}
			continue
		}
		k.labels[name] = labels
	}
	for where, expr := range expressions(t) {
		for _, p := range k.problems(expr) {
			t.Errorf("%s: %s", where, p)
		}
	}
}

// TestReasonsInRules: reasons are no enum of metadata.yaml; the README explains each.
func TestReasonsInRules(t *testing.T) {
	t.Parallel()
	_, table, ok := strings.Cut(readFile(t, "exporter/apianalyticsexporter/README.md"), "\n| `reason` | meaning |")
	if !ok {
		t.Fatal("the README has no table of reasons")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	seen := 0
	for where, expr := range expressions(t) {
		for _, m := range matcher.FindAllStringSubmatch(expr, -1) {
			if m[1] != "reason" {
				continue
			}
			for reason := range strings.SplitSeq(m[2], "|") {
				seen++
				if !strings.Contains(table, "`"+reason+"`") {
					t.Errorf("%s: the README does not explain the reason %q", where, reason)
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("found only %d reasons", seen)
	}
}

// TestAlertRules: every rule says how bad it is and what to do, at a place that
// exists, and docs/operations.md knows every rule.
func TestAlertRules(t *testing.T) {
	t.Parallel()
	text := readFile(t, "docs/operations.md")
	there := anchors(text)
	seen := map[string]bool{}
	for _, g := range readRules(t).Groups {
		for _, r := range g.Rules {
			if seen[r.Alert] || !strings.HasPrefix(r.Alert, "Apispan") {
				t.Errorf("%s: the name is no name of ours, or there twice", r.Alert)
			}
			seen[r.Alert] = true
			if s := r.Labels["severity"]; s != "warning" && s != "critical" {
				t.Errorf("%s: severity %q", r.Alert, s)
			}
			if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s: summary or description is missing", r.Alert)
			}
			page, anchor, _ := strings.Cut(r.Annotations["runbook_url"], "#")
			if page != runbook || !there[anchor] {
				t.Errorf("%s: %s#%s does not exist", r.Alert, page, anchor)
			}
			if !strings.Contains(text, "`"+r.Alert+"`") {
				t.Errorf("docs/operations.md does not mention %s", r.Alert)
			}
		}
	}
	if len(seen) < 15 {
		t.Errorf("found only %d rules", len(seen))
	}
	for _, m := range regexp.MustCompile("`(Apispan[A-Za-z]+)`").FindAllStringSubmatch(text, -1) {
		if !seen[m[1]] {
			t.Errorf("docs/operations.md mentions %s, which is no rule", m[1])
		}
	}
}

// anchors are the ids that GitHub gives to the headings of a page.
func anchors(markdown string) map[string]bool {
	out := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(markdown, -1) {
		id := strings.ToLower(m[1])
		id = regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(id, "")
		out[strings.ReplaceAll(id, " ", "-")] = true
	}
	return out
}

// TestDashboards: they can be imported anywhere, and every panel explains itself.
func TestDashboards(t *testing.T) {
	t.Parallel()
	for name, d := range readDashboards(t) {
		if d.Title == "" || d.Description == "" || d.SchemaVersion < 39 || !slices.Contains(d.Tags, "apispan") {
			t.Errorf("%s: title, description, tag or a current schemaVersion is missing", name)
		}
		if d.UID != nil || d.ID != nil {
			t.Errorf("%s: a fixed uid or id collides with others", name)
		}
		if v := d.Templating.List; len(v) == 0 || v[0].Name != "datasource" || v[0].Type != "datasource" || v[0].Query != "prometheus" {
			t.Errorf("%s: the first variable must choose the data source", name)
		}
		for _, v := range d.Templating.List[1:] {
			if !v.Datasource.variable() {
				t.Errorf("%s: variable %s has a data source of its own", name, v.Name)
			}
		}
		ids, panels := map[int]bool{}, 0
		for _, p := range d.Panels {
			if p.ID == 0 || ids[p.ID] || p.Title == "" || p.GridPos.W == 0 || p.GridPos.X+p.GridPos.W > 24 {
				t.Errorf("%s: panel %d %q: id, title or place", name, p.ID, p.Title)
			}
			ids[p.ID] = true
			if p.Type == "row" {
				continue
			}
			panels++
			if p.Description == "" || p.FieldConfig.Defaults.Unit == "" || !p.Datasource.variable() || len(p.Targets) == 0 {
				t.Errorf("%s: %s: description, unit, data source or query is missing", name, p.Title)
			}
			for _, target := range p.Targets {
				if target.Expr == "" || target.RefID == "" || !target.Datasource.variable() {
					t.Errorf("%s: %s: query %+v", name, p.Title, target)
				}
				if !strings.Contains(target.Expr, `job=~"$job"`) || !strings.Contains(target.Expr, `instance=~"$instance"`) {
					t.Errorf("%s: %s: does not follow the variables: %s", name, p.Title, target.Expr)
				}
			}
		}
		if panels < 8 {
			t.Errorf("%s: only %d panels", name, panels)
		}
	}
}

// TestOperationsNameEveryMetric: docs/operations.md explains each metric of ours
// under the name that Prometheus has, and each value of a label.
func TestOperationsNameEveryMetric(t *testing.T) {
	t.Parallel()
	text := readFile(t, "docs/operations.md")
	k := declared(t)
	for name := range k.labels {
		name = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
		short := name
		for _, prefix := range []string{"otelcol_exporter_api_analytics_", "otelcol_processor_http_redaction_"} {
			short = strings.TrimPrefix(short, prefix)
		}
		if !strings.Contains(text, "`…_"+short+"`") {
			t.Errorf("`…_%s` is not explained", short)
		}
		for label, values := range k.values[name] {
			for _, v := range values {
				if !strings.Contains(text, "`"+v+"`") {
					t.Errorf("the value %s of %s is not explained", v, label)
				}
			}
		}
	}
	// The other way round: nothing is explained that is not there.
	own := operate(t).metrics
	for _, m := range regexp.MustCompile("`(otelcol_[a-z_0-9]*[a-z0-9])`").FindAllStringSubmatch(text, -1) {
		if k.labels[m[1]] == nil && own[m[1]] == nil {
			t.Errorf("%s does not exist", m[1])
		}
	}
}

// TestLogLinesExist: the log lines that docs/operations.md tells to watch are written.
func TestLogLinesExist(t *testing.T) {
	t.Parallel()
	_, table, ok := strings.Cut(readFile(t, "docs/operations.md"), "| line (begins with) |")
	if !ok {
		t.Fatal("no table of log lines")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	var code strings.Builder
	for _, pattern := range []string{"exporter/apianalyticsexporter/*.go", "exporter/apianalyticsexporter/internal/backend/*/*.go", "processor/httpredactionprocessor/*.go"} {
		files, err := filepath.Glob(filepath.Join(repoRoot(t), pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			name, err := filepath.Rel(repoRoot(t), file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(name, "_test.go") {
				code.WriteString(readFile(t, name))
			}
		}
	}
	lines := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(table, -1)
	for _, m := range lines {
		if !strings.Contains(code.String(), `"`+m[1]) {
			t.Errorf("no log line begins with %q", m[1])
		}
	}
	if len(lines) < 8 {
		t.Errorf("found only %d log lines", len(lines))
	}
}
