// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/users/17/orders": "/users/{id}/orders", "/": "/", "": "/", "/v1/users": "/v1/users", "/api/v12/x": "/api/v12/x",
		"/o/5f0c2c2e-8b1a-5d3e-9a77-1f2e3d4c5b6a": "/o/{id}", "/o/507f1f77bcf86cd799439011": "/o/{id}", "/o/ord_12345": "/o/{id}", "/users/ada@example.com": "/users/{id}",
		"/files/report.pdf": "/files/report.pdf", "/a/2026-11-30": "/a/{id}", "/deadbeef": "/deadbeef", "/deadbee1": "/{id}", "/x?y=1": "/x",
		"/t/[REDACTED]": "/t/{id}", "/t/hmac:k1:abc": "/t/{id}", "/a%20b": "/{id}", "/oauth2/token": "/oauth2/token", "/sha256": "/{id}",
		"/a/b/c/d/e/f/g/h/i/j/k/l/m/n": "/a/b/c/d/e/f/g/h/i/j/k/l/…", "nopath": "/nopath", "//x": "//x",
	} {
		if got, guessed := Route(&Summary{Path: path}); got != want || !guessed {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if got, guessed := Route(&Summary{Route: "/a/{b}", Path: "/a/1"}); got != "/a/{b}" || guessed {
		t.Errorf("%s %v", got, guessed)
	}
	if got, _ := Route(&Summary{Outgoing: true, Host: "api.x", Path: "/a/1"}); got != "api.x/a/{id}" {
		t.Error(got)
	}
}

// TestTally: exchanges that are told apart by nothing share their names, those that are told
// apart by anything do not, and a name that is remembered is that of nobody's memory.
func TestTally(t *testing.T) {
	t.Parallel()
	one := Summary{
		Service: "shop", Method: "GET", Route: "/a", Operation: "op", ConsumerID: "c", UserID: "u", CompanyID: "o", Label: "l",
		Key: Key{Trace: [16]byte{1}}, Status: 404, Duration: time.Second, RequestBytes: -1, ResponseBytes: 3, Weight: 2, Bodies: true,
	}
	n := NewNames(nil)
	want := n.Tally(&one)
	if *want.Place != (Place{Service: "shop", Method: "GET", Route: "/a", Operation: "op"}) || *want.Caller != (Caller{ID: "c", Label: "l", Company: "o", Kind: ByConsumer}) {
		t.Errorf("%+v %+v", want.Place, want.Caller)
	}
	if want.ID != one.Key.Hash() || want.ID == 0 || want.Status != 404 || want.Micros != 1_000_000 || want.RequestBytes != -1 || want.ResponseBytes != 3 || want.Weight != 2 || !want.Bodies {
		t.Errorf("%+v", want)
	}
	if unsafe.StringData(want.Place.Route) == unsafe.StringData(one.Route) {
		t.Error("the memory of the exchange is held")
	}
	if got := n.Tally(&one); got != want {
		t.Errorf("%+v, before %+v", got, want)
	}
	for name, edit := range map[string]func(*Summary){
		"service": func(x *Summary) { x.Service = "shop2" }, "method": func(x *Summary) { x.Method = "" }, "route": func(x *Summary) { x.Route = "/b" },
		"guess": func(x *Summary) { x.Route, x.Path = "", "/a" }, "operation": func(x *Summary) { x.Operation = "" }, "direction": func(x *Summary) { x.Outgoing = true },
		"moved": func(x *Summary) { x.Service, x.Method = x.Method, x.Service },
	} {
		x := one
		edit(&x)
		if got := n.Tally(&x); got.Place == want.Place || got.Caller != want.Caller {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for name, edit := range map[string]func(*Summary){
		"consumer": func(x *Summary) { x.ConsumerID = "" }, "user": func(x *Summary) { x.ConsumerID, x.UserID = "", "v" },
		"company": func(x *Summary) { x.ConsumerID, x.UserID = "", "" }, "mask": func(x *Summary) { x.ConsumerID = "[REDACTED]" },
	} {
		x := one
		edit(&x)
		who, kind := WhoCalled(&x)
		if got := n.Tally(&x); got.Place != want.Place || got.Caller == want.Caller || got.Caller.ID != who || got.Caller.Kind != kind {
			t.Errorf("%s: %+v", name, got.Caller)
		}
	}
	for _, nobody := range []Summary{{}, {UserID: "***"}, {ConsumerID: "[REDACTED]", Label: "x"}} {
		if got := n.Tally(&nobody); got.Caller != nil {
			t.Errorf("%+v", got.Caller)
		}
	}
}

// TestTallyMasks: no secret is in what is counted, wherever it stands and whatever a route
// that is guessed would have made of it.
func TestTallyMasks(t *testing.T) {
	t.Parallel()
	const secret = "seg/ment1234/tail"
	n := NewNames(func(s string) string { return strings.ReplaceAll(s, secret, "[hidden]") })
	for range 2 {
		for _, x := range []Summary{
			{Route: "/x/" + secret}, {Path: "/x/" + secret}, {Path: strings.Repeat("a", MaxName-14) + "/" + secret}, {Outgoing: true, Host: secret}, {Service: secret},
			{Method: secret}, {Operation: secret}, {ConsumerID: secret}, {UserID: secret}, {CompanyID: secret}, {UserID: "u", Label: secret},
			{Route: strings.Repeat("r", MaxName-4) + secret}, {UserID: strings.Repeat("r", MaxName-4) + secret},
		} {
			got := n.Tally(&x)
			text := fmt.Sprintf("%+v %+v", *got.Place, got.Caller)
			if strings.Contains(text, "seg/") || strings.Contains(text, "tail") || strings.Contains(text, "ment1234") {
				t.Errorf("%+v: %s", x, text)
			}
		}
	}
}

// TestTallyBounds: what strangers choose fills tables and no more, and names are cut.
func TestTallyBounds(t *testing.T) {
	t.Parallel()
	n := NewNames(nil)
	var work sync.WaitGroup
	for g := range 4 {
		work.Go(func() {
			for i := range 20_000 {
				x := Summary{Service: "s", Path: fmt.Sprintf("/p%c%c/%d/%d", 'a'+i%26, 'a'+i/26%26, i, g), UserID: strings.Repeat("u", i%1000) + fmt.Sprint(i), Method: strings.Repeat("M", i%700)}
				got := n.Tally(&x)
				if who, _ := WhoCalled(&x); got.Caller.ID != cut(who) || got.Place.Method != cut(x.Method) {
					t.Errorf("%+v is %+v %+v", x, got.Place, got.Caller)
					return
				}
			}
		})
	}
	work.Wait()
	if len(n.routes) > maxRoutes || len(n.places) != 1<<placeBits || len(n.callers) != 1<<callerBits {
		t.Errorf("%d routes", len(n.routes))
	}
}

// TestTallyAllocations: an exchange of a known endpoint by a known caller costs none.
func TestTallyAllocations(t *testing.T) {
	n := NewNames(nil)
	x := Summary{Service: "shop", Method: "GET", Path: "/users/17/orders", UserID: "u-1", Host: "h"}
	b := n.Begin()
	if got := testing.AllocsPerRun(100, func() { *b.Next() = x; b.Take() }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func BenchmarkTally(b *testing.B) {
	n := NewNames(nil)
	var all [256]Summary
	for i := range all {
		all[i] = Summary{Service: "shop", Method: "GET", Route: fmt.Sprintf("/r%d/{id}", i%40), UserID: fmt.Sprint("u", i%100)}
	}
	batch := n.Begin()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		x := batch.Next()
		if x == nil {
			batch.Take()
			x = batch.Next()
		}
		*x = all[i%256]
	}
}

// TestBatch: exchanges that are counted together are counted as each would be alone, however
// much neighbours have in common, and nothing of them is held afterwards.
func TestBatch(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(all ...string) string { return all[rnd.IntN(len(all))] }
	n, alone := NewNames(nil), NewNames(nil)
	for range 200 {
		b := n.Begin()
		var want []Tally
		for range rnd.IntN(batchLen + 1) {
			x := Summary{
				Key: Key{Trace: [16]byte{byte(rnd.IntN(3))}, Span: [8]byte{7: byte(rnd.IntN(2))}}, Outgoing: rnd.IntN(8) == 0, Bodies: rnd.IntN(2) == 0,
				Service: pick("s", "s", "r"), Method: pick("GET", "GET", "PUT"), Route: pick("/a", "/a", "/b", ""), Operation: pick("", "", "op"),
				Status: rnd.IntN(1200), Duration: time.Duration(rnd.Int64()) >> rnd.IntN(60), Weight: rnd.Int64N(3), RequestBytes: rnd.Int64N(5) - 1,
				UserID: pick("", "u", "v", "***"), CompanyID: pick("", "u", "v"), ConsumerID: pick("", "", "u", "v"), Path: pick("/a", "/b"), Host: pick("", "h"),
			}
			*b.Next() = x
			want = append(want, alone.Tally(&x))
		}
		for i, got := range b.Take() {
			if *got.Place != *want[i].Place || (got.Caller == nil) != (want[i].Caller == nil) || got.Caller != nil && *got.Caller != *want[i].Caller {
				t.Fatalf("%+v %+v, alone %+v %+v", got.Place, got.Caller, want[i].Place, want[i].Caller)
			}
			if got.Place, got.Caller = want[i].Place, want[i].Caller; got != want[i] {
				t.Fatalf("%+v, alone %+v", got, want[i])
			}
		}
		for x := range rnd.IntN(2) { // not taken
			*b.Next() = Summary{Duration: time.Duration(x), Service: "s"}
		}
		m := b.memory
		if b.End(); m.all != [batchLen]Summary{} || m.hashes != [batchLen]hashes{} {
			t.Fatal("the batch holds what it has counted")
		}
	}
	full := n.Begin()
	for range batchLen {
		if full.Next() == nil {
			t.Fatal("a batch is full too early")
		}
	}
	if full.Next() != nil || len(full.Take()) != batchLen || full.Next() == nil {
		t.Error("a batch that is full is not to be taken")
	}
}

// TestKeyHash: a key is none only if all of it is zero, and keys that differ anywhere have
// hashes that do.
func TestKeyHash(t *testing.T) {
	t.Parallel()
	seen := map[uint64]int{}
	for bit := range 24*8 + 1 {
		var raw [24]byte
		if bit > 0 {
			raw[(bit-1)/8] = 1 << ((bit - 1) % 8)
		}
		k := Key{Trace: [16]byte(raw[:16]), Span: [8]byte(raw[16:])}
		h := k.Hash()
		if other, there := seen[h]; there || (h == 0) != (bit == 0) || k.None() != (bit == 0) {
			t.Errorf("bit %d: %x as that of bit %d", bit, h, other)
		}
		seen[h] = bit
	}
}
