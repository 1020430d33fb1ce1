// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// Options says what to send.
type Options struct {
	// Target is the base URL of an OTLP/HTTP receiver.
	Target string
	// Run tells the exchanges of this run from others.
	Run uint32
	// Rate is exchanges a second over all senders; 0 means as fast as they are
	// acknowledged.
	Rate int
	// Count is how many exchanges to send; 0 means until the context ends.
	Count int
	// First is the number of the first exchange.
	First uint64
	// Batch is how many exchanges go into one request; 0 means 50.
	Batch int
	// Senders is how many requests are open at a time; 0 means 4.
	Senders int
	Shape   Shape
	// Patience is how long a batch that is not acknowledged is sent again; 0 means
	// until the context ends. A batch given up is not acknowledged.
	Patience time.Duration
	// Books gets the acknowledgements; nil means none are kept.
	Books *Books
}

// Report is what became of a run.
type Report struct {
	Acked   int           // exchanges
	GivenUp int           // exchanges that were never acknowledged
	Refused int           // answers other than success, and connections that failed
	Bytes   int64         // of requests that were acknowledged, uncompressed
	Took    time.Duration // from the first request to the last answer
	P50     time.Duration // of acknowledged requests
	P99     time.Duration
}

// retryWait is how long a sender waits before it sends a batch again.
const retryWait = 50 * time.Millisecond

// Send sends until the count is reached and acknowledged, or ctx ends.
func Send(ctx context.Context, o Options) (Report, error) {
	if o.Batch == 0 {
		o.Batch = 50
	}
	if o.Senders == 0 {
		o.Senders = 4
	}
	tmpl, err := newTemplate(o.Run, o.Batch, o.Shape)
	if err != nil {
		return Report{}, err
	}
	s := &sending{
		o: o, template: tmpl, begin: time.Now(),
		client: &http.Client{
			Timeout:   30 * time.Second,
			Transport: &http.Transport{MaxIdleConnsPerHost: o.Senders, DisableCompression: true},
		},
	}
	defer s.client.CloseIdleConnections()
	var senders sync.WaitGroup
	for range o.Senders {
		senders.Go(func() { s.run(ctx) })
	}
	senders.Wait()
	s.report.Took = time.Since(s.begin)
	s.report.Refused = int(s.refused.Load())
	slices.Sort(s.took)
	if n := len(s.took); n > 0 {
		s.report.P50, s.report.P99 = s.took[n/2], s.took[n*99/100]
	}
	return s.report, nil
}

type sending struct {
	o        Options
	template *template
	client   *http.Client
	begin    time.Time
	next     atomic.Uint64 // batch
	refused  atomic.Int64

	mu     sync.Mutex
	report Report
	took   []time.Duration
}

func (s *sending) run(ctx context.Context) {
	var buf []byte
	for ctx.Err() == nil {
		batch := s.next.Add(1) - 1
		first := batch * uint64(s.o.Batch)
		if s.o.Count > 0 && first >= uint64(s.o.Count) {
			return
		}
		first += s.o.First
		if s.o.Rate > 0 {
			due := s.begin.Add(time.Duration(first-s.o.First) * time.Second / time.Duration(s.o.Rate))
			if !pause(ctx, time.Until(due)) {
				return
			}
		}
		buf = s.template.number(buf, first)
		s.deliver(ctx, buf, first)
	}
}

// deliver sends one batch until it is acknowledged.
func (s *sending) deliver(ctx context.Context, body []byte, first uint64) {
	begin := time.Now()
	for {
		try := time.Now()
		if s.post(ctx, body) {
			if s.o.Books != nil {
				s.o.Books.Ack(first, s.o.Batch)
			}
			s.mu.Lock()
			s.report.Acked += s.o.Batch
			s.report.Bytes += int64(len(body))
			s.took = append(s.took, time.Since(try))
			s.mu.Unlock()
			return
		}
		s.refused.Add(1)
		if s.o.Patience > 0 && time.Since(begin) > s.o.Patience || !pause(ctx, retryWait) {
			s.mu.Lock()
			s.report.GivenUp += s.o.Batch
			s.mu.Unlock()
			return
		}
	}
}

// post reports whether the receiver has acknowledged the whole request. The
// request is not bound to ctx, so that an answer on its way is still counted.
func (s *sending) post(ctx context.Context, body []byte) bool {
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, s.o.Target+"/v1/traces", bytes.NewReader(body))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := s.client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil || resp.StatusCode != http.StatusOK {
		return false
	}
	taken := ptraceotlp.NewExportResponse()
	return taken.UnmarshalProto(answer) == nil && taken.PartialSuccess().RejectedSpans() == 0
}

func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
