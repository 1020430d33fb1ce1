// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package clickhouse writes exchanges into a table of ClickHouse, over its HTTP interface
// (https://clickhouse.com/docs/interfaces/http, formats and settings as of 26.7; read
// 2026-11-30). The tables are SQL files in the folder schema; docs/clickhouse.md has the
// queries.
//
// Guarantees: an insert names all columns that it may fill, so a table that lacks one is
// refused as a whole, before any event is judged by it; rows are neither skipped nor
// altered by settings of the user's profile; an event that is delivered again has the same
// sorting key, so that it counts once, and a request that is repeated has the same
// insert_deduplication_token, so that it is not even stored twice. An answer counts as
// delivery only if neither its header nor its begin tells of an exception.
package clickhouse
