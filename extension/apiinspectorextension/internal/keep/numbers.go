// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apispan/apispan/internal/inspect"
)

// Numbers are what was counted of some exchanges in a window.
type Numbers struct {
	Calls             int64
	Statuses          []Status
	Latency           []Bar
	P50, P95, P99     time.Duration
	Max               time.Duration
	BytesIn, BytesOut int64
	BytesOutP95       int64
	First, Last       time.Time
}

// Status is how often there was a status; 0 is none.
type Status struct {
	Code int
	N    int64
}

// Bar is a bar of the histogram of durations: those up to Le.
type Bar struct {
	Le time.Duration
	N  int64
}

// Endpoint is an endpoint with its numbers.
type Endpoint struct {
	inspect.Place
	Numbers

	ID        string
	Consumers int
	Spark     []int64
}

// Consumer is a caller with its numbers.
type Consumer struct {
	inspect.Caller
	Numbers

	Endpoints int
	Approx    bool
}

func micros(v float64) time.Duration { return time.Duration(v * float64(time.Microsecond)) }

func numbers(sum *cell, s *series) Numbers {
	n := Numbers{
		Calls: sum.calls, BytesIn: sum.in, BytesOut: sum.out, Max: micros(float64(sum.max)),
		BytesOutP95: int64(quantile(sum.bytesOut, 0.95, subBytes)),
	}
	// A value in the middle of a bar may lie above all that there was.
	n.P50 = min(micros(quantile(sum.latency, 0.5, subLatency)), n.Max)
	n.P95 = min(micros(quantile(sum.latency, 0.95, subLatency)), n.Max)
	n.P99 = min(micros(quantile(sum.latency, 0.99, subLatency)), n.Max)
	for _, b := range sum.statuses {
		n.Statuses = append(n.Statuses, Status{int(b.at), int64(b.n)})
	}
	for _, b := range sum.latency {
		_, end := barEnd(b.at, subLatency)
		n.Latency = append(n.Latency, Bar{micros(end), int64(b.n)})
	}
	if s.first > 0 {
		n.First, n.Last = time.UnixMilli(s.first), time.UnixMilli(s.last)
	}
	return n
}

// Endpoints lists what was called since a time, most calls first, with the numbers of
// all, and how many endpoints stand together as Other.
func (c *Counts) Endpoints(now, from time.Time) (total Numbers, out []Endpoint, other int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var sum cell
	var all series
	add := func(ep *endpoint) {
		one := ep.series.since(now.Unix(), from.Unix(), c.keep)
		if one.calls == 0 {
			return
		}
		sum.add(&one)
		if all.first == 0 || ep.series.first < all.first {
			all.first = ep.series.first
		}
		all.last = max(all.last, ep.series.last)
		out = append(out, Endpoint{
			Place: ep.key, ID: strconv.FormatUint(ep.id, 36), Consumers: ep.with.count(),
			Spark: ep.series.spark(now), Numbers: numbers(&one, &ep.series),
		})
	}
	for _, ep := range c.endpoints {
		add(ep)
	}
	add(c.other)
	slices.SortFunc(out, func(a, b Endpoint) int {
		if a.Calls != b.Calls {
			return int(min(max(b.Calls-a.Calls, -1), 1))
		}
		return strings.Compare(a.Service+" "+a.Route+" "+a.Method+a.ID, b.Service+" "+b.Route+" "+b.Method+b.ID)
	})
	return numbers(&sum, &all), out, c.others.count()
}

// Endpoint finds one endpoint by its id.
func (c *Counts) Endpoint(id string, now, from time.Time) (Endpoint, bool) {
	n, err := strconv.ParseUint(id, 36, 64)
	if err != nil {
		return Endpoint{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	find := func(ep *endpoint) (Endpoint, bool) {
		one := ep.series.since(now.Unix(), from.Unix(), c.keep)
		return Endpoint{
			Place: ep.key, ID: id, Consumers: ep.with.count(), Spark: ep.series.spark(now), Numbers: numbers(&one, &ep.series),
		}, true
	}
	if n == c.other.id && n != 0 {
		return find(c.other)
	}
	for _, ep := range c.endpoints {
		if ep.id == n {
			return find(ep)
		}
	}
	return Endpoint{}, false
}

// spark is the number of calls in each of the last 60 minutes, the oldest first.
func (s *series) spark(now time.Time) []int64 {
	out := make([]int64, 60)
	minute := now.Unix() / 60
	for i := range s.fine {
		if at := s.fine[i].from/60 - minute + 59; at >= 0 && at < 60 {
			out[at] += s.fine[i].calls
		}
	}
	return out
}

// Consumers lists who called since a time: those without a name first, then most calls
// first; and how many calls there were of those that stand together.
func (c *Counts) Consumers(now, from time.Time) (total Numbers, out []Consumer, other int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var sum cell
	var all series
	add := func(con *consumer) {
		one := con.series.since(now.Unix(), from.Unix(), c.keepWho)
		if one.calls == 0 {
			return
		}
		sum.add(&one)
		if all.first == 0 || con.series.first < all.first {
			all.first = con.series.first
		}
		all.last = max(all.last, con.series.last)
		if con == c.rest {
			other = one.calls
		}
		out = append(out, Consumer{
			Caller: con.Caller, Endpoints: con.with.count(), Approx: con.approx, Numbers: numbers(&one, &con.series),
		})
	}
	for _, con := range c.list {
		add(con)
	}
	slices.SortFunc(out, func(a, b Consumer) int {
		if a.Calls != b.Calls {
			return int(min(max(b.Calls-a.Calls, -1), 1))
		}
		return strings.Compare(a.ID, b.ID)
	})
	n := len(out)
	add(c.anonymous)
	if len(out) > n {
		out = append([]Consumer{out[n]}, out[:n]...)
	}
	add(c.rest)
	return numbers(&sum, &all), out, other
}

// PerSecond is the rate over the last ten seconds.
func (c *Counts) PerSecond(now time.Time) float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := int64(0)
	for _, s := range c.seconds {
		if age := now.Unix() - s.at; age > 0 && age <= 10 {
			n += s.n
		}
	}
	return float64(n) / 10
}

// Bodies reports whether any body was captured.
func (c *Counts) Bodies() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bodies
}
