// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sound returns a golden item of a backend, compact.
func sound(t testing.TB, backend, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", backend, "testdata", name, "want.json"))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := json.Compact(&b, data); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// replace makes a mutation of the golden item "full", which has to contain old.
func replace(t *testing.T, item []byte, old, repl string) []byte {
	t.Helper()
	if !bytes.Contains(item, []byte(old)) {
		t.Fatalf("the sound event does not contain %s", old)
	}
	return bytes.Replace(item, []byte(old), []byte(repl), 1)
}

// Every rule of the checks has to be seen failing, or it may check nothing.
func TestCheckMoesifFindsViolations(t *testing.T) {
	t.Parallel()
	item := sound(t, "moesif", "full")
	if problems := CheckMoesif(item); len(problems) > 0 {
		t.Fatalf("the sound event: %q", problems)
	}
	for _, tt := range []struct{ old, repl, want string }{
		{`"weight":20`, `"weight":20,"extra":1`, `: unknown field "extra"`},
		{`"weight":20`, `"weight":0`, `weight: not between`},
		{`"weight":20`, `"weight":"20"`, `weight: not an integer`},
		{`"weight":20`, `"weight":1,"weight":20`, `duplicate member "weight"`},
		{`,"weight":20`, ``, `weight: missing`},
		{`"direction":"Incoming"`, `"direction":"incoming"`, `direction: not one of`},
		{`"transaction_id":"5f0c2c2e`, `"transaction_id":"5f0c2c2`, `transaction_id: not a UUID`},
		{`"user_id":"u-1042"`, `"user_id":""`, `user_id: empty`},
		{`"user_id":"u-1042"`, `"user_id":null`, `user_id: not a string`},
		{`"time":"2026-01-31T10:11:12.345Z"`, `"time":"2026-01-31T10:11:12Z"`, `request.time: not RFC 3339`},
		{`"time":"2026-01-31T10:11:12.345Z"`, `"time":"2026-01-31T11:11:12.345+01:00"`, `request.time: not RFC 3339`},
		{`"time":"2026-01-31T10:11:12.389Z"`, `"time":"2026-01-31T10:11:11.389Z"`, `response.time: before`},
		{`"uri":"https://api.example.com`, `"uri":"`, `request.uri: not an absolute`},
		{`"uri":"https://api.example.com/`, `"uri":"https://api.example.com/a b`, `request.uri: a character`},
		{`?x=1&`, `?x=1` + strings.Repeat("&y", 600) + `&`, `request.uri: more than 500`},
		{`"verb":"POST"`, `"verb":""`, `request.verb: empty`},
		{`"ip_address":"203.0.113.7"`, `"ip_address":"203.0.113.7:80"`, `request.ip_address: not a bare IP`},
		{`"ip_address":"203.0.113.7",`, ``, `request.ip_address: missing`},
		{`"accept":"a, b"`, `"accept":["a","b"]`, `request.headers: a value that is not a string`},
		{`"accept":"a, b"`, `"Accept":"a, b"`, `request.headers: a name`},
		{`"body":{"a":1}`, `"body":"x"`, `request.body: neither object nor array`},
		{`"body":{"a":1},`, ``, `request.body: missing`},
		{`"transfer_encoding":"json",`, ``, `request.body: there although`},
		{`"transfer_encoding":"json"`, `"transfer_encoding":"base64"`, `request.body: not a string`},
		{`"body":{"a":1},"transfer_encoding":"json"`, `"body":"eA","transfer_encoding":"base64"`, `request.body: not standard base64`},
		{`"body":{"a":1},"transfer_encoding":"json"`, `"body":"","transfer_encoding":"base64"`, `request.body: empty`},
		{`"body":{"a":1},"transfer_encoding":"json"`, `"body":{"a":1},"transfer_encoding":"gzip"`, `transfer_encoding: not one of`},
		{`"status":200`, `"status":20`, `response.status: not between`},
		{`"content_length":7`, `"content_length":-1`, `content_length: not between`},
		{`"trace_id":"4bf9`, `"trace_id":"4BF9`, `trace_id: not 32`},
		{`"span":{"id":`, `"span":{"ID":`, `span.id: missing`},
		{`"metadata":{`, `"metadata":[{`, `event: not JSON`},
		{`"plan":"pro"`, "\"plan\":\"\xff\"", `event: not UTF-8`},
		{`{"request"`, `[{"request"`, `event: not JSON`},
	} {
		expectProblem(t, CheckMoesif(replace(t, item, tt.old, tt.repl)), tt.repl, tt.want)
	}
	expectProblem(t, CheckMoesif([]byte(`[]`)), "an array", "not an object")
	expectProblem(t, CheckMoesif([]byte(`{}`)), "an empty object", "request: missing")
}

func TestCheckReadMeFindsViolations(t *testing.T) {
	t.Parallel()
	// The golden files do not name this machine's platform.
	item := replace(t, sound(t, "readme", "full"), `"comment":"arch-os/version"`, `"comment":"arm64-linux/1.26"`)
	if problems := CheckReadMe(item); len(problems) > 0 {
		t.Fatalf("the sound event: %q", problems)
	}
	for _, tt := range []struct{ old, repl, want string }{
		{`"_id":"5f0c2c2e-8b1a-5d3e`, `"_id":"5f0c2c2e-8b1a-7d3e`, `_id: not a UUID of version`},
		{`"_version":3`, `"_version":2`, `_version: not between`},
		{`"_version":3,`, ``, `_version: missing`},
		{`"group":{"id":"sha512-`, `"group":{"id":"md5-`, `group.id: not masked`},
		{`?-key","label"`, `?a-key","label"`, `group.id: not masked`},
		{`"label":"Owlbert"`, `"name":"Owlbert"`, `group: unknown field`},
		{`"label":"Owlbert"`, `"label":""`, `group.label: empty`},
		{`"clientIPAddress":"203.0.113.7"`, `"clientIPAddress":""`, `clientIPAddress: not a bare IP`},
		{`"development":false`, `"development":"no"`, `development: not a boolean`},
		{`"version":"1.2"`, `"version":"1.1"`, `request.log.version: not one of`},
		{`"name":"readme-metrics (apispan)"`, `"name":"apispan"`, `creator.name: not readme-metrics`},
		{`"comment":"arm64-linux/1.26"`, `"comment":"x"`, `creator.comment: not`},
		{`"entries":[{`, `"entries":[{},{`, `entries: 2 elements`},
		{`"pageref":"https://api.example.com/v1`, `"pageref":"/v1`, `pageref: not scheme`},
		{`/v1/users/{id}"`, `/v1/users/{id}?x"`, `pageref: not scheme`},
		{`"startedDateTime":"2026-01-31T10:11:12.345Z"`, `"startedDateTime":1769854272345`, `startedDateTime: not a string`},
		{`"time":43`, `"time":43.5`, `time: not an integer`},
		{`"method":"POST"`, `"method":""`, `request.method: empty`},
		{`"httpVersion":"HTTP/1.1"`, `"httpVersion":"1.1"`, `httpVersion: not an HTTP version`},
		{`{"name":"x","value":"1"}`, `{"name":"x","value":1}`, `queryString[0].value: not a string`},
		{`"cookies":[]`, `"cookies":[{}]`, `cookies: 1 elements`},
		{`"headersSize":-1`, `"headersSize":-2`, `headersSize: not between`},
		{`"mimeType":"application/json","text"`, `"mimeType":"application/json; a=b","text"`, `postData.mimeType: not a media type`},
		{`"postData":{`, `"postData":null,"x":{`, `postData: not an object`},
		{`"text":"{\"a\":1}"`, `"params":[{"name":"a"}]`, `params[0].value: missing`},
		{`"status":200`, `"status":0`, `response.status: not between`},
		{`"redirectURL":"",`, ``, `redirectURL: missing`},
		{`"size":38`, `"size":"38"`, `content.size: not an integer`},
		{`"cache":{}`, `"cache":{"x":1}`, `cache: unknown field`},
		{`"wait":0`, `"wait":1`, `timings.wait: not between`},
	} {
		expectProblem(t, CheckReadMe(replace(t, item, tt.old, tt.repl)), tt.repl, tt.want)
	}
}

func expectProblem(t *testing.T, problems []string, what, want string) {
	t.Helper()
	if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, want) }) {
		t.Errorf("with %.60s: found %q, want one with %q", what, problems, want)
	}
}

// request sends a sound request, after change, to a new fake.
type request struct {
	method, path, body string
	header             http.Header
}

func moesifRequestTo(url string, r request) (*http.Response, error) {
	req, err := http.NewRequest(r.method, url+r.path, strings.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	req.Header = r.header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp, err
}

func soundRequest(t *testing.T) request {
	return request{
		method: http.MethodPost, path: "/v1/events/batch", body: "[" + string(sound(t, "moesif", "full")) + "]",
		header: http.Header{
			"Content-Type": {"application/json; charset=utf-8"}, "User-Agent": {"test/1"},
			"X-Moesif-Application-Id": {"app"},
		},
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(r *request)
		want   int
	}{
		{"sound", func(*request) {}, 201},
		{"gzip", func(r *request) {
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			_, _ = io.WriteString(w, r.body)
			_ = w.Close()
			r.body = b.String()
			r.header.Set("Content-Encoding", "gzip")
		}, 201},
		{"not gzip", func(r *request) { r.header.Set("Content-Encoding", "gzip") }, 400},
		{"other coding", func(r *request) { r.header.Set("Content-Encoding", "zstd") }, 400},
		{"method", func(r *request) { r.method = http.MethodPut }, 405},
		{"path", func(r *request) { r.path = "/v1/events" }, 404},
		{"no credential", func(r *request) { r.header.Del("X-Moesif-Application-Id") }, 401},
		{"wrong credential", func(r *request) { r.header.Set("X-Moesif-Application-Id", "other") }, 401},
		{"content type", func(r *request) { r.header.Set("Content-Type", "text/plain") }, 400},
		{"charset", func(r *request) { r.header.Set("Content-Type", "application/json; charset=latin1") }, 400},
		{"user agent", func(r *request) { r.header.Set("User-Agent", "Go-http-client/1.1") }, 400},
		{"not JSON", func(r *request) { r.body += "]" }, 400},
		{"empty", func(r *request) { r.body = "" }, 400},
		{"empty array", func(r *request) { r.body = "[]" }, 400},
		{"object", func(r *request) { r.body = strings.Trim(r.body, "[]") }, 400},
		{"bad event", func(r *request) { r.body = r.body[:len(r.body)-1] + ",{}]" }, 400},
		{"too many", func(r *request) { r.body = "[" + strings.Repeat("{},", 200) + "{}]" }, 413},
		{"large event", func(r *request) { r.body = `[{"a":"` + strings.Repeat("x", 1_000_000) + `"}]` }, 413},
		{"large request", func(r *request) { r.body = "[" + strings.Repeat(" ", moesifMaxBytes) + "]" }, 413},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fake := NewMoesif(Settings{Credential: "app"})
			srv := httptest.NewServer(fake)
			defer srv.Close()
			r := soundRequest(t)
			tt.change(&r)
			resp, err := moesifRequestTo(srv.URL, r)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tt.want {
				t.Errorf("answer %d, want %d: %q", resp.StatusCode, tt.want, fake.Violations())
			}
			stats := fake.Stats()
			if accepted := tt.want == 201; accepted != (stats.Accepted == 1) || accepted == (stats.Violations > 0) {
				t.Errorf("after %d: %+v", tt.want, stats)
			}
		})
	}
}

func TestReadMeCredential(t *testing.T) {
	t.Parallel()
	fake := NewReadMe(Settings{Credential: "key"})
	for credential, want := range map[string]int{"key:": 202, "key:x": 401, "other:": 401, ":": 401} {
		w := httptest.NewRecorder()
		body := replace(t, sound(t, "readme", "full"), `"arch-os/version"`, `"arm64-linux/1.26"`)
		r := httptest.NewRequest(http.MethodPost, "/v1/request", strings.NewReader("["+string(body)+"]"))
		user, password, _ := strings.Cut(credential, ":")
		r.SetBasicAuth(user, password)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("User-Agent", "test/1")
		fake.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%q: %d, want %d: %q", credential, w.Code, want, fake.Violations())
		}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	fake := NewMoesif(Settings{})
	srv := httptest.NewServer(fake)
	defer srv.Close()
	fake.Script(
		Fault{Status: 503, Count: 2, RetryAfter: "7"},
		Fault{Reset: true},
		Fault{Take: true, Reset: true},
		Fault{Body: "not json"},
		Fault{Delay: 30 * time.Millisecond},
		Fault{Status: 401, Count: -1},
	)
	r := soundRequest(t)
	for i, want := range []struct {
		status, taken int
		retryAfter    string
	}{
		{503, 0, "7"}, {503, 0, "7"}, {0, 0, ""}, {0, 1, ""}, {201, 2, ""}, {201, 3, ""}, {401, 3, ""}, {401, 3, ""},
	} {
		start := time.Now()
		resp, err := moesifRequestTo(srv.URL, r)
		switch {
		case want.status == 0:
			if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
				t.Errorf("request %d: %v, want a reset", i, err)
			}
		case err != nil:
			t.Fatalf("request %d: %v", i, err)
		case resp.StatusCode != want.status || resp.Header.Get("Retry-After") != want.retryAfter:
			t.Errorf("request %d: %d with Retry-After %q, want %d and %q",
				i, resp.StatusCode, resp.Header.Get("Retry-After"), want.status, want.retryAfter)
		}
		if i == 5 && time.Since(start) < 30*time.Millisecond {
			t.Error("the answer was not delayed")
		}
		if s := fake.Stats(); s.Accepted+s.Duplicates != want.taken {
			t.Errorf("request %d: %d events taken, want %d", i, s.Accepted+s.Duplicates, want.taken)
		}
	}
	fake.Heal()
	if resp, err := moesifRequestTo(srv.URL, r); err != nil || resp.StatusCode != http.StatusCreated {
		t.Errorf("healed: %v, %v", resp, err)
	}
	if s := fake.Stats(); s != (Stats{Requests: 9, Accepted: 1, Duplicates: 3}) {
		t.Errorf("stats: %+v", s)
	}
	events := fake.Events()
	if len(events) != 4 || events[0].Duplicate || !events[3].Duplicate || events[0].Backend != "moesif" {
		t.Errorf("events: %d", len(events))
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	fake := NewMoesif(Settings{})
	srv := httptest.NewServer(fake)
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- fake.Wait(ctx, 1) }()
	if _, err := moesifRequestTo(srv.URL, soundRequest(t)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := fake.Wait(ended, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait after the end: %v", err)
	}
}
