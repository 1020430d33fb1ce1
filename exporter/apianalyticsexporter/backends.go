// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/cerberus"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/clickhouse"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/cloudevents"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/metlo"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/moesif"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/readme"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/webhook"
	"github.com/apispan/apispan/internal/confkeys"
)

// Backends is the registry: one field for each backend, whose key is the backend's
// name. Nothing else of the exporter names a backend; what depends on one comes from
// its [backend.Config].
type Backends struct {
	// Moesif selects Moesif.
	Moesif configoptional.Optional[moesif.Config] `mapstructure:"moesif"`
	// ReadMe selects ReadMe Metrics.
	ReadMe configoptional.Optional[readme.Config] `mapstructure:"readme"`
	// Metlo selects Metlo.
	Metlo configoptional.Optional[metlo.Config] `mapstructure:"metlo"`
	// Cerberus selects Cerberus.
	Cerberus configoptional.Optional[cerberus.Config] `mapstructure:"cerberus"`
	// CloudEvents selects a usage meter.
	CloudEvents configoptional.Optional[cloudevents.Config] `mapstructure:"cloudevents"`
	// ClickHouse selects a table of ClickHouse.
	ClickHouse configoptional.Optional[clickhouse.Config] `mapstructure:"clickhouse"`
	// Webhook selects any HTTP endpoint that takes a POST.
	Webhook configoptional.Optional[webhook.Config] `mapstructure:"webhook"`
}

// The types of the blocks, for programs that make a configuration in Go.
type (
	MoesifConfig     = moesif.Config
	ReadMeConfig     = readme.Config
	MetloConfig      = metlo.Config
	CerberusConfig   = cerberus.Config
	ClickHouseConfig = clickhouse.Config
	WebhookConfig    = webhook.Config
	Gates            = backend.Gates
	BodyGate         = backend.BodyGate
	URLGate          = backend.URLGate
	DirectionGate    = backend.DirectionGate
	Switch           = readme.Switch
)

// Values of the gates.
const (
	BodiesNone        = backend.BodiesNone
	BodiesErrors      = backend.BodiesErrors
	BodiesAll         = backend.BodiesAll
	URLFull           = backend.URLFull
	URLPath           = backend.URLPath
	URLRoute          = backend.URLRoute
	DirectionIncoming = backend.DirectionIncoming
	DirectionOutgoing = backend.DirectionOutgoing
	DirectionBoth     = backend.DirectionBoth
)

// block is one field of Backends.
type block struct {
	name  string
	typ   reflect.Type  // of the block's struct
	field reflect.Value // its configoptional.Optional
}

// blocks lists the registry's entries as they are in b.
func (b *Backends) blocks() []block {
	v := reflect.ValueOf(b).Elem()
	list := make([]block, v.NumField())
	for i := range list {
		get, _ := v.Field(i).Addr().Type().MethodByName("Get")
		list[i] = block{name: v.Type().Field(i).Tag.Get("mapstructure"), typ: get.Type.Out(0).Elem(), field: v.Field(i)}
	}
	return list
}

// get returns what is configured below the block's key, or nil.
func (b block) get() backend.Config {
	// Both methods take pointers.
	optional := b.field.Addr()
	if !optional.MethodByName("HasValue").Call(nil)[0].Bool() {
		return nil
	}
	return optional.MethodByName("Get").Call(nil)[0].Interface().(backend.Config)
}

// defaultBackends has every block as it is where no key is written.
func defaultBackends() (b Backends) {
	for _, block := range b.blocks() {
		def := reflect.New(block.typ).Interface().(interface{ Default() any })
		block.field.Set(reflect.ValueOf(def.Default()))
	}
	return b
}

// names are those of all backends, in the order of the registry.
func (b *Backends) names() (names []string) {
	for _, block := range b.blocks() {
		names = append(names, block.name)
	}
	return names
}

// choice is the one backend that a configuration chooses.
type choice struct {
	backend.Facts

	name   string
	config backend.Config
}

// choice returns the one backend block.
func (cfg *Config) choice() (choice, error) {
	var list []choice
	for _, b := range cfg.blocks() {
		if c := b.get(); c != nil {
			list = append(list, choice{name: b.name, config: c, Facts: c.Facts()})
		}
	}
	quoted := func(names []string) []string {
		for i, n := range names {
			names[i] = "`" + n + "`"
		}
		return names
	}
	switch len(list) {
	case 1:
		return list[0], nil
	case 0:
		names := quoted(cfg.names())
		last := len(names) - 1
		return choice{}, errors.New("no backend is chosen: write one of the blocks " + strings.Join(names[:last], ", ") + " or " + names[last])
	}
	names := make([]string, len(list))
	for i, c := range list {
		names[i] = c.name
	}
	return choice{}, fmt.Errorf("%s are set together: keep one of them, and configure one exporter for each backend, such as api_analytics/%s and api_analytics/%s",
		strings.Join(quoted(names), " and "), list[0].name, list[1].name)
}

// key is the full name of a key of the block, for messages.
func (c *choice) key(k string) string { return "`" + c.name + "::" + k + "`" }

// endpoint is where events go; common is the key beside the block.
func (c *choice) endpoint(common string) string {
	endpoint := cmp.Or(common, c.Endpoint)
	for _, path := range c.Paths {
		if base, ok := strings.CutSuffix(strings.TrimRight(endpoint, "/"), path); ok {
			endpoint = base
			break
		}
	}
	if u, err := url.Parse(endpoint); err == nil && c.Port != "" && u.Hostname() != "" && u.Port() == "" {
		u.Host = strings.TrimSuffix(u.Host, ":") + ":" + c.Port
		endpoint = u.String()
	}
	return endpoint
}

// newEncoder checks the credential and makes the encoder.
func (c *choice) newEncoder(endpoint, version string) (backend.Encoder, error) {
	env := strings.ToUpper(c.name + "_" + c.SecretKey)
	switch {
	case c.Secret == "" && c.SecretKey != "" && !c.SecretOptional:
		return nil, fmt.Errorf("%s is empty: write \"${env:%s}\" and set that environment variable (one that is not set reads as empty, too)", c.key(c.SecretKey), env)
	case !backend.HeaderSafe(c.Secret):
		return nil, fmt.Errorf("%s holds a blank, a control character or one beyond ASCII: copy it again without line breaks", c.key(c.SecretKey))
	}
	return c.config.NewEncoder(backend.Build{Endpoint: c.endpoint(endpoint), Version: version})
}

// validate checks the block; common is the endpoint beside it.
func (c *choice) validate(common string) (errs []error) {
	maxItem := 0
	enc, err := c.newEncoder(common, "")
	if err != nil {
		errs = append(errs, err)
	} else {
		maxItem = enc.Spec().MaxItemBytes
	}
	gates := backend.Problems{Block: c.name}
	c.Gates.Validate(&gates, maxItem)
	errs = append(errs, gates.Err(), c.validateEndpoint("`endpoint`", common))
	switch {
	case c.Endpoint == "" && common == "" && c.OwnEndpoint:
		errs = append(errs, fmt.Errorf("%s is empty: write the URL to send to, such as https://api.example.com", c.key("endpoint")))
	case c.Endpoint == "" && common == "":
		errs = append(errs, fmt.Errorf("`endpoint` is empty: the backend %s has no address of its own, write its URL", c.name))
	case c.OwnEndpoint && c.Endpoint != "" && common != "":
		errs = append(errs, fmt.Errorf("`endpoint` and %s are set together: keep one of them", c.key("endpoint")))
	case c.OwnEndpoint:
		errs = append(errs, c.validateEndpoint(c.key("endpoint"), c.Endpoint))
	}
	return errs
}

// validateEndpoint names the key, such as "`endpoint`", and never the value, which
// may hold a password. A query is accepted if nothing is appended to the endpoint.
func (c *choice) validateEndpoint(key, endpoint string) error {
	if endpoint == "" {
		return nil // the backend's own, or another key's
	}
	err := confkeys.URL{
		Example:     "https://api.example.com",
		Schemes:     slices.Sorted(maps.Keys(c.Transports)),
		Credentials: "; use `auth` or `headers` for credentials",
		Appended:    "; the backend's path is appended to the endpoint",
		Whole:       c.WholeURL,
	}.Check(endpoint)
	if err != nil {
		return fmt.Errorf("%s %w", key, err)
	}
	return nil
}

// requestURL joins endpoint and the backend's path. A backend without a path is
// sent to the endpoint as it is.
func requestURL(endpoint, path string) string {
	if path == "" {
		return endpoint
	}
	return strings.TrimRight(endpoint, "/") + path
}
