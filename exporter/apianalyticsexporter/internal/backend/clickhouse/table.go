// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/clickhouse/schema"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/entity"
)

// table is where the rows of exchanges, or of a kind of entities, go.
type table struct {
	backend.Base
	backend.Schema

	config *Config
	spec   backend.Spec
}

// settings of every insert. What a profile of the user says must neither skip rows or
// columns nor answer before the rows are stored; and a batch with odd times is no reason to
// refuse it.
const settings = "&wait_end_of_query=1&input_format_skip_unknown_fields=0&input_format_allow_errors_num=0&input_format_allow_errors_ratio=0" +
	"&date_time_input_format=basic&max_partitions_per_insert_block=0&insert_distributed_sync=1&wait_for_async_insert=1&async_insert_deduplicate=1"

// inessential is of a type what makes no difference to rows.
var inessential = regexp.MustCompile(`LowCardinality|Nullable|\(\d[^()]*\)|[()]`)

// newTable returns the table of a kind of entities, or for "" that of exchanges. An insert
// names all columns, so that one that is missing is told before any row is looked at.
func newTable(c *Config, b backend.Base, kind entity.Kind) table {
	t := table{Base: b, config: c, Schema: backend.Schema{
		Block: "clickhouse", Database: cmp.Or(c.Database, "default"), Table: cmp.Or(c.Table, "api_events"), Create: c.CreateSchema,
		Question: schema.Look, CreateDatabase: "CREATE DATABASE IF NOT EXISTS `{database}`", Steps: schema.Events, Inessential: inessential,
	}}
	t.spec = backend.Spec{
		Name: "clickhouse", Frame: backend.NDJSON, IDPath: []string{"event_id"}, Slim: slim, Failures: failures, Answers: backend.Answers{Statuses: []int{200}},
		MaxItems: maxItems, MaxItemBytes: maxItemBytes, MaxRequestBytes: maxRequestBytes,
	}
	if kind != "" {
		t.Steps, t.spec.IDPath, t.spec.Slim = schema.Entities, []string{"update_id"}, nil
		prefix, ok := strings.CutSuffix(t.Table, "events")
		if !ok {
			prefix += "_"
		}
		t.Table = prefix + string(kind)
	}
	t.Columns = schema.Columns(t.Steps)
	t.Fill = strings.NewReplacer("{database}", t.Database, "{name}", t.Table, "{table}", "`"+t.Database+"`.`"+t.Table+"`",
		"{columns}", t.Names(), "{ttl}", ttl(c.Retention, "", "\n"), "{body_ttl}", ttl(c.BodyRetention, " ", ""))
	insert := t.Fill.Replace("INSERT INTO {table} ({columns}) FORMAT JSONEachRow")
	t.spec.Query = "/?query=" + url.QueryEscape(insert) + settings + "&async_insert=" + strconv.FormatBool(c.AsyncInsert) + "&insert_deduplication_token="
	return t
}

// ttl is a TTL clause between two texts, or nothing for 0.
func ttl(d time.Duration, before, after string) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%sTTL toDateTime(time) + toIntervalSecond(%d)%s", before, d/time.Second, after)
}

// Spec implements [backend.Endpoint].
func (t *table) Spec() backend.Spec { return t.spec }

const outage, retry, reject = backend.Outage, backend.Retry, backend.Reject

// failures by their numbers (src/Common/ErrorCodes.cpp). Whether a row is to blame, the
// exporter finds out.
var failures = backend.NewFailures("X-Clickhouse-Exception-Code", regexp.MustCompile(`\bCode: (\d{1,9})[.,] `),
	"the server's log and its table system.errors explain the number",
	backend.NewFailure(outage, "the table has no column of a name that is sent: set `clickhouse::create_schema: true`, or add it (docs/clickhouse.md)", 16),
	backend.NewFailure(outage, "a column of the table has another type: change it to that of docs/clickhouse.md, or write another `clickhouse::table`", 53),
	backend.NewFailure(outage, "there is no such table: check `clickhouse::table`, or set `clickhouse::create_schema: true`", 60),
	backend.NewFailure(outage, "there is no such database: check `clickhouse::database`, or set `clickhouse::create_schema: true`", 81),
	backend.NewFailure(outage, "the server is too old for a setting of the insert: upgrade it to 23.8 or newer", 115),
	backend.NewFailure(outage, "the user, or the server, is read-only: write another `clickhouse::user`, or set its profile to readonly = 0", 164),
	backend.NewFailure(outage, "the quota of the user is used up: wait for its next interval, or raise it; `sending_queue::batch` makes fewer inserts", 201),
	backend.NewFailure(outage, "the disk of the server is full", 243),
	backend.NewFailure(outage, "the table has too many parts: make fewer and larger inserts by `sending_queue::batch`, or set `clickhouse::async_insert: true`", 252),
	backend.NewFailure(outage, "the profile of the user forbids a setting of the insert: allow those of docs/clickhouse.md", 452),
	backend.NewFailure(outage, "the user lacks a right: GRANT INSERT on the table, and those of docs/clickhouse.md for `clickhouse::create_schema`", 497),
	backend.NewFailure(outage, "user or key are wrong: check `clickhouse::user` and `clickhouse::key`", 192, 193, 194, 195, 516),
	backend.NewFailure(retry, "the server ran out of time", 159),
	backend.NewFailure(retry, "the server has too many queries at a time: lower `sending_queue::num_consumers`", 202),
	backend.NewFailure(retry, "the server has no memory for the insert: give it more, or lower `sending_queue::num_consumers`", 241),
	backend.NewFailure(retry, "the table is read-only for now: is the keeper of the replicas there?", 242),
	backend.NewFailure(reject, "a constraint of the table refuses a row; nothing is dropped as long as no other event is taken", 469),
	backend.NewFailure(reject, "the rows were not understood; nothing is dropped as long as no other event is taken: has a column been changed?",
		6, 25, 26, 27, 32, 33, 38, 41, 69, 70, 72, 117, 128, 130, 131, 321, 349, 376, 467),
)
