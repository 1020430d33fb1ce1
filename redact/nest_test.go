// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"github.com/apispan/apispan/redact"
	"github.com/apispan/apispan/redact/redacttest"
)

// nesting puts a text into a syntax, between two words that must stay.
type nesting struct {
	name string
	wrap func(head, inner, tail string) string
	// closed: where the inner text ends is beyond doubt, so that the tail stays
	// whatever the inner text is.
	closed bool
	// inline: not for a text of several lines.
	inline bool
}

func quoteJSON(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)
	return strings.TrimSuffix(b.String(), "\n")
}

func escapeXML(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

var nestings = []nesting{
	{name: "JSON", closed: true, wrap: func(h, in, t string) string {
		return `{"h":"` + h + `","m":` + quoteJSON(in) + `,"t":"` + t + `"}`
	}},
	{name: "JSON text", closed: true, wrap: func(h, in, t string) string {
		return `{"m":` + quoteJSON("x "+in+" y") + `,"h":"` + h + `","t":"` + t + `"}`
	}},
	{name: "JSON array", closed: true, wrap: func(h, in, t string) string {
		return `["` + h + `",` + quoteJSON(in) + `,"` + t + `"]`
	}},
	{name: "text", wrap: func(h, in, t string) string { return h + " " + in + " " + t }},
	{name: "log", inline: true, wrap: func(h, in, t string) string {
		return "level=info h=" + h + " msg=" + quoteJSON(in) + " t=" + t
	}},
	{name: "form", closed: true, wrap: func(h, in, t string) string {
		return "h=" + h + "&m=" + url.QueryEscape(in) + "&t=" + t
	}},
	{name: "URL", wrap: func(h, in, t string) string {
		return "https://h.test/" + h + "?m=" + url.QueryEscape(in) + "&t=" + t
	}},
	{name: "XML", closed: true, wrap: func(h, in, t string) string {
		return "<u><h>" + h + "</h><m>" + escapeXML(in) + "</m><t>" + t + "</t></u>"
	}},
	{name: "XML attribute", closed: true, wrap: func(h, in, t string) string {
		return `<u h="` + h + `" m="` + escapeXML(in) + `"><t>` + t + "</t></u>"
	}},
	{name: "CDATA", closed: true, wrap: func(h, in, t string) string {
		return "<u><h>" + h + "</h><m><![CDATA[" + strings.ReplaceAll(in, "]]>", "]]]]><![CDATA[>") + "]]></m><t>" + t + "</t></u>"
	}},
	{name: "HTML", closed: true, wrap: func(h, in, t string) string {
		return "<html><body><p>" + h + `</p><div data-m="` + html.EscapeString(in) + `"></div><p>` + t + "</p></body></html>"
	}},
	{name: "script", wrap: func(h, in, t string) string {
		return "<html><p>" + h + "</p><script>m=" + strings.ReplaceAll(quoteJSON(in), "</", `<\/`) + ";</script><p>" + t + "</p></html>"
	}},
	{name: "CSV", closed: true, wrap: func(h, in, t string) string {
		return "h,m,t\n" + h + `,"` + strings.ReplaceAll(in, `"`, `""`) + `",` + t + "\n"
	}},
	{name: "NDJSON", closed: true, wrap: func(h, in, t string) string {
		return `{"h":"` + h + `"}` + "\n" + `{"m":` + quoteJSON(in) + "}\n" + `{"t":"` + t + `"}` + "\n"
	}},
	{name: "SSE", inline: true, wrap: func(h, in, t string) string {
		return "data: " + h + "\n\ndata: " + in + "\n\ndata: " + t + "\n\n"
	}},
	{name: "base64", wrap: func(h, in, t string) string {
		return h + " " + base64.StdEncoding.EncodeToString([]byte(`{"m":`+quoteJSON(in)+`}`)) + " " + t
	}},
	{name: "multipart", closed: true, wrap: func(h, in, t string) string {
		part := "--XbXbXbX\r\nContent-Disposition: form-data; name=\""
		return part + "h\"\r\n\r\n" + h + "\r\n" + part + "m\"\r\n\r\n" + in + "\r\n" + part + "t\"\r\n\r\n" + t + "\r\n--XbXbXbX--\r\n"
	}},
}

// secrets are texts that have one, in each way of naming it.
func secrets(marker string) []string {
	return []string{
		`{"password":"` + marker + `"}`,
		"password=" + marker,
		"password: " + marker,
		"<a><password>" + marker + "</password></a>",
		base64.StdEncoding.EncodeToString([]byte(`{"password":"` + marker + `"}`)),
		`<input name="password" value="` + marker + `">`,
		`{"a":[{"name":"password","value":"` + marker + `"}]}`,
		"id,password\n1," + marker + "\n",
		`{"headers":{"cookie":"a=1; password=` + marker + `"}}`,
		"https://h.test/?next=" + url.QueryEscape("https://h.test/?password="+marker),
		"https://h.test/?password=" + marker,
		`{"a":{"password":{"b":["` + marker + `"]}}}`,
		`{"query":"mutation($p:String!){login(password:$p){ok}}","variables":{"p":"` + marker + `"}}`,
		"<table><tr><th>a</th><th>password</th></tr><tr><td>x</td><td>" + marker + "</td></tr></table>",
	}
}

// furniture is what stands round a secret in one level: hits of other walkers,
// documents that end early, marks of an earlier redaction.
var furniture = []string{
	"", "x", "eyJwYXNzd29yZCI6IngifQ==", `{"password":"x"}`, "<a>", "password=x", `{"u":"<a><password>y</password></a>"}`, "4111 1111 1111 1111",
	"[REDACTED:truncated]", `"[REDACTED]"`, "&amp;", "%7B%22", "\\u0022", "token: x", "a,b", "https://a:b@h.test/", "Cookie: a=b", `{"a":`, "<!--", "eyJ",
}

// sample is a text with a secret inside several syntaxes.
type sample struct {
	doc, contentType string
	// keep are words that must stay, from left to right: the outermost ones, since
	// a document inside another may be broken by what stands round it.
	keep []string
	// plain: nothing stands round the secret but the syntaxes, so that each walker
	// must find it. Otherwise no reader could say where a text begins and ends.
	plain bool
	path  string
}

// nested builds a sample with a secret in depth syntaxes.
func nested(r *rand.Rand, marker string, depth int) sample {
	pick := secrets(marker)
	k := r.IntN(len(pick))
	s := sample{doc: pick[k], plain: depth <= 3, path: fmt.Sprint("secret ", k)}
	for n := range depth {
		if r.IntN(4) == 0 {
			s.doc, s.plain = furniture[r.IntN(len(furniture))]+" "+s.doc, false
		}
		if r.IntN(4) == 0 {
			s.doc, s.plain = s.doc+" "+furniture[r.IntN(len(furniture))], false
		}
		w := nestings[r.IntN(len(nestings))]
		for w.inline && strings.ContainsAny(s.doc, "\r\n") || w.name == "multipart" && strings.Contains(s.doc, "XbXbXbX") {
			w = nestings[r.IntN(len(nestings))]
		}
		h, t := fmt.Sprintf("kph%d", n), fmt.Sprintf("kpt%d", n)
		s.doc, s.contentType, s.keep = w.wrap(h, s.doc, t), contentTypes[w.name], []string{h}
		if w.closed {
			s.keep = append(s.keep, t)
		}
		s.path += " in " + w.name
	}
	return s
}

var contentTypes = map[string]string{
	"JSON": "application/json", "JSON text": "application/json", "JSON array": "application/json", "text": "text/plain", "log": "text/plain",
	"form": "application/x-www-form-urlencoded", "URL": "text/plain", "XML": "application/xml", "XML attribute": "application/xml",
	"CDATA": "application/xml", "HTML": "text/html", "script": "text/html", "CSV": "text/csv", "NDJSON": "application/x-ndjson",
	"SSE": "text/event-stream", "base64": "text/plain", "multipart": "multipart/form-data; boundary=XbXbXbX",
}

const nestMarker = "S3CR3T-hunter2"

func nestPolicies(t testing.TB) []*redact.Policy {
	var out []*redact.Policy
	for _, doc := range []string{
		"redact:\n  version: 1\n  defaults: false\n  keys: { deny: [password] }\n",
		"redact:\n  version: 1\n",
		"redact:\n  version: 1\n  defaults: false\n  keys: { drop: [password] }\n  patterns: { card: mask, jwt: mask }\n",
	} {
		p, err := redact.Compile([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

// checkNested redacts one nested document, whole or cut at a byte.
func checkNested(t *testing.T, policies []*redact.Policy, seed uint64, depth, cut int) {
	r := rand.New(rand.NewPCG(seed, 11))
	sm := nested(r, nestMarker, 1+depth%6)
	doc, contentType, keep := sm.doc, sm.contentType, sm.keep
	whole := cut < 0 || cut >= len(doc)
	if !whole {
		doc = doc[:cut]
	}
	for i, p := range policies {
		s := p.NewScratch()
		for _, truncated := range []bool{false, true} {
			s.Begin(redact.Exchange{RequestContentType: contentType, RequestTruncated: truncated})
			out, ef := s.Body(redact.Request, doc)
			fail := func(what string) {
				t.Errorf("seed %d, depth %d, cut %d, policy %d, truncated %v, %q: %s\n%s\n in  %q\n out %q", seed, depth, cut, i, truncated, contentType, what, sm.path, doc, out)
			}
			switch {
			case ef == redact.Removed:
				fail("removed")
			case sm.plain && redacttest.Appears(out, nestMarker):
				fail("leaks")
			}
			if !whole || truncated {
				continue
			}
			at := 0
			for _, k := range keep {
				j := strings.Index(out[at:], k)
				if j < 0 {
					fail("loses " + k)
					break
				}
				at += j
			}
		}
		s.Release()
	}
}

// FuzzNested puts every walker in every other one, with tails, marks and cuts.
// A defect inside the engine (an edit out of order, a panic) fails by itself.
func FuzzNested(f *testing.F) {
	policies := nestPolicies(f)
	for seed := range uint64(200) {
		f.Add(seed, uint8(seed), int16(-1))
		f.Add(seed, uint8(seed), int16(60+seed))
	}
	f.Fuzz(func(t *testing.T, seed uint64, depth uint8, cut int16) {
		checkNested(t, policies, seed, int(depth), int(cut))
	})
}

// TestEditsInOrder: a hit inside a nested value that stands left of one already
// found keeps its place, in a string and outside of one.
func TestEditsInOrder(t *testing.T) {
	t.Parallel()
	p, err := redact.Compile([]byte("redact:\n  version: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := p.NewScratch()
	defer s.Release()
	mask64 := base64.StdEncoding.EncodeToString([]byte(`{"password":"[REDACTED]"}`))
	for _, tt := range []struct{ in, want string }{
		{
			`{"m":"x {\"u\":\"<a><password>hunter2</password></a>\"} eyJwYXNzd29yZCI6IngifQ=="}`,
			`{"m":"x {\"u\":\"<a><password>[REDACTED]</password></a>\"} ` + mask64 + `"}`,
		},
		{
			`x {"u":"<a><password>hunter2</password></a>"} eyJwYXNzd29yZCI6IngifQ==`,
			`x {"u":"<a><password>[REDACTED]</password></a>"} ` + mask64,
		},
		{
			`<p>x password=hunter2 eyJwYXNzd29yZCI6IngifQ==</p>`,
			`<p>x password=[REDACTED] ` + mask64 + `</p>`,
		},
	} {
		s.Begin(redact.Exchange{})
		if out, _ := s.Body(redact.Request, tt.in); out != tt.want {
			t.Errorf("%s\n gives %s\n want  %s", tt.in, out, tt.want)
		}
	}
	in := "https://h.test/a?m=" + url.QueryEscape(`x {"u":"<a><password>hunter2</password></a>"} eyJwYXNzd29yZCI6IngifQ==`)
	if out, ef := s.URL(in); ef != redact.Changed || strings.Contains(out, "hunter2") || !strings.HasPrefix(out, "https://h.test/a?m=") {
		t.Errorf("%v %q", ef, out)
	}
}
