// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"errors"
	"reflect"

	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/apispan/apispan/internal/confkeys"
)

var _ confmap.Unmarshaler = (*Config)(nil)

// Unmarshal implements confmap.Unmarshaler. It checks our own keys first: the
// decoder's message would neither name the full key nor help, and from
// confighttp v0.160 on it would not refuse unknown keys beside squashed ones.
func (cfg *Config) Unmarshal(conf *confmap.Conf) error {
	if err := errors.Join(configKeys.Unknown(conf.ToStringMap())...); err != nil {
		return err
	}
	if err := conf.Unmarshal(cfg); err != nil {
		return err
	}
	if cfg.Metlo.HasValue() {
		cfg.setMetloDefaults(conf.IsSet)
	}
	return nil
}

var configKeys = confkeys.Schema{
	Owner: "this exporter",
	Root:  reflect.TypeFor[Config](),
	Blocks: map[string]reflect.Type{
		"moesif":               reflect.TypeFor[MoesifConfig](),
		"readme":               reflect.TypeFor[ReadMeConfig](),
		"metlo":                reflect.TypeFor[MetloConfig](),
		"cerberus":             reflect.TypeFor[CerberusConfig](),
		"webhook":              reflect.TypeFor[WebhookConfig](),
		"sampling":             reflect.TypeFor[SamplingConfig](),
		"sending_queue":        reflect.TypeFor[exporterhelper.QueueBatchConfig](),
		"sending_queue::batch": reflect.TypeFor[exporterhelper.BatchConfig](),
		"retry_on_failure":     reflect.TypeFor[configretry.BackOffConfig](),
	},
}
