// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cerberus

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/cerberus/cerberustest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// TestVectors: parity-fixtures/hash_pii.yaml of the vendor's repository.
func TestVectors(t *testing.T) {
	t.Parallel()
	var h hasher
	for in, want := range map[string]string{
		"192.168.1.1":        "dde4b5e916e658bdfe3bf7ab8fd6361aa3ef212bccf9fa4f62de60d9c78b838e",
		"::1":                "4e9dbe33ee02f947c9a6e4b5f25ec52ad208c8508672c182281d9a9119f3d557",
		"fe80::1":            "51928821f9313ada25d26cd5468f9ebe5e151e505cdcdc62bba0de9afc0ae16e",
		"Bearer abc123token": "a1bee22471588b1572f3f95d86e5f776871241c2fb2d3f29fc435b8ef2c9b9ef",
		"::ffff:c0a8:101":    "9608812c5a4ad79814a5d03307e875d8c923c69d91c7ad06267b1e8a18be4b76",
	} {
		for range 2 { // the second time with the memory of the first
			if got := string(h.appendHMAC(nil, parityKey, in)); got != `"`+want+`"` {
				t.Errorf("%s: %s, want %s", in, got, want)
			}
		}
	}
	if string(h.appendHMAC(nil, "k2", "::1")) == string(h.appendHMAC(nil, "k1", "::1")) {
		t.Error("another key makes no difference")
	}
}

// TestNormalizeIP: parity-fixtures/normalize_ip.yaml.
func TestNormalizeIP(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"0000:0000:0000:0000:0000:0000:0000:0001": "::1", "fe80::1%eth0": "fe80::1", "fe80::1%25en0": "fe80::1",
		"fe80::1%2": "fe80::1", "::ffff:192.168.1.1": "::ffff:c0a8:101", "::FFFF:0.0.0.0": "::ffff:0:0",
		"not-an-ip": "not-an-ip", "12.foo.3.4": "12.foo.3.4", "": "", " 10.0.0.1 ": "10.0.0.1", "2001:DB8::A": "2001:db8::a",
	} {
		if got := normalizeIP(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"1.2.3.4:5": "1.2.3.4", "1.2.3.4": "1.2.3.4", "[::1]:5": "::1", "[::1]": "::1", "::1": "::1", "[": "[", "": "",
	} {
		if got := stripPort(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestSensitive(t *testing.T) {
	t.Parallel()
	for _, k := range sensitiveKeys {
		if !sensitive(k) || !sensitive(strings.ToUpper(k)) || !sensitiveRaw(`\u00`+hex2(k[0])+k[1:]) {
			t.Errorf("%s is not found", k)
		}
		for _, other := range []string{k + "s", "x_" + k, k[1:], " " + k} {
			if sensitive(other) && !strings.Contains(strings.Join(sensitiveKeys[:], " ")+" ", " "+other+" ") {
				t.Errorf("%s is found", other)
			}
		}
	}
	if !sensitive("to\u212aen") { // its lower case is "token"
		t.Error("a letter beyond ASCII hides a key")
	}
}

func hex2(c byte) string { return string([]byte{"0123456789abcdef"[c>>4], "0123456789abcdef"[c&15]}) }

// FuzzSanitize: the result is what the vendor's rules make of the document.
func FuzzSanitize(f *testing.F) {
	for _, s := range []string{
		`{}`, `[]`, `{"a":{"token":[1,{"b":2}]},"c":"\\\"","d":[ ]}`, `[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]`,
		`{"_cerberus_metrics":{"a":1},"b":{"_cerberus_metrics":2}}`, `{"\u005fcerberus_metrics":1}`, ` [ 1 , "]" , null ] `,
		`{"a":1,"a":2,"password":"\\"}`, `{"x":"\\\\","token":"\"","y":[{}]}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		if !wire.Embeddable(doc) {
			return
		}
		z := sanitizer{src: doc}
		got := z.value(nil, 0)
		if z.space(); z.i != len(doc) {
			t.Fatalf("%d of %d bytes read", z.i, len(doc))
		}
		// cmp.Diff takes twice as long for each level of nested arrays.
		if want := naive(decode(t, doc), 0); !reflect.DeepEqual(want, decode(t, string(got))) {
			t.Errorf("%s became %s, want %v", doc, got, want)
		}
		z = sanitizer{src: doc, metrics: true}
		if out := z.value(nil, 0); !json.Valid(out) || z.found != "" && !json.Valid([]byte(z.found)) {
			t.Errorf("%s became %s and %s", doc, out, z.found)
		}
	})
}

func decode(t *testing.T, s string) any {
	var v any
	dec := json.NewDecoder(strings.NewReader(s))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, s)
	}
	return v
}

// naive is the vendor's rule, written for values.
func naive(v any, depth int) any {
	switch v := v.(type) {
	case map[string]any:
		if depth > 20 {
			return redacted
		}
		for k, e := range v {
			if v[k] = naive(e, depth+1); anyFold(k, sensitiveKeys[:]) {
				v[k] = redacted
			}
		}
	case []any:
		if depth > 20 {
			return redacted
		}
		for i, e := range v {
			v[i] = naive(e, depth+1)
		}
	}
	return v
}

func TestDegrade(t *testing.T) {
	t.Parallel()
	e := newEncoder(t, Config{Token: "t", ResponseBodies: true})
	item, _ := e.Append(nil, backendtest.SharedCases(t)["full"])
	out, ok := e.Degrade([]byte("before"), item)
	if !ok || !strings.HasPrefix(string(out), "before{") {
		t.Fatalf("%v %s", ok, out)
	}
	out = out[len("before"):]
	for _, p := range cerberustest.Check(out) {
		t.Error(p)
	}
	want := decode(t, string(item)).(map[string]any)
	want["body"], want["response_body"], want["query_params"] = nil, nil, nil
	want["custom_data"].(map[string]any)["content_dropped_refused"] = true
	if d := cmp.Diff(want, decode(t, string(out))); d != "" {
		t.Error(d)
	}
	if again, ok := e.Degrade([]byte("b"), out); ok || string(again) != "b" {
		t.Errorf("degraded twice: %s", again)
	}
	for _, bad := range []string{"", "x", "[]", `{"a":`} {
		if _, ok := e.Degrade(nil, []byte(bad)); ok {
			t.Errorf("%q was degraded", bad)
		}
	}
}

func TestSkipped(t *testing.T) {
	t.Parallel()
	e := newEncoder(t, Config{Token: "t", ResponseBodies: true})
	for body, want := range map[string]int{
		`{"accepted":1,"skipped":2}`: 2, `{"skipped":-1}`: 0, `{"skipped":"3"}`: 0, `{"skipped":1.5}`: 0, `{}`: 0, `[]`: 0,
		``: 0, `<html>`: 0, `{"skipped":null}`: 0, `{"skipped":99999999999999999999}`: 0,
	} {
		if got := e.Skipped([]byte(body)); got != want {
			t.Errorf("%s: %d, want %d", body, got, want)
		}
	}
}

// TestWithin: whatever the bodies, an item keeps to the limit, and what could be
// kept is.
func TestWithin(t *testing.T) {
	t.Parallel()
	e := newEncoder(t, Config{Token: "t", ResponseBodies: true})
	for request := 0; request <= 60_000; request += 12_000 {
		for response := 0; response <= 90_000; response += 9_000 {
			ex := *backendtest.SharedCases(t)["full"]
			ex.Request.Body.Data = `{"a":"` + strings.Repeat("x", request) + `"}`
			ex.Response.Body.Data = `["` + strings.Repeat(`\"`, response/2) + `"]`
			item, shed, drop := e.AppendWithin(nil, &ex, maxItemBytes)
			if drop != backend.Keep || len(item) > maxItemBytes {
				t.Fatalf("%d + %d: %d bytes, %q", request, response, len(item), drop)
			}
			for _, p := range cerberustest.Check(item) {
				t.Errorf("%d + %d: %s", request, response, p)
			}
			if shed && len(item) < 20_000 && request < 50_000 {
				t.Errorf("%d + %d: only %d bytes are left", request, response, len(item))
			}
		}
	}
}

// TestKeyMayChange: a key that is rotated is used for the next event.
func TestKeyMayChange(t *testing.T) {
	t.Parallel()
	e := newEncoder(t, Config{Token: "t"})
	ex := &exchange.Exchange{Path: "/", ClientAddress: "192.168.1.1"}
	seen := map[string]bool{}
	for _, k := range []string{"", "one", "two"} {
		e.static = k
		item, _ := e.Append(nil, ex)
		seen[string(item)] = true
	}
	if len(seen) != 3 {
		t.Errorf("%d different events", len(seen))
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	const ws = "wss://h/ws/events"
	for _, tt := range []struct {
		config   Config
		endpoint string
		want     string
	}{
		{Config{Token: "t"}, ws, "`cerberus::client_id` is empty: write the application's client id, which is part of every WebSocket message"},
		{Config{Token: "t", MaxBatchEvents: 1001}, "", "`cerberus::max_batch_events` is 1001: write a number from 1 to 1000, or 0 for 50"},
		{Config{Token: "t", MaxBatchEvents: -1}, "", "`cerberus::max_batch_events` is -1: write a number from 1 to 1000, or 0 for 50"},
	} {
		if _, err := tt.config.NewEncoder(backend.Build{Endpoint: tt.endpoint}); err == nil || err.Error() != tt.want {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
	h := make(http.Header)
	newEncoder(t, Config{Token: "t", ResponseBodies: true}).SetHeader(h)
	if h.Get("X-Api-Key") != "t" || h.Get("User-Agent") != "apispan/1.2.3" {
		t.Errorf("headers %v", h)
	}
	if s := newEncoderFor(t, "https://h"+path, Config{Token: "t"}).Spec(); s.Path != "" || s.MaxItems != 50 {
		t.Errorf("%+v", s)
	}
	socket := newEncoderFor(t, ws, Config{Token: "t\"", ClientID: "shop"})
	if s := socket.Spec(); s.Path != "" || s.MaxItems != 1 || s.Prefix+s.Separator+s.Suffix != "" || s.EmptyProbe {
		t.Errorf("%+v", s)
	}
	h = make(http.Header)
	if socket.SetHeader(h); h.Get("X-Api-Key") != "" {
		t.Error("the token is in a header of the handshake")
	}
	for item, want := range map[string]string{
		`{"a":1}`: `{"api_key":"t\"","client_id":"shop","token":"t\"","a":1}`, `{}`: `{"api_key":"t\"","client_id":"shop","token":"t\""}`,
	} {
		if got := string(socket.AppendFrame(nil, []byte(item))); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
