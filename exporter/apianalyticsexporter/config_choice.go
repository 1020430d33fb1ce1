// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"errors"
	"fmt"
	"slices"

	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/fromlog"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/fromspan"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/rules"
)

// SamplingConfig thins out what is sent. The decision follows from the ids of trace and
// span and a key: nobody who chooses a trace id can choose it. Where the backend has a field for it (Moesif's
// weight), an event says how many exchanges it stands for, together with what was
// sampled before it came here. Updates of entities and actions are not sampled.
type SamplingConfig struct {
	// Source is "static" (the default: Percent decides) or "vendor" (the rates
	// that the backend prescribes decide: for Moesif those of the app config).
	Source SamplingSource `mapstructure:"source"`
	// Percent of the exchanges is sent, 0 to 100, fractions allowed. Default 100.
	Percent float64 `mapstructure:"percent"`
	// KeepErrors sends every exchange with a status of 400 and above or without
	// a response, whatever the rate is. Default false.
	KeepErrors bool `mapstructure:"keep_errors"`
	// Key goes into the decision. With the same text, all replicas decide alike about
	// the same exchange. Default: a random one for each process.
	Key configopaque.String `mapstructure:"key"`
	// TrustCallers believes weight and randomness in a caller's tracestate and decides by
	// the trace id alone, so that all of a trace is sent or nothing, although a caller may
	// choose them. Default false: that is believed only where the trace begins here. For
	// services that only your own can call.
	TrustCallers bool `mapstructure:"trust_callers"`
}

// CallsConfig says which spans are one call. Only spans of one batch are compared, so a
// batch processor (or groupbytrace) before this exporter finds more.
type CallsConfig struct {
	// Nested is "merge" (the default: nested SERVER spans of a process, by the
	// framework and by its HTTP server, are one event that has what each of them says)
	// or "keep".
	Nested string `mapstructure:"nested"`
	// Prefer is who speaks for a call that gateway and service have both recorded:
	// "both" (the default, two events), "service" or "gateway".
	Prefer fromspan.Speaker `mapstructure:"prefer"`
	// Gateways are the service.name of gateways. Default none: a gateway is who passes
	// a request on with the same method and path.
	Gateways []string `mapstructure:"gateways"`
	// InnerIdentity takes identity and metadata from spans inside a SERVER span, too.
	// Default false.
	InnerIdentity bool `mapstructure:"inner_identity"`
}

const (
	nestedMerge = "merge"
	nestedKeep  = "keep"
)

func (c *CallsConfig) options() fromspan.Options {
	return fromspan.Options{
		Nested: c.Nested != nestedKeep, Prefer: c.Prefer, Gateways: slices.Clone(c.Gateways), InnerIdentity: c.InnerIdentity,
	}
}

func (c *CallsConfig) validate() (errs []error) {
	bad := backend.Problems{Block: "calls"}
	backend.OneOf(&bad, "nested", c.Nested, nestedMerge, nestedKeep)
	backend.OneOf(&bad, "prefer", c.Prefer, fromspan.SpeakService, fromspan.SpeakGateway, fromspan.SpeakBoth)
	errs = append(errs, bad.Err())
	if len(c.Gateways) > 0 && c.Prefer == fromspan.SpeakBoth {
		errs = append(errs, errors.New("`calls::gateways` is set while `calls::prefer` is both: write `prefer: service` or `prefer: gateway`, or remove the gateways"))
	}
	if slices.Contains(c.Gateways, "") {
		errs = append(errs, errors.New("`calls::gateways` has an empty name: write the service.name of each gateway"))
	}
	return errs
}

// SamplingSource says who decides about the sampling rate.
type SamplingSource string

const (
	SamplingStatic SamplingSource = "static"
	SamplingVendor SamplingSource = "vendor"
)

func (cfg *Config) validateSampling() (errs []error) {
	s := &cfg.Sampling
	switch s.Source {
	case SamplingStatic:
	case SamplingVendor:
		if s.Percent != 100 {
			errs = append(errs, errors.New("`sampling::percent` is set while `sampling::source` is vendor: remove one of them"))
		}
		c, err := cfg.choice()
		if err != nil {
			break // Validate has said so
		}
		if enc, err := c.newEncoder(cfg.ClientConfig.Endpoint, ""); err == nil {
			if _, ok := enc.(backend.RateSource); !ok {
				errs = append(errs, errNoRates(c.name))
			}
		}
	default:
		errs = append(errs, fmt.Errorf("`sampling::source` is %q: write static or vendor", s.Source))
	}
	if c, err := cfg.choice(); err == nil && c.EveryCall != "" && s.Percent < 100 {
		errs = append(errs, fmt.Errorf("`sampling::percent` is %v, but %s counts every call: remove it, or write `%s: false` for estimates", s.Percent, c.name, c.EveryCall))
	}
	if !(s.Percent >= 0 && s.Percent <= 100) { // so that NaN is refused, too
		errs = append(errs, fmt.Errorf("`sampling::percent` is %v: write a number from 0 to 100", s.Percent))
	}
	return errs
}

// Condition and Assignment are entries of Config.Skip and Config.Set; Terms are what a
// condition is made of.
type (
	Condition  = rules.Condition
	Terms      = rules.Terms
	Assignment = rules.Assignment
)

// rules are Hosts, Skip and Set, compiled; nil if none is written.
func (cfg *Config) rules() (*rules.Rules, error) {
	r, errs := rules.Compile(rules.Config{Hosts: cfg.Hosts, Skip: cfg.Skip, Set: cfg.Set})
	return r, errors.Join(errs...)
}

// mappings are those of FromLog, complete.
func (cfg *Config) mappings() (list []fromlog.Mapping, err error) {
	var errs []error
	for i, m := range cfg.FromLog {
		full, e := m.Compile(fmt.Sprintf("from_log[%d]", i))
		list, errs = append(list, full), append(errs, e...)
	}
	return list, errors.Join(errs...)
}
