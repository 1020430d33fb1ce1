// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apispan/apispan/internal/inspect"
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func newStore(cfg Config) (*Store, *clock) {
	c := &clock{t: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}
	cfg.Now = c.now
	if cfg.MaxExchanges == 0 {
		cfg.MaxExchanges = 1000
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 64 << 20
	}
	if cfg.TTL == 0 {
		cfg.TTL = time.Hour
	}
	if cfg.DetailsPerSecond == 0 {
		cfg.DetailsPerSecond = 50
	}
	return New(cfg), c
}

func key(n int) (k inspect.Key) {
	binary.BigEndian.PutUint64(k.Trace[:], uint64(n)*0x9e3779b97f4a7c15+1)
	binary.BigEndian.PutUint64(k.Span[:], uint64(n)+1)
	return k
}

func exchange(n, body int) *inspect.Exchange {
	return &inspect.Exchange{
		Summary: inspect.Summary{Key: key(n), Service: "shop", Method: "GET", Route: "/a", Status: 200, Duration: time.Millisecond, Weight: 1},
		Request: inspect.Message{Body: inspect.Body{Data: make([]byte, body)}},
	}
}

// tallies counts as an exporter would.
func tallies(all ...inspect.Summary) (out []inspect.Tally) {
	for i := range all {
		out = append(out, names.Tally(&all[i]))
	}
	return out
}

var names = inspect.NewNames(nil)

// show shows an exchange with an event and a request.
func show(s *Store, n, body int) uint64 {
	item := inspect.Fingerprint(fmt.Append(nil, n))
	s.Read(key(n), "e", exchange(n, body))
	s.Encoded(key(n), "e", &inspect.Event{Item: item, Data: make([]byte, body)})
	s.Sent("e", &inspect.Request{Items: []uint64{item}, Outcome: "delivered"})
	s.Flush()
	return item
}

// check holds what must be true of a store at any time.
func check(t *testing.T, s *Store) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	bytes, pinBytes, pins, items, live := int64(0), int64(0), 0, 0, 0
	for k, e := range s.entries {
		if e.rec.Key != k {
			t.Error("a record stands under another key")
		}
		bytes += e.rec.bytes
		if e.rec.Pinned {
			pins++
			pinBytes += e.rec.bytes
		}
		for i := range e.rec.Backends {
			for _, it := range e.rec.Backends[i].Items {
				if s.items[it].key == k {
					items++
				}
			}
		}
		if e.pos >= 0 {
			live++
			if s.order[e.pos] != e {
				t.Error("a record is not where it says")
			}
		}
	}
	if bytes != s.bytes || pinBytes != s.pinBytes || pins != s.pins || items != len(s.items) || live+len(s.pinned) != len(s.entries) {
		t.Errorf("bytes %d of %d, pins %d of %d, items %d of %d, %d live and %d pinned of %d", s.bytes, bytes, s.pins, pins, len(s.items), items, live, len(s.pinned), len(s.entries))
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	s, _ := newStore(Config{MaxExchanges: 100})
	for n := range 1000 {
		show(s, n, 10)
		if n == 5 {
			if _, known, ok := s.Pin(key(5), true); !known || !ok {
				t.Fatal("not pinned")
			}
		}
	}
	check(t, s)
	all := s.Records()
	if len(all) != 101 || all[0].Key != key(999) || all[99].Key != key(900) || all[100].Key != key(5) {
		t.Errorf("%d records", len(all))
	}
	if u := s.Usage(); !u.Full || u.Pinned != 1 || u.Kept != 1000 || u.NotShown != 0 {
		t.Errorf("%+v", u)
	}
	if len(all[0].Backends) != 1 || len(all[0].Backends[0].Attempts) != 1 {
		t.Errorf("%+v", all[0].Backends)
	}
	// An old one that is let go of is gone.
	if _, known, ok := s.Pin(key(5), false); !known || !ok {
		t.Fatal("not unpinned")
	}
	if s.Get(key(5)) != nil {
		t.Error("it is still there")
	}
	check(t, s)
	// No more than MaxPinned.
	for n := 900; n < 900+MaxPinned+5; n++ {
		_, _, ok := s.Pin(key(n), true)
		if ok != (n < 900+MaxPinned) {
			t.Errorf("pin %d: %v", n, ok)
		}
	}
	if _, known, _ := s.Pin(key(1), true); known {
		t.Error("a forgotten one is known")
	}
	s.Clear()
	check(t, s)
	if n := len(s.Records()); n != 0 {
		t.Errorf("%d after Clear", n)
	}
	// What comes late for one that is forgotten makes no record.
	s.Left(key(999), "e", "rejected")
	s.Encoded(key(999), "e", &inspect.Event{Item: 7, Data: []byte("x")})
	s.Flush()
	if n := len(s.Records()); n != 0 || len(s.items) != 0 {
		t.Errorf("%d came back", n)
	}
}

// TestBytes: memory is bounded whatever the exchanges are like, and events are packed
// before exchanges are forgotten.
func TestBytes(t *testing.T) {
	t.Parallel()
	s, _ := newStore(Config{MaxExchanges: 50_000, MaxBytes: 8 << 20})
	for n := range 1000 {
		show(s, n, 60<<10)
		if b := s.Usage().Bytes; b > 8<<20 {
			t.Fatalf("%d bytes after %d", b, n)
		}
	}
	check(t, s)
	all := s.Records()
	if n := len(all); n < 50 || n > 130 {
		t.Errorf("%d records", n)
	}
	ev := all[0].Backends[0].Event
	if !ev.packed || len(ev.Data) > 1000 || len(ev.Bytes()) != 60<<10 {
		t.Errorf("packed %v, %d bytes, %d unpacked", ev.packed, len(ev.Data), len(ev.Bytes()))
	}
	// The events of one exchange over all backends.
	s.Read(key(5000), "e", exchange(5000, 200<<10))
	for i := range 40 {
		data := make([]byte, 100<<10)
		for j := range data {
			data[j] = byte(rand.Uint32())
		}
		s.Encoded(key(5000), fmt.Sprint("b", i), &inspect.Event{Item: uint64(1000 + i), Data: data})
		s.Flush()
	}
	r := s.Get(key(5000))
	sum := 0
	for i := range r.Backends {
		if e := r.Backends[i].Event; e != nil {
			sum += len(e.Data)
			if e.Short == 0 && len(e.Bytes()) != 100<<10 || e.Short != 100<<10-len(e.Bytes()) {
				t.Errorf("event %d: %d bytes, %d short", i, len(e.Bytes()), e.Short)
			}
		}
	}
	if sum > MaxVendorBytes+maxBackends*64 || len(r.Backends) > maxBackends {
		t.Errorf("%d bytes of events of %d backends", sum, len(r.Backends))
	}
	if b := r.Exchange.Request.Body; len(b.Data) != inspect.MaxValue || !b.Truncated {
		t.Errorf("a body of %d bytes, marked %v", len(b.Data), b.Truncated)
	}
	check(t, s)
}

// TestLarge: exchanges of a megabyte in every place where text can stand are kept within the
// bounds, however many come.
func TestLarge(t *testing.T) {
	const most = 64 << 20
	s, _ := newStore(Config{MaxExchanges: 50_000, MaxBytes: most})
	text := strings.Repeat("x", 1<<20)
	data := []byte(text)
	list := []inspect.Attribute{{Key: "http.request.body.content", Type: "string", Len: len(text), Value: text}}
	for i := range 200 {
		x := exchange(i, 0)
		x.Path, x.UserID, x.Request.Body.Data = text, text, data
		x.Request.Headers = []inspect.Header{{Name: text, Values: []string{text, text}}}
		x.Metadata = map[string]any{text: []any{text}}
		s.Before(key(i), &inspect.Span{Name: text, Resource: list, Attributes: list, Events: list})
		s.After(key(i), &inspect.Span{Name: text, Attributes: list}, "r", []inspect.Decision{{Path: text, Rule: text}})
		s.Saw("e", tallies(x.Summary))
		s.Read(key(i), "e", x)
		if i%50 == 0 { // packing a megabyte takes long
			s.Encoded(key(i), "e", &inspect.Event{Item: uint64(i), Data: data})
			s.Sent("e", &inspect.Request{Items: []uint64{uint64(i)}, URL: text, Answer: data, Prefix: text})
		}
		s.Left(key(i), "f", text)
		s.Flush()
		if b := s.Usage().Bytes; b > most {
			t.Fatalf("%d bytes after %d", b, i)
		}
	}
	check(t, s)
	if len(s.Records()) == 0 {
		t.Error("none is kept")
	}
}

// TestTooLarge: an exchange that would fill the memory is left out or kept in part, which is
// counted; the others stay, and what became of it is told.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	lost := map[string]int64{}
	s, _ := newStore(Config{MaxBytes: 8 << 20, NotShown: func(what string, n int64) { lost[what] += n }})
	for n := range 50 {
		show(s, n, 100)
	}
	span := func(size int) *inspect.Span {
		return &inspect.Span{Attributes: []inspect.Attribute{{Key: "k", Value: strings.Repeat("x", size)}}}
	}
	kept := func(want int) {
		t.Helper()
		s.Flush()
		check(t, s)
		if got := len(s.Records()); got != want {
			t.Errorf("%d records, want %d", got, want)
		}
	}
	s.Before(key(100), span(7<<20)) // alone it is too large
	kept(50)
	if lost[LostLarge] != 1 || s.Usage().Large != 1 || s.Usage().NotShown != 0 {
		t.Errorf("lost %v, told %+v", lost, s.Usage())
	}
	item := show(s, 101, 100)
	for range 20 { // by and by it grows
		s.After(key(101), span(1<<20), "r", nil)
		s.Flush()
	}
	kept(51)
	if n := len(s.Get(key(101)).Stages); n == 0 || n > 3 || lost[LostLarge] != 1+20-int64(n) {
		t.Errorf("%d stages, lost %v", n, lost)
	}
	before := lost[LostLarge]
	s.Sent("e", &inspect.Request{Items: []uint64{item}, Outcome: "reject", Status: 400, Attempt: 2, Answer: make([]byte, 1000), URL: strings.Repeat("x", 3<<20)})
	kept(51)
	tries := s.Get(key(101)).Backends[0].Attempts
	if a := tries[len(tries)-1]; len(tries) != 2 || a.Status != 400 || a.Attempt != 2 || a.URL != "" || lost[LostLarge] != before+1 {
		t.Errorf("%d attempts, the last %+v; lost %v", len(tries), a.Status, lost)
	}
	// Nor do pinned ones take it all.
	pins := 0
	for n := 200; n < 220; n++ {
		s.Before(key(n), span(1<<20))
		s.Flush()
		if _, _, ok := s.Pin(key(n), true); ok {
			pins++
		}
	}
	check(t, s)
	if pins == 0 || pins > 3 || s.Usage().Bytes > 8<<20 {
		t.Errorf("%d are pinned, %d bytes", pins, s.Usage().Bytes)
	}
	show(s, 300, 10)
	if s.Get(key(300)) == nil {
		t.Error("there is no room for the next one")
	}
}

func TestTTL(t *testing.T) {
	t.Parallel()
	s, c := newStore(Config{TTL: time.Minute})
	show(s, 1, 10)
	s.Pin(key(1), true)
	show(s, 2, 10)
	c.add(40 * time.Second)
	show(s, 3, 10)
	c.add(30 * time.Second)
	s.sweep(c.now())
	if all := s.Records(); len(all) != 1 || all[0].Key != key(3) {
		t.Errorf("%d records", len(all))
	}
	check(t, s)
	c.add(time.Hour)
	s.sweep(c.now())
	check(t, s)
	if len(s.Records())+len(s.items) != 0 {
		t.Error("something stays")
	}
}

// TestChanges: whoever comes again gets what has changed since, each record once, or is
// told that this is not known.
func TestChanges(t *testing.T) {
	t.Parallel()
	s, _ := newStore(Config{})
	for n := range 10 {
		show(s, n, 1)
	}
	seen := map[inspect.Key]int64{}
	rev := int64(0)
	for {
		got, upTo, ok := s.Changes(rev, 3)
		if !ok {
			t.Fatal("not known")
		}
		for _, r := range got {
			if seen[r.Key] != 0 || r.Rev <= rev {
				t.Errorf("%v again", r.Key)
			}
			seen[r.Key] = r.Rev
		}
		if rev = upTo; len(got) == 0 {
			break
		}
	}
	if len(seen) != 10 {
		t.Errorf("%d records", len(seen))
	}
	s.SetNewFields(key(3), 2)
	if got, _, ok := s.Changes(rev, 10); !ok || len(got) != 1 || got[0].Key != key(3) || got[0].NewFields != 2 {
		t.Errorf("%v", got)
	}
	if _, _, ok := s.Changes(rev+100, 1); ok {
		t.Error("the future is known")
	}
	s.Clear()
	if _, _, ok := s.Changes(rev, 1); ok {
		t.Error("what was forgotten is known")
	}
	now := s.Usage().Rev
	for n := range changesKept {
		s.Read(key(n), "e", exchange(n, 1))
		s.Flush()
	}
	if _, _, ok := s.Changes(now, 1); ok {
		t.Error("it is too long ago")
	}
}

// TestNothingWaits: a store that nobody empties takes what fits and counts the rest.
func TestNothingWaits(t *testing.T) {
	t.Parallel()
	lost := map[string]int64{}
	s, _ := newStore(Config{NotShown: func(what string, n int64) { lost[what] += n }})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range 5000 {
			s.Read(key(n), "e", exchange(n, 10))
		}
		for range queueSaw {
			s.Saw("e", tallies(inspect.Summary{Key: key(1)}, inspect.Summary{Key: key(2)}))
		}
		s.Read(key(1), "e", exchange(1, 60<<10))
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("it waits")
	}
	if lost[LostDetails] != 5000-queueLen+1 || lost[LostNumbers] != queueSaw || s.Usage().NotShown != lost[LostDetails]+lost[LostNumbers] {
		t.Errorf("lost %v, told %d", lost, s.Usage().NotShown)
	}
	s.Flush()
	if b := s.inbox; b.bytes != 0 || len(b.saws) != 0 {
		t.Errorf("%d bytes and %d exchanges are left in the queue", b.bytes, len(b.saws))
	}
	// Few, but large: the queue is bounded by bytes, too.
	for n := range 500 {
		s.Read(key(n), "e", exchange(n, 60<<10))
	}
	if q := s.inbox.bytes; q > queueBytes {
		t.Errorf("%d bytes wait", q)
	}
	if n := len(s.inbox.notes); n > queueBytes/(60<<10) {
		t.Errorf("%d notes wait", n)
	}
	// Batches of any size.
	s.Flush()
	big := tallies(make([]inspect.Summary, queueSaw+1)...)
	s.Saw("e", big)
	s.Saw("e", big)
	if n := len(s.inbox.saws); n != len(big) {
		t.Errorf("%d exchanges of two large batches wait", n)
	}
	s.Flush()
	s.Flush()
	if cap(s.saws)+cap(s.inbox.saws) > 2*keepSaw {
		t.Error("the memory of a large batch is held")
	}
}

// TestCountedOnce: what is told again is not counted again, within a batch, in the next, and by
// another exporter, in whatever parts it comes; what has no id is.
func TestCountedOnce(t *testing.T) {
	t.Parallel()
	s, _ := newStore(Config{})
	rnd := rand.New(rand.NewPCG(7, 8))
	place, seen, want := &inspect.Place{Route: "/a"}, map[uint64]bool{}, int64(0)
	for range 100 {
		var all []inspect.Tally
		for range rnd.IntN(5 * ahead / 2) {
			id := rnd.Uint64N(1 << seenBits / 2) // each has a place of its own in the table
			if all = append(all, inspect.Tally{ID: id, Place: place, Weight: 1}); id == 0 || !seen[id] {
				want++
			}
			seen[id] = true
		}
		s.Saw("a", all)
		if rnd.IntN(3) == 0 {
			s.Flush()
		}
	}
	s.Flush()
	if got := s.Counts.Seen(); got != want {
		t.Errorf("%d counted, want %d", got, want)
	}
}

// TestConcurrent is for the race detector.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	s, _ := newStore(Config{MaxExchanges: 100})
	done := make(chan struct{})
	var running, work sync.WaitGroup
	running.Go(func() { s.Run(done) })
	for g := range 4 {
		work.Go(func() {
			for n := range 300 {
				k := key(g*1000 + n)
				if !s.Wants(&k) {
					continue
				}
				s.Before(k, &inspect.Span{Attributes: []inspect.Attribute{{Key: "http.route", Value: "x"}}})
				s.After(k, &inspect.Span{}, "r", []inspect.Decision{{Rule: "a", Place: "query", Path: "q", Action: "mask", N: 1}})
				s.Saw("e", tallies(exchange(g*1000+n, 0).Summary))
				s.Read(k, "e", exchange(g*1000+n, 100))
				s.Encoded(k, "e", &inspect.Event{Item: uint64(g*1000 + n), Data: []byte("{}")})
				s.Sent("e", &inspect.Request{Items: []uint64{uint64(g*1000 + n)}})
				s.Attach(inspect.Source{Component: "e", Backend: "x"})
				s.Delivery("e", inspect.Delivery{})
				s.Arrived("e", map[string]int{"internal": 1})
			}
		})
		work.Go(func() {
			for range 50 {
				for _, r := range s.Records() {
					_ = r.After()
					for i := range r.Backends {
						_ = len(r.Backends[i].Attempts)
					}
				}
				s.Changes(0, 10)
				s.Usage()
				s.Told()
				s.Counts.Endpoints(time.Now(), time.Time{})
				s.Counts.Consumers(time.Now(), time.Time{})
				s.Rules.Since(time.Time{})
				s.Pin(key(g*1000), true)
				s.Ripe(0, time.Now())
				s.Latest(5)
				s.sweep(s.cfg.Now())
			}
		})
	}
	work.Wait()
	close(done)
	running.Wait()
	s.Flush()
	check(t, s)
}

// TestSample: a developer sees every call, and a busy Collector the rate that was asked
// for; all spans of a trace are taken alike.
func TestSample(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	r := newRate(50)
	trace := func() (id [16]byte) {
		binary.LittleEndian.PutUint64(id[:], rnd.Uint64())
		binary.LittleEndian.PutUint64(id[8:], rnd.Uint64())
		return id
	}
	// second offers n exchanges a second, four questions each. all counts them, unless they are
	// not told.
	all, told := int64(0), false
	second := func(n int) (taken int) {
		for range ticksPerSecond {
			if told {
				all += int64(n / ticksPerSecond)
			}
			for range n / ticksPerSecond {
				k := inspect.Key{Trace: trace()}
				yes := 0
				for range 4 {
					if r.wants(&k) {
						yes++
					}
				}
				if yes != 0 && yes != 4 {
					t.Errorf("%d of 4 spans of a trace", yes)
				}
				if yes > 0 {
					taken++
					r.took()
				}
			}
			r.adapt(all)
		}
		return taken
	}
	for range 20 {
		if got := second(40); got != 40 {
			t.Fatalf("%d of 40", got)
		}
	}
	if got := second(300); got < 290 {
		t.Errorf("%d of a burst of 300", got)
	}
	for range 20 {
		second(10)
	}
	burst := second(5000)
	if burst > 1500 {
		t.Errorf("%d at once", burst)
	}
	for range 10 {
		second(5000)
	}
	sum, share := 0, 0.0
	for range 20 {
		sum += second(5000)
		share += r.sampling() / 20 // which wavers: chance has a part in it
	}
	if sum < 20*25 || sum > 20*75 {
		t.Errorf("%d a second, wanted 50", sum/20)
	}
	if share > 0.03 {
		t.Errorf("the share is told as %v", share)
	}
	// Of a busy Collector it is a tenth, of one that is less busy all.
	told = true
	for _, load := range []struct{ all, least, most int }{{1000, 30, 60}, {2000, 6, 20}, {5000, 3, 8}, {20_000, 3, 8}} {
		for range 20 {
			second(load.all)
		}
		sum := 0
		for range 20 {
			sum += second(load.all)
		}
		if sum < 20*load.least || sum > 20*load.most {
			t.Errorf("%.1f of %d a second", float64(sum)/20, load.all)
		}
	}
	for range 40 {
		second(20)
	}
	if got := second(20); got != 20 {
		t.Errorf("afterwards %d of 20", got)
	}
	// One trace for everything, which a caller may choose: not more than a burst a time.
	one := inspect.Key{Trace: trace()}
	got := 0
	for range 10 * ticksPerSecond {
		for range 500 {
			if r.wants(&one) {
				got++
				r.took()
			}
		}
		r.adapt(all)
	}
	if got > 3000 {
		t.Errorf("%d exchanges of one trace in ten seconds", got)
	}
}

// TestHistogram: percentiles are at most 5 % off, over the whole range.
func TestHistogram(t *testing.T) {
	t.Parallel()
	last := uint16(0)
	for v := uint64(0); v < 1<<32; v += 1 + v/37 {
		at := barOf(v, subLatency)
		if at < last {
			t.Fatalf("%d is in a lower bar", v)
		}
		last = at
		mid, end := barEnd(at, subLatency)
		if v > 0 && math.Abs(mid-float64(v))/float64(v) > 0.05 || end < float64(v) {
			t.Fatalf("%d is told as %v, up to %v", v, mid, end)
		}
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	var bins []bin
	var all []float64
	for range 20_000 {
		v := math.Exp(rnd.NormFloat64()*1.5 + 9)
		all = append(all, v)
		bins = addBin(bins, barOf(uint64(v), subLatency), 1)
	}
	slices.Sort(all)
	for _, q := range []float64{0.5, 0.95, 0.99} {
		want := all[int(q*float64(len(all)))]
		if got := quantile(bins, q, subLatency); math.Abs(got-want)/want > 0.05 {
			t.Errorf("p%v is %v, told as %v", 100*q, want, got)
		}
	}
	if !slices.IsSortedFunc(bins, func(a, b bin) int { return int(a.at) - int(b.at) }) {
		t.Error("bins are out of order")
	}
}

func TestCounts(t *testing.T) {
	t.Parallel()
	s, c := newStore(Config{})
	s.Attach(inspect.Source{Component: "a", Backend: "moesif"})
	s.Attach(inspect.Source{Component: "b", Backend: "readme"})
	n := 0
	saw := func(edit func(*inspect.Summary), components ...string) {
		n++
		x := inspect.Summary{Key: key(n), Service: "shop", Method: "GET", Route: "/users/{id}", Status: 200, Duration: 10 * time.Millisecond, Weight: 1, RequestBytes: -1, ResponseBytes: 100}
		edit(&x)
		for _, comp := range components {
			s.Saw(comp, tallies(x))
		}
		s.Flush()
	}
	saw(func(x *inspect.Summary) { x.ConsumerID = "acme" }, "a", "b")
	saw(func(x *inspect.Summary) { x.UserID, x.Status = "u-1", 503 }, "a", "b")
	saw(func(x *inspect.Summary) { x.UserID = "[REDACTED]" }, "b")
	saw(func(x *inspect.Summary) { x.Weight, x.Status = 9, 0 }, "a")
	saw(func(x *inspect.Summary) { x.Key = inspect.Key{} }, "a", "b") // only the first is believed
	saw(func(x *inspect.Summary) { x.Route, x.Path = "", "/orders/17/items?x=1" }, "a")
	saw(func(x *inspect.Summary) { x.Route, x.Path = "", "/orders/18/items" }, "a")
	if got := s.Counts.Seen(); got != 7 {
		t.Errorf("%d seen", got)
	}
	total, rows, _ := s.Counts.Endpoints(c.now(), c.now().Add(-time.Hour))
	if total.Calls != 15 || len(rows) != 2 {
		t.Fatalf("%d calls of %d endpoints", total.Calls, len(rows))
	}
	if e := rows[0]; e.Calls != 13 || e.Consumers != 2 || e.Guessed || e.BytesIn != 0 || e.BytesOut != 1300 || e.Spark[59] != 13 {
		t.Errorf("%+v", e)
	}
	if e := rows[1]; e.Route != "/orders/{id}/items" || !e.Guessed || e.Calls != 2 {
		t.Errorf("%+v", e)
	}
	if got := fmt.Sprint(rows[0].Statuses); got != "[{0 9} {200 3} {503 1}]" {
		t.Errorf("statuses %s", got)
	}
	_, who, _ := s.Counts.Consumers(c.now(), c.now().Add(-time.Hour))
	if len(who) != 3 || who[0].Kind != inspect.Anonymous || who[0].Calls != 13 || who[1].ID != "acme" || who[2].ID != "u-1" {
		t.Errorf("%+v", who)
	}
	if e, ok := s.Counts.Endpoint(rows[1].ID, c.now(), c.now().Add(-time.Hour)); !ok || e.Route != "/orders/{id}/items" {
		t.Errorf("%+v", e)
	}
	// The window.
	c.add(2 * time.Hour)
	saw(func(*inspect.Summary) {}, "a")
	if total, _, _ := s.Counts.Endpoints(c.now(), c.now().Add(-time.Hour)); total.Calls != 1 {
		t.Errorf("%d in the last hour", total.Calls)
	}
	if total, _, _ := s.Counts.Endpoints(c.now(), c.now().Add(-3*time.Hour)); total.Calls != 16 {
		t.Errorf("%d in three hours", total.Calls)
	}
	// Minutes become hours, and in the end are gone.
	for range 9 {
		c.add(time.Hour)
		s.Counts.sweep(c.now())
	}
	if total, _, _ := s.Counts.Endpoints(c.now(), c.now().Add(-24*time.Hour)); total.Calls != 16 {
		t.Errorf("%d in a day", total.Calls)
	}
	c.add(8 * 24 * time.Hour)
	s.Counts.sweep(c.now())
	if len(s.Counts.endpoints) != 0 || len(s.Counts.consumers) != 0 || len(s.Counts.list) != 0 {
		t.Error("something stays for ever")
	}
}

// TestHostileNumbers: whatever callers do, the numbers take a bounded amount of memory and
// the sums hold.
func TestHostileNumbers(t *testing.T) {
	t.Parallel()
	s, c := newStore(Config{})
	const n = 30_000
	batch := make([]inspect.Summary, 0, 500)
	for i := range n {
		batch = append(batch, inspect.Summary{
			Key: key(i), Service: fmt.Sprint("s", i%7), Method: strings.Repeat("X", i%3000), Path: fmt.Sprintf("/p%c%d/%d", 'a'+i%26, i, i), UserID: fmt.Sprint("user", i) + strings.Repeat("y", i%2000),
			Duration: time.Duration(i*i) * time.Microsecond, Status: i % 1200, Weight: 1, ResponseBytes: int64(i) * 1e6,
		})
		if len(batch) == cap(batch) {
			s.Saw("a", tallies(batch...))
			s.Flush()
			batch = make([]inspect.Summary, 0, 500)
			c.add(time.Second)
		}
	}
	s.Saw("a", tallies(batch...))
	s.Flush()
	total, rows, other := s.Counts.Endpoints(c.now(), c.now().Add(-time.Hour))
	if total.Calls != n || len(rows) > MaxEndpoints+1 || len(s.Counts.places) > maxKnown || len(s.Counts.callers) > maxKnown {
		t.Errorf("%d calls of %d endpoints, %d and %d pointers, %d others", total.Calls, len(rows), len(s.Counts.places), len(s.Counts.callers), other)
	}
	totalC, who, rest := s.Counts.Consumers(c.now(), c.now().Add(-time.Hour))
	if totalC.Calls != n || len(who) > MaxConsumers+2 || rest < n-MaxConsumers-1 {
		t.Errorf("%d calls of %d consumers, %d of others", totalC.Calls, len(who), rest)
	}
	for i := range who {
		if len(who[i].ID) > inspect.MaxName {
			t.Fatal("a name is not cut")
		}
	}
	// One who calls often keeps the place among many who call once, and so does what is called.
	for i := range 200 {
		s.Saw("a", tallies(inspect.Summary{Key: key(n + i), UserID: "often", Route: "/often", Weight: 1}))
	}
	s.Flush()
	for i := range 20_000 {
		s.Saw("a", tallies(inspect.Summary{Key: key(2*n + i), UserID: fmt.Sprint("once", i), Route: fmt.Sprint("/once/", i), Weight: 1}))
		if i%500 == 0 {
			s.Flush()
		}
	}
	s.Flush()
	_, who, _ = s.Counts.Consumers(c.now(), c.now().Add(-time.Hour))
	if i := slices.IndexFunc(who, func(c Consumer) bool { return c.ID == "often" }); i < 0 || who[i].Calls != 200 {
		t.Error("the one who calls often is lost")
	}
	total, rows, other = s.Counts.Endpoints(c.now(), c.now().Add(-time.Hour))
	if i := slices.IndexFunc(rows, func(e Endpoint) bool { return e.Route == "/often" }); i < 0 || rows[i].Calls != 200 {
		t.Error("the endpoint that is called often is lost")
	}
	if total.Calls != n+20_200 || len(rows) != MaxEndpoints+1 || other < 10_000 {
		t.Errorf("%d calls of %d endpoints, %d others", total.Calls, len(rows), other)
	}
	// What was long ago is still told as that.
	c.add(3 * time.Hour)
	s.Counts.sweep(c.now().Truncate(time.Minute))
	for i := range 5_000 {
		s.Saw("a", tallies(inspect.Summary{Key: key(4*n + i), UserID: fmt.Sprint("later", i), Route: fmt.Sprint("/later/", i), Weight: 1}))
		if i%500 == 0 {
			s.Flush()
		}
	}
	s.Flush()
	for window, want := range map[time.Duration]int64{time.Hour: 5_000, 24 * time.Hour: n + 25_200} {
		total, _, _ = s.Counts.Endpoints(c.now(), c.now().Add(-window))
		totalC, _, _ = s.Counts.Consumers(c.now(), c.now().Add(-window))
		if total.Calls != want || totalC.Calls != want {
			t.Errorf("in %s there were %d calls of endpoints and %d of consumers, not %d", window, total.Calls, totalC.Calls, want)
		}
	}
	for range 20 {
		c.add(10 * time.Minute)
		s.Counts.sweep(c.now().Truncate(time.Minute))
	}
	if b := s.Counts.bytes.Load(); b > 64<<20 {
		t.Errorf("%d bytes", b)
	}
}

func TestDistinct(t *testing.T) {
	t.Parallel()
	var d distinct
	for n := range 50_000 {
		d.add(hashText(fmt.Sprint(n)))
		d.add(hashText(fmt.Sprint(n)))
		got := d.count()
		if n < 16 && got != n+1 || n >= 16 && n%997 == 0 && math.Abs(float64(got-n-1)) > 0.35*float64(n+1) {
			t.Fatalf("%d are counted as %d", n+1, got)
		}
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	k := key(7)
	if got, ok := ParseID(FormatID(k)); !ok || got != k {
		t.Error(FormatID(k))
	}
	for _, bad := range []string{"", "x", FormatID(k) + "0", strings.Replace(FormatID(k), "-", "_", 1), strings.Repeat("g", 49)} {
		if _, ok := ParseID(bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

// What the inspector costs a Collector. An exchange costs that about 70 µs; the inspector
// may take 1 % of it, 0.7 µs, all in: Saw for each exchange and exporter, Wants for each
// component, and details of 50 of 5,000 a second, so one in a hundred.

func BenchmarkWants(b *testing.B) {
	s, _ := newStore(Config{})
	for range recentTicks {
		s.rate.tick.Add(1)
		s.rate.set(math.MaxUint64 / 100)
	}
	k := key(1)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		k.Trace[0] = byte(i)
		k.Trace[9] = byte(i >> 8)
		s.Wants(&k)
	}
}

func BenchmarkSaw(b *testing.B) {
	const batch = 100
	s, _ := newStore(Config{})
	all := make([][]inspect.Tally, 50)
	for i := range all {
		for j := range batch {
			n := i*batch + j
			all[i] = append(all[i], tallies(inspect.Summary{
				Service: "shop", Method: "GET", Route: fmt.Sprintf("/r%d/{id}", n%40), Status: 200 + n%3*100, Duration: time.Duration(n%997) * 100 * time.Microsecond,
				ConsumerID: fmt.Sprint("c", n%300), Weight: 1, RequestBytes: int64(n), ResponseBytes: int64(n * 7),
			})...)
		}
	}
	now := time.Now()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		one := all[i%len(all)]
		for j := range one {
			one[j].ID = inspect.Mix(uint64(i*batch+j), 1)
		}
		s.Counts.add(now, one)
		s.Counts.add(now, one) // the second exporter
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/exchange")
}

func BenchmarkDetails(b *testing.B) {
	s, _ := newStore(Config{})
	s.rate.perSecond, s.rate.burst = 1e9, 1e9
	body := []byte(strings.Repeat(`{"id":1,"name":"x"},`, 100))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		k := key(i)
		x := exchange(i, 0)
		x.Request.Body.Data = body
		s.Before(k, &inspect.Span{Attributes: make([]inspect.Attribute, 30)})
		s.After(k, &inspect.Span{Attributes: make([]inspect.Attribute, 30)}, "r", make([]inspect.Decision, 5))
		for _, c := range []string{"a", "b"} {
			s.Read(k, c, x)
			s.Encoded(k, c, &inspect.Event{Item: uint64(i), Data: body})
			s.Sent(c, &inspect.Request{Items: []uint64{uint64(i)}})
		}
		s.Flush()
	}
}

// TestMemory: what is kept takes no more memory than it says, and not more than the
// default.
func TestMemory(t *testing.T) {
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	s, _ := newStore(Config{})
	const body = 8 << 10
	span := func(n int) *inspect.Span {
		out := &inspect.Span{Name: "GET /a", Kind: "server"}
		for i := range 25 {
			out.Attributes = append(out.Attributes, inspect.Attribute{Key: fmt.Sprint("http.request.header.x-", i), Type: "array", Len: 1, Value: []any{fmt.Sprint("value ", n, i)}})
		}
		out.Attributes = append(out.Attributes, inspect.Attribute{Key: "http.request.body.content", Type: "string", Len: body, Value: strings.Repeat("x", body)})
		return out
	}
	for n := range 3000 {
		k := key(n)
		s.Before(k, span(n))
		s.After(k, span(n), "r", make([]inspect.Decision, 10))
		x := exchange(n, body)
		x.Response.Body.Data = make([]byte, body)
		for _, c := range []string{"a", "b"} {
			s.Saw(c, tallies(x.Summary))
			s.Read(k, c, x)
			data := make([]byte, 2*body)
			for i := range data {
				data[i] = byte(rand.Uint32()) // which does not pack
			}
			s.Encoded(k, c, &inspect.Event{Item: uint64(2*n + len(c)), Data: data})
			s.Sent(c, &inspect.Request{Items: []uint64{uint64(2*n + len(c))}, Answer: make([]byte, 100)})
		}
		s.Flush()
	}
	used, told := heap()-before, s.Usage().Bytes
	if used > 64<<20 || told > 64<<20 || float64(used) > 1.15*float64(told) {
		t.Errorf("%d MiB are used, %d told", used>>20, told>>20)
	}
	runtime.KeepAlive(s)
}
