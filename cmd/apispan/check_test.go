// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const collectorConfig = `
receivers: { otlp: { protocols: { http: } } }
processors: { memory_limiter: { check_interval: 1s, limit_mib: 500 }, http_redaction: { preset: default } }
exporters:
  api_analytics/moesif:
    moesif: { %s: S3CR3T-S3CR3T }
    sending_queue: { wait_for_result: true }
service:
  pipelines:
    traces: { receivers: [otlp], processors: [memory_limiter, http_redaction], exporters: [%s] }
`

// TestCheck runs the command on what doctor and validate once found alone.
func TestCheck(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"check", "doctor"} {
		good := file(t, fmt.Sprintf(collectorConfig, "application_id", "api_analytics/moesif"))
		if r := apispan(t, "", name, "-offline", "-collector", "none", good); r.code != 0 || !strings.Contains(r.out, " 0 failures") {
			t.Errorf("%s: %+v", name, r)
		}
		for _, bad := range []struct{ text, want string }{
			{fmt.Sprintf(collectorConfig, "aplication_id", "api_analytics/moesif"), "p.yaml:6: exporters::api_analytics/moesif::moesif::aplication_id: `moesif::aplication_id` is no key of this exporter: did you mean `moesif::application_id`?"},
			{fmt.Sprintf(collectorConfig, "application_id", "api_analytics/readme"), "p.yaml:10: service::pipelines::traces::exporters: names `api_analytics/readme`, which is not among `exporters`"},
			{strings.Replace(fmt.Sprintf(collectorConfig, "application_id", "api_analytics/moesif"), " moesif:", " mosief:", 1), "p.yaml:6: exporters::api_analytics/moesif::mosief: `mosief` is no key of this exporter: did you mean `moesif`?"},
			{strings.Replace(fmt.Sprintf(collectorConfig, "application_id", "api_analytics/moesif"), "wait_for_result: true", "storage: file_storage", 1), "p.yaml:7: api_analytics/moesif: `sending_queue::storage` names file_storage, which is not among"},
		} {
			r := apispan(t, "", name, file(t, bad.text), "--offline", "--collector=none")
			if r.code != 1 || !strings.Contains(r.out, bad.want) || strings.Contains(r.out+r.err, "S3CR3T") {
				t.Errorf("%s: %+v, want %s", name, r, bad.want)
			}
		}
	}
	for _, args := range [][]string{{"check"}, {"check", "-offline"}} {
		if r := apispan(t, "", args...); r.code != 2 || !strings.Contains(r.err, "no configuration") {
			t.Errorf("%v: %+v", args, r)
		}
	}
	if r := apispan(t, "", "check", "-offline", "missing.yaml"); r.code != 1 || !strings.Contains(r.out, "missing.yaml: cannot be opened") {
		t.Errorf("%+v", r)
	}
}

// TestCheckAsksTheCollector: what the binary says is a finding of its own, at the line
// that it is about, and without values of the configuration. The real binary is asked
// in the end-to-end tests.
func TestCheckAsksTheCollector(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the stand-in is a shell script")
	}
	dir := t.TempDir()
	script := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file(t, fmt.Sprintf(collectorConfig, "application_id", "api_analytics/moesif"))
	accepts := script("accepts", `[ "$1 $2 $3 $4 $5" = "validate --config `+good+` --config `+good+`" ]`)
	if r := apispan(t, "", "check", "--offline", "--collector", accepts, good, good); r.code != 0 || !strings.Contains(r.out, "19  ok    accepts accepts it") {
		t.Errorf("%+v", r)
	}
	refuses := script("refuses", "cat >&2 <<'END'\nError: failed to get config: decoding failed due to the following error(s):\n\n"+
		"exporters::api_analytics/moesif: `moesif::application_id` has S3CR3T-S3CR3T in it\nEND\nexit 1\n")
	r := apispan(t, "", "check", "--offline", "--collector", refuses, good)
	if r.code != 1 || !strings.Contains(r.out, "19  FAIL  p.yaml:6: exporters::api_analytics/moesif: `moesif::application_id` has […] in it\n") || strings.Contains(r.out, "S3CR3T") {
		t.Errorf("%+v", r)
	}
	for _, binary := range []string{filepath.Join(dir, "nowhere"), dir} {
		if r := apispan(t, "", "check", "--offline", "--collector", binary, good); r.code != 1 || !strings.Contains(r.out, "cannot be run: name a Collector's binary with --collector") {
			t.Errorf("%+v", r)
		}
	}
}
