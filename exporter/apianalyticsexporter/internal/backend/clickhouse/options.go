// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

// SDKOptions implements [backend.SDKOptions]: ClickHouse has no SDK for this, so these are
// the keys of the exporter clickhouse of opentelemetry-collector-contrib.
func (Config) SDKOptions() map[string]string {
	const headers = "`headers` beside `clickhouse`; the settings of inserts are fixed"
	return map[string]string{
		"username":         "`user: NAME` into `clickhouse`",
		"password":         "`key: \"${env:CLICKHOUSE_KEY}\"` into `clickhouse`",
		"dsn":              "`endpoint: https://HOST:8443` beside `clickhouse`, and `user`, `key` and `database` into it",
		"ttl":              "`retention: 2160h` into `clickhouse`",
		"tracestablename":  "`table: api_events` into `clickhouse`",
		"clustername":      "nothing: docs/clickhouse.md has the tables of a cluster, to be created by hand",
		"tableengine":      "nothing: docs/clickhouse.md has the tables of a cluster, to be created by hand",
		"connectionparams": headers,
		"compress":         "`compression: gzip` or `zstd` beside `clickhouse`",
	}
}
