// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"cmp"
	"regexp"
	"time"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
)

// The limits are ours. ClickHouse likes large inserts; one is parsed in memory, and is what
// a retry repeats.
const (
	maxItems        = 5_000
	maxItemBytes    = 1_000_000
	maxRequestBytes = 10_000_000
)

// Config is the block `clickhouse` of the exporter's configuration.
type Config struct {
	// Endpoint is the URL of the HTTP interface, such as https://clickhouse.example.com:8443.
	// Required, here or as the exporter's own key of that name.
	Endpoint string `mapstructure:"endpoint"`
	// User is sent in X-ClickHouse-User. Default "default" if there is a key, else none is
	// sent, so that `auth` may say who we are.
	User string `mapstructure:"user"`
	// Key is the user's password, sent in X-ClickHouse-Key. Default none.
	Key configopaque.String `mapstructure:"key"`
	// Database and Table are where the exchanges go. Entities go to tables beside it, whose
	// names have users, companies, subscriptions or actions in place of events. Default
	// "default" and "api_events".
	Database string `mapstructure:"database"`
	Table    string `mapstructure:"table"`
	// CreateSchema creates what is missing of database and tables, and upgrades tables that
	// an older version has created. Default false: they have to be there.
	CreateSchema bool `mapstructure:"create_schema"`
	// Retention and BodyRetention are how long exchanges, and their bodies, stay in tables
	// that create_schema creates: at least an hour, or 0 for ever. Default 2160h (90 days)
	// and 168h (7 days).
	Retention     time.Duration `mapstructure:"retention"`
	BodyRetention time.Duration `mapstructure:"body_retention"`
	// AsyncInsert lets the server collect small inserts. An event still counts as delivered
	// when it is stored. Default false.
	AsyncInsert bool `mapstructure:"async_insert"`

	Gates backend.Gates `mapstructure:",squash"`
}

// Default returns the block as it is where no key is written.
func (*Config) Default() any {
	return configoptional.Default(Config{
		Database: "default", Table: "api_events", Gates: backend.DefaultGates(),
		Retention: 90 * 24 * time.Hour, BodyRetention: 7 * 24 * time.Hour,
	})
}

// Facts implements [backend.Config].
func (c *Config) Facts() backend.Facts {
	return backend.Facts{
		Gates: &c.Gates, SecretKey: "key", Secret: string(c.Key), SecretOptional: true,
		Endpoint: c.Endpoint, OwnEndpoint: true, Compression: "gzip", Paths: []string{""},
	}
}

// SDKOptions implements [backend.SDKOptions]: ClickHouse has no SDK for this, so these are
// the keys of the exporter clickhouse of opentelemetry-collector-contrib.
func (Config) SDKOptions() map[string]string {
	const cluster = "nothing: docs/clickhouse.md has the tables of a cluster, to be created by hand"
	return map[string]string{
		"username":         "`user: NAME` into `clickhouse`",
		"password":         "`key: \"${env:CLICKHOUSE_KEY}\"` into `clickhouse`",
		"dsn":              "`endpoint: https://HOST:8443` beside `clickhouse`, and `user`, `key` and `database` into it",
		"ttl":              "`retention: 2160h` into `clickhouse`",
		"tracestablename":  "`table: api_events` into `clickhouse`",
		"clustername":      cluster,
		"tableengine":      cluster,
		"connectionparams": "`headers` beside `clickhouse`; the settings of inserts are fixed",
		"compress":         "`compression: gzip` or `zstd` beside `clickhouse`",
	}
}

// Encoder implements [backend.Encoder], and [backend.EntityBackend], for ClickHouse.
type Encoder struct{ table }

var (
	_ backend.Config        = (*Config)(nil)
	_ backend.Encoder       = (*Encoder)(nil)
	_ backend.EntityBackend = (*Encoder)(nil)
	_ backend.Preparer      = (*table)(nil)
)

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,63}$`)

// NewEncoder implements [backend.Config].
func (c *Config) NewEncoder(b backend.Build) (backend.Encoder, error) {
	p := backend.Problems{Block: "clickhouse"}
	const name, period = "a name of letters, digits, _ and -, at most 64, that does not begin with a digit", "at least 1h, or 0 for ever"
	p.Unless(c.Database == "" || identifier.MatchString(c.Database), "database", c.Database, name)
	p.Unless(c.Table == "" || identifier.MatchString(c.Table), "table", c.Table, name)
	p.Unless(c.Retention == 0 || c.Retention >= time.Hour, "retention", c.Retention, period)
	p.Unless(c.BodyRetention == 0 || c.BodyRetention >= time.Hour, "body_retention", c.BodyRetention, period)
	if !backend.HeaderSafe(c.User) {
		p.Say("user", "holds a blank, a control character or one beyond ASCII: write the name of a user as CREATE USER has it")
	}
	credential := map[string]string{"X-Clickhouse-User": c.User, "X-Clickhouse-Key": string(c.Key)}
	if c.Key != "" {
		credential["X-Clickhouse-User"] = cmp.Or(c.User, "default")
	}
	return &Encoder{newTable(c, b.Base(credential), "")}, p.Err()
}

// slim makes an encoded event smaller.
var slim = []backend.Slim{
	{{Path: "request_body"}, {Path: "response_body"}, {Value: `"shed_bodies":true`, Mark: true}},
	{{Path: "request_headers"}, {Path: "response_headers"}, {Value: `"shed_headers":true`, Mark: true}},
	{
		{Path: "path", Longest: 1024}, {Path: "query", Longest: 1024}, {Path: "route", Longest: 1024}, {Path: "operation", Longest: 1024},
		{Path: "metadata"}, {Value: `"shed_url":true`, Mark: true},
	},
}
