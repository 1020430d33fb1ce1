// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// TestEndlessUpload: a client sends chunks and never ends. The handler reads on for as
// long as the test lets it, the memory in use does not grow, and when the client is
// gone, both spans end with the beginning of the body, and no goroutine stays.
func TestEndlessUpload(t *testing.T) {
	const (
		lasts   = 300 * time.Millisecond
		atLeast = 16 << 20 // bytes, however slow the machine is
		allowed = 12 << 20
	)
	for _, h2 := range []bool{false, true} {
		for i, wr := range wrappings {
			t.Run(fmt.Sprintf("HTTP%d/%s", 1+b2i(h2), wr.name), func(t *testing.T) {
				left := goleak.IgnoreCurrent()
				c := newCollector(t)
				ctx, hangUp := context.WithTimeout(t.Context(), patience)
				defer hangUp()
				before, peak := heapInUse(), uint64(0)
				begun := time.Now()
				watch := &watched{every: 4 << 20}
				watch.seen = func() {
					if peak = max(peak, heapInUse()); watch.n >= atLeast && time.Since(begun) >= lasts {
						hangUp()
					}
				}
				failed := make(chan error, 1)
				s := httptest.NewUnstartedServer(wr.wrap(c, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					if r.ContentLength != -1 {
						t.Errorf("the length is known: %d", r.ContentLength)
					}
					_, err := io.Copy(watch, r.Body)
					failed <- err
				}), everything()...))
				base := &http.Transport{}
				if h2 {
					s.Config.Protocols, base.Protocols = h2c(), h2c()
				}
				s.Start()
				client := &http.Client{Transport: clientWrappings[min(i, 1)].wrap(c, base, everything()...)}
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, io.NopCloser(zeros{}))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", "text/plain")
				if res, err := client.Do(req); err == nil {
					res.Body.Close()
					t.Error("an endless request was answered")
				}
				if err := <-failed; err == nil {
					t.Error("the handler saw an end")
				}
				if grown := int64(peak) - int64(before); grown > allowed {
					t.Errorf("memory grew by %d bytes while %d were sent", grown, watch.n)
				}
				for range 2 { // the server's and the client's
					want(t, c.attrs(t), map[string]any{
						"http.request.body.content":       strings.Repeat("\x00", httpcapture.DefaultMaxBodySize),
						"apispan.request.body.truncated":  true,
						"apispan.request.body.incomplete": true,
					})
				}
				s.Close()
				base.CloseIdleConnections()
				goleak.VerifyNone(t, left)
			})
		}
	}
}
