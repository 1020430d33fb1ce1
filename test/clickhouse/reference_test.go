// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// What each documented query has to give, computed in Go: rows of values by column.

// row is one row of a result; numbers are float64.
type row map[string]any

const timeLayout = "2006-01-02 15:04:05.000000"

type interval struct{ from, to time.Time }

func (iv interval) has(c *call) bool { return !c.at.Before(iv.from) && c.at.Before(iv.to) }

// weighted is a duration that stands for several.
type weighted struct{ value, weight int64 }

// quantile is the smallest value such that values up to it have that share of the weight.
func quantile(list []weighted, level float64) float64 {
	slices.SortFunc(list, func(a, b weighted) int { return cmp.Compare(a.value, b.value) })
	var sum, before int64
	for _, w := range list {
		sum += w.weight
	}
	threshold := int64(math.Ceil(float64(sum) * level))
	for _, w := range list {
		if before += w.weight; before >= threshold {
			return float64(w.value)
		}
	}
	return 0
}

func first(n int, list []row) []row { return list[:min(n, len(list))] }

// order sorts by columns; one with a "-" before it the other way round.
func order(list []row, columns ...string) []row {
	slices.SortFunc(list, func(a, b row) int {
		for _, name := range columns {
			down := name[0] == '-'
			if down {
				name = name[1:]
			}
			c := 0
			switch v := a[name].(type) {
			case string:
				c = cmp.Compare(v, b[name].(string))
			case float64:
				c = cmp.Compare(v, b[name].(float64))
			}
			if down {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	return list
}

func endpoints(list []call, iv interval) (out []row) {
	type key struct{ service, method, route string }
	type sum struct {
		calls, errors int64
		took          []weighted
	}
	sums := map[key]*sum{}
	for i := range list {
		c := &list[i]
		if c.outgoing || !iv.has(c) {
			continue
		}
		k := key{c.service, c.method, c.route}
		s := sums[k]
		if s == nil {
			s = &sum{}
			sums[k] = s
		}
		s.calls += c.weight
		if c.status >= 500 || c.status == 0 {
			s.errors += c.weight
		}
		s.took = append(s.took, weighted{c.us, c.weight})
	}
	for k, s := range sums {
		out = append(out, row{
			"service": k.service, "method": k.method, "route": k.route, "calls": float64(s.calls), "error_share": float64(s.errors) / float64(s.calls),
			"p50_ms": quantile(s.took, 0.5) / 1000, "p95_ms": quantile(s.took, 0.95) / 1000, "p99_ms": quantile(s.took, 0.99) / 1000,
		})
	}
	return first(100, order(out, "-calls", "service", "method", "route"))
}

func consumers(list []call, iv interval) (out []row) {
	type sum struct {
		calls, errors, bytes int64
		endpoints            map[[3]string]bool
		last                 *call
	}
	sums := map[string]*sum{}
	for i := range list {
		c := &list[i]
		if c.outgoing || c.consumer == "" || !iv.has(c) {
			continue
		}
		s := sums[c.consumer]
		if s == nil {
			s = &sum{endpoints: map[[3]string]bool{}}
			sums[c.consumer] = s
		}
		s.calls += c.weight
		if c.status >= 400 {
			s.errors += c.weight
		}
		s.bytes += c.weight * (max(c.sent, 0) + max(c.received, 0))
		s.endpoints[[3]string{c.service, c.method, c.route}] = true
		s.last = c // they are in the order of time
	}
	for consumer, s := range sums {
		out = append(out, row{
			"consumer_id": consumer, "company": s.last.company, "calls": float64(s.calls), "error_share": float64(s.errors) / float64(s.calls),
			"bytes": float64(s.bytes), "endpoints": float64(len(s.endpoints)), "last_call": s.last.at.Format(timeLayout),
		})
	}
	return first(100, order(out, "-calls", "consumer_id"))
}

func slowCalls(list []call, iv interval) (out []row) {
	for i := range list {
		if c := &list[i]; !c.outgoing && iv.has(c) {
			out = append(out, row{
				"time": c.at.Format(timeLayout), "service": c.service, "method": c.method, "route": c.route, "path": c.path,
				"status": float64(c.status), "ms": float64(c.us) / 1000, "consumer_id": c.consumer, "event_id": c.eventID(),
			})
		}
	}
	return first(50, order(out, "-ms"))
}

func newConsumers(list []call, iv interval) (out []row) {
	firsts, sums := map[string]*call{}, map[string]int64{}
	for i := range list {
		c := &list[i]
		if c.outgoing || c.consumer == "" || !c.at.Before(iv.to) {
			continue
		}
		if firsts[c.consumer] == nil {
			firsts[c.consumer] = c
		}
		sums[c.consumer] += c.weight
	}
	for consumer, c := range firsts {
		if iv.has(c) {
			out = append(out, row{
				"consumer_id": consumer, "first_call": c.at.Format(timeLayout), "first_endpoint": []any{c.method, c.route}, "calls": float64(sums[consumer]),
			})
		}
	}
	return first(100, order(out, "first_call", "consumer_id"))
}

func adoption(list []call, iv interval, route string) (out []row) {
	day := func(c *call) string { return c.at.Format(time.DateOnly) }
	firstDay := map[string]string{}
	type sum struct {
		all, some, fresh map[string]bool
		calls            int64
	}
	sums := map[string]*sum{}
	for i := range list {
		c := &list[i]
		if c.outgoing || c.consumer == "" || !c.at.Before(iv.to) {
			continue
		}
		if c.route == route && firstDay[c.consumer] == "" {
			firstDay[c.consumer] = day(c)
		}
		if !iv.has(c) {
			continue
		}
		s := sums[day(c)]
		if s == nil {
			s = &sum{map[string]bool{}, map[string]bool{}, map[string]bool{}, 0}
			sums[day(c)] = s
		}
		s.all[c.consumer] = true
		if c.route == route {
			s.some[c.consumer] = true
			s.calls += c.weight
			if firstDay[c.consumer] == day(c) {
				s.fresh[c.consumer] = true
			}
		}
	}
	for d, s := range sums {
		out = append(out, row{
			"day": d, "consumers": float64(len(s.some)), "new_consumers": float64(len(s.fresh)), "calls": float64(s.calls), "share": float64(len(s.some)) / float64(len(s.all)),
		})
	}
	return order(out, "day")
}

func lastCalls(list []call, iv interval, consumer string) (out []row) {
	for i := len(list) - 1; i >= 0; i-- {
		if c := &list[i]; c.consumer == consumer && iv.has(c) {
			out = append(out, row{
				"time": c.at.Format(timeLayout), "service": c.service, "method": c.method, "route": c.route, "path": c.path, "query": c.query,
				"status": float64(c.status), "ms": float64(c.us) / 1000, "user_agent": c.userAgent, "request_body": c.request,
				"response_body": c.reply, "event_id": c.eventID(),
			})
		}
	}
	return first(50, out)
}
