// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/apispan/apispan/test/harness"
)

// What the events of examples/readme-metrics must hold. The masks are the vectors of
// ReadMe's own integration suite.
const (
	readmeKey         = "rdme_abcdefghijklmnopqrstuvwxyz"
	owlbertMask       = "sha512-u2GbQ83jIqNa+a8v110+8IDztQQr4joL1xSE+wFH51zSOA1qQKPwOC8t2n2LWJQA1mX4ZLZ45SEokITzLed/ow==?-key"
	authorizationMask = "sha512-7S+L0vUE8Fn6HI3836rtz4b6fVf6H4JFur6SGkOnL3bFpC856+OSZkpIHphZ0ipNO+kUw1ePb5df2iYrNQCpXw==?-key"

	// maxDelay is how long an event may take from the answer to its arrival.
	// ReadMe's suite gives it a few seconds; a busy machine that compiles
	// beside the test needs some of them.
	maxDelay = 4 * time.Second
)

type readmeEvent struct {
	ID      string `json:"_id"`
	Version int    `json:"_version"`
	Group   struct{ ID, Label, Email string }
	Client  string `json:"clientIPAddress"`
	Dev     bool   `json:"development"`
	Request struct {
		Log struct {
			Creator struct{ Name, Version, Comment string }
			Entries []readmeEntry
		}
	}
}

type readmeEntry struct {
	PageRef string `json:"pageref"`
	Started string `json:"startedDateTime"`
	Time    int
	Request struct {
		Method, URL, HTTPVersion string
		Headers, QueryString     []nameValue
		PostData                 *postData
	}
	Response struct {
		Status     int
		StatusText string
		Headers    []nameValue
		Content    struct {
			Text, MimeType string
			Size           int
		}
	}
}

type nameValue struct{ Name, Value string }

type postData struct {
	MimeType string   `json:"mimeType"`
	Text     *string  `json:"text"`
	Params   *[]param `json:"params"`
}

type param struct {
	Name        string `json:"name"`
	Value       string `json:"value"`
	FileName    string `json:"fileName"`
	ContentType string `json:"contentType"`
}

func header(list []nameValue, name string) string {
	for _, h := range list {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// readmeRig is the example's server, the real collector with the example's
// configuration, and a metrics server that holds every event to ReadMe's schema and
// to HAR 1.2.
type readmeRig struct {
	base  string
	fakes *harness.Fakes
	seen  int
}

func newReadmeRig(ctx context.Context, t *testing.T) *readmeRig {
	t.Helper()
	bin := programs(t)
	root := repoRoot(t)
	server, err := (&harness.Builder{Root: root, Progress: t.Logf}).Program(ctx, "examples/readme-metrics")
	if err != nil {
		t.Fatal(err)
	}
	r := &readmeRig{}
	if r.fakes, err = harness.StartFakes(ctx, bin.fakes, []string{"-readme-api-key", readmeKey}, nil); err != nil {
		t.Fatal(err)
	}
	collector, err := harness.StartCollector(ctx, ctx, bin.collector, harness.CollectorOptions{
		Config: filepath.Join(root, "examples", "readme-metrics", "collector.yaml"), State: t.TempDir(),
		Env: []string{"README_API_KEY=" + readmeKey, "METRICS_SERVER=" + r.fakes.ReadMe},
	})
	if err != nil {
		t.Fatal(err)
	}
	addr := make(chan string, 1)
	p, err := harness.Start(ctx, server, harness.StartOptions{
		Env: append(collector.HTTPEnv(), "PORT=0", "DOCS_URL=https://docs.example.com"),
		Line: func(line string) {
			var m struct{ Addr string }
			if json.Unmarshal([]byte(line), &m) == nil && m.Addr != "" {
				addr <- m.Addr
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case a := <-addr:
		r.base = "http://localhost:" + a[strings.LastIndexByte(a, ':')+1:]
	case <-p.Done():
		t.Fatalf("the server ended at once: %v\n%s", p.Err(), p.Log())
	}
	t.Cleanup(func() {
		if err := p.Stop(10 * time.Second); err != nil {
			t.Errorf("server: %v\n%s", err, p.Log())
		}
		if err := collector.Stop(20 * time.Second); err != nil {
			t.Errorf("collector: %v\n%s", err, collector.Log())
		}
		if err := r.fakes.Stop(5 * time.Second); err != nil {
			for _, rec := range r.fakes.Records() {
				if rec.Type == "violation" {
					t.Error(rec.Message)
				}
			}
			t.Errorf("metrics server: %v", err)
		}
	})
	return r
}

// call makes a request and returns its answer and the event that it leads to.
func (r *readmeRig) call(ctx context.Context, t *testing.T, method, target, contentType string, body io.Reader, header ...string) (*http.Response, readmeEvent) {
	t.Helper()
	resp := r.do(ctx, t, method, target, contentType, body, header...)
	wait, cancel := context.WithTimeout(ctx, maxDelay)
	defer cancel()
	var ev readmeEvent
	err := r.fakes.Wait(wait, "the event", func() error {
		var events []harness.Record
		for _, rec := range r.fakes.Records() {
			switch rec.Type {
			case "event":
				events = append(events, rec)
			case "violation":
				t.Fatalf("the event breaks a rule: %s", rec.Message)
			}
		}
		if len(events) <= r.seen {
			return fmt.Errorf("%d events", len(events))
		}
		r.seen++
		return json.Unmarshal(events[r.seen-1].Event, &ev)
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(ev.Request.Log.Entries) != 1 {
		t.Fatalf("%d entries", len(ev.Request.Log.Entries))
	}
	return resp, ev
}

func (r *readmeRig) do(ctx context.Context, t *testing.T, method, target, contentType string, body io.Reader, header ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, r.base+target, body)
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp
}

// TestReadMeMetrics holds the whole path to what ReadMe's own integration suite
// expects of an SDK (its rules, not its text): one call after the other, each with
// its event within seconds.
func TestReadMeMetrics(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the collector")
	}
	// The programs end in a cleanup of their own, when the test's context is over.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 3*time.Minute)
	t.Cleanup(cancel)
	r := newReadmeRig(ctx, t)

	t.Run("get", func(t *testing.T) { r.get(ctx, t) })
	t.Run("authorization", func(t *testing.T) {
		_, ev := r.call(ctx, t, "GET", "/", "", nil, "Authorization", "Bearer: a-random-api-key")
		if v := header(ev.Request.Log.Entries[0].Request.Headers, "authorization"); v != authorizationMask {
			t.Errorf("authorization %q", v)
		}
	})
	t.Run("query", func(t *testing.T) {
		_, ev := r.call(ctx, t, "GET", "/?arr%5B1%5D=3&val=1&val=2", "", nil)
		req := ev.Request.Log.Entries[0].Request
		if req.URL != r.base+"/?arr%5B1%5D=3&val=1&val=2" || req.PostData != nil {
			t.Errorf("url %q, postData %v", req.URL, req.PostData)
		}
		if d := cmp.Diff([]nameValue{{"arr[1]", "3"}, {"val", "1"}, {"val", "2"}}, req.QueryString); d != "" {
			t.Error(d)
		}
	})
	t.Run("route", func(t *testing.T) {
		_, ev := r.call(ctx, t, "GET", "/users/7?x=1", "", nil)
		if got := ev.Request.Log.Entries[0].PageRef; got != r.base+"/users/{id}" {
			t.Errorf("pageref %q", got)
		}
	})
	t.Run("documentation link", func(t *testing.T) {
		resp, ev := r.call(ctx, t, "GET", "/", "", nil)
		if got := resp.Header.Get("X-Documentation-Url"); got != "https://docs.example.com/logs/"+ev.ID {
			t.Errorf("link %q of event %s", got, ev.ID)
		}
	})
	t.Run("another consumer", func(t *testing.T) {
		_, ev := r.call(ctx, t, "GET", "/", "", nil, "X-Api-Key", "somebody-else")
		if ev.Group.ID == owlbertMask || !strings.HasSuffix(ev.Group.ID, "==?else") {
			t.Errorf("group %q", ev.Group.ID)
		}
	})
	r.bodies(ctx, t)
	t.Run("options", func(t *testing.T) {
		r.do(ctx, t, "OPTIONS", "/", "", nil)
		// It would arrive before the next one.
		if _, ev := r.call(ctx, t, "GET", "/", "", nil); ev.Request.Log.Entries[0].Request.Method != http.MethodGet {
			t.Errorf("%s was sent", ev.Request.Log.Entries[0].Request.Method)
		}
	})
}

func (r *readmeRig) get(ctx context.Context, t *testing.T) {
	_, ev := r.call(ctx, t, "GET", "", "", nil)
	if ev.Version != 3 || ev.Dev || ev.Client != "127.0.0.1" {
		t.Errorf("version %d, development %v, client %q", ev.Version, ev.Dev, ev.Client)
	}
	if ev.Group.ID != owlbertMask || ev.Group.Label != "Owlbert" || ev.Group.Email != "owlbert@example.com" {
		t.Errorf("group %+v", ev.Group)
	}
	creator := ev.Request.Log.Creator
	if !regexp.MustCompile(`^readme-metrics \((dotnet|node|php|python|ruby)\)$`).MatchString(creator.Name) || creator.Version == "" || creator.Comment == "" {
		t.Errorf("creator %+v", creator)
	}
	entry := ev.Request.Log.Entries[0]
	req, resp := entry.Request, entry.Response
	if req.Method != http.MethodGet || req.URL != r.base+"/" || req.HTTPVersion != "HTTP/1.1" || req.PostData != nil {
		t.Errorf("request %+v", req)
	}
	if got := header(req.Headers, "host"); "http://"+got != r.base {
		t.Errorf("host %q", got)
	}
	if resp.Status != 200 || resp.StatusText != "OK" || !strings.HasPrefix(header(resp.Headers, "content-type"), "application/json") {
		t.Errorf("response %+v", resp)
	}
	const hello = `{"message":"hello world"}`
	if c := resp.Content; c.Text != hello || c.Size != len(hello) || !strings.HasPrefix(c.MimeType, "application/json") {
		t.Errorf("content %+v", c)
	}
}

// bodies: what becomes of request bodies by their type.
func (r *readmeRig) bodies(ctx context.Context, t *testing.T) {
	const document = `{"user":{"email":"dom@example.com"},"id":9007199254740993}`
	form := url.Values{"email": {"dom@example.com"}, "two words": {"ä&="}}.Encode()
	for _, tc := range []struct{ contentType, body, mimeType string }{
		{"application/json", document, "application/json"},
		{"application/json; charset=utf-8", document, "application/json"},
		{"text/json", document, "text/json"},
		{"application/vnd.api+json", document, "application/vnd.api+json"},
		{"text/plain", "Hello world", "text/plain"},
		{"text/plain;charset=UTF-8", document, "text/plain"}, // what fetch sends for a string
	} {
		t.Run(tc.contentType, func(t *testing.T) {
			_, ev := r.call(ctx, t, "POST", "/?val=1", tc.contentType, strings.NewReader(tc.body))
			entry := ev.Request.Log.Entries[0]
			if entry.Request.Method != http.MethodPost || entry.Response.Status != 200 || header(entry.Request.Headers, "content-type") != tc.contentType {
				t.Errorf("%+v", entry)
			}
			if d := cmp.Diff(&postData{MimeType: tc.mimeType, Text: &tc.body}, entry.Request.PostData); d != "" {
				t.Error(d)
			}
		})
	}
	t.Run("form", func(t *testing.T) {
		_, ev := r.call(ctx, t, "POST", "/", "application/x-www-form-urlencoded", strings.NewReader(form))
		want := &postData{MimeType: "application/x-www-form-urlencoded", Params: &[]param{{Name: "email", Value: "dom@example.com"}, {Name: "two words", Value: "ä&="}}}
		if d := cmp.Diff(want, ev.Request.Log.Entries[0].Request.PostData); d != "" {
			t.Error(d)
		}
	})
	fields := []param{{Name: "password", Value: "123456"}, {Name: "apiKey", Value: "abcdef"}, {Name: "another", Value: "Hello world"}}
	image := []byte("\x89PNG\r\n\x1a\n\x00\x01\xff\xfe")
	files := []param{
		{Name: "owlbert.png", FileName: "owlbert.png", ContentType: "image/png", Value: string(image)},
		{Name: "notes", FileName: "notes.txt", ContentType: "text/plain", Value: "ä note"},
	}
	for _, n := range []int{0, 1, 2} {
		t.Run(fmt.Sprintf("multipart with %d files", n), func(t *testing.T) {
			body, contentType := multipartForm(t, fields, files[:n])
			_, ev := r.call(ctx, t, "POST", "/", contentType, body)
			want := append([]param(nil), fields...)
			for _, f := range files[:n] {
				f.Name = strings.ReplaceAll(f.Name, ".", "_") // sdk: php
				f.Value = "data:" + f.ContentType + ";name=" + f.FileName + ";base64," + base64.StdEncoding.EncodeToString([]byte(f.Value))
				want = append(want, f)
			}
			if d := cmp.Diff(&postData{MimeType: contentType, Params: &want}, ev.Request.Log.Entries[0].Request.PostData); d != "" {
				t.Error(d)
			}
		})
	}
}

// multipartForm returns a form and its content type.
func multipartForm(t *testing.T, fields, files []param) (io.Reader, string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range fields {
		if err := w.WriteField(f.Name, f.Value); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range files {
		part, err := w.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {fmt.Sprintf(`form-data; name=%q; filename=%q`, f.Name, f.FileName)}, "Content-Type": {f.ContentType},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(part, f.Value); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b, w.FormDataContentType()
}
