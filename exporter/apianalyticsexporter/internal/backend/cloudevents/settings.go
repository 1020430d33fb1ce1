// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cloudevents

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
)

const (
	// maxItemBytes is what every intermediary has to pass on (spec.md, "Size Limits"). The
	// others are ours: a usual event has 500 bytes.
	maxItemBytes    = 64 << 10
	maxItems        = 100
	maxRequestBytes = 1_000_000
	// maxSubject is the most bytes of a subject; longer texts are no ids, and a subject that
	// is cut is another one.
	maxSubject  = 256
	defaultType = "request"
)

// Subject is who is metered.
type Subject string

// Values of Subject. SubjectConsumer is the default.
const (
	SubjectConsumer     Subject = "consumer"
	SubjectCompany      Subject = "company"
	SubjectUser         Subject = "user"
	SubjectSubscription Subject = "subscription"
)

// Config is the block `cloudevents` of the exporter's configuration.
type Config struct {
	// Endpoint is the URL to send to, as it is. Required, here or as the exporter's own
	// key of that name.
	Endpoint string `mapstructure:"endpoint"`
	// BearerToken is sent in Authorization. Default none; for other credentials use the
	// HTTP client's headers or auth.
	BearerToken configopaque.String `mapstructure:"bearer_token"`
	// Type is the type of the events, by which a meter chooses them. Default "request".
	Type string `mapstructure:"type"`
	// Source is the source of the events, a URI reference. Default: the service's name,
	// percent-encoded, or "apispan" where there is none.
	Source string `mapstructure:"source"`
	// Subject is who is metered: "consumer" (apispan.consumer.id, the default), "company"
	// (apispan.company.id), "user" (user.id) or "subscription" (apispan.subscription.id).
	// There is no second choice: a company and a user with one id would be one subject.
	Subject Subject `mapstructure:"subject"`
	// RequireSubject drops events without a subject, as no_identity. Default true: nobody
	// can be billed for them, and OpenMeter refuses them.
	RequireSubject bool `mapstructure:"require_subject"`
	// DefaultSubject is the subject of events without one, if RequireSubject is false.
	// Default none: they have none.
	DefaultSubject string `mapstructure:"default_subject"`
	// RequireWeightOne drops events that stand for several calls, as weight. Default true:
	// a sum of them is an estimate, and a meter that counts events counts each as one.
	RequireWeightOne bool `mapstructure:"require_weight_one"`
	// Metadata are the keys of metadata that are sent, * for any characters at the end.
	// Default gen_ai.usage.*, gen_ai.request.model and gen_ai.response.model.
	Metadata []string `mapstructure:"metadata"`

	Gates backend.Gates `mapstructure:",squash"`
}

// Default returns the block as it is where no key is written. Calls of the service to
// others are not its customers' usage.
func (*Config) Default() any {
	gates := backend.DefaultGates()
	gates.Direction = backend.DirectionIncoming
	return configoptional.Default(Config{
		Type: defaultType, Subject: SubjectConsumer, RequireSubject: true, RequireWeightOne: true, Gates: gates,
	})
}

// Facts implements [backend.Config]. OpenMeter's server does not decompress.
func (c *Config) Facts() backend.Facts {
	everyCall := ""
	if c.RequireWeightOne {
		everyCall = "require_weight_one"
	}
	return backend.Facts{
		Gates: &c.Gates, SecretKey: "bearer_token", Secret: string(c.BearerToken), SecretOptional: true,
		Endpoint: c.Endpoint, OwnEndpoint: true, WholeURL: true, EveryCall: everyCall,
	}
}

// SDKOptions implements [backend.SDKOptions]: the options of OpenMeter's SDKs.
func (Config) SDKOptions() map[string]string {
	return map[string]string{"baseurl": "`endpoint: https://HOST/api/v1/events` into `cloudevents`", "token": "`bearer_token` into `cloudevents`"}
}

// Encoder implements [backend.Encoder] for CloudEvents. OpenMeter answers 400 to an event that
// is none, 401 to a wrong token and 204 to what it takes.
type Encoder struct {
	backend.Base

	config Config
	// source, kind and standIn are encoded; source and standIn are empty if there is none.
	source, kind, standIn string
}

var (
	_ backend.Config     = (*Config)(nil)
	_ backend.SDKOptions = Config{}
	_ backend.Encoder    = (*Encoder)(nil)
)

// NewEncoder implements [backend.Config].
func (c *Config) NewEncoder(b backend.Build) (backend.Encoder, error) {
	header := map[string]string{"Authorization": backend.Bearer(string(c.BearerToken))}
	e := &Encoder{config: *c, Base: b.Base(header), source: c.Source, kind: text(cmp.Or(c.Type, defaultType)), standIn: text(c.DefaultSubject)}
	e.config.Subject = cmp.Or(c.Subject, SubjectConsumer)
	if c.Metadata == nil {
		e.config.Metadata = []string{"gen_ai.usage.*", "gen_ai.request.model", "gen_ai.response.model"}
	}
	p := backend.Problems{Block: "cloudevents"}
	backend.OneOf(&p, "subject", e.config.Subject, SubjectConsumer, SubjectCompany, SubjectUser, SubjectSubscription)
	if !writable(c.Type) {
		p.Say("type", "holds a control character: write a name such as request")
	}
	switch {
	case c.DefaultSubject != "" && c.RequireSubject:
		p.Say("default_subject", "is set while `cloudevents::require_subject` drops events without one: write `require_subject: false`, or remove the other")
	case !usable(c.DefaultSubject) && c.DefaultSubject != "":
		p.Say("default_subject", fmt.Sprintf("holds a control character, is a mask or has more than %d bytes: write a name such as nobody", maxSubject))
	}
	if _, err := url.Parse(c.Source); err != nil || strings.Trim(c.Source, uriChars) != "" {
		p.Say("source", "is no URI reference: write one such as shop or https://shop.example.com, other characters percent-encoded")
	}
	for _, key := range c.Metadata {
		if key == "" || strings.Contains(strings.TrimSuffix(key, "*"), "*") {
			p.Say("metadata", fmt.Sprintf("has the entry %q: write a key such as gen_ai.usage.input_tokens, or one that ends with *", key))
		}
	}
	return e, p.Err()
}

// uriChars are what a URI reference consists of (RFC 3986).
const uriChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*+,;=%"

func text(s string) string {
	if s == "" {
		return ""
	}
	return string(wire.AppendString(nil, s))
}

// writable reports whether s may be the value of an attribute (spec.md, "Type System").
func writable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || r >= 0x7f && r <= 0x9f || r&0xfffe == 0xfffe || r >= 0xfdd0 && r <= 0xfdef
	})
}

// usable reports whether s tells somebody from others as it is.
func usable(s string) bool {
	return wire.Identifies(s) && len(s) <= maxSubject && !strings.HasPrefix(s, "enc:") && writable(s)
}

// Spec implements [backend.Encoder].
func (e *Encoder) Spec() backend.Spec {
	return backend.Spec{
		Name:            "cloudevents",
		Frame:           frame,
		MaxItems:        maxItems,
		MaxItemBytes:    maxItemBytes,
		MaxRequestBytes: maxRequestBytes,
		Slim:            slim,
		IDPath:          []string{"id"},
	}
}

// frame is that of the batch format; OpenMeter compares the whole media type.
var frame = backend.Frame{ContentType: "application/cloudevents-batch+json", Prefix: "[", Separator: ",", Suffix: "]"}

// slim makes an encoded event smaller, which says so: what is missing must not be taken
// for nothing.
var slim = []backend.Slim{
	{{Path: "data.metadata"}, {Path: "data", Value: `"shed_metadata":true`, Mark: true}},
	{{Path: "data.route", Longest: 1024}, {Path: "data", Value: `"shed_url":true`, Mark: true}},
}
