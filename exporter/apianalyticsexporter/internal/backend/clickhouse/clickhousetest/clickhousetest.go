// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package clickhousetest stands for the HTTP interface of ClickHouse in tests. It knows the
// tables by their SQL, and takes of a row what the server takes (format JSONEachRow without
// leniency, https://clickhouse.com/docs/interfaces/formats/JSONEachRow; checked against the
// engine itself in test/clickhouse).
package clickhousetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/clickhouse/schema"
)

// The limits are the exporter's own.
const (
	maxItems     = 5_000
	maxItemBytes = 1_000_000
	maxBytes     = 10_000_000

	// beside is where no rows come: statements in the content of a request.
	beside = "statements"
	events = "api_events"
)

// Vendor is a fake of the HTTP interface with the tables of schema, which statements in
// place of inserts neither change nor need.
var Vendor = backendtest.Vendor{
	Name:         "clickhouse",
	Credential:   "key",
	Path:         events,
	Beside:       beside,
	Place:        place,
	MediaTypes:   []string{"application/x-ndjson"},
	MaxItems:     maxItems,
	MaxItemBytes: maxItemBytes,
	MaxBytes:     maxBytes,
	IDField:      "event_id",
	Success:      http.StatusOK,
	Check:        Check,
	Streams: map[string]backendtest.Stream{
		"api_users":         {Name: "users", IDField: "update_id", MaxBytes: maxBytes, Check: CheckEntity},
		"api_companies":     {Name: "companies", IDField: "update_id", MaxBytes: maxBytes, Check: CheckEntity},
		"api_subscriptions": {Name: "subscriptions", IDField: "update_id", MaxBytes: maxBytes, Check: CheckEntity},
		"api_actions":       {Name: "actions", IDField: "update_id", MaxBytes: maxBytes, Check: CheckEntity},
	},
	Serve: serve,
	Authorized: func(h http.Header, credential string) bool {
		user, key := h.Get("X-Clickhouse-User"), h.Get("X-Clickhouse-Key")
		return (user != "" || key == "") && (credential == "" || key == credential)
	},
}

var insert = regexp.MustCompile("^INSERT INTO `([A-Za-z0-9_-]+)`\\.`([A-Za-z0-9_-]+)` \\(([a-z_, ]+)\\) FORMAT JSONEachRow$")

// place is the table of an insert.
func place(u *url.URL) string {
	if m := insert.FindStringSubmatch(u.Query().Get("query")); m != nil {
		return m[2]
	}
	return beside
}

// settings are those that an insert may, and must, have.
var settings = map[string]*regexp.Regexp{
	"query":                            insert,
	"insert_deduplication_token":       regexp.MustCompile(`^[0-9a-f]{32}$`),
	"wait_end_of_query":                regexp.MustCompile(`^1$`),
	"input_format_skip_unknown_fields": regexp.MustCompile(`^0$`),
	"input_format_allow_errors_num":    regexp.MustCompile(`^0$`),
	"input_format_allow_errors_ratio":  regexp.MustCompile(`^0$`),
	"date_time_input_format":           regexp.MustCompile(`^basic$`),
	"max_partitions_per_insert_block":  regexp.MustCompile(`^0$`),
	"insert_distributed_sync":          regexp.MustCompile(`^1$`),
	"async_insert":                     regexp.MustCompile(`^(?:true|false)$`),
	"wait_for_async_insert":            regexp.MustCompile(`^1$`),
	"async_insert_deduplicate":         regexp.MustCompile(`^1$`),
}

// Exception is an answer of ClickHouse's: the status belongs to the code, and the text holds
// what was sent.
func Exception(code int, text string) string {
	return fmt.Sprintf("Code: %d. DB::Exception: %s: (at row 1)\n. (SOME_NAME) (version 26.7.2.1 (official build))\n", code, text)
}

func serve(f *backendtest.Fake, r *http.Request) (int, string) {
	refuse := func(status, code int, problems ...string) (int, string) {
		f.Violate(problems...)
		return status, Exception(code, strings.Join(problems, "; "))
	}
	if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/") {
		return refuse(http.StatusNotFound, 0, "request: not a POST to /")
	}
	if !f.Vendor.Authorized(r.Header, f.Settings.Credential) {
		return refuse(http.StatusForbidden, 516, "request: user or key are wrong")
	}
	body, tooLarge, err := f.Read(r)
	switch {
	case tooLarge:
		return refuse(http.StatusRequestEntityTooLarge, 162, "request: too large")
	case err != nil:
		return refuse(http.StatusBadRequest, 354, "request: "+err.Error())
	case place(r.URL) == beside:
		return http.StatusOK, statement(f.Vendor.Streams, string(body))
	}
	query := r.URL.Query()
	var problems []string
	for name, values := range query {
		if rule := settings[name]; rule == nil || len(values) != 1 || !rule.MatchString(values[0]) {
			problems = append(problems, "request: setting "+name)
		}
	}
	for name := range settings {
		if !query.Has(name) {
			problems = append(problems, "request: no setting "+name)
		}
	}
	if len(problems) > 0 {
		return refuse(http.StatusNotFound, 115, problems...)
	}
	return rows(f, place(r.URL), strings.Split(insert.FindStringSubmatch(query.Get("query"))[3], ", "), body, refuse)
}

// rows takes those of an insert, all or none.
func rows(f *backendtest.Fake, table string, columns []string, body []byte, refuse func(int, int, ...string) (int, string)) (int, string) {
	steps, check := schema.Events, f.Vendor.Check
	stream, entities := f.Vendor.Streams[table]
	switch {
	case entities:
		steps, check = schema.Entities, stream.Check
	case table != events:
		return refuse(http.StatusNotFound, 60, "request: no such table")
	}
	known := map[string]bool{}
	for _, c := range schema.Columns(steps) {
		known[c.Name] = true
	}
	for _, c := range columns {
		if !known[c] {
			return refuse(http.StatusInternalServerError, 16, "request: no such column")
		}
	}
	var items []json.RawMessage
	var problems []string
	for line := range bytes.SplitSeq(bytes.TrimSuffix(body, []byte("\n")), []byte("\n")) {
		items = append(items, line)
		problems = append(problems, check(line)...)
		var row map[string]json.RawMessage
		_ = json.Unmarshal(line, &row)
		for name := range row {
			if !slices.Contains(columns, name) {
				problems = append(problems, "event: a column that the insert does not name")
			}
		}
		if len(line) > f.Vendor.MaxItemBytes {
			problems = append(problems, "event: too large")
		}
	}
	switch {
	case len(problems) > 0:
		return refuse(http.StatusBadRequest, 27, problems...)
	case len(items) > f.Vendor.MaxItems:
		return refuse(http.StatusRequestEntityTooLarge, 0, "request: too many rows")
	case entities:
		f.AcceptEntities(stream.Name, stream.IDField, items)
	default:
		f.Accept(items)
	}
	return http.StatusOK, "\n"
}

var selected = regexp.MustCompile(`FROM system\.columns WHERE database = '([A-Za-z0-9_-]+)' AND table = '([A-Za-z0-9_-]+)'`)

// statement answers as if every table were there, of the newest version.
func statement(entities map[string]backendtest.Stream, text string) string {
	m := selected.FindStringSubmatch(text)
	if m == nil {
		return "\n"
	}
	steps := schema.Events
	if _, ok := entities[m[2]]; ok {
		steps = schema.Entities
	}
	return Table(steps, len(steps))
}

// Table is what the server tells of a table that is there, of a version.
func Table(steps []string, version int) string {
	have := map[string]string{".version": fmt.Sprint(version), ".database": "default"}
	for _, c := range schema.Columns(steps[:version]) {
		have[c.Name] = c.Type
	}
	return Have(have)
}

// Have is what the server tells of what it has of a table, see schema.Look.
func Have(have map[string]string) string {
	answer, _ := json.Marshal(map[string]any{"have": have})
	return string(answer) + "\n"
}
