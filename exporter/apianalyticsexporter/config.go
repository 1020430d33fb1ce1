// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
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

	// DryRun translates, queues and counts, and sends nothing. Default false.
	DryRun bool `mapstructure:"dry_run"`
	// DryRunFile is a file to which a dry run appends each request that it would
	// have sent, without credentials, up to 64 MiB. It holds captured content: it
	// is created with mode 0600, and one that others may read is refused. Default
	// none.
	DryRunFile string `mapstructure:"dry_run_file"`

	// Sampling says what share of the exchanges is sent. Default: all.
	Sampling SamplingConfig `mapstructure:"sampling"`

	// Moesif selects the Moesif backend.
	Moesif configoptional.Optional[MoesifConfig] `mapstructure:"moesif"`
	// ReadMe selects the ReadMe Metrics backend.
	ReadMe configoptional.Optional[ReadMeConfig] `mapstructure:"readme"`
	// Metlo selects the Metlo backend.
	Metlo configoptional.Optional[MetloConfig] `mapstructure:"metlo"`
	// Cerberus selects the Cerberus backend.
	Cerberus configoptional.Optional[CerberusConfig] `mapstructure:"cerberus"`
	// Webhook selects any HTTP endpoint that takes a POST.
	Webhook configoptional.Optional[WebhookConfig] `mapstructure:"webhook"`
}

// MoesifConfig configures the backend moesif.
type MoesifConfig struct {
	// ApplicationID is the Collector Application Id of Moesif's portal. Required.
	ApplicationID configopaque.String `mapstructure:"application_id"`
	// APIVersion is sent for exchanges without apispan.api.version. Default none.
	APIVersion string `mapstructure:"api_version"`
	// ServiceVersionAsAPIVersion sends the service's version where there is no
	// other. Default false: a build is not an API version.
	ServiceVersionAsAPIVersion bool `mapstructure:"service_version_as_api_version"`
	// NoResponseStatus is the status of an exchange without a response; 0, the
	// default, means that the event has no response.
	NoResponseStatus int `mapstructure:"no_response_status"`
	// SessionIDAsToken sends session.id as session_token. Default false, since
	// some applications put the session's secret there.
	SessionIDAsToken bool `mapstructure:"session_id_as_token"`
	// IgnoreTransactionID keeps a captured X-Moesif-Transaction-Id header from
	// becoming the event's id. Default false, as in Moesif's SDKs. WARNING: events
	// with one id are one event to Moesif, so a client that sends the same id with
	// every request makes its calls vanish from analytics and metered billing. Set
	// it where clients are not trusted.
	IgnoreTransactionID bool `mapstructure:"ignore_transaction_id"`

	Gates Gates `mapstructure:",squash"`
}

// ReadMeConfig configures the backend readme.
type ReadMeConfig struct {
	// APIKey is the project's API key. Required.
	APIKey configopaque.String `mapstructure:"api_key"`
	// Development marks events as development traffic: true, false, or "auto"
	// (the default) for environments not in ProductionEnvironments.
	Development Switch `mapstructure:"development"`
	// ProductionEnvironments are the values of deployment.environment.name that
	// are production. Default "production" and "prod".
	ProductionEnvironments []string `mapstructure:"production_environments"`
	// SDK presents events as those of one of ReadMe's SDKs: "dotnet", "node",
	// "php", "python" or "ruby". Default "": as our own.
	SDK string `mapstructure:"sdk"`

	Gates Gates `mapstructure:",squash"`
}

// WebhookConfig configures the backend webhook.
type WebhookConfig struct {
	// Endpoint is the URL to send to, as it is. Required, here or as the
	// exporter's own key of that name.
	Endpoint string `mapstructure:"endpoint"`
	// Format is "ndjson" (the default): one event of the schema
	// apispan.event/1 a line; or "har": one HAR 1.2 log a request.
	Format string `mapstructure:"format"`
	// BearerToken is sent in Authorization. Default none; for other credentials
	// use the HTTP client's headers or auth.
	BearerToken configopaque.String `mapstructure:"bearer_token"`

	Gates Gates `mapstructure:",squash"`
}

// Switch is "auto", "true" or "false"; YAML's booleans are taken, too.
type Switch string

var _ confmap.ScalarUnmarshaler = (*Switch)(nil)

// UnmarshalScalar implements confmap.ScalarUnmarshaler.
func (s *Switch) UnmarshalScalar(v confmap.ScalarValue) error {
	switch x := v.GetRaw().(type) {
	case nil:
		return nil
	case bool:
		*s = Switch(fmt.Sprint(x))
	case string:
		*s = Switch(x)
	default:
		return fmt.Errorf("is of type %T; write auto, true or false", x)
	}
	return nil
}

const (
	defaultTimeout = 10 * time.Second
	// defaultQueueBytes is memory, or disk with storage.
	defaultQueueBytes = 128 << 20
	// minQueueBytes is twice the receiver's default limit of 20 MiB for one
	// request: a request larger than the queue would be refused for ever.
	minQueueBytes = 40 << 20
	// minEventSize leaves room for an event without bodies.
	minEventSize = 4 << 10
)

func createDefaultConfig() component.Config {
	client := confighttp.NewDefaultClientConfig()
	client.Timeout = defaultTimeout

	queue := exporterhelper.NewDefaultQueueConfig()
	queue.Sizer = exporterhelper.RequestSizerTypeBytes
	queue.QueueSize = defaultQueueBytes
	queue.WaitForResult = false
	queue.BlockOnOverflow = false
	// Off unless "batch:" is written; then this.
	batch := exporterhelper.BatchConfig{
		FlushTimeout: time.Second,
		Sizer:        exporterhelper.RequestSizerTypeItems,
		MinSize:      200,
	}
	queue.Batch = configoptional.Default(batch)

	retry := configretry.NewDefaultBackOffConfig()
	retry.MaxElapsedTime = 0

	gates := Gates{Bodies: BodiesAll, Headers: true, URL: URLFull, Direction: DirectionBoth}
	return &Config{
		ClientConfig:     client,
		QueueConfig:      configoptional.Some(queue),
		RetryConfig:      retry,
		RequireRedaction: true,
		Sampling:         SamplingConfig{Source: SamplingStatic, Percent: 100},
		Moesif:           configoptional.Default(MoesifConfig{Gates: gates}),
		ReadMe:           configoptional.Default(ReadMeConfig{Development: "auto", Gates: gates}),
		Metlo:            configoptional.Default(defaultMetloConfig(gates)),
		Cerberus:         defaultCerberus(gates),
		Webhook:          configoptional.Default(WebhookConfig{Format: "ndjson", Gates: gates}),
	}
}

// Validate reports everything that is wrong, each with its key and what to write.
func (cfg *Config) Validate() error {
	var errs []error
	choice, err := cfg.choice()
	if err != nil {
		errs = append(errs, err, choice.validateEndpoint("`endpoint`", cfg.ClientConfig.Endpoint))
	} else {
		errs = append(errs, choice.validate(cfg)...)
	}
	if cfg.DryRunFile != "" && !cfg.DryRun {
		errs = append(errs, errors.New("`dry_run_file` is set while `dry_run` is false: set it to true, or remove the file"))
	}
	errs = append(errs, cfg.validateSampling()...)
	if cfg.ClientConfig.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("`timeout` is %v: write a positive duration such as 10s, or a backend that never answers would hold the queue for ever", cfg.ClientConfig.Timeout))
	}
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

// validateEndpoint names the key, such as "`endpoint`", and never the value, which
// may hold a password. A query is accepted if nothing is appended to the endpoint.
func (c *choice) validateEndpoint(key, endpoint string) error {
	if endpoint == "" {
		return nil // the backend's own, or another key's
	}
	const hint = "write an absolute URL such as https://api.example.com"
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
		return errors.New(key + " is no URL: " + hint)
	case !slices.Contains(c.schemes(), u.Scheme):
		return errors.New(key + " does not begin with " + strings.Join(c.schemes(), ":// or ") + "://: " + hint)
	case u.Hostname() == "":
		return errors.New(key + " has no host: " + hint)
	case u.User != nil:
		return errors.New(key + " holds a user or password: remove it; use `auth` or `headers` for credentials")
	case c.wholeURL && u.Fragment != "":
		return errors.New(key + " holds a fragment, which is never sent: remove it")
	case !c.wholeURL && (u.RawQuery != "" || u.Fragment != "" || u.ForceQuery):
		return errors.New(key + " holds a query or a fragment: remove it; the backend's path is appended to the endpoint")
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

// clearText reports whether requests to the URL leave the machine unencrypted.
func clearText(rawURL string) bool {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "ws" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())
}
