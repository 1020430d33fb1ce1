// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/metric/noop"
)

func testConfig(opts ...Option) *config {
	return newConfig(serverSide, append(opts, WithMeterProvider(noop.NewMeterProvider())))
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		opts   []Option
		peer   string
		header http.Header
		want   string
	}{
		"nothing":         {nil, "10.0.0.1:5", http.Header{}, ""},
		"claimed":         {nil, "10.0.0.1:5", http.Header{"X-Forwarded-For": {"1.2.3.4"}}, "10.0.0.1"},
		"trusted":         {[]Option{WithTrustedProxies("10.0.0.0/8")}, "10.0.0.1:5", http.Header{"X-Forwarded-For": {"9.9.9.9, 1.2.3.4"}}, "1.2.3.4"},
		"several lines":   {[]Option{WithTrustedProxies("10.0.0.0/8")}, "10.0.0.1:5", http.Header{"X-Forwarded-For": {"9.9.9.9", "1.2.3.4, 10.2.2.2"}}, "1.2.3.4"},
		"all trusted":     {[]Option{WithTrustedProxies("10.0.0.0/8")}, "10.0.0.1:5", http.Header{"X-Forwarded-For": {"10.0.0.9"}}, "10.0.0.9"},
		"garbage":         {[]Option{WithTrustedProxies("10.0.0.0/8")}, "10.0.0.1:5", http.Header{"X-Forwarded-For": {"1.2.3.4, unknown, 10.0.0.7"}}, "10.0.0.7"},
		"ports, IPv6":     {[]Option{WithTrustedProxies("10.0.0.1")}, "10.0.0.1:5", http.Header{"X-Forwarded-For": {"[2001:db8::1]:443"}}, "2001:db8::1"},
		"mapped":          {[]Option{WithTrustedProxies("10.0.0.0/8")}, "[::ffff:10.0.0.1]:5", http.Header{"X-Forwarded-For": {"::ffff:1.2.3.4"}}, "1.2.3.4"},
		"forwarded":       {[]Option{WithTrustedProxies("10.0.0.0/8")}, "10.0.0.1:5", http.Header{"Forwarded": {`for=1.1.1.1;proto=http, For="[2001:db8::2]:80"`}}, "2001:db8::2"},
		"open quote":      {[]Option{WithTrustedProxies("10.0.0.0/8")}, "10.0.0.1:5", http.Header{"Forwarded": {`for="9.9.9.9`, `for=1.2.3.4`}}, "1.2.3.4"},
		"quoted host, ;":  {[]Option{WithTrustedProxies("10.0.0.0/8")}, "10.0.0.1:5", http.Header{"Forwarded": {`for=1.2.3.4;host="a;for=9.9.9.9"`}}, "1.2.3.4"},
		"quoted host, ,":  {[]Option{WithTrustedProxies("10.0.0.0/8")}, "10.0.0.1:5", http.Header{"Forwarded": {`for=1.2.3.4;host="a,for=9.9.9.9";proto=http`}}, "1.2.3.4"},
		"both quotes":     {[]Option{WithTrustedProxies("10.0.0.0/8")}, "10.0.0.1:5", http.Header{"Forwarded": {`for="8.8.8.8, for=1.2.3.4;host="a,for=9.9.9.9"`}}, "1.2.3.4"},
		"escaped quote":   {[]Option{WithTrustedProxies("10.0.0.0/8")}, "10.0.0.1:5", http.Header{"Forwarded": {`for=8.8.8.8, for=1.2.3.4;host="a\",for=9.9.9.9"`}}, "1.2.3.4"},
		"backslash":       {[]Option{WithTrustedProxies("10.0.0.0/8")}, "10.0.0.1:5", http.Header{"Forwarded": {`for="8.8.8.8\`, `for=1.2.3.4;host="a\\"`}}, "1.2.3.4"},
		"for, twice":      {[]Option{WithTrustedProxies("10.0.0.0/8")}, "10.0.0.1:5", http.Header{"Forwarded": {`for=8.8.8.8, for=1.2.3.4;for=9.9.9.9`}}, "10.0.0.1"},
		"obfuscated":      {[]Option{WithTrustedProxies("10.0.0.0/8")}, "10.0.0.1:5", http.Header{"Forwarded": {`for=8.8.8.8, for=_hidden, for=10.0.0.9`}}, "10.0.0.9"},
		"mapped proxies":  {[]Option{WithTrustedProxies("::ffff:10.0.0.0/104")}, "10.0.0.1:5", http.Header{"X-Forwarded-For": {"1.2.3.4"}}, "1.2.3.4"},
		"mapped proxy":    {[]Option{WithTrustedProxies("::ffff:10.0.0.1")}, "[::ffff:10.0.0.1]:5", http.Header{"X-Forwarded-For": {"1.2.3.4"}}, "1.2.3.4"},
		"mapped, other":   {[]Option{WithTrustedProxies("::ffff:10.0.0.1")}, "10.0.0.2:5", http.Header{"X-Forwarded-For": {"1.2.3.4"}}, "10.0.0.2"},
		"any IPv4":        {[]Option{WithTrustedProxies("0.0.0.0/0")}, "8.8.8.8:5", http.Header{"X-Forwarded-For": {"2001:db8::9, 1.2.3.4"}}, "2001:db8::9"},
		"any IPv6":        {[]Option{WithTrustedProxies("::/0")}, "8.8.8.8:5", http.Header{"X-Forwarded-For": {"1.2.3.4"}}, "8.8.8.8"},
		"both":            {[]Option{WithTrustedProxies("10.0.0.0/8")}, "10.0.0.1:5", http.Header{"Forwarded": {"for=9.9.9.9"}, "X-Forwarded-For": {"1.2.3.4"}}, "1.2.3.4"},
		"both, named":     {[]Option{WithTrustedProxies("10.0.0.0/8"), WithClientAddressHeader("Forwarded")}, "10.0.0.1:5", http.Header{"Forwarded": {"for=1.2.3.4"}, "X-Forwarded-For": {"9.9.9.9"}}, "1.2.3.4"},
		"real ip unasked": {[]Option{WithTrustedProxies("10.0.0.0/8")}, "10.0.0.1:5", http.Header{"X-Real-Ip": {"1.2.3.4"}}, "10.0.0.1"},
		"real ip":         {[]Option{WithTrustedProxies("10.0.0.0/8"), WithClientAddressHeader("X-Real-IP")}, "10.0.0.1:5", http.Header{"X-Real-Ip": {"9.9.9.9", "1.2.3.4"}, "X-Forwarded-For": {"9.9.9.9"}}, "1.2.3.4"},
		"real ip missing": {[]Option{WithTrustedProxies("10.0.0.0/8"), WithClientAddressHeader("X-Real-IP")}, "10.0.0.1:5", http.Header{"X-Forwarded-For": {"9.9.9.9"}}, "10.0.0.1"},
		"real ip claimed": {[]Option{WithTrustedProxies("10.0.0.0/8"), WithClientAddressHeader("X-Real-IP")}, "8.8.8.8:5", http.Header{"X-Real-Ip": {"1.2.3.4"}}, "8.8.8.8"},
		"header, no word": {[]Option{WithClientAddressHeader("X-Real-IP")}, "8.8.8.8:5", http.Header{"X-Real-Ip": {"1.2.3.4"}, "X-Forwarded-For": {"1.2.3.4"}}, "8.8.8.8"},
		"no peer":         {nil, "@", http.Header{"X-Forwarded-For": {"1.2.3.4"}}, "@"},
		"no peer at all":  {nil, "", http.Header{"X-Forwarded-For": {"1.2.3.4"}}, ""},
		"no port":         {nil, "8.8.8.8", http.Header{"X-Forwarded-For": {"1.2.3.4"}}, "8.8.8.8"},
		"no port, IPv6":   {nil, "2001:db8::7", http.Header{"X-Forwarded-For": {"1.2.3.4"}}, "2001:db8::7"},
		"no port, proxy":  {[]Option{WithTrustedProxies("10.0.0.0/8")}, "10.0.0.1", http.Header{"X-Forwarded-For": {"1.2.3.4"}}, "1.2.3.4"},
		"not a Unix peer": {[]Option{WithTrustedProxies("unix")}, "8.8.8.8:5", http.Header{"X-Forwarded-For": {"1.2.3.4"}}, "8.8.8.8"},
	} {
		c := testConfig(tc.opts...)
		if got, _ := c.clientAddress(&http.Request{RemoteAddr: tc.peer, Header: tc.header}); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	if !slices.Contains(testConfig(WithTrustedProxies("192.0.2.7/24")).forwarding.proxies, netip.MustParsePrefix("192.0.2.0/24")) {
		t.Error("host bits of a prefix are not cleared")
	}
}

func TestForwardedTarget(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		trusted string
		header  http.Header
		want    string
	}{
		"claimed":      {"192.0.2.1", http.Header{"X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"api.example.com"}}, ""},
		"proto":        {"10.0.0.1", http.Header{"X-Forwarded-Proto": {"http, https"}}, "url.scheme=https"},
		"host":         {"10.0.0.1", http.Header{"X-Forwarded-Host": {"claimed.example.net, API.example.com"}}, "server.address=api.example.com server.port=80"},
		"both":         {"10.0.0.1", http.Header{"X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"api.example.com"}}, "url.scheme=https server.address=api.example.com server.port=443"},
		"port":         {"10.0.0.1", http.Header{"X-Forwarded-Host": {"api.example.com:8443"}}, "server.address=api.example.com server.port=8443"},
		"IPv6":         {"10.0.0.1", http.Header{"X-Forwarded-Host": {"[2001:db8::1]:8443"}}, "server.address=2001:db8::1 server.port=8443"},
		"two proxies":  {"10.0.0.0/8", http.Header{"X-Forwarded-For": {"6.6.6.6, 1.2.3.4, 10.0.0.9"}, "X-Forwarded-Proto": {"gopher, https, http"}}, "url.scheme=https"},
		"RFC 7239":     {"10.0.0.0/8", http.Header{"Forwarded": {`for=1.2.3.4;Proto=https;host="api.example.com", for=10.0.0.9;proto=http`}}, "url.scheme=https server.address=api.example.com server.port=443"},
		"quoted host":  {"10.0.0.1", http.Header{"Forwarded": {`for=1.2.3.4;proto=https;host="a,for=9.9.9.9;proto=http;host=b"`}}, "url.scheme=https"},
		"no such host": {"10.0.0.1", http.Header{"X-Forwarded-Host": {"a/b?c"}, "X-Forwarded-Proto": {"javascript"}}, ""},
		"nothing":      {"10.0.0.1", http.Header{}, ""},
	} {
		c := testConfig(WithTrustedProxies(tc.trusted))
		var got []string
		for _, kv := range c.appendTarget(nil, &http.Request{RemoteAddr: "10.0.0.1:5", Header: tc.header}, false) {
			got = append(got, string(kv.Key)+"="+kv.Value.String())
		}
		if g := strings.Join(got, " "); g != tc.want {
			t.Errorf("%s: %q, want %q", name, g, tc.want)
		}
	}
}

// TestAmbiguousPath: the path keeps its escapes where it would mean another one
// without them, and is left as it is otherwise.
func TestAmbiguousPath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/a/b": "", "/a%20b": "", "/%C3%A4": "", "/a%2Fb": "/a%2Fb", "/a%3Fb": "/a%3Fb", "/a%23b": "/a%23b", "/100%25": "/100%25", "/%2541": "/%2541",
	} {
		u, err := url.Parse("http://h" + path)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, kv := range testConfig().appendTarget(nil, &http.Request{URL: u}, false) {
			got = kv.Value.String()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestRouteMatching(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		pattern, method, path string
		want                  bool
	}{
		{"/a", "GET", "/a", true}, {"/a", "GET", "/a/b", false}, {"/a/*", "GET", "/a/b", true}, {"/a*", "GET", "/ab", true},
		{"/a/*", "GET", "/a", false}, {"/a/b*", "GET", "/a/bc/d", true}, {"/a/b*", "GET", "/a/c", false}, {"/", "GET", "/a", false},
		{"GET /a", "POST", "/a", false}, {"get  /a", "GET", "/a", true}, {"*", "GET", "/x", true}, {"GET /a", "HEAD", "/a", true},
		{"/users/{id}", "GET", "/users/{id}", true}, {"GET /a", "", "/a", true}, {"POST /a", "", "/a", false},
		{"/users/{id}", "GET", "/users/{user}", true}, {"/users/{id}", "GET", "/users/:id", true}, {"/users/:id", "GET", "/users/{id:[0-9/]+}", true},
		{"/users/{id}", "GET", "/users/me", false}, {"/files/{path...}", "GET", "/files/{rest...}", true}, {"/x/{$}", "GET", "/x/{$}", true},
		{"/a/", "GET", "/a/", true}, {"/a/", "GET", "/a/b", false}, {"/a/{b}/*", "GET", "/a/{c}/d/{e}", true},
	} {
		r := Route(tc.pattern).compile(plan{})
		if got := r.isMethod(tc.method) && r.matches(tc.path, asTemplate); got != tc.want {
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
		WithContentTypes("json"), WithTrustedProxies("10.0.0.0/99"), WithEventIDHeader("bad name"), WithEventIDPrefix("a\r\nb"),
		WithIdentityFrom(FieldUserID, FromJSONBody("a..b"), FromJWT("")), WithIdentityFrom(99),
		WithRoutes(Route("no-slash"), Route("/x", WithSkip(func(Exchange) bool { return true })), Route("/y", WithContentTypes("?"))),
	)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"WithContentTypes: \"json\"", "WithTrustedProxies: \"10.0.0.0/99\"", "WithEventIDHeader: \"bad name\"", "WithEventIDPrefix: the text holds",
		"FromJSONBody: path \"a..b\"", "FromJWT", "unknown field 99", "\"no-slash\"", "\"/x\" has an option", "WithContentTypes: \"?\""} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not mention %s:\n%v", want, err)
		}
	}
}
