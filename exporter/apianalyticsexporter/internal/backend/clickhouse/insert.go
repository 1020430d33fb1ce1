// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
)

// settings of every insert. What a profile of the user says must neither skip rows or
// columns nor answer before the rows are stored; and a batch with odd times is no reason to
// refuse it.
const settings = "&wait_end_of_query=1&input_format_skip_unknown_fields=0&input_format_allow_errors_num=0&input_format_allow_errors_ratio=0" +
	"&date_time_input_format=basic&max_partitions_per_insert_block=0&insert_distributed_sync=1"

// insert is the URL's query but for what a request holds. It names all columns, so that one
// that is missing is told before any row is looked at.
func (t *table) insert() string {
	var names []string
	for _, c := range t.columns {
		names = append(names, c.Name)
	}
	s := "/?query=" + url.QueryEscape("INSERT INTO "+t.quoted()+" ("+strings.Join(names, ", ")+") FORMAT JSONEachRow") + settings
	if t.AsyncInsert {
		s += "&async_insert=1&wait_for_async_insert=1&async_insert_deduplicate=1"
	} else {
		s += "&async_insert=0"
	}
	return s + "&insert_deduplication_token="
}

// Query implements [backend.Querier]: what is sent again with the same ids is known again.
func (t *table) Query(items [][]byte) string {
	h := sha256.New()
	for _, item := range items {
		// {"event_id":"…", and never longer; what an extension has made of it is hashed whole.
		if id := bytes.IndexByte(item, ','); id > 0 && id < 64 {
			item = item[:id]
		}
		_, _ = h.Write(item)
		_, _ = h.Write([]byte{'\n'})
	}
	return t.query + hex.EncodeToString(h.Sum(nil)[:16])
}

// failure is what an exception means.
type failure struct {
	class  backend.Class
	advice string
}

// verdicts are about rows; whether one is to blame, the exporter finds out.
const verdicts = "the rows were not understood; nothing is dropped as long as no other event is taken: has a column been changed?"

// failures by code (src/Common/ErrorCodes.cpp).
var failures = func() map[int]failure {
	const outage, retry = backend.Outage, backend.Retry
	m := map[int]failure{
		16:  {outage, "the table has no column of a name that is sent: set `clickhouse::create_schema: true`, or add it (docs/clickhouse.md)"},
		53:  {outage, "a column of the table has another type: change it to that of docs/clickhouse.md, or write another `clickhouse::table`"},
		60:  {outage, "there is no such table: check `clickhouse::table`, or set `clickhouse::create_schema: true`"},
		81:  {outage, "there is no such database: check `clickhouse::database`, or set `clickhouse::create_schema: true`"},
		115: {outage, "the server is too old for a setting of the insert: upgrade it to 23.8 or newer"},
		159: {retry, "the server ran out of time"},
		164: {outage, "the user, or the server, is read-only: write another `clickhouse::user`, or set its profile to readonly = 0"},
		201: {outage, "the quota of the user is used up: wait for its next interval, or raise it; `sending_queue::batch` makes fewer inserts"},
		202: {retry, "the server has too many queries at a time: lower `sending_queue::num_consumers`"},
		241: {retry, "the server has no memory for the insert: give it more, or lower `sending_queue::num_consumers`"},
		242: {retry, "the table is read-only for now: is the keeper of the replicas there?"},
		243: {outage, "the disk of the server is full"},
		252: {outage, "the table has too many parts: make fewer and larger inserts by `sending_queue::batch`, or set `clickhouse::async_insert: true`"},
		452: {outage, "the profile of the user forbids a setting of the insert: allow those of docs/clickhouse.md"},
		469: {backend.Reject, "a constraint of the table refuses a row; nothing is dropped as long as no other event is taken"},
		497: {outage, "the user lacks a right: GRANT INSERT on the table, and those of docs/clickhouse.md for `clickhouse::create_schema`"},
		516: {outage, "user or key are wrong: check `clickhouse::user` and `clickhouse::key`"},
	}
	for _, code := range []int{192, 193, 194, 195} {
		m[code] = m[516]
	}
	for _, code := range []int{6, 25, 26, 27, 32, 33, 38, 41, 69, 70, 72, 117, 128, 130, 131, 321, 349, 376, 467} {
		m[code] = failure{backend.Reject, verdicts}
	}
	return m
}()

var exception = regexp.MustCompile(`Code: (\d{1,5})[.,][^\n]{0,40}DB::(?:\w+::)*\w*Exception`)

// ReadFailure implements [backend.FailureReader]. An exception is named by the header if it
// came before the status, else it stands in the content, behind what there is already.
func (t *table) ReadFailure(status int, h http.Header, body []byte) (f backend.Failure, ok bool) {
	code, err := strconv.Atoi(h.Get("X-Clickhouse-Exception-Code"))
	if m := exception.FindSubmatch(body); err != nil && m != nil {
		code, err = strconv.Atoi(string(m[1]))
	}
	if err != nil || code <= 0 {
		return f, false
	}
	known, ok := failures[code]
	if !ok {
		known = failure{t.Classify(status), "the server's log and its table system.errors explain the number"}
		switch {
		case known.class == backend.Delivered:
			known.class = backend.Retry
		case known.class == backend.Reject && status != http.StatusRequestEntityTooLarge:
			known.class = backend.Outage
		}
	}
	return backend.Failure{Class: known.class, Code: code, Advice: known.advice}, true
}
