// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"fmt"
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
	if want.Key != one.Key || want.Status != 404 || want.Duration != time.Second || want.RequestBytes != -1 || want.ResponseBytes != 3 || want.Weight != 2 || !want.Bodies {
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
	if got := testing.AllocsPerRun(100, func() { n.Tally(&x) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func BenchmarkTally(b *testing.B) {
	n := NewNames(nil)
	var all [256]Summary
	for i := range all {
		all[i] = Summary{Service: "shop", Method: "GET", Route: fmt.Sprintf("/r%d/{id}", i%40), UserID: fmt.Sprint("u", i%100)}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		n.Tally(&all[i%256])
	}
}
