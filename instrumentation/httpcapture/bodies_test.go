// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

func gzipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.String()
}

// TestCodingByBytes: a field may name a coding that the bytes do not have, because a
// compressor outside announced it or a decompressor left it; the bytes decide.
func TestCodingByBytes(t *testing.T) {
	t.Parallel()
	const text = `{"name":"ö"}`
	for _, tc := range []struct {
		coding, body string
		want         any
	}{
		{"gzip", text, text},
		{"gzip", gzipped(text), text},
		{"x-gzip", text, text},
		{"gzip, gzip", text, text},
		{"deflate", text, text},
		{"br", text, text},
		{"zstd", text, text},
		{"identity", text, text},
		{"br", "\x0b\x02\x80hello\x03", nil},
		{"zstd", "\x28\xb5\x2f\xfd\x04\x00", nil},
		{"gzip", "\x1f\x8b\x08 broken", nil},
	} {
		t.Run(tc.coding+" "+fmt.Sprintf("%.3q", tc.body), func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, w wrapping) {
				c := newCollector(t)
				s := serve(t, w.wrap(c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					b, _ := io.ReadAll(r.Body)
					w.Header().Set("Content-Encoding", tc.coding)
					w.Header().Set("Content-Type", "application/json")
					_, _ = w.Write(b)
				}), httpcapture.WithBodies(httpcapture.BodiesAll)))
				do(t, &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}},
					newRequest(t, "POST", s.URL, tc.body, "Content-Type", "application/json", "Content-Encoding", tc.coding, "Accept-Encoding", "gzip"))
				want(t, c.attrs(t), map[string]any{"http.request.body.content": tc.want, "http.response.body.content": tc.want})
			})
		})
	}
}

func envelope(flags byte, message string) string {
	return string(binary.BigEndian.AppendUint32([]byte{flags}, uint32(len(message)))) + message
}

// TestEnvelopes: the five bytes before each message of Connect and gRPC are no part of it.
func TestEnvelopes(t *testing.T) {
	t.Parallel()
	long := `{"a":"` + strings.Repeat("x", 20000) + `"}`
	for _, ct := range []string{"application/connect+json", "application/grpc+json", "application/grpc-web+json; charset=utf-8"} {
		for _, tc := range []struct{ body, want string }{
			{envelope(0, `{"a":1}`), `{"a":1}`},
			{envelope(0, `{"a":1}`) + envelope(0, `{"b":2}`) + envelope(2, `{}`), "{\"a\":1}\n{\"b\":2}\n{}"},
			{envelope(1, gzipped(`{"a":1}`)), `{"a":1}`},
			{envelope(0, `{"a":1}`) + envelope(0x80, "grpc-status: 0\r\n"), `{"a":1}`},
			{`{"code":"internal"}`, `{"code":"internal"}`},
			{envelope(0, long), long[:httpcapture.DefaultMaxBodySize-5]},
		} {
			both(t, func(t *testing.T, w wrapping) {
				c := newCollector(t)
				s := serve(t, w.wrap(c, echo, httpcapture.WithBodies(httpcapture.BodiesAll)))
				do(t, s.Client(), newRequest(t, "POST", s.URL, tc.body, "Content-Type", ct))
				want(t, c.attrs(t), map[string]any{"http.request.body.content": tc.want, "http.response.body.content": tc.want})
			})
		}
	}
}

// TestBinaryEnvelopes: of messages that are no text one is left bare, and several stay in
// their envelopes.
func TestBinaryEnvelopes(t *testing.T) {
	t.Parallel()
	const message, end = "\x0a\x03abc", `{"error":{"code":"internal"}}`
	two := envelope(0, message) + envelope(0, message)
	for _, ct := range []string{"application/connect+proto", "application/grpc", "application/grpc+proto", "application/grpc-web", "application/grpc-web+proto"} {
		for _, tc := range []struct{ body, want string }{
			{envelope(0, message), message},
			{envelope(1, gzipped(message)), message},
			{envelope(0, message) + envelope(2, end), message},
			{envelope(2, end), end},
			{envelope(0, message) + envelope(0x80, "grpc-status: 0\r\n"), message},
			{two, two},
		} {
			both(t, func(t *testing.T, w wrapping) {
				c := newCollector(t)
				s := serve(t, w.wrap(c, echo, httpcapture.WithBodies(httpcapture.BodiesAll), httpcapture.WithContentTypes("*/*")))
				do(t, s.Client(), newRequest(t, "POST", s.URL, tc.body, "Content-Type", ct))
				want(t, c.attrs(t), map[string]any{"http.request.body.content": []byte(tc.want), "http.response.body.content": []byte(tc.want)})
			})
		}
	}
}

type panicking struct{}

func (*panicking) String() string               { panic("x") }
func (*panicking) Error() string                { panic("x") }
func (*panicking) MarshalJSON() ([]byte, error) { panic("x") }

// TestMetadataValues: whatever a callback gives, the handler does not notice, and the
// other values are recorded; what is too large is cut.
func TestMetadataValues(t *testing.T) {
	t.Parallel()
	large := map[string]any{}
	for i := range 1000 {
		large[fmt.Sprintf("k%03d", i)] = strings.Repeat("v", 10)
	}
	loop := map[string]any{}
	loop["loop"] = loop
	both(t, func(t *testing.T, w wrapping) {
		c := newCollector(t)
		s := serve(t, w.wrap(c, echo, httpcapture.WithMetadata(func(httpcapture.Exchange) map[string]any {
			return map[string]any{
				"a.stringer": (*panicking)(nil), "b.error": error((*panicking)(nil)), "c.inside": []any{&panicking{}}, "d.loop": loop,
				"e.chan": make(chan int), "f.join": errors.Join((*panicking)(nil)),
				"large": large, "list": []any{strings.Repeat("l", 3000), strings.Repeat("m", 3000)}, "nested": map[string]any{"a": map[string]any{"b": 1}}, "ok": 1,
			}
		})))
		if res, _ := do(t, s.Client(), newRequest(t, "GET", s.URL, "")); res.StatusCode != http.StatusOK {
			t.Fatal(res.Status)
		}
		got := c.attrs(t)
		want(t, got, map[string]any{"apispan.metadata.ok": 1, "apispan.metadata.nested": `{"a":{"b":1}}`, "apispan.metadata.list": `["` + strings.Repeat("l", 3000) + `"]`})
		if v, _ := got["apispan.metadata.large"].(string); len(v) < 3500 || len(v) > 4096 || !strings.HasPrefix(v, `{"k000":"vvvvvvvvvv","k001"`) || !strings.HasSuffix(v, `"}`) {
			t.Errorf("large: %d bytes, %.50s", len(v), v)
		}
	})
}

// TestIdleStreams: streams that nobody ends do not take the memory of other exchanges.
func TestIdleStreams(t *testing.T) { // alone, as the budget is that of the process
	for _, w := range wrappings {
		t.Run(w.name, func(t *testing.T) {
			c := newCollector(t)
			stop := make(chan struct{})
			s := serve(t, w.wrap(c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/stream" {
					echo(w, r)
					return
				}
				w.Header().Set("Content-Type", "text/event-stream")
				for range 4 {
					_, _ = io.WriteString(w, "data: "+strings.Repeat("x", 4000)+"\n\n")
					_ = http.NewResponseController(w).Flush()
				}
				<-stop
			}), httpcapture.WithBodies(httpcapture.BodiesAll), httpcapture.WithMemoryBudget(64<<10)))
			for range 16 {
				res, err := s.Client().Do(newRequest(t, "GET", s.URL+"/stream", ""))
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				if _, err := io.ReadFull(res.Body, make([]byte, 16000)); err != nil {
					t.Fatal(err)
				}
			}
			text := strings.Repeat("y", 8000)
			do(t, s.Client(), newRequest(t, "POST", s.URL, text, "Content-Type", "text/plain"))
			want(t, c.attrs(t), map[string]any{"http.request.body.content": text, "http.response.body.content": text})
			close(stop)
			for range 16 {
				c.span(t)
			}
		})
	}
}

// TestValidateFinds: mistakes that would otherwise show as missing data.
func TestValidateFinds(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]httpcapture.Option{
		"5 bytes":               httpcapture.WithSessionKey([]byte("short"), httpcapture.SessionFromBasic()),
		`"/users/{id"`:          httpcapture.WithRoutes(httpcapture.Route("/users/{id")),
		`"/users/id}"`:          httpcapture.WithRoutes(httpcapture.Route("/users/id}")),
		"mode 99":               httpcapture.WithBodies(99),
		"user.id has no source": httpcapture.WithIdentityFrom(httpcapture.FieldUserID),
		`"X Y" is not`:          httpcapture.WithRequestHeaders("X Y"),
		`"é" is not`:            httpcapture.WithResponseHeaders("é"),
		"WithDecoder":           httpcapture.WithDecoder("br", nil),
	} {
		if err := httpcapture.Validate(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
	if err := httpcapture.Validate(httpcapture.WithRequestHeaders("X-*", "*", ".*", "X-A.*", "Accept"), httpcapture.WithRoutes(httpcapture.Route("GET /a/{b}/{c...}"))); err != nil {
		t.Error(err)
	}
}
