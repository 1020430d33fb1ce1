// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"encoding/csv"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
)

// WriteCSV writes the inventory as RFC 4180. A cell that a spreadsheet would take for a
// formula gets an apostrophe before it: paths and rules may hold captured names.
func WriteCSV(w io.Writer, list *api.Fields) {
	c := csv.NewWriter(w)
	defer c.Flush()
	_ = c.Write([]string{"service", "endpoint", "location", "path", "types", "count", "decision", "rules", "leaves_to", "unchanged", "suspicious", "new", "first", "last", "example"})
	for i := range list.Rows {
		f := &list.Rows[i]
		row := []string{
			f.Service, f.Endpoint, f.Location, f.Path, strings.Join(f.Types, " "), strconv.FormatInt(f.Count, 10), f.Decision, strings.Join(f.Rules, " "),
			strings.Join(f.Leaves, " "), strconv.FormatBool(f.Unchanged), f.Suspicious, strconv.FormatBool(f.New), f.First.Format(time.RFC3339), f.Last.Format(time.RFC3339), f.Example,
		}
		for j, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				row[j] = "'" + cell
			}
		}
		_ = c.Write(row)
	}
}

// page is the inventory for an audit: one file without scripts, to be printed.
var page = template.Must(template.New("fields").Funcs(template.FuncMap{
	"time": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	"join": strings.Join,
}).Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Fields that leave, {{time .List.To}}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body{font:13px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#111;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem;break-after:avoid}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.25rem .5rem;border-bottom:1px solid #ccc}
th{border-bottom:2px solid #333}tr{break-inside:avoid}thead{display:table-header-group}
code{font:12px ui-monospace,monospace}code,td:first-child{overflow-wrap:anywhere}td:nth-child(3):not(.n){min-width:8rem}.n{text-align:right}.warn{font-weight:600}
dt{font-weight:600}dd{margin:0 0 .4rem 0}
@media print{body{margin:0;max-width:none}}
</style></head><body>
<h1>Fields that leave</h1>
<dl>
<dt>Period</dt><dd>{{time .List.From}} to {{time .List.To}}</dd>
<dt>Policy</dt><dd>{{range .List.Policies}}<code>{{.}}</code> {{else}}none told{{end}}</dd>
<dt>Seen</dt><dd>{{.List.Seen}} exchanges since the start; the fields of {{.List.Looked}} of them were looked at.</dd>
<dt>Sent to</dt><dd>{{range .Status.Backends}}{{.Component}}: {{.Backend}}{{if .Target}} at {{.Target}}{{end}}{{if .DryRun}} (dry run: nothing leaves){{end}}<br>{{else}}no exporter{{end}}</dd>
<dt>Redaction</dt><dd>{{range .Status.Redactor}}{{.Component}}: policy <code>{{.Policy}}</code>{{if .DryRun}} (dry run: nothing is redacted){{end}}<br>{{else}}none{{end}}</dd>
</dl>
{{define "rows"}}<table><thead><tr><th>Endpoint</th><th>Location</th><th>Path</th><th>Types</th><th class="n">Times</th><th>Decision</th><th>Rules</th><th>Leaves to</th></tr></thead><tbody>
{{range .}}<tr><td>{{.Service}}<br>{{.Endpoint}}</td><td>{{.Location}}</td><td><code>{{.Path}}</code>{{if .New}} <span class="warn">new</span>{{end}}</td><td>{{join .Types " "}}</td><td class="n">{{.Count}}</td><td>{{.Decision}}{{if .Suspicious}} <span class="warn">looks like {{.Suspicious}}</span>{{end}}</td><td>{{range .Rules}}<code>{{.}}</code> {{end}}</td><td>{{range .Leaves}}{{.}} {{else}}–{{end}}</td></tr>
{{else}}<tr><td colspan="8">None.</td></tr>{{end}}</tbody></table>{{end}}
<h2>Looks like personal data or a secret, and leaves</h2>{{template "rows" .Suspicious}}
<h2>Leaves as it came</h2>{{template "rows" .Unchanged}}
<h2>Leaves redacted</h2>{{template "rows" .Redacted}}
<h2>Does not leave</h2>{{template "rows" .Stays}}
<h2>What the rules did</h2>
<table><thead><tr><th>Component</th><th>Rule</th><th class="n">Hits</th><th>Where</th><th>Actions</th></tr></thead><tbody>
{{range .Hit}}<tr><td>{{.Component}}</td><td><code>{{.Rule}}</code></td><td class="n">{{.Hits}}</td><td>{{range .Places}}<code>{{.Name}}</code> {{.N}}<br>{{end}}</td><td>{{range .Actions}}{{.Name}} {{.N}} {{end}}</td></tr>
{{else}}<tr><td colspan="5">No rule hit.</td></tr>{{end}}</tbody></table>
<h2>Rules that never hit</h2>
<table><thead><tr><th>Component</th><th>Rule</th></tr></thead><tbody>
{{range .Idle}}<tr><td>{{.Component}}</td><td><code>{{.Rule}}</code></td></tr>
{{else}}<tr><td colspan="2">None.</td></tr>{{end}}</tbody></table>
</body></html>
`))

// WriteHTML writes the inventory for an audit.
func WriteHTML(w io.Writer, list *api.Fields, status *api.Status, rules []api.Rule) {
	data := struct {
		List                                   *api.Fields
		Status                                 *api.Status
		Suspicious, Unchanged, Redacted, Stays []api.Field
		Hit, Idle                              []api.Rule
	}{List: list, Status: status}
	for i := range list.Rows {
		switch f := list.Rows[i]; rank(&f) {
		case 0:
			data.Suspicious = append(data.Suspicious, f)
		case 1:
			data.Unchanged = append(data.Unchanged, f)
		case 2:
			data.Redacted = append(data.Redacted, f)
		default:
			data.Stays = append(data.Stays, f)
		}
	}
	data.Hit = slices.DeleteFunc(slices.Clone(rules), func(r api.Rule) bool { return r.Hits == 0 })
	data.Idle = slices.DeleteFunc(slices.Clone(rules), func(r api.Rule) bool { return r.Hits > 0 })
	_ = page.Execute(w, data) // an error is that of who reads
}
