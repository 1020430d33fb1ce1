// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
)

// ratePace is when the vendor's prescription is fetched. It is fetched at start,
// when an answer names another version, and now and then in case a proxy takes
// the version out of the answers.
type ratePace struct {
	// backoff is the wait after a failure; it doubles up to maxBackoff.
	backoff, maxBackoff time.Duration
	// news is the shortest time between two fetches.
	news time.Duration
	// flap is the same where the answer names the version before ours: while a
	// vendor rolls a new one out, its servers name the old and the new in turn.
	flap time.Duration
	// refresh is the longest time between two fetches.
	refresh time.Duration
}

var defaultRatePace = ratePace{
	backoff: 5 * time.Second, maxBackoff: 5 * time.Minute,
	news: 5 * time.Second, flap: time.Minute, refresh: 10 * time.Minute,
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
	wake  chan string // the version that an answer named
	stop  context.CancelFunc
	done  sync.WaitGroup
}

type rateState struct {
	rates backend.Rates
	// tag is the version in use, and before the one that was before.
	tag, before string
	since       time.Time
}

func newRateFetcher(enc backend.Encoder, endpoint string, tel *telemetry, logger *zap.Logger) (*rateFetcher, error) {
	source, ok := enc.(backend.RateSource)
	if !ok {
		return nil, errNoRates(enc.Spec().Name)
	}
	return &rateFetcher{
		source: source, enc: enc, url: requestURL(endpoint, source.RatesPath()), tel: tel, logger: logger, pace: defaultRatePace, wake: make(chan string, 1),
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
	tag := f.source.RatesTag(h)
	if tag == "" {
		return
	}
	if s := f.state.Load(); s != nil && s.tag == tag {
		return
	}
	select {
	case f.wake <- tag:
	default: // the fetcher is about to look anyway
	}
}

func (f *rateFetcher) start(ctx context.Context, env backend.Env) (err error) {
	if f.client, err = env.NewClient(ctx); err != nil {
		return err
	}
	err = f.tel.b.RegisterExporterAPIAnalyticsSamplingConfigAgeCallback(func(_ context.Context, o metric.Int64Observer) error {
		if s := f.state.Load(); s != nil {
			o.Observe(int64(time.Since(s.since).Seconds()), f.tel.all)
		}
		return nil
	})
	if err != nil {
		return err
	}
	run, stop := context.WithCancel(context.Background())
	f.stop = stop
	f.done.Go(func() { f.run(run) })
	return nil
}

func (f *rateFetcher) shutdown() {
	if f.stop == nil {
		return
	}
	f.stop()
	f.done.Wait()
	f.client.CloseIdleConnections()
}

func (f *rateFetcher) run(ctx context.Context) {
	var last, due time.Time // due: at once
	backoff := time.Duration(0)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return
		case tag := <-f.wake:
			if backoff > 0 {
				continue // a failure is waited out
			}
			guard := f.pace.news
			if s := f.state.Load(); s != nil {
				switch tag {
				case s.tag:
					continue // named while we fetched it
				case s.before:
					guard = f.pace.flap
				}
			}
			if t := last.Add(guard); t.Before(due) {
				due = t
			}
		case <-timer.C:
			err := f.fetch(ctx)
			if ctx.Err() != nil {
				return
			}
			last = time.Now()
			f.tel.ratesFetched(ctx, err == nil)
			if err == nil {
				backoff, due = 0, last.Add(f.pace.refresh)
				continue
			}
			if backoff == 0 { // once for each series of failures
				f.logger.Warn("the sampling rates of the backend cannot be fetched: the last ones stay in use, or 100 % if there were none; trying again",
					zap.String("backend", f.enc.Spec().Name), zap.Error(err))
			}
			backoff = min(max(2*backoff, f.pace.backoff), f.pace.maxBackoff)
			due = last.Add(backoff)
		}
	}
}

// fetch gets the prescription and puts it in use. Errors hold nothing of the
// answer but its status.
func (f *rateFetcher) fetch(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url, http.NoBody)
	if err != nil {
		return errors.New("the request could not be built")
	}
	f.enc.SetHeader(req.Header)
	req.Header.Set("Accept", "application/json")
	resp, err := f.client.Do(req)
	if err != nil {
		return errors.New(newNoAnswer("", 0, err).kind)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer's status is %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, backend.MaxRatesBytes+1))
	if err != nil {
		return errors.New("the answer ended early")
	}
	if len(body) > backend.MaxRatesBytes {
		return fmt.Errorf("the answer has more than %d bytes", backend.MaxRatesBytes)
	}
	rates, ignored, err := f.source.ParseRates(body)
	if err != nil {
		return err
	}
	next := &rateState{rates: rates, tag: f.source.RatesTag(resp.Header), since: time.Now()}
	if s := f.state.Load(); s != nil {
		if next.before = s.tag; next.tag == s.tag {
			next.before = s.before
		}
	}
	f.state.Store(next)
	f.tel.ratesIgnored(ctx, ignored)
	if ignored > 0 {
		f.logger.Warn("parts of the backend's sampling rates cannot be used and are ignored",
			zap.String("backend", f.enc.Spec().Name), zap.Int("parts", ignored))
	}
	return nil
}
