// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// hostileCases is how many generated exchanges each test of the suite encodes.
const hostileCases = 500

// Run is the conformance suite. newEncoder returns an encoder that is set up to
// be accepted by the vendor's fake with any credential; each call returns a new
// one with the same settings.
func Run(t *testing.T, vendor Vendor, newEncoder func(testing.TB) backend.Encoder) {
	t.Helper()
	vendor.complete(t, newEncoder(t))
	s := &suite{vendor: vendor, newEncoder: newEncoder, cases: SharedCases(t)}
	rnd := rand.NewPCG(1, 2)
	for i := range hostileCases {
		data := make([]byte, 64+i*4)
		for j := range data {
			data[j] = byte(rnd.Uint64())
		}
		s.cases[fmt.Sprintf("hostile%03d", i)] = Hostile(data)
	}
	s.cases["huge"] = huge(s.cases["full"])
	s.names = slices.Sorted(maps.Keys(s.cases))
	t.Run("Spec", s.spec)
	t.Run("Items", s.items)
	t.Run("Masked", s.masked)
	t.Run("Stranger", s.stranger)
	t.Run("Deterministic", s.deterministic)
	t.Run("KeepsNothing", s.keepsNothing)
	t.Run("Concurrent", s.concurrent)
	t.Run("Framing", s.framing)
	t.Run("Classify", s.classify)
	t.Run("Headers", s.headers)
	t.Run("Contracts", s.contracts)
}

type suite struct {
	vendor     Vendor
	newEncoder func(testing.TB) backend.Encoder
	cases      map[string]*exchange.Exchange
	names      []string
}

// huge returns ex with everything large.
func huge(ex *exchange.Exchange) *exchange.Exchange {
	big := *ex
	big.Request.Body = exchange.Body{Data: `{"a":"` + strings.Repeat("x\\n", 1<<20) + `"}`, Captured: true, Size: -1}
	big.Response.Body = exchange.Body{Data: strings.Repeat("\xff\"\x00", 1<<18), Captured: true, Binary: true, Size: -1}
	for i := range 5000 {
		big.Response.Headers = append(big.Response.Headers,
			exchange.Header{Name: fmt.Sprintf("x-%05d", i), Values: []string{"v", "w"}})
	}
	big.Path = "/" + strings.Repeat("é", 1<<16)
	return &big
}

func (s *suite) spec(t *testing.T) {
	t.Parallel()
	spec := s.newEncoder(t).Spec()
	if spec.Name == "" || spec.Name != strings.ToLower(spec.Name) {
		t.Errorf("Name %q is not a configuration key", spec.Name)
	}
	if spec.Path != "" && !strings.HasPrefix(spec.Path, "/") {
		t.Errorf("Path %q does not begin with /", spec.Path)
	}
	if spec.ContentType == "" {
		t.Error("ContentType is empty")
	}
	frame := len(spec.Prefix) + len(spec.Suffix)
	if spec.MaxItems < 1 || spec.MaxItemBytes < 1024 || spec.MaxRequestBytes < spec.MaxItemBytes+frame {
		t.Errorf("limits do not fit each other: %d items, %d bytes an item, %d bytes a request",
			spec.MaxItems, spec.MaxItemBytes, spec.MaxRequestBytes)
	}
	if spec.MinBackoff < 0 {
		t.Errorf("MinBackoff is %v", spec.MinBackoff)
	}
}

// items: what is appended is one valid item behind what was there, and a drop
// appends nothing and has a known reason.
func (s *suite) items(t *testing.T) {
	t.Parallel()
	known := []backend.Drop{
		backend.DropDirection, backend.DropMethod, backend.DropNoStatus, backend.DropNoIdentity, backend.DropSelfTraffic,
		backend.DropEncryption, backend.DropHealthCheck, backend.DropWeight,
	}
	enc := s.newEncoder(t)
	problems := s.vendor.Check
	kept := 0
	for _, name := range s.names {
		before := []byte("before")
		out, drop := enc.Append(slices.Clip(before), s.cases[name])
		if !bytes.HasPrefix(out, before) {
			t.Fatalf("%s: what was in dst is gone", name)
		}
		out = out[len(before):]
		switch {
		case drop != backend.Keep:
			if len(out) > 0 || !slices.Contains(known, drop) {
				t.Errorf("%s: dropped as %q with %d bytes appended", name, drop, len(out))
			}
			continue
		case len(out) == 0:
			t.Errorf("%s: nothing appended and not dropped", name)
			continue
		}
		kept++
		if bytes.ContainsAny(out[:1], " \n") || bytes.ContainsAny(out[len(out)-1:], " \n,") {
			t.Errorf("%s: the item begins or ends with white space or a comma", name)
		}
		for _, p := range problems(out) {
			t.Errorf("%s: %s", name, p)
		}
		// The room that the caller left must not change the bytes.
		if again, _ := enc.Append(make([]byte, 0, len(out)), s.cases[name]); !bytes.Equal(again, out) {
			t.Errorf("%s: different with room in dst", name)
		}
	}
	if kept < len(s.names)/10 {
		t.Errorf("only %d of %d exchanges were encoded", kept, len(s.names))
	}
	if _, drop := enc.Append(nil, s.cases["full"]); drop != backend.Keep {
		t.Errorf("the complete exchange was dropped: %s", drop)
	}
}

// stranger: what a caller writes into a request is no reason to leave it out. He could
// pass for the exporter itself, or for a call to the vendor.
func (s *suite) stranger(t *testing.T) {
	t.Parallel()
	enc := s.newEncoder(t)
	own := http.Header{}
	enc.SetHeader(own)
	claims := map[string]func(*exchange.Exchange){
		"user agent": func(ex *exchange.Exchange) { ex.UserAgent = own.Get("User-Agent") },
		"probe":      func(ex *exchange.Exchange) { ex.UserAgent = "kube-probe/1.30" },
	}
	for _, host := range []string{"api.moesif.net", "app.metlo.com", "metrics.readme.io", "localhost", "127.0.0.1"} {
		claims["Host "+host] = func(ex *exchange.Exchange) { ex.Host = host }
	}
	for name, values := range own {
		claims[name] = func(ex *exchange.Exchange) {
			ex.Request.Headers = append(slices.Clip(ex.Request.Headers), exchange.Header{Name: strings.ToLower(name), Values: values})
		}
	}
	for claim, change := range claims {
		ex := *s.cases["full"]
		change(&ex)
		if _, drop := enc.Append(nil, &ex); ex.Direction != exchange.Incoming || drop != backend.Keep {
			t.Errorf("a caller that sets %s is dropped as %q", claim, drop)
		}
	}
}

// masked: a mask in the place of an identity is no identity. Sent as one, it would
// make one user, company or consumer of all whose ids were redacted.
func (s *suite) masked(t *testing.T) {
	t.Parallel()
	enc := s.newEncoder(t)
	for name, field := range map[string]func(*exchange.Exchange) *string{
		"UserID":         func(ex *exchange.Exchange) *string { return &ex.UserID },
		"UserEmail":      func(ex *exchange.Exchange) *string { return &ex.UserEmail },
		"UserName":       func(ex *exchange.Exchange) *string { return &ex.UserName },
		"SessionID":      func(ex *exchange.Exchange) *string { return &ex.SessionID },
		"CompanyID":      func(ex *exchange.Exchange) *string { return &ex.CompanyID },
		"SubscriptionID": func(ex *exchange.Exchange) *string { return &ex.SubscriptionID },
		"ConsumerID":     func(ex *exchange.Exchange) *string { return &ex.ConsumerID },
		"ConsumerLabel":  func(ex *exchange.Exchange) *string { return &ex.ConsumerLabel },
		"ConsumerEmail":  func(ex *exchange.Exchange) *string { return &ex.ConsumerEmail },
	} {
		for _, mask := range []string{"[REDACTED]", "[REDACTED:malformed]", "[REDACTED 12]", "*****"} {
			masked, without := *s.cases["full"], *s.cases["full"]
			*field(&masked), *field(&without) = mask, ""
			got, drop1 := enc.Append(nil, &masked)
			want, drop2 := enc.Append(nil, &without)
			if !bytes.Equal(got, want) || drop1 != drop2 {
				t.Errorf("%s %s is sent as an identity (%s):\n got %s\nwant %s", name, mask, drop1, got, want)
			}
		}
	}
}

// framing: items put together as Spec says are a request that the fake takes.
func (s *suite) framing(t *testing.T) {
	t.Parallel()
	enc := s.newEncoder(t)
	spec := enc.Spec()
	for _, n := range []int{1, 2, spec.MaxItems} {
		if n > spec.MaxItems {
			continue
		}
		body := []byte(spec.Prefix)
		items := make([][]byte, 0, n)
		count := 0
		for i := 0; count < n; i++ {
			out := body
			if count > 0 {
				out = append(out, spec.Separator...)
			}
			ex := *s.cases["full"]
			ex.ID = fmt.Sprintf("5f0c2c2e-8b1a-5d3e-9a77-%012x", i)
			out, drop := enc.Append(out, &ex)
			if drop != backend.Keep {
				t.Fatalf("dropped: %s", drop)
			}
			items = append(items, bytes.TrimPrefix(out[len(body):], []byte(spec.Separator)))
			body = out
			count++
		}
		body = append(body, spec.Suffix...)
		if !json.Valid(body) && spec.ContentType == "application/json" {
			t.Fatalf("%d items are not JSON together", n)
		}
		fake := s.vendor.New(Settings{})
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "http://vendor.example"+spec.Path+query(enc, items), bytes.NewReader(body))
		enc.SetHeader(r.Header)
		r.Header.Set("Content-Type", spec.ContentType)
		fake.ServeHTTP(w, r)
		if class := enc.Classify(w.Code); class != backend.Delivered {
			t.Errorf("%d items: answered %d: %q", n, w.Code, fake.Violations())
		}
		if got := fake.Stats().Accepted; got != n {
			t.Errorf("%d items: %d accepted", n, got)
		}
	}
}

// query is what the backend adds to the URL of a request with the items.
func query(enc backend.Endpoint, items [][]byte) string {
	spec := enc.Spec()
	if spec.Query == "" {
		return ""
	}
	return spec.Query + backend.BatchID(spec.IDPath, items)
}

func (s *suite) classify(t *testing.T) {
	t.Parallel()
	enc := s.newEncoder(t)
	_, once := enc.(backend.NoAnswerPolicy)
	_, degrades := enc.(backend.Degrader)
	for status := -1; status <= 1000; status++ {
		class := enc.Classify(status)
		if class > backend.GiveUp {
			t.Errorf("%d: unknown class %d", status, class)
		}
		if class == backend.GiveUp && !once {
			t.Errorf("%d: given up although retrying without an answer is allowed", status)
		}
		if success := status >= 200 && status < 300; success != (class == backend.Delivered) {
			t.Errorf("%d: class %d; 2xx and nothing else is delivered", status, class)
		}
		if (status >= 500 || status < 200) && class != backend.Retry && class != backend.GiveUp {
			t.Errorf("%d: class %d, want Retry", status, class)
		}
	}
	for status, want := range map[int]backend.Class{
		400: backend.Reject, 413: backend.Reject, 422: backend.Reject, 401: backend.Outage, 402: backend.Outage,
		403: backend.Outage, 404: backend.Outage, 301: backend.Outage, 408: backend.Retry, 429: backend.Retry,
	} {
		got := enc.Classify(status)
		if status == http.StatusForbidden && got == backend.Reject && degrades {
			continue // an edge firewall answers like a refused key
		}
		if want == backend.Reject && got == backend.GiveUp && once && status != http.StatusRequestEntityTooLarge {
			continue // refused in the midst of a batch
		}
		if got != want {
			t.Errorf("%d: class %d, want %d", status, got, want)
		}
	}
}

func (s *suite) headers(t *testing.T) {
	t.Parallel()
	enc := s.newEncoder(t)
	h := http.Header{"Content-Encoding": {"gzip"}, "X-Kept": {"1"}}
	enc.SetHeader(h)
	first := h.Clone()
	enc.SetHeader(h)
	if !reflect.DeepEqual(h, first) {
		t.Error("setting the headers twice changes them: use Set, not Add")
	}
	if h.Get("Content-Encoding") != "gzip" || h.Get("X-Kept") != "1" {
		t.Error("a header that is not the backend's was changed")
	}
	if h.Get("User-Agent") == "" {
		t.Error("no User-Agent")
	}
	h = make(http.Header)
	enc.SetHeader(h)
	if h.Get("Content-Encoding") != "" || h.Get("Content-Type") != "" {
		t.Error("Content-Encoding or Content-Type set; they are the sender's")
	}
}
