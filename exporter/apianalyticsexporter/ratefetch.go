// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/internal/poll"
)

// ratePace is when the vendor's prescription is fetched. It is fetched at start,
// when an answer names another version, and now and then in case a proxy takes
// the version out of the answers.
type ratePace struct {
	poll.Pace

	// news is the shortest time between two fetches.
	news time.Duration
	// flap is the same where the answer names the version before ours: while a
	// vendor rolls a new one out, its servers name the old and the new in turn.
	flap time.Duration
}

var defaultRatePace = ratePace{
	Pace: poll.Pace{Interval: 10 * time.Minute, Backoff: 5 * time.Second, MaxBackoff: 5 * time.Minute},
	news: 5 * time.Second, flap: time.Minute,
}

// rateFetcher keeps the vendor's prescription up to date in the background. The
// last good one stays in use while newer ones cannot be had.
type rateFetcher struct {
	source backend.RateSource
	enc    backend.Endpoint
	url    string
	client *http.Client
	tel    *telemetry
	logger *zap.Logger
	pace   ratePace

	state atomic.Pointer[rateState]
	loop  *poll.Loop // nil before start
}

type rateState struct {
	rates backend.Rates
	// tag is the version in use, and before the one that was before.
	tag, before string
}

func newRateFetcher(enc backend.Encoder, endpoint string, tel *telemetry, logger *zap.Logger) (*rateFetcher, error) {
	source, ok := enc.(backend.RateSource)
	if !ok {
		return nil, errNoRates(enc.Spec().Name)
	}
	return &rateFetcher{
		source: source, enc: enc, url: requestURL(endpoint, source.RatesPath()), tel: tel, logger: logger, pace: defaultRatePace,
	}, nil
}

func errNoRates(name string) error {
	return fmt.Errorf("`sampling::source` is vendor, but the backend %s prescribes no rates: write static, or remove the key", name)
}

// current returns the prescription in use, or nil.
func (f *rateFetcher) current() backend.Rates {
	if s := f.state.Load(); s != nil {
		return s.rates
	}
	return nil
}

// observe looks at the header of an answer. It never blocks.
func (f *rateFetcher) observe(h http.Header) {
	tag, s := f.source.RatesTag(h), f.state.Load()
	switch {
	case tag == "" || s == nil || s.tag == tag: // without any, they are being fetched
	case s.before == tag:
		f.loop.Hint(f.pace.flap)
	default:
		f.loop.Hint(f.pace.news)
	}
}

func (f *rateFetcher) start(ctx context.Context, env backend.Env) (err error) {
	if f.client, err = env.NewClient(ctx); err != nil {
		return err
	}
	f.loop = poll.Start(f.fetch, f.pace.Pace, func(err error) {
		f.logger.Warn("the sampling rates of the backend cannot be fetched: the last ones stay in use, or 100 % if there were none; trying again",
			zap.String("backend", f.enc.Spec().Name), zap.Error(fmt.Errorf("the backend %w", err)))
	})
	return f.tel.b.RegisterExporterAPIAnalyticsSamplingConfigAgeCallback(func(_ context.Context, o metric.Int64Observer) error {
		if f.state.Load() != nil {
			o.Observe(int64(f.loop.Age().Seconds()), f.tel.all)
		}
		return nil
	})
}

func (f *rateFetcher) shutdown() {
	if f.loop == nil {
		return
	}
	f.loop.Close()
	f.client.CloseIdleConnections()
}

// fetch gets the prescription and puts it in use.
func (f *rateFetcher) fetch(ctx context.Context) (time.Duration, error) {
	q := poll.Request{URL: f.url, Header: http.Header{"Accept": {"application/json"}}, Timeout: f.client.Timeout, Credential: "credential"}
	f.enc.SetHeader(q.Header)
	ignored := 0
	wait, err := poll.Get(ctx, f.client, q, func(r *http.Response) error {
		body, err := io.ReadAll(io.LimitReader(r.Body, backend.MaxRatesBytes+1))
		if err != nil {
			return errors.New("breaks off its answer")
		}
		next := &rateState{tag: f.source.RatesTag(r.Header)}
		if next.rates, ignored, err = f.source.ParseRates(body); err != nil {
			return fmt.Errorf("answers with rates that cannot be read: %w", err)
		}
		if s := f.state.Load(); s != nil {
			if next.before = s.tag; next.tag == s.tag {
				next.before = s.before
			}
		}
		f.state.Store(next)
		return nil
	})
	if ctx.Err() != nil {
		return 0, err
	}
	f.tel.ratesFetched(ctx, err == nil)
	f.tel.ratesIgnored(ctx, ignored)
	if ignored > 0 {
		f.logger.Warn("parts of the backend's sampling rates cannot be used and are ignored",
			zap.String("backend", f.enc.Spec().Name), zap.Int("parts", ignored))
	}
	return wait, err
}
