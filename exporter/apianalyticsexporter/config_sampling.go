// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"errors"
	"fmt"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
)

// SamplingConfig thins out what is sent. The decision follows from the trace id:
// all replicas decide alike. Where the backend has a field for it (Moesif's
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
		if enc, err := c.newEncoder(""); err == nil {
			if _, ok := enc.(backend.RateSource); !ok {
				errs = append(errs, errNoRates(c.name))
			}
		}
	default:
		errs = append(errs, fmt.Errorf("`sampling::source` is %q: write static or vendor", s.Source))
	}
	if !(s.Percent >= 0 && s.Percent <= 100) { // so that NaN is refused, too
		errs = append(errs, fmt.Errorf("`sampling::percent` is %v: write a number from 0 to 100", s.Percent))
	}
	return errs
}
