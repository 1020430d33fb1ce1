// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/fromlog"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/fromspan"
	"github.com/apispan/apispan/internal/confkeys"
)

// Config is the configuration of one exporter, and so of one backend: exactly one
// of the backend blocks is set.
type Config struct {
	// ClientConfig holds the HTTP client's keys (endpoint, timeout, compression,
	// tls, proxy_url, headers, auth, …). It is a named field on purpose: embedded,
	// its own Unmarshal would hide ours. Our defaults: endpoint and compression by
	// backend, timeout 10 s.
	ClientConfig confighttp.ClientConfig `mapstructure:",squash"`

	// QueueConfig is the exporterhelper's queue of encoded events. Default: in
	// memory, at most 128 MiB of events (sizer bytes), 10 consumers, no batching.
	QueueConfig configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`

	// RetryConfig is the exporterhelper's backoff. Default: enabled, 5 s to 30 s,
	// without end (max_elapsed_time 0).
	RetryConfig configretry.BackOffConfig `mapstructure:"retry_on_failure"`

	// RequireRedaction drops spans that the http_redaction processor has not
	// stamped. Default true.
	RequireRedaction bool `mapstructure:"require_redaction"`

	// DryRun translates, queues (in memory) and counts, and sends nothing. What
	// sending_queue::storage holds stays there and is sent once this is false
	// again. Default false.
	DryRun bool `mapstructure:"dry_run"`
	// DryRunFile is a file to which a dry run appends each request that it would
	// have sent, without credentials, up to 64 MiB. It holds captured content: it
	// is created with mode 0600, and one that others may read is refused. Default
	// none.
	DryRunFile string `mapstructure:"dry_run_file"`

	// Sampling says what share of the exchanges is sent. Default: all.
	Sampling SamplingConfig `mapstructure:"sampling"`

	// Inspector is the id of an extension api_inspector, which is shown what this
	// exporter does, without its credentials. Default: none is.
	Inspector *component.ID `mapstructure:"inspector"`

	// Calls says which spans are one call. Default: nested SERVER spans of a process are.
	Calls CallsConfig `mapstructure:"calls"`

	// FromLog are mappings by which a logs pipeline makes exchanges of access logs; the
	// first that fits a record is used. Default none.
	FromLog []fromlog.Mapping `mapstructure:"from_log"`

	// Hosts are the hosts under which calls that come in are sent, with * for any
	// characters; others are left out. Default none: all are sent.
	Hosts []string `mapstructure:"hosts"`
	// Skip are conditions; an exchange for which one of them holds is left out. Default
	// none.
	Skip []Condition `mapstructure:"skip"`
	// Set says what exchanges are whose producer does not tell: route and direction.
	// Default none.
	Set []Assignment `mapstructure:"set"`

	// MaskEvent is the id of an extension that sees each event as it would be sent, and
	// may change or drop it (package eventmask). Default none.
	MaskEvent *component.ID `mapstructure:"mask_event"`

	// Backends has the blocks of the backends, one of which is written.
	Backends `mapstructure:",squash"` //nolint:embeddedstructfieldcheck // in the order of the documentation
}

var _ confmap.Unmarshaler = (*Config)(nil)

// Unmarshal implements confmap.Unmarshaler. It checks our own keys first: the
// decoder's message would neither name the full key nor help, and from
// confighttp v0.160 on it would not refuse unknown keys beside squashed ones.
func (cfg *Config) Unmarshal(conf *confmap.Conf) error {
	if err := errors.Join(configKeys().Unknown(conf.ToStringMap())...); err != nil {
		return err
	}
	if err := conf.Unmarshal(cfg); err != nil {
		return err
	}
	if c, err := cfg.choice(); err == nil {
		cfg.setDelivery(c.Delivery, conf.IsSet)
	}
	return nil
}

// configKeys are those whose spelling is checked.
func configKeys() confkeys.Schema {
	keys := confkeys.Schema{
		Owner:   "this exporter",
		Root:    reflect.TypeFor[Config](),
		Instead: map[string]map[string]string{},
		Blocks: map[string]reflect.Type{
			"calls":                reflect.TypeFor[CallsConfig](),
			"sampling":             reflect.TypeFor[SamplingConfig](),
			"sending_queue":        reflect.TypeFor[exporterhelper.QueueBatchConfig](),
			"sending_queue::batch": reflect.TypeFor[exporterhelper.BatchConfig](),
			"retry_on_failure":     reflect.TypeFor[configretry.BackOffConfig](),
		},
	}
	for _, b := range new(Backends).blocks() {
		keys.Blocks[b.name] = b.typ
		if sdk, ok := reflect.TypeAssert[backend.SDKOptions](reflect.Zero(b.typ)); ok {
			keys.Instead[b.name] = sdk.SDKOptions()
		}
	}
	return keys
}

// setDelivery sets what the configuration does not; isSet is told keys of the
// exporter's section.
func (cfg *Config) setDelivery(d backend.Delivery, isSet func(key string) bool) {
	if d.Timeout > 0 && !isSet("timeout") {
		cfg.ClientConfig.Timeout = d.Timeout
	}
	retry := &cfg.RetryConfig
	if d.MaxInterval > 0 && !isSet("retry_on_failure::initial_interval") && !isSet("retry_on_failure::max_interval") {
		retry.InitialInterval, retry.MaxInterval = d.InitialInterval, d.MaxInterval
	}
	if d.MaxElapsedTime > 0 && !isSet("retry_on_failure::max_elapsed_time") {
		// Less than an interval would be refused.
		retry.MaxElapsedTime = max(d.MaxElapsedTime, retry.InitialInterval, retry.MaxInterval)
	}
	if d.QueueBytes > 0 && cfg.QueueConfig.HasValue() && !isSet("sending_queue::queue_size") {
		if q := cfg.QueueConfig.Get(); q.Sizer == exporterhelper.RequestSizerTypeBytes {
			q.QueueSize = d.QueueBytes
		}
	}
}

const (
	defaultTimeout = 10 * time.Second
	// defaultQueueBytes is memory, or disk with storage.
	defaultQueueBytes = 128 << 20
	// minQueueBytes is twice the receiver's default limit of 20 MiB for one
	// request: a request larger than the queue would be refused for ever.
	minQueueBytes = 40 << 20
	// maxConsumers bounds how many goroutines a mistyped number starts.
	maxConsumers = 10_000
)

func createDefaultConfig() component.Config {
	client := confighttp.NewDefaultClientConfig()
	client.Timeout = defaultTimeout

	queue := exporterhelper.NewDefaultQueueConfig()
	queue.Sizer = exporterhelper.RequestSizerTypeBytes
	queue.QueueSize = defaultQueueBytes
	queue.WaitForResult = false
	queue.BlockOnOverflow = false
	// Off unless "batch:" is written; then this. The rest, such as the partitions'
	// limits of newer versions, is the library's.
	batch := *queue.Batch.GetOrInsertDefault()
	batch.FlushTimeout, batch.Sizer = time.Second, exporterhelper.RequestSizerTypeItems
	batch.MinSize, batch.MaxSize = 200, 0
	queue.Batch = configoptional.Default(batch)

	retry := configretry.NewDefaultBackOffConfig()
	retry.MaxElapsedTime = 0

	return &Config{
		ClientConfig:     client,
		QueueConfig:      configoptional.Some(queue),
		RetryConfig:      retry,
		RequireRedaction: true,
		Sampling:         SamplingConfig{Source: SamplingStatic, Percent: 100},
		Calls:            CallsConfig{Nested: nestedMerge, Prefer: fromspan.SpeakBoth},
		Backends:         defaultBackends(),
	}
}

// Validate reports everything that is wrong, each with its key and what to write.
func (cfg *Config) Validate() error {
	var errs []error
	choice, err := cfg.choice()
	if err != nil {
		errs = append(errs, err, choice.validateEndpoint("`endpoint`", cfg.ClientConfig.Endpoint))
	} else {
		errs = append(errs, choice.validate(cfg.ClientConfig.Endpoint)...)
	}
	if cfg.DryRunFile != "" && !cfg.DryRun {
		errs = append(errs, errors.New("`dry_run_file` is set while `dry_run` is false: set it to true, or remove the file"))
	}
	errs = append(errs, cfg.validateSampling()...)
	errs = append(errs, cfg.Calls.validate()...)
	if _, err := cfg.mappings(); err != nil {
		errs = append(errs, err)
	}
	if _, err := cfg.rules(); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, confkeys.Durations(cfg)...)
	if cfg.ClientConfig.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("`timeout` is %v: write a positive duration such as 10s, or a backend that never answers would hold the queue for ever", cfg.ClientConfig.Timeout))
	}
	errs = append(errs, cfg.validateClient()...)
	errs = append(errs, cfg.validateRetry()...)
	if cfg.QueueConfig.HasValue() {
		errs = append(errs, cfg.validateQueue(cfg.QueueConfig.Get())...)
	}
	return errors.Join(errs...)
}

// validateQueue refuses what is known to lose data with the exporterhelper of
// this version; the README's section on delivery explains each.
func (cfg *Config) validateQueue(q *exporterhelper.QueueBatchConfig) (errs []error) {
	if q.Sizer == exporterhelper.RequestSizerTypeBytes && q.QueueSize > 0 && q.QueueSize < minQueueBytes {
		errs = append(errs, fmt.Errorf("`sending_queue::queue_size` is %d bytes: write at least %d, since a request larger than the queue would be refused for ever, or count in other units with `sending_queue::sizer: items`", q.QueueSize, minQueueBytes))
	}
	if q.NumConsumers > maxConsumers {
		errs = append(errs, fmt.Errorf("`sending_queue::num_consumers` is %d: write at most %d, since each is a request at the same time", q.NumConsumers, maxConsumers))
	}
	if q.StorageID == nil {
		return errs
	}
	if !cfg.RetryConfig.Enabled {
		errs = append(errs, errors.New("`retry_on_failure::enabled` is false while `sending_queue::storage` is set: write true, or whatever is being sent when the backend fails or the collector stops is deleted from the storage"))
	}
	if q.BlockOnOverflow {
		errs = append(errs, errors.New("`sending_queue::block_on_overflow` is true while `sending_queue::storage` is set: write false, since the two together can block the queue for good; senders get a retryable error instead"))
	}
	if q.Batch.HasValue() && len(q.Batch.Get().Partition.MetadataKeys) > 0 {
		errs = append(errs, errors.New("`sending_queue::batch::partition::metadata_keys` is set together with `sending_queue::storage`: remove one of them, since client metadata is not kept in the storage"))
	}
	return errs
}
