// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

func testConfig(opts ...Option) *config {
	return newConfig(serverSide, append(opts, WithMeterProvider(noop.NewMeterProvider())))
}

// TestCapture writes bodies in pieces of every size against every kind of limit
// and length, and compares with a plain prefix.
func TestCapture(t *testing.T) {
	t.Parallel()
	data := make([]byte, 200_000)
	for i := range data {
		data[i] = byte('a' + i%23)
	}
	for _, limit := range []int{1, 100, 8192, 16384, 16385, 40_000, 100_000, 300_000} {
		for _, size := range []int{0, 1, 99, 100, 101, 8191, 8192, 8193, 16384, 16385, 60_000, 200_000} {
			for _, piece := range []int{1, 100, 512, 4096, 32768, 200_000} {
				if piece == 1 && size > 20_000 {
					continue
				}
				for _, announced := range []int64{-1, int64(size), int64(size) + 10} {
					var c capture
					c.start(limit, announced, 1<<40)
					for rest := data[:size]; len(rest) > 0; {
						n := min(piece, len(rest))
						p := bytes.Clone(rest[:n])
						c.add(p, nil)
						clear(p) // the caller may use its buffer again
						rest = rest[n:]
					}
					c.add(nil, io.EOF)
					got := c.finish(true)
					if got.content != string(data[:min(size, limit)]) {
						t.Fatalf("limit %d, size %d, piece %d, announced %d: %d bytes kept", limit, size, piece, announced, len(got.content))
					}
					if got.truncated != (size > limit) || got.seen != int64(size) || got.complete != (announced <= int64(size)) {
						t.Fatalf("limit %d, size %d, piece %d, announced %d: %+v", limit, size, piece, announced, got.seen)
					}
					if c.held != 0 {
						t.Fatalf("limit %d, size %d, piece %d: %d bytes of the budget not given back", limit, size, piece, c.held)
					}
				}
			}
		}
	}
	if got := (&capture{}).finish(true); got.on {
		t.Error("a capture that was not started is on")
	}
}

// TestCaptureMemory: an announced length alone costs nothing, and what is held
// stays within twice the limit.
func TestCaptureMemory(t *testing.T) {
	t.Parallel()
	var c capture
	c.start(1<<20, 1<<20, 1<<40)
	if c.sb.Cap()+len(c.str) != 0 || c.pool != nil {
		t.Error("memory was taken before the first byte")
	}
	c.add([]byte("x"), nil)
	if c.sb.Cap() > firstGrow+firstGrow/2 {
		t.Errorf("one byte took %d", c.sb.Cap())
	}
	for range 2000 {
		c.add(make([]byte, 1000), nil)
		if c.sb.Cap() > 2<<20 || c.held > 2<<20 {
			t.Fatalf("capacity %d, held %d", c.sb.Cap(), c.held)
		}
	}
	c.finish(false)
}

func TestCaptureAfterFinish(t *testing.T) {
	t.Parallel()
	var c capture
	c.start(10, -1, 0)
	c.add([]byte("a"), nil)
	c.finish(true)
	c.add([]byte("b"), io.EOF)
	c.count(3, nil)
	c.start(10, -1, 0)
	if got := c.finish(true); got.on || got.content != "" || got.seen != 0 {
		t.Errorf("%+v", got)
	}
}

func TestMemoryBudget(t *testing.T) {
	// Not parallel: it looks at the budget of the process.
	counted, reader := countingProvider()
	h := Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }),
		WithBodies(BodiesAll), WithMemoryBudget(10), WithMeterProvider(counted))
	span := &fakeSpan{}
	r := httptest.NewRequest("POST", "/", strings.NewReader("more than ten bytes"))
	r.Header.Set("Content-Type", "text/plain")
	h.ServeHTTP(httptest.NewRecorder(), r.WithContext(span.context()))
	if _, ok := span.get("http.request.body.content"); ok {
		t.Error("a body is on the span although there is no memory for it")
	}
	if got := reader(t); got["memory_budget"] != 2 {
		t.Errorf("counted %v, want 2 for memory_budget", got)
	}
	if n := inFlight.Load(); n != 0 {
		t.Errorf("%d bytes in flight at the end", n)
	}
}

// countingProvider returns a MeterProvider and a function that reads our counter.
func countingProvider() (*sdkmetric.MeterProvider, func(testing.TB) map[string]int64) {
	reader := sdkmetric.NewManualReader()
	return sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), func(t testing.TB) map[string]int64 {
		t.Helper()
		var rm metricdata.ResourceMetrics
		if err := reader.Collect(context.Background(), &rm); err != nil {
			t.Fatal(err)
		}
		got := map[string]int64{}
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				if m.Name == "apispan.capture.dropped" {
					for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
						v, _ := p.Attributes.Value("reason")
						got[v.AsString()] = p.Value
					}
				}
			}
		}
		return got
	}
}

func TestDropReasons(t *testing.T) {
	t.Parallel()
	counted, read := countingProvider()
	h := Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i := range 60 {
			w.Header().Set(fmt.Sprintf("X-%d", i), "v")
			SetMetadata(r.Context(), fmt.Sprint(i), i)
		}
		SetIdentity(r.Context(), Identity{UserID: strings.Repeat("x", 600), CompanyID: "a\xff"})
		w.Header().Set("Content-Encoding", "br")
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte("not really brotli"))
	}), WithBodies(BodiesAll), WithAllHeaders(), WithMeterProvider(counted),
		WithIdentity(func(Exchange) Identity { panic("x") }))
	span := &fakeSpan{}
	r := httptest.NewRequest("GET", "/", nil)
	for i := range 60 {
		r.Header.Set(fmt.Sprintf("X-%d", i), "v")
	}
	h.ServeHTTP(httptest.NewRecorder(), r.WithContext(span.context()))
	want := map[string]int64{
		"header_limit": 12 + 14, "metadata_limit": 36, "identity_limit": 2, "content_coding": 1, "callback_panic": 1,
		"attribute_limit": 12,
	}
	if diff := cmp.Diff(want, read(t)); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
	if n := len(span.attrs); n > 108 {
		t.Errorf("%d attributes set", n)
	}
}

func TestAsText(t *testing.T) {
	t.Parallel()
	const s = "aé€😀z"
	for i := range len(s) + 1 {
		got, ok := asText(s[:i], true)
		if !ok || !utf8.ValidString(got) || len(got) < i-3 || !strings.HasPrefix(s, got) {
			t.Errorf("cut at %d: %q, %v", i, got, ok)
		}
		if _, ok := asText(s[:i], false); ok != utf8.ValidString(s[:i]) {
			t.Errorf("uncut %d: %v", i, ok)
		}
	}
	for _, bad := range []string{"a\xff", "\xff\xfea", "a\x80", "\xc3\xc3", "x\xe2\x82y"} {
		if _, ok := asText(bad, true); ok {
			t.Errorf("%q passes for text", bad)
		}
	}
	for limit := range 12 {
		if got := cutString(s, limit); !utf8.ValidString(got) || len(got) > limit {
			t.Errorf("cutString(%d) = %q", limit, got)
		}
	}
}

func gz(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, s)
	_ = z.Close()
	return b.String()
}

func zl(s string) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, _ = io.WriteString(z, s)
	_ = z.Close()
	return b.String()
}

func TestDecodeContent(t *testing.T) {
	t.Parallel()
	c := testConfig(WithDecoder("rot", func(r io.Reader) (io.Reader, error) { return r, nil }))
	long := strings.Repeat("0123456789", 5000)
	for name, tc := range map[string]struct {
		in      string
		codings []string
		cut     bool
		want    string
		more    bool
		bad     bool
	}{
		"none":              {in: "x", want: "x"},
		"identity":          {in: "x", codings: []string{"identity"}, want: "x"},
		"gzip":              {in: gz("hello"), codings: []string{"GZIP"}, want: "hello"},
		"zlib":              {in: zl("hello"), codings: []string{"deflate"}, want: "hello"},
		"bare deflate":      {in: zl("hello")[2:], codings: []string{"deflate"}, want: "hello"},
		"twice":             {in: gz(zl("hello")), codings: []string{"deflate, gzip"}, want: "hello"},
		"twice, two lines":  {in: gz(zl("hello")), codings: []string{"deflate", "gzip"}, want: "hello"},
		"bomb":              {in: gz(strings.Repeat("0", 1<<20)), codings: []string{"gzip"}, want: strings.Repeat("0", 1000), more: true},
		"cut":               {in: gz(long)[:60], codings: []string{"gzip"}, cut: true, want: long[:1000], more: true},
		"cut in the header": {in: gz("hello")[:5], codings: []string{"gzip"}, cut: true, more: true},
		"broken":            {in: gz(long)[:60], codings: []string{"gzip"}, bad: true, want: ""},
		"not gzip":          {in: "plain text", codings: []string{"gzip"}, bad: true},
		"unknown":           {in: "x", codings: []string{"br"}, bad: true},
		"given":             {in: "x", codings: []string{"rot"}, want: "x"},
		"too many":          {in: "x", codings: []string{"rot,rot,rot,rot"}, bad: true},
	} {
		got, more, err := c.decodeContent(tc.in, tc.codings, 1000, tc.cut)
		if name == "cut" {
			if err != nil || !more || !strings.HasPrefix(long, got) {
				t.Errorf("%s: %d bytes, more %v, %v", name, len(got), more, err)
			}
			continue
		}
		if tc.bad {
			// What was put out before the error must not be used.
			if name == "broken" && err == nil && more {
				continue // the limit was reached before the fault
			}
			if err == nil || got != "" {
				t.Errorf("%s: %q, %v", name, got, err)
			}
			continue
		}
		if err != nil || got != tc.want || more != tc.more {
			t.Errorf("%s: %q, more %v, %v", name, got, more, err)
		}
	}
}

func TestHeaderSets(t *testing.T) {
	t.Parallel()
	c := testConfig()
	h := http.Header{
		"Content-Type": {"a"}, "X-One": {"1"}, "X-Two": {"2", "22"}, "Y-Three": {"3"}, "Authorization": {"secret"},
		"Trailer:X": {"t"}, "Bad\xff": {"b"}, "Empty": {}, "X-Password": {"secret"},
	}
	for name, tc := range map[string]struct {
		spec     headerSpec
		sanitize []string
		want     map[string][]string
	}{
		"none":     {headerSpec{}, nil, map[string][]string{}},
		"named":    {headerSpec{names: []string{"x-one", "missing", "X-TWO"}}, nil, map[string][]string{"x-one": {"1"}, "x-two": {"2", "22"}}},
		"prefix":   {headerSpec{names: []string{"X-*", "content-type"}}, nil, map[string][]string{"x-one": {"1"}, "x-two": {"2", "22"}, "content-type": {"a"}, "x-password": {redacted}}},
		"regexp":   {headerSpec{names: []string{"y.*"}}, nil, map[string][]string{"y-three": {"3"}}},
		"all":      {headerSpec{all: true}, nil, map[string][]string{"content-type": {"a"}, "x-one": {"1"}, "x-two": {"2", "22"}, "y-three": {"3"}, "authorization": {redacted}, "x-password": {redacted}}},
		"asked":    {headerSpec{names: []string{"Authorization"}}, nil, map[string][]string{"authorization": {redacted}}},
		"sanitize": {headerSpec{names: []string{"X-One", "Y-Three"}}, []string{"y-*"}, map[string][]string{"x-one": {"1"}, "y-three": {redacted}}},
	} {
		set := newHeaderSet(newHeaderTable(requestSide), tc.spec, tc.sanitize, c)
		for range 3 {
			kvs, dropped := set.collect(nil, h)
			got := map[string][]string{}
			for _, kv := range kvs {
				got[strings.TrimPrefix(string(kv.Key), "http.request.header.")] = kv.Value.AsStringSlice()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || dropped != 0 {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	}
}

func TestHeaderTableIsBounded(t *testing.T) {
	t.Parallel()
	tab := newHeaderTable(requestSide)
	for i := range 2 * maxHeaderNames {
		if n := tab.get(fmt.Sprintf("X-%d", i)); n == nil || string(n.key) != fmt.Sprintf("http.request.header.x-%d", i) {
			t.Fatalf("entry %d: %v", i, n)
		}
	}
	if n := len(*tab.names.Load()); n > maxHeaderNames {
		t.Errorf("%d names kept", n)
	}
	if !slices.IsSorted(commonHeaders) {
		t.Error("commonHeaders is not sorted")
	}
	for _, n := range slices.Concat(commonHeaders, defaultRequestHeaders, defaultResponseHeaders) {
		if http.CanonicalHeaderKey(n) != n {
			t.Errorf("%s is not canonical", n)
		}
	}
}

// TestHeaderCacheGivesUp: a field that never repeats must not cost an entry each
// time, nor stay in memory if it is long or a credential.
func TestHeaderCacheGivesUp(t *testing.T) {
	t.Parallel()
	set := newHeaderSet(newHeaderTable(requestSide), headerSpec{all: true}, nil, testConfig())
	n := set.table.get("X-Request-Id")
	for i := range 1000 {
		v := fmt.Sprint(i)
		if got := set.attr(n, []string{v}).Value.AsStringSlice(); len(got) != 1 || got[0] != v {
			t.Fatalf("value %v, want %s", got, v)
		}
	}
	if last := n.last.Load(); last.value != fmt.Sprint(maxCacheMisses-1) {
		t.Errorf("still caching: %s", last.value)
	}
	raw := newHeaderSet(newHeaderTable(requestSide), headerSpec{all: true}, nil, &config{policy: nil})
	raw.raw = true // as with a policy
	auth := raw.table.get("Authorization")
	raw.attr(auth, []string{"secret"})
	if auth.last.Load() != nil {
		t.Error("a credential is in the cache")
	}
}

func TestIsCredential(t *testing.T) {
	t.Parallel()
	for _, n := range []string{"Authorization", "proxy-authorization", "Cookie", "Set-Cookie", "X-Api-Key", "x_api_key", "apikey",
		"X-Auth-Token", "access_token", "X-Amz-Security-Token", "x-hub-signature-256", "X-Vault-Token", "password", "client_secret",
		"sig", "code", "X-Amz-Credential", "key", "ssl-client-cert", "X-Forwarded-Client-Cert", "SAMLResponse", "session_id"} {
		if !isCredential(n) {
			t.Errorf("%s is not taken for a credential", n)
		}
	}
	for _, n := range []string{"Content-Type", "Accept", "X-Request-Id", "Www-Authenticate", "Idempotency-Key", "page", "keyword", "sort", "", "monkey"} {
		if isCredential(n) {
			t.Errorf("%s is taken for a credential", n)
		}
	}
}

func TestMaskQuery(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                 "",
		"a=1&b=2":                          "a=1&b=2",
		"a=1&access_token=x&b=2":           "a=1&access_token=[REDACTED]&b=2",
		"token=x":                          "token=[REDACTED]",
		"token=&a":                         "token=&a",
		"to%6ben=x;sig=y":                  "to%6ben=[REDACTED];sig=[REDACTED]",
		"a=token=x":                        "a=token=x",
		"password=a=b&x":                   "password=[REDACTED]&x",
		"&&api_key=1&":                     "&&api_key=[REDACTED]&",
		"%zz=1&secret=2":                   "%zz=1&secret=[REDACTED]",
		"x=1&X-Amz-Signature=abc&next=%2F": "x=1&X-Amz-Signature=[REDACTED]&next=%2F",
	} {
		if got := maskQuery(in); got != want {
			t.Errorf("maskQuery(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSources(t *testing.T) {
	t.Parallel()
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"u1","n":7,"a.b":"dotted","org":{"id":"o1"},"list":["x"],"no":null}`))
	token := "e30." + claims + ".sig"
	r := httptest.NewRequest("GET", "/?q=one&q=two&bad=%zz", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("X-Raw", token)
	r.Header.Set("X-Broken", "a.!!.c")
	r.Header.Set("Cookie", "sid=s1")
	basic := httptest.NewRequest("GET", "/", nil)
	basic.SetBasicAuth("joe", "secret")
	body := `{"a":[{"id":"no"}],"user":{"name":"n\u00e9","id":12345678901234567890,"ok":true,"sub":{"id":"deep"},"cut":"val`
	for name, tc := range map[string]struct {
		src  Source
		r    *http.Request
		body string
		want string
	}{
		"header":          {FromHeader("x-raw"), r, "", token},
		"no header":       {FromHeader("x-none"), r, "", ""},
		"cookie":          {FromCookie("sid"), r, "", "s1"},
		"no cookie":       {FromCookie("other"), r, "", ""},
		"query":           {FromQuery("q"), r, "", "one"},
		"jwt":             {FromJWT("sub"), r, "", "u1"},
		"jwt number":      {FromJWT("n"), r, "", "7"},
		"jwt dotted name": {FromJWT("a.b"), r, "", "dotted"},
		"jwt path":        {FromJWT("org.id"), r, "", "o1"},
		"jwt list":        {FromJWT("list"), r, "", ""},
		"jwt null":        {FromJWT("no"), r, "", ""},
		"jwt elsewhere":   {FromJWT("sub", "X-None", "X-Broken", "X-Raw"), r, "", "u1"},
		"jwt broken":      {FromJWT("sub", "X-Broken"), r, "", ""},
		"basic":           {FromBasicUser(), basic, "", "joe"},
		"no basic":        {FromBasicUser(), r, "", ""},
		"body string":     {FromJSONBody("$.user.name"), r, body, "né"},
		"body number":     {FromJSONBody("user.id"), r, body, "12345678901234567890"},
		"body bool":       {FromJSONBody("user.ok"), r, body, "true"},
		"body deep":       {FromJSONBody("user.sub.id"), r, body, "deep"},
		"body object":     {FromJSONBody("user.sub"), r, body, ""},
		"body cut":        {FromJSONBody("user.cut"), r, body, ""},
		"body cut number": {FromJSONBody("n"), r, `{"n":12`, ""},
		"body other":      {FromJSONBody("user.none"), r, body, ""},
		"body not JSON":   {FromJSONBody("user"), r, "<xml>", ""},
	} {
		if got := tc.src.read(tc.r, tc.body); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		trusted []string
		peer    string
		header  http.Header
		want    string
	}{
		"nothing":         {nil, "10.0.0.1:5", http.Header{}, ""},
		"claimed":         {nil, "10.0.0.1:5", http.Header{"X-Forwarded-For": {"1.2.3.4"}}, "10.0.0.1"},
		"trusted":         {[]string{"10.0.0.0/8"}, "10.0.0.1:5", http.Header{"X-Forwarded-For": {"9.9.9.9, 1.2.3.4"}}, "1.2.3.4"},
		"several lines":   {[]string{"10.0.0.0/8"}, "10.0.0.1:5", http.Header{"X-Forwarded-For": {"9.9.9.9", "1.2.3.4, 10.2.2.2"}}, "1.2.3.4"},
		"all trusted":     {[]string{"10.0.0.0/8"}, "10.0.0.1:5", http.Header{"X-Forwarded-For": {"10.0.0.9"}}, "10.0.0.9"},
		"garbage":         {[]string{"10.0.0.0/8"}, "10.0.0.1:5", http.Header{"X-Forwarded-For": {"1.2.3.4, unknown, 10.0.0.7"}}, "10.0.0.7"},
		"ports, IPv6":     {[]string{"10.0.0.1"}, "10.0.0.1:5", http.Header{"X-Forwarded-For": {"[2001:db8::1]:443"}}, "2001:db8::1"},
		"mapped":          {[]string{"10.0.0.0/8"}, "[::ffff:10.0.0.1]:5", http.Header{"X-Forwarded-For": {"::ffff:1.2.3.4"}}, "1.2.3.4"},
		"forwarded":       {[]string{"10.0.0.0/8"}, "10.0.0.1:5", http.Header{"Forwarded": {`for=1.1.1.1;proto=http, For="[2001:db8::2]:80"`}}, "2001:db8::2"},
		"real ip":         {[]string{"10.0.0.0/8"}, "10.0.0.1:5", http.Header{"X-Real-Ip": {"1.2.3.4"}}, "1.2.3.4"},
		"real ip claimed": {[]string{"10.0.0.0/8"}, "8.8.8.8:5", http.Header{"X-Real-Ip": {"1.2.3.4"}}, "8.8.8.8"},
		"no peer":         {nil, "@", http.Header{"X-Forwarded-For": {"1.2.3.4"}}, ""},
	} {
		c := testConfig(WithTrustedProxies(tc.trusted...))
		if got := c.clientAddress(&http.Request{RemoteAddr: tc.peer, Header: tc.header}); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	if !slices.Contains(testConfig(WithTrustedProxies("192.0.2.7/24")).proxies, netip.MustParsePrefix("192.0.2.0/24")) {
		t.Error("host bits of a prefix are not cleared")
	}
}

func TestRouteMatching(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		pattern, method, path string
		want                  bool
	}{
		{"/a", "GET", "/a", true}, {"/a", "GET", "/a/b", false}, {"/a/*", "GET", "/a/b", true}, {"/a*", "GET", "/ab", true},
		{"GET /a", "POST", "/a", false}, {"get  /a", "GET", "/a", true}, {"*", "GET", "/x", true},
		{"/users/{id}", "GET", "/users/{id}", true}, {"GET /a", "", "/a", true}, {"POST /a", "", "/a", false},
	} {
		r := Route(tc.pattern).compile(plan{})
		if got := r.matches(tc.method, tc.path); got != tc.want {
			t.Errorf("%q matches %s %s: %v", tc.pattern, tc.method, tc.path, got)
		}
	}
	for in, want := range map[string]string{"": "", "/": "/", "GET /a/{b}": "/a/{b}", "GET example.com/a": "/a", "x.example/": "/"} {
		if got := routeOf(in); got != want {
			t.Errorf("routeOf(%q) = %q", in, got)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	if err := Validate(WithAllHeaders(), nil, WithRoutes(Route("GET /a", WithBodies(BodiesAll)))); err != nil {
		t.Errorf("sound options: %v", err)
	}
	err := Validate(
		WithContentTypes("json"), WithTrustedProxies("10.0.0.0/99"), WithEventIDHeader("bad name"),
		WithIdentityFrom(FieldUserID, FromJSONBody("a..b"), FromJWT("")), WithIdentityFrom(99),
		WithRoutes(Route("no-slash"), Route("/x", WithSkip(func(Exchange) bool { return true })), Route("/y", WithContentTypes("?"))),
	)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"WithContentTypes: \"json\"", "WithTrustedProxies: \"10.0.0.0/99\"", "WithEventIDHeader: \"bad name\"",
		"FromJSONBody: path \"a..b\"", "FromJWT", "unknown field 99", "\"no-slash\"", "\"/x\" has an option", "WithContentTypes: \"?\""} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not mention %s:\n%v", want, err)
		}
	}
}

func TestFromEnv(t *testing.T) {
	const p = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_"
	t.Setenv(p+"SERVER_REQUEST", "X-In, ,accept.*")
	t.Setenv(p+"CLIENT_RESPONSE", ".*")
	t.Setenv(p+"SANITIZE_FIELDS", "x-in")
	server, client := newConfig(serverSide, []Option{FromEnv()}), newConfig(clientSide, []Option{FromEnv()})
	for name, want := range map[string]bool{"X-In": true, "Accept-Encoding": true, "X-Out": false} {
		if got := server.reqSet.has(name); got != want {
			t.Errorf("server request %s: %v", name, got)
		}
	}
	if server.resSet.has("X-Out") || !server.resSet.has("Content-Type") {
		t.Error("an unset variable changed the selection")
	}
	if !client.resSet.has("Anything") || client.reqSet.has("X-In") {
		t.Error("client selection")
	}
	kvs, _ := server.reqSet.collect(nil, http.Header{"X-In": {"v"}})
	if len(kvs) != 1 || kvs[0].Value.AsStringSlice()[0] != redacted {
		t.Errorf("SANITIZE_FIELDS: %v", kvs)
	}
	if testConfig().reqSet.has("X-In") {
		t.Error("the environment counts without FromEnv")
	}
}

func TestSDKLimits(t *testing.T) {
	t.Setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "5000")
	t.Setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "64")
	if c := testConfig(); c.plan.reqMax != 5000 || c.maxAttrs != 44 {
		t.Errorf("limit %d bytes, %d attributes", c.plan.reqMax, c.maxAttrs)
	}
	t.Setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "100")
	if c := testConfig(); c.plan.reqMax != 100 {
		t.Errorf("limit %d bytes", c.plan.reqMax)
	}
	t.Setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "-1")
	if c := testConfig(WithMaxRequestBodySize(1<<30), WithMaxResponseBodySize(-3)); c.plan.reqMax != maxBodySize || c.plan.resMax != DefaultMaxBodySize {
		t.Errorf("limits %d, %d", c.plan.reqMax, c.plan.resMax)
	}
}

func TestMetadataValues(t *testing.T) {
	t.Parallel()
	c := testConfig()
	type named string
	var nilMap map[string]int
	for _, tc := range []struct {
		in   any
		want attribute.Value
	}{
		{"s", attribute.StringValue("s")}, {named("n"), attribute.StringValue("n")}, {true, attribute.BoolValue(true)},
		{7, attribute.IntValue(7)}, {uint8(7), attribute.IntValue(7)}, {uint64(1 << 63), attribute.StringValue("9223372036854775808")},
		{1.5, attribute.Float64Value(1.5)}, {float32(2), attribute.Float64Value(2)}, {[]string{"a"}, attribute.StringSliceValue([]string{"a"})},
		{map[string]int{"a": 1}, attribute.StringValue(`{"a":1}`)}, {errors.New("e"), attribute.StringValue("e")},
		{netip.MustParseAddr("::1"), attribute.StringValue("::1")}, {"bad\xff", attribute.StringValue("bad\uFFFD")},
		{strings.Repeat("x", 5000), attribute.StringValue(strings.Repeat("x", maxMetadataValue))},
	} {
		kv, ok := c.metadataAttr("k", tc.in)
		if !ok || kv.Value != tc.want && kv.Value.Emit() != tc.want.Emit() || kv.Value.Type() != tc.want.Type() {
			t.Errorf("%v: %v, %v", tc.in, kv.Value.Emit(), ok)
		}
	}
	for _, in := range []any{nil, nilMap, func() {}, make(chan int), strings.Split(strings.Repeat("a,", 5000), ",")} {
		if kv, ok := c.metadataAttr("k", in); ok {
			t.Errorf("%T is taken: %v", in, kv)
		}
	}
	for _, key := range []string{"", "a\xff", strings.Repeat("k", 129)} {
		if _, ok := c.metadataAttr(key, 1); ok {
			t.Errorf("key %q is taken", key)
		}
	}
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	set := newTypeSet([]string{"text/*", "+json", "application/pdf"})
	for ct, want := range map[string]bool{"text/html; charset=x": true, "application/hal+json": true, "application/PDF": true,
		"application/json": false, "image/png": false, "": false} {
		if got := matchType(set, ct); got != want {
			t.Errorf("%q: %v", ct, got)
		}
	}
	if matchType(newTypeSet([]string{}), "text/plain") || !matchType(newTypeSet([]string{"*/*"}), "") {
		t.Error("no types and all types")
	}
}
