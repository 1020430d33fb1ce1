// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestKeysAndService lays one file over the good one for each thing that the
// Collector's own validation would find, or that it does not find either.
func TestKeysAndService(t *testing.T) {
	t.Setenv("DOCTOR_KEY", secret)
	t.Setenv("CHECK_NUMBER", "12345678")
	t.Setenv("CHECK_BLOCK", "application_id: x")
	exporter := func(s string) string { return "exporters:\n  api_analytics/moesif:\n    " + s }
	traces := func(s string) string { return "service:\n  pipelines:\n    traces:\n      " + s }
	for name, tc := range map[string]struct{ overlay, want string }{
		// Keys.
		"section":               {"exporter: {}", "17  FAIL  c1.yaml:1: exporter: is no section of a Collector configuration: did you mean `exporters`?"},
		"section is a list":     {"connectors: [a]", "17  FAIL  c1.yaml:1: connectors: is no block of keys"},
		"backend":               {exporter("mosief: {}"), "17  FAIL  c1.yaml:3: exporters::api_analytics/moesif::mosief: `mosief` is no key of this exporter: did you mean `moesif`?"},
		"no backend":            {exporter("moesif:"), "17  FAIL  c1.yaml:3: exporters::api_analytics/moesif: no backend is chosen"},
		"key of a backend":      {exporter("moesif:\n      aplication_id: " + secret), "17  FAIL  c1.yaml:4: exporters::api_analytics/moesif::moesif::aplication_id: `moesif::aplication_id` is no key of this exporter: did you mean `moesif::application_id`?"},
		"key in a wrong block":  {exporter("moesif:\n      sending_queue: {}"), "17  FAIL  c1.yaml:4: exporters::api_analytics/moesif::moesif::sending_queue: `moesif::sending_queue` is no key of this exporter: it stands beside `moesif`, not in it"},
		"key far from any":      {exporter("zzz: 1"), "`zzz` is no key of this exporter: known here are auth, "},
		"key deep below":        {exporter("sending_queue:\n      batch:\n        flush_timout: 1s"), "c1.yaml:5: exporters::api_analytics/moesif::sending_queue::batch::flush_timout: `sending_queue::batch::flush_timout` is no key"},
		"key of the library":    {exporter("tls:\n      insecur: true"), "17  FAIL  c1.yaml:4: exporters::api_analytics/moesif::tls::insecur: `tls::insecur` is no key"},
		"key of the processor":  {"processors:\n  http_redaction:\n    adit: off", "17  FAIL  c1.yaml:3: processors::http_redaction::adit: `adit` is no key of this processor: did you mean `audit`?"},
		"key in a list":         {"processors: { http_redaction: { identity: { user.id: [{ headr: x }] } } }", "`identity::user.id::0::headr` is no key of this processor: did you mean `identity::user.id::0::header`?"},
		"key of an extension":   {"extensions:\n  file_storage: { directry: . }", "17  FAIL  c1.yaml:2: extensions::file_storage::directry: `directry` is no key of `file_storage`: did you mean `directory`?"},
		"key of a receiver":     {"receivers: { otlp: { protcols: {} } }", "17  FAIL  c1.yaml:1: receivers::otlp::protcols: `protcols` is no key of `otlp`: did you mean `protocols`?"},
		"newer key of others":   {"receivers: { otlp: { something_new: 1 } }", "17  WARN  c1.yaml:1: receivers::otlp::something_new: `something_new` is no key of `otlp` v0."},
		"component":             {"receivers: { otpl: }", "17  FAIL  c1.yaml:1: receivers::otpl: is no component of otelcol-apispan: did you mean `otlp`?"},
		"component of others":   {"receivers: { hostmetrics: }", "17  WARN  c1.yaml:1: receivers::hostmetrics: is no component of otelcol-apispan"},
		"two backends":          {exporter("readme: { api_key: x }"), "17  FAIL  c1.yaml:3: exporters::api_analytics/moesif::readme: `moesif` and `readme` are set together"},
		"empty secret":          {exporter(`moesif: { application_id: "" }`), "17  FAIL  c1.yaml:3: exporters::api_analytics/moesif: `moesif::application_id` is empty"},
		"no address":            {"exporters:\n  api_analytics/metlo:\n    metlo: { api_key: x }", "17  FAIL  c1.yaml:3: exporters::api_analytics/metlo: `metlo::endpoint` is empty"},
		"wrong word":            {exporter("moesif: { bodies: some }"), "17  FAIL  c1.yaml:3: exporters::api_analytics/moesif::moesif::bodies: `moesif::bodies` takes one of all, errors, none"},
		"wrong word in a list":  {"processors: { http_redaction: { apply_to: [semconv, otel] } }", "`apply_to` takes one of agents, "},
		"scalar for a block":    {exporter("sending_queue: 5"), "17  FAIL  c1.yaml:3: exporters::api_analytics/moesif::sending_queue: `sending_queue` is no block of keys: write `sending_queue:`"},
		"block for a scalar":    {exporter("timeout: { a: 1 }"), "`timeout` takes one value, not a block"},
		"block for a list":      {"service: { extensions: [file_storage] }\nprocessors: { http_redaction: { apply_to: { a: b } } }", "`apply_to` is a list"},
		"no duration":           {exporter("timeout: " + secret), "17  FAIL  c1.yaml:3: exporters::api_analytics/moesif::timeout: `timeout` is no duration: write a number with its unit"},
		"duration without unit": {exporter("timeout: 15"), "17  FAIL  c1.yaml:3: exporters::api_analytics/moesif::timeout: `timeout` is 15 nanoseconds, which is what a number without a unit means: write the unit"},
		"unit of an extension":  {"extensions:\n  file_storage: { timeout: 10 }", "17  FAIL  c1.yaml:2: extensions::file_storage::timeout: `timeout` is 10 nanoseconds"},
		"unit of a block":       {exporter("retry_on_failure: { initial_interval: 5.5 }"), "`retry_on_failure::initial_interval` is 5 nanoseconds"},
		"duration of 0":         {exporter("retry_on_failure: { max_elapsed_time: 0 }"), "17  ok "},
		"no number":             {exporter("sending_queue: { num_consumers: many }"), "`sending_queue::num_consumers` is no number"},
		"no boolean":            {exporter("dry_run: maybe"), "`dry_run` is neither true nor false"},
		"number for a text":     {exporter("moesif: { application_id: 12345678 }"), "`moesif::application_id` is no text for YAML: put it in quotes"},
		"number from elsewhere": {exporter("moesif: { application_id: \"${env:CHECK_NUMBER}\" }"), "17  ok "},
		"map from elsewhere":    {exporter("moesif: ${env:CHECK_BLOCK}"), "17  ok "},
		"not looked up":         {exporter("moesif: ${https://config.example.com/moesif}"), "17  ok "},
		"escaped":               {exporter("headers: { x: \"$${env:CHECK_NOT_SET}\" }"), " 2  ok "},
		"optional switched off": {exporter("sending_queue: { enabled: false }"), "17  ok "},
		// The service.
		"no service":           {"service:", "18  FAIL  c1.yaml:1: service: is not there"},
		"no pipelines":         {"service: { pipelines: }", "18  FAIL  c1.yaml:1: service::pipelines: has no pipeline"},
		"key of the service":   {"service: { pipeline: {} }", "18  FAIL  c1.yaml:1: service::pipeline: is no key of `service`: did you mean `service::pipelines`?"},
		"kind of pipeline":     {"service: { pipelines: { trace: { receivers: [otlp], exporters: [api_analytics/moesif] } } }", "`trace` is no kind of pipeline: did you mean `traces`?"},
		"key of a pipeline":    {traces("exporter: []"), "18  FAIL  c1.yaml:4: service::pipelines::traces::exporter: is no key of a pipeline: did you mean"},
		"undefined exporter":   {traces("exporters: [api_analytics/moesif, api_analytics/redme]"), "18  FAIL  c1.yaml:4: service::pipelines::traces::exporters: names `api_analytics/redme`, which is not among `exporters`"},
		"undefined, a slip":    {traces("exporters: [api_analytics/mosief]"), "names `api_analytics/mosief`, which is not among `exporters`: did you mean `api_analytics/moesif`?"},
		"undefined receiver":   {traces("receivers: [kafka]"), "names `kafka`, which is not among `receivers`"},
		"undefined processor":  {traces("processors: [memory_limiter, http_redaction, batch/2]"), "names `batch/2`, which is not among `processors`"},
		"undefined extension":  {"service: { extensions: [file_storage, pprof] }", "18  FAIL  c1.yaml:1: service::extensions: names `pprof`"},
		"no exporters":         {traces("exporters: []"), "18  FAIL  c1.yaml:4: service::pipelines::traces: has no exporters"},
		"twice":                {traces("exporters: [api_analytics/moesif, api_analytics/moesif]"), "names `api_analytics/moesif` twice"},
		"signal":               {"service: { pipelines: { metrics: { receivers: [otlp], exporters: [api_analytics/moesif] } } }", "names `api_analytics/moesif`, which takes traces and logs only"},
		"logs":                 {"exporters: { api_analytics/readme: { readme: { api_key: x } } }\nservice: { pipelines: { logs: { receivers: [otlp], exporters: [api_analytics/readme] } } }", "has no users, companies, subscriptions or actions"},
		"connector, one end":   {"connectors: { forward: }\n" + traces("exporters: [forward, api_analytics/moesif]"), "18  FAIL  c1.yaml:1: connectors::forward: is written to, and no pipeline reads it"},
		"connector, other end": {"connectors: { forward: }\n" + traces("receivers: [otlp, forward]"), "connectors::forward: is read by a pipeline, and none writes to it"},
		"storage of another":   {"extensions: { guarded_storage: { storage: file_storage/no } }\nservice: { extensions: [file_storage, guarded_storage] }", "18  FAIL  c1.yaml:1: extensions::guarded_storage::storage: names `file_storage/no`, which is not among `extensions`"},
		"authenticator":        {exporter("auth: { authenticator: oauth2client }"), "exporters::api_analytics/moesif::auth::authenticator: names `oauth2client`"},
		"missing storage":      {exporter("sending_queue: { storage: file_storage/no }"), " 6  FAIL  c1.yaml:3: api_analytics/moesif: `sending_queue::storage` names file_storage/no"},
		"not used":             {"exporters: { debug: }", "18  WARN  c1.yaml:1: exporters::debug: is defined, and in no pipeline"},
		"not started":          {"extensions: { pprof: }", "18  WARN  c1.yaml:1: extensions::pprof: is defined, and not in `service::extensions`"},
		// The policy.
		"no policy":    {"processors: { http_redaction: { preset: } }", " 4  FAIL  c1.yaml:1: http_redaction: has no policy"},
		"two policies": {"processors: { http_redaction: { policy_file: x } }", "`policy_file` and `preset` are set together"},
		"policy file":  {"processors: { http_redaction: { preset: , policy_file: /no/such } }", "`policy_file` cannot be opened"},
	} {
		t.Run(name, func(t *testing.T) {
			_, out := examine(t, true, fmt.Sprintf(good, `"https://api.example.com"`), tc.overlay)
			if !strings.Contains(out, tc.want) {
				t.Errorf("no %q in:\n%s", tc.want, out)
			}
			if strings.Contains(out, "12345678") {
				t.Errorf("a value is printed:\n%s", out)
			}
		})
	}
}

// TestRefusedConfigurations: what `otelcol-apispan validate` refuses, check refuses
// without it, and says what the file asks for.
func TestRefusedConfigurations(t *testing.T) {
	t.Setenv("APISPAN_TEST_SHORT_KEY", "only-twenty-bytes-key")
	files, err := filepath.Glob("../../../../collectorbuild/testdata/bad/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r := Examine(context.Background(), Options{Files: []string{file}, Offline: true, Collector: "none"})
		var out strings.Builder
		for _, f := range r.Findings() {
			// That the queue is in memory is no reason for validate.
			if f.Level == Fail && f.Check != 6 {
				fmt.Fprintf(&out, "%s:%d: %s: %s\n", f.File, f.Line, f.About, f.Text)
			}
		}
		if out.Len() == 0 {
			t.Errorf("%s is accepted", file)
		}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			if want, ok := strings.CutPrefix(line, "# want: "); ok && !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %q in:\n%s", filepath.Base(file), want, out.String())
			}
			if secret, ok := strings.CutPrefix(line, "# absent: "); ok && strings.Contains(out.String(), secret) {
				t.Errorf("%s: a secret is printed", filepath.Base(file))
			}
		}
	}
}

// TestTable: the data has the components and the kinds of facts that the checks rest on.
func TestTable(t *testing.T) {
	t.Parallel()
	all := components()
	for _, want := range []struct{ section, typ, key, kind string }{
		{"exporters", "api_analytics", "moesif::application_id", "secret"},
		{"exporters", "api_analytics", "sending_queue::storage", "id"},
		{"exporters", "api_analytics", "timeout", "duration"},
		{"processors", "http_redaction", "policy", "map"},
		{"receivers", "otlp", "protocols::grpc::endpoint", "string"},
		{"extensions", "file_storage", "fsync", "bool"},
	} {
		c := all[want.section][want.typ]
		if c == nil || c.keys[want.key] != want.kind {
			t.Errorf("%s %s: %s is not %s", want.section, want.typ, want.key, want.kind)
		}
	}
	if a := all["exporters"]["api_analytics"]; len(a.choices) < 5 || len(a.required) < 5 || a.none == "" || len(a.nologs) == 0 {
		t.Errorf("api_analytics: %+v", a)
	}
}

// TestBackendsAreKnown: the exporter says of each of its backends where it is and which
// key is its credential.
func TestBackendsAreKnown(t *testing.T) {
	t.Parallel()
	c := components()["exporters"][exporterType]
	probes := 0
	for _, b := range c.backends {
		if !slices.Contains(c.choices, b.name) {
			t.Errorf("%s is no backend", b.name)
		}
		if c.keys[b.name+"::"+b.secret] != "secret" {
			t.Errorf("%s::%s is no secret", b.name, b.secret)
		}
		if !slices.Contains(secretKeys(), b.secret) {
			t.Errorf("check 5 does not know %s", b.secret)
		}
		needsAddress := slices.ContainsFunc(c.required, func(q required) bool { return q.block == b.name && slices.Contains(q.keys, "endpoint") })
		if needsAddress != (b.endpoint == "") {
			t.Errorf("%s: default endpoint %q, and required: %v", b.name, b.endpoint, needsAddress)
		}
		if b.probe == "" {
			continue
		}
		probes++
		h := make(http.Header)
		if b.sign(h, "a-key"); len(h) != 1 || strings.Contains(b.header, "a-key") || !strings.Contains(b.header, "{") {
			t.Errorf("%s is asked with %q", b.name, b.header)
		}
	}
	if len(c.choices) != len(c.backends) || probes < 3 {
		t.Errorf("%d backends, %d with a probe; the exporter has %d", len(c.backends), probes, len(c.choices))
	}
}
