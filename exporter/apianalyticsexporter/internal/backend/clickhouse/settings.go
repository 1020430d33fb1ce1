// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/clickhouse/schema"
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

// Encoder implements [backend.Encoder] for ClickHouse.
type Encoder struct{ table }

var (
	_ backend.Config  = (*Config)(nil)
	_ backend.Encoder = (*Encoder)(nil)
	_ interface {
		backend.Querier
		backend.FailureReader
		backend.Preparer
	} = (*table)(nil)
)

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,63}$`)

// NewEncoder implements [backend.Config].
func (c *Config) NewEncoder(b backend.Build) (backend.Encoder, error) {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	const name, duration = "`clickhouse::%s` is %q: write a name of letters, digits, _ and -, at most 64, that does not begin with a digit", "`clickhouse::%s` is %v: write at least 1h, or 0 for ever"
	check(c.Database == "" || identifier.MatchString(c.Database), name, "database", c.Database)
	check(c.Table == "" || identifier.MatchString(c.Table), name, "table", c.Table)
	check(backend.HeaderSafe(c.User), "`clickhouse::user` holds a blank, a control character or one beyond ASCII: write the name of a user as CREATE USER has it")
	check(c.Retention == 0 || c.Retention >= time.Hour, duration, "retention", c.Retention)
	check(c.BodyRetention == 0 || c.BodyRetention >= time.Hour, duration, "body_retention", c.BodyRetention)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return &Encoder{table: c.newTable("events", b.UserAgent())}, nil
}

// table is what all tables have in common: where its rows go, and who writes them.
type table struct {
	*Config

	database, name string
	userAgent      string
	query          string // of inserts
	steps          []string
	columns        []schema.Column
	idPath         string
	slim           []backend.Slim
}

// newTable returns the table of the events or of a kind of entities.
func (c *Config) newTable(of, userAgent string) table {
	t := table{Config: c, database: cmp.Or(c.Database, "default"), name: cmp.Or(c.Table, "api_events"), userAgent: userAgent}
	if t.steps, t.slim, t.idPath = schema.Events, slim, "event_id"; of != "events" {
		t.steps, t.slim, t.idPath = schema.Entities, nil, "update_id"
		if prefix, ok := strings.CutSuffix(t.name, "events"); ok {
			t.name = prefix + of
		} else {
			t.name += "_" + of
		}
	}
	t.columns = schema.Columns(t.steps)
	t.query = t.insert()
	return t
}

// Spec implements [backend.Endpoint].
func (t *table) Spec() backend.Spec {
	return backend.Spec{
		Name:            "clickhouse",
		ContentType:     "application/x-ndjson",
		Separator:       "\n",
		Suffix:          "\n",
		MaxItems:        maxItems,
		MaxItemBytes:    maxItemBytes,
		MaxRequestBytes: maxRequestBytes,
		Slim:            t.slim,
		IDPath:          []string{t.idPath},
	}
}

// SetHeader implements [backend.Endpoint].
func (t *table) SetHeader(h http.Header) {
	if t.User != "" || t.Key != "" {
		h.Set("X-Clickhouse-User", cmp.Or(t.User, "default"))
		h.Set("X-Clickhouse-Key", string(t.Key))
	}
	h.Set("User-Agent", t.userAgent)
}

// Classify implements [backend.Endpoint], for answers that tell of no exception: those of
// proxies, above all.
func (t *table) Classify(status int) backend.Class { return backend.ClassifyHTTP(status) }

// slim makes an encoded event smaller.
var slim = []backend.Slim{
	{{Path: "request_body"}, {Path: "response_body"}, {Value: `"shed_bodies":true`, Mark: true}},
	{{Path: "request_headers"}, {Path: "response_headers"}, {Value: `"shed_headers":true`, Mark: true}},
	{
		{Path: "path", Longest: 1024}, {Path: "query", Longest: 1024}, {Path: "route", Longest: 1024}, {Path: "operation", Longest: 1024},
		{Path: "metadata"}, {Value: `"shed_url":true`, Mark: true},
	},
}
