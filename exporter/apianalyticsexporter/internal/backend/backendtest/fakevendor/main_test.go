// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const moesifEvent = `{"request":{"time":"2026-01-31T10:11:12.345Z","uri":"http://h/","verb":"GET",` +
	`"ip_address":"192.0.2.1","headers":{}},"transaction_id":"0190b5a4-7c1e-4d3a-9f00-0123456789ab",` +
	`"direction":"Incoming","weight":1,"metadata":{"html":"<b>"}}`

// start runs the command and returns its base URLs and a function that stops it
// and returns the exit status and the rest of stdout.
func start(t *testing.T, args ...string) (urls map[string]string, finish func() (int, []map[string]any)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, args, in, io.Discard)
		in.Close()
	}()
	lines := make(chan map[string]any, 64)
	go func() {
		defer close(lines)
		for sc := bufio.NewScanner(out); sc.Scan(); {
			var line map[string]any
			if err := json.Unmarshal(sc.Bytes(), &line); err != nil {
				t.Errorf("not JSON: %s", sc.Bytes())
			}
			lines <- line
		}
	}()
	urls = make(map[string]string)
	for range strings.Count(strings.Join(args, " "), "127.0.0.1:0") {
		select {
		case line := <-lines:
			if line["type"] != "listening" {
				t.Fatalf("first lines: %v, want listening", line)
			}
			urls[line["backend"].(string)] = line["url"].(string)
		case <-time.After(time.Minute):
			t.Fatal("not listening after 10 s")
		}
	}
	return urls, func() (int, []map[string]any) {
		cancel()
		var rest []map[string]any
		for line := range lines {
			rest = append(rest, line)
		}
		return <-code, rest
	}
}

func post(t *testing.T, url, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "test/1")
	req.Header.Set("X-Moesif-Application-Id", "app")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestRecordsOnStdout(t *testing.T) {
	t.Parallel()
	urls, finish := start(t, "-moesif", "127.0.0.1:0", "-readme", "127.0.0.1:0", "-moesif-fault", "status=503,count=1")
	if len(urls) != 2 {
		t.Fatalf("listening: %v", urls)
	}
	url := urls["moesif"] + "/v1/events/batch"
	for i, want := range []int{503, 201, 201} {
		if got := post(t, url, "["+moesifEvent+"]"); got != want {
			t.Errorf("request %d: %d, want %d", i, got, want)
		}
	}
	code, lines := finish()
	if code != exitOK || len(lines) != 3 {
		t.Fatalf("exit %d with %d lines, want 0 with 3", code, len(lines))
	}
	for i, dup := range []bool{false, true} {
		l := lines[i]
		if l["type"] != "event" || l["backend"] != "moesif" || l["duplicate"] != dup ||
			l["id"] != "0190b5a4-7c1e-4d3a-9f00-0123456789ab" {
			t.Errorf("line %d: %v", i, l)
		}
		if _, err := time.Parse(time.RFC3339Nano, l["received_at"].(string)); err != nil {
			t.Error(err)
		}
		if got := l["event"].(map[string]any)["metadata"].(map[string]any)["html"]; got != "<b>" {
			t.Errorf("event came out as %v", l["event"])
		}
	}
	if s := lines[2]; s["type"] != "summary" || s["requests"] != 3.0 || s["accepted"] != 1.0 ||
		s["duplicates"] != 1.0 || s["violations"] != 0.0 {
		t.Errorf("summary: %v", s)
	}
}

func TestViolationsInRecordFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "events.ndjson")
	urls, finish := start(t, "-moesif", "127.0.0.1:0", "-record", file)
	url := urls["moesif"] + "/v1/events/batch"
	if got := post(t, url, "["+moesifEvent+"]"); got != 201 {
		t.Errorf("sound event: %d", got)
	}
	if got := post(t, url, `[{"direction":"secret-value"}]`); got != 400 {
		t.Errorf("unsound event: %d", got)
	}
	code, lines := finish()
	if code != exitViolations {
		t.Errorf("exit %d, want %d", code, exitViolations)
	}
	if len(lines) != 1 || lines[0]["type"] != "summary" || lines[0]["violations"] == 0.0 {
		t.Errorf("stdout: %v, want the summary only", lines)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(data, []byte(`"type":"event"`)) || !bytes.Contains(data, []byte(`"type":"violation"`)) {
		t.Errorf("records: %s", data)
	}
	if bytes.Contains(data, []byte("secret-value")) {
		t.Error("a violation holds a value")
	}
}

func TestBadArguments(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		nil, {"-nonsense"}, {"-moesif", "127.0.0.1:0", "extra"}, {"-moesif", "256.0.0.1:x"},
		{"-moesif", "127.0.0.1:0", "-moesif-fault", "status=x"}, {"-moesif", "127.0.0.1:0", "-moesif-fault", "take=1"},
		{"-moesif", "127.0.0.1:0", "-moesif-fault", "count=0"}, {"-moesif", "127.0.0.1:0", "-moesif-fault", "nope"},
		{"-moesif", "127.0.0.1:0", "-moesif-fault", "status"},
		{"-moesif", "127.0.0.1:0", "-record", t.TempDir()},
	} {
		var stderr bytes.Buffer
		if code := run(t.Context(), args, io.Discard, &stderr); code != exitUsage || stderr.Len() == 0 {
			t.Errorf("%q: exit %d, stderr %q; want %d and a message", args, code, &stderr, exitUsage)
		}
	}
}

func TestCerberus(t *testing.T) {
	t.Parallel()
	urls, finish := start(t, "-cerberus", "127.0.0.1:0", "-cerberus-token", "sk", "-cerberus-secret-key", "a-key")
	get := func(key string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, urls["cerberus"]+"/api/secret-key", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Api-Key", key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	if code, body := get("sk"); code != 200 || body != `{"secret_key":"a-key"}` {
		t.Errorf("the key: %d %s", code, body)
	}
	if code, _ := get("other"); code != 403 {
		t.Errorf("another token: %d", code)
	}
	if code, lines := finish(); code != exitViolations || len(lines) != 2 {
		t.Errorf("exit %d, %v", code, lines)
	}
}
