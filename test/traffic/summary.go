// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

// summary counts results and keeps latencies in a histogram of fixed size.
type summary struct {
	elapsed time.Duration // set once, after the run

	mu      sync.Mutex
	total   int
	errors  int
	results map[string]map[string]int // route -> status -> count
	buckets [400]int
}

// Latency buckets grow by 4 % from 10 µs, so a percentile is right to 4 %; the
// last one begins above a minute.
const (
	bucketBase   = float64(10 * time.Microsecond)
	bucketGrowth = 1.04
)

func newSummary() *summary {
	return &summary{results: map[string]map[string]int{}}
}

func (s *summary) add(route, result string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total++
	if result == "error" {
		s.errors++
	}
	if s.results[route] == nil {
		s.results[route] = map[string]int{}
	}
	s.results[route][result]++
	i := 0
	if float64(d) > bucketBase {
		i = int(math.Ceil(math.Log(float64(d)/bucketBase) / math.Log(bucketGrowth)))
	}
	s.buckets[min(i, len(s.buckets)-1)]++
}

// percentile returns the upper bound of the bucket that holds the p-th part.
func (s *summary) percentile(p float64) time.Duration {
	want := int(math.Ceil(p * float64(s.total)))
	seen := 0
	for i, n := range s.buckets {
		if seen += n; n > 0 && seen >= want {
			return time.Duration(bucketBase * math.Pow(bucketGrowth, float64(i)))
		}
	}
	return 0
}

func (s *summary) perSecond() float64 {
	if s.elapsed <= 0 {
		return 0
	}
	return float64(s.total) / s.elapsed.Seconds()
}

func (s *summary) writeText(w io.Writer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "%-42s %s\n", "route", "answers")
	for _, route := range slices.Sorted(maps.Keys(s.results)) {
		var cells []string
		for _, result := range slices.Sorted(maps.Keys(s.results[route])) {
			cells = append(cells, fmt.Sprintf("%s ×%d", result, s.results[route][result]))
		}
		fmt.Fprintf(&b, "%-42s %s\n", route, strings.Join(cells, "  "))
	}
	fmt.Fprintf(&b, "%d requests in %.1f s (%.0f/s), %d without an answer; latency p50 %s, p90 %s, p99 %s\n",
		s.total, s.elapsed.Seconds(), s.perSecond(), s.errors,
		round(s.percentile(0.50)), round(s.percentile(0.90)), round(s.percentile(0.99)))
	_, err := io.WriteString(w, b.String())
	return err
}

func round(d time.Duration) time.Duration {
	if d > 10*time.Millisecond {
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}

func (s *summary) writeJSON(w io.Writer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ms := func(p float64) float64 {
		return math.Round(float64(s.percentile(p))/float64(time.Microsecond)) / 1000
	}
	return json.NewEncoder(w).Encode(map[string]any{
		"requests": s.total, "errors": s.errors,
		"seconds": s.elapsed.Seconds(), "per_second": s.perSecond(),
		"p50_ms": ms(0.50), "p90_ms": ms(0.90), "p99_ms": ms(0.99),
		"routes": s.results,
	})
}
