// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

var (
	ratios = flag.Bool("ratios", false, "measure CPU time over plain otelhttp (takes some minutes)")
	only   = flag.String("load", "", "with -ratios: only loads whose name contains this")
	heap   = flag.Int("heap", 0, "with -ratios: MB that the process holds besides; what allocating costs depends on it")
	turn   = flag.String("turn", "", "one turn of -ratios: load/variant")
)

var variantNames = []string{"plain", "otelhttp", "floor", "drop-in", "delegating", "alongside"}

// BenchmarkExchange: go test -run '^$' -bench Exchange -benchmem ./instrumentation/httpcapture
func BenchmarkExchange(b *testing.B) {
	for _, l := range loads {
		v := l.variants()
		for _, name := range variantNames {
			if f := v[name]; f != nil {
				b.Run(l.name+"/"+name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						f()
					}
				})
			}
		}
	}
}

// TestAllocations holds the wrappers to their budgets: allocations, and bytes, on
// top of plain otelhttp. Of the client's eight allocations, delegating, four are
// the SDK's, for more than eight attributes on a span. The two or three more of the alongside
// variant are the copy of the request that carries the context, and the header,
// which it has to ask otelhttp's writer for; a span that does not record costs it
// nothing either.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, l := range loads {
		v := l.variants()
		base, baseBytes := allocations(v["otelhttp"])
		for _, name := range []string{"drop-in", "delegating", "alongside"} {
			n, bytes := allocations(v[name])
			n, bytes = n-base, bytes-baseBytes
			t.Logf("%s/%s: %+.0f allocations on top of %.0f, %+.0f bytes on top of %.0f", l.name, name, n, base, bytes, baseBytes)
			budget, most := l.allocs, l.bytes
			switch {
			case name == "drop-in" && l.client:
				budget = -6
			case name == "drop-in":
				budget = -17 // less than otelhttp itself
			case name == "delegating" && l.notRecording:
				most += 384 // the copy of a request that has a body
			case name == "alongside" && !l.notRecording:
				budget += 3
			}
			if n > budget {
				t.Errorf("%s/%s: %+.0f allocations, budget is %+.0f", l.name, name, n, budget)
			}
			if slack := 64.0; bytes > most+slack { // of the runtime itself
				t.Errorf("%s/%s: %+.0f bytes, budget is %+.0f", l.name, name, bytes, most)
			}
		}
	}
}

// allocations returns how much one call of f allocates.
func allocations(f func()) (n, bytes float64) {
	const runs = 500
	for range 1100 { // a shared cache may have given up, and tries again after 1,000
		f() // fills caches and pools
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return float64((after.Mallocs - before.Mallocs) / runs), float64((after.TotalAlloc - before.TotalAlloc) / runs)
}

// TestStreamMemory: what a stream costs does not grow with its length.
func TestStreamMemory(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, name := range []string{"drop-in", "delegating", "alongside"} {
		per := func(pieces int) float64 {
			l := load{pieces: pieces, response: 32 << 10, headers: all, bodies: httpcapture.BodiesAll}
			_, n := allocations(l.variants()[name])
			_, base := allocations(l.variants()["otelhttp"])
			return n - base
		}
		short, long := per(4), per(64)
		t.Logf("%s: %.0f bytes for 128 KB, %.0f for 2 MB", name, short, long)
		if long > short+2048 || long > 16<<10 {
			t.Errorf("%s: %.0f bytes for 128 KB, %.0f for 2 MB", name, short, long)
		}
	}
}

// TestRatios prints CPU time over plain otelhttp:
//
//	go test -run Ratios -v -timeout 20m ./instrumentation/httpcapture -ratios
//
// Every turn is a process of its own, which counts its own CPU time, garbage
// collector included. In each round all variants take a turn in random order, and
// each is divided by the baseline of the same round; the median of the rounds
// counts. With -heap=64 the process has the heap of a small service, and the collector
// less to do.
func TestRatios(t *testing.T) {
	if *turn != "" {
		takeTurn()
		return
	}
	if !*ratios {
		t.Skip("run with -ratios")
	}
	const rounds = 7
	t.Logf("%-40s %9s  %s", "", "otelhttp", "ratio over it")
	for _, l := range loads {
		if !strings.Contains(l.name, *only) {
			continue
		}
		have := l.variants()
		names := slices.DeleteFunc(slices.Clone(variantNames), func(n string) bool { return have[n] == nil })
		times, over := map[string][]float64{}, map[string][]float64{}
		for range rounds {
			now := map[string]float64{}
			for _, i := range rand.Perm(len(names)) {
				now[names[i]] = spawnTurn(t, l.name+"/"+names[i])
			}
			for _, n := range names {
				times[n] = append(times[n], now[n])
				over[n] = append(over[n], now[n]/now["otelhttp"])
			}
		}
		line := fmt.Sprintf("%-40s %7.0fns ", l.name, median(times["otelhttp"]))
		for _, n := range names {
			if n != "otelhttp" {
				line += fmt.Sprintf(" %s %.2f", n, median(over[n]))
			}
		}
		t.Logf("%s  (target %.2f)", line, l.cpu)
	}
}

func spawnTurn(t *testing.T, what string) float64 {
	t.Helper()
	out, err := exec.Command(os.Args[0], "-test.run=^TestRatios$", "-test.v", "-turn="+what, fmt.Sprintf("-heap=%d", *heap)).Output()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	var ns float64
	if _, text, ok := strings.Cut(string(out), "turn: "); !ok {
		t.Fatalf("%s: no result", what)
	} else if _, err := fmt.Sscan(text, &ns); err != nil {
		t.Fatal(err)
	}
	return ns
}

// takeTurn measures one variant for a while and prints ns of CPU time a call.
func takeTurn() {
	slash := strings.LastIndexByte(*turn, '/')
	name, variant := (*turn)[:slash], (*turn)[slash+1:]
	i := slices.IndexFunc(loads, func(l load) bool { return l.name == name })
	f := loads[i].variants()[variant]
	n := 64
	for cpu(f, n) < 50*time.Millisecond { // also the warm-up
		n *= 2
	}
	ballast := make([]byte, *heap<<20)
	defer runtime.KeepAlive(ballast)
	runtime.GC()
	var total time.Duration
	runs := 0
	for total < 150*time.Millisecond {
		total += cpu(f, n)
		runs += n
	}
	fmt.Printf("turn: %f\n", float64(total)/float64(runs))
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

func cpu(f func(), n int) time.Duration {
	before := cpuTime()
	for range n {
		f()
	}
	return cpuTime() - before
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
