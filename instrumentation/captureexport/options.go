// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package captureexport

import (
	"time"

	"go.opentelemetry.io/otel/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const (
	// DefaultQueueBytes is the limit of WithQueueBytes.
	DefaultQueueBytes = 64 << 20
	// DefaultBatchBytes is the limit of WithBatchBytes. It leaves room below the 4 MiB
	// that a gRPC server takes by default.
	DefaultBatchBytes = 3 << 20
	// DefaultMaxRequestBytes is the limit of WithMaxRequestBytes: 4 MiB, the default
	// of gRPC servers (https://pkg.go.dev/google.golang.org/grpc#MaxRecvMsgSize),
	// less 4 KiB for what stands around the message.
	DefaultMaxRequestBytes = 4<<20 - 4<<10
	// DefaultBatchCount is the limit of WithBatchCount.
	DefaultBatchCount = 512
	// DefaultFlushInterval is the time of WithFlushInterval.
	DefaultFlushInterval = time.Second
	// DefaultExportTimeout is the time of WithExportTimeout.
	DefaultExportTimeout = 30 * time.Second

	// DefaultRetryInitialInterval, DefaultRetryMaxInterval and
	// DefaultRetryMaxElapsedTime are those of RetryConfig.
	DefaultRetryInitialInterval = 200 * time.Millisecond
	DefaultRetryMaxInterval     = 5 * time.Second
	DefaultRetryMaxElapsedTime  = 5 * time.Minute
)

// minRetryInterval keeps a mistaken setting from becoming a hot loop.
const minRetryInterval = time.Millisecond

// RetryConfig says how a batch that was not taken is sent again. A zero duration
// stands for its default.
type RetryConfig struct {
	// Disabled drops a batch that fails, instead.
	Disabled bool
	// InitialInterval is the pause before the second attempt; default 200 ms. Pauses
	// grow by half and vary by a fifth. At least 1 ms.
	InitialInterval time.Duration
	// MaxInterval is the longest pause; default 5 s.
	MaxInterval time.Duration
	// MaxElapsedTime is how long after the first attempt a batch is given up, with
	// reason retry_timeout; default 5 min, negative = never. Meanwhile other spans
	// wait in the queue.
	MaxElapsedTime time.Duration
	// Retryable judges an error of the exporter. Nil stands for DefaultRetryable.
	Retryable func(error) bool
}

type config struct {
	queueBytes    int64
	batchBytes    int
	maxRequest    int
	batchCount    int
	flushInterval time.Duration
	exportTimeout time.Duration
	block         time.Duration
	retry         RetryConfig
	meterProvider metric.MeterProvider
	filter        func(sdktrace.ReadOnlySpan) bool
	sampledOnly   bool
}

// Option configures NewSpanProcessor. A nil Option is ignored.
type Option interface{ apply(c *config) }

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

// WithQueueBytes bounds the memory of spans that wait or are being sent, in bytes as
// estimated. Default 64 MiB; n <= 0 means the default. A span that alone exceeds it
// is dropped with reason too_large.
func WithQueueBytes(n int64) Option { return optionFunc(func(c *config) { c.queueBytes = n }) }

// WithBatchBytes bounds the size of one export, in bytes of the OTLP message before
// compression. Default 3 MiB; n <= 0 means the default. Receivers refuse larger
// messages for good: by default above 4 MiB over gRPC, 20 MiB over HTTP to a
// Collector.
func WithBatchBytes(n int) Option { return optionFunc(func(c *config) { c.batchBytes = n }) }

// WithMaxRequestBytes is what the receiver takes at most, in bytes of the OTLP
// message before compression. A single span above WithBatchBytes is sent alone; above
// this limit its bodies are cut, marked as truncated and counted in
// apispan.captureexport.bodies.cut; if that is not enough it is dropped with reason
// too_large. Default 4 MiB less 4 KiB; n <= 0 means the default. Never below
// WithBatchBytes.
func WithMaxRequestBytes(n int) Option { return optionFunc(func(c *config) { c.maxRequest = n }) }

// WithBatchCount bounds the number of spans in one export. Default 512; n <= 0 means
// the default.
func WithBatchCount(n int) Option { return optionFunc(func(c *config) { c.batchCount = n }) }

// WithFlushInterval is how long a span waits at most for a batch to fill. Default
// 1 s; d <= 0 means the default.
func WithFlushInterval(d time.Duration) Option {
	return optionFunc(func(c *config) { c.flushInterval = d })
}

// WithExportTimeout bounds one attempt to export. Default 30 s; d <= 0 means the
// default. The OTLP exporters have a shorter one of their own (10 s). It also bounds
// ForceFlush and Shutdown if their context has no deadline.
func WithExportTimeout(d time.Duration) Option {
	return optionFunc(func(c *config) { c.exportTimeout = d })
}

// WithBlocking makes OnEnd, and so the end of the request, wait up to maxWait for
// room in a full queue before the span is dropped. Default 0: it is dropped at once.
// Either way it is counted with reason queue_full.
func WithBlocking(maxWait time.Duration) Option {
	return optionFunc(func(c *config) { c.block = maxWait })
}

// WithRetry replaces the defaults of RetryConfig.
func WithRetry(r RetryConfig) Option { return optionFunc(func(c *config) { c.retry = r }) }

// WithMeterProvider is where the processor's metrics go. Default: the global one.
func WithMeterProvider(p metric.MeterProvider) Option {
	return optionFunc(func(c *config) { c.meterProvider = p })
}

// WithFilter replaces the rule which spans are taken. The function runs at the end of
// every span of every kind, so it must be quick; if it panics the span is dropped with
// reason filter_panic. Nil means the default.
func WithFilter(f func(sdktrace.ReadOnlySpan) bool) Option {
	return optionFunc(func(c *config) { c.filter = f })
}

// WithSampledOnly is for a provider whose sampler is not wrapped in
// sdktrace.AlwaysRecord: only sampled spans are taken, and neither apispan.weight nor
// the tracestate is touched, so that the sampling threshold in it counts.
func WithSampledOnly() Option { return optionFunc(func(c *config) { c.sampledOnly = true }) }

func newConfig(opts []Option) config {
	c := config{}
	for _, o := range opts {
		if o != nil {
			o.apply(&c)
		}
	}
	c.queueBytes = positive(c.queueBytes, DefaultQueueBytes)
	c.batchBytes = positive(c.batchBytes, DefaultBatchBytes)
	c.maxRequest = max(positive(c.maxRequest, DefaultMaxRequestBytes), c.batchBytes)
	c.batchCount = positive(c.batchCount, DefaultBatchCount)
	c.flushInterval = positive(c.flushInterval, DefaultFlushInterval)
	c.exportTimeout = positive(c.exportTimeout, DefaultExportTimeout)
	r := &c.retry
	r.InitialInterval = max(positive(r.InitialInterval, DefaultRetryInitialInterval), minRetryInterval)
	r.MaxInterval = max(positive(r.MaxInterval, DefaultRetryMaxInterval), r.InitialInterval)
	if r.MaxElapsedTime == 0 {
		r.MaxElapsedTime = DefaultRetryMaxElapsedTime
	}
	if r.Retryable == nil {
		r.Retryable = DefaultRetryable
	}
	return c
}

func positive[T ~int | ~int64](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}
