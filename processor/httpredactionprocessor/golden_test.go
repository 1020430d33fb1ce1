// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// TestGolden runs the cases under testdata/golden; its README says how to add one.
func TestGolden(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/golden/*/config.yaml")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no golden cases: %v", err)
	}
	for _, c := range cases {
		dir := filepath.Dir(c)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			config, err := os.ReadFile(c)
			if err != nil {
				t.Fatal(err)
			}
			r := redactorFor(t, string(config), nil)
			got, all := runGolden(t, r, dir)
			mustNotHold(t, all, "S3CR3T")
			golden(t, filepath.Join(dir, "want.json"), got)
			if again := runAgain(t, r, dir, got); again != got {
				t.Errorf("the result changes when it is redacted again:\n%s\n%s", got, again)
			}
		})
	}
}

func runGolden(t *testing.T, r *redactor, dir string) (indented, all string) {
	t.Helper()
	in, err := os.ReadFile(filepath.Join(dir, "traces.json"))
	if errors.Is(err, fs.ErrNotExist) {
		if in, err = os.ReadFile(filepath.Join(dir, "logs.json")); err != nil {
			t.Fatal(err)
		}
		return redactLogsJSON(t, r, in)
	}
	if err != nil {
		t.Fatal(err)
	}
	return redactTracesJSON(t, r, in)
}

// runAgain redacts the result once more and puts the first count back, which the
// second run has no reason to write.
func runAgain(t *testing.T, r *redactor, dir, result string) string {
	t.Helper()
	if len(r.policy.Keys()) > 0 {
		return result // a token that comes in is a value like any other: it becomes another token
	}
	var got, want any
	var text string
	if _, err := os.Stat(filepath.Join(dir, "traces.json")); err == nil {
		text, _ = redactTracesJSON(t, r, []byte(result))
	} else {
		text, _ = redactLogsJSON(t, r, []byte(result))
	}
	if json.Unmarshal([]byte(text), &got) != nil || json.Unmarshal([]byte(result), &want) != nil {
		t.Fatal("not JSON")
	}
	dropCounts(got)
	dropCounts(want)
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if !bytes.Equal(a, b) {
		return text
	}
	return result
}

// dropCounts removes apispan.redaction.count from decoded OTLP/JSON.
func dropCounts(v any) {
	switch v := v.(type) {
	case map[string]any:
		if list, ok := v["attributes"].([]any); ok {
			kept := list[:0]
			for _, a := range list {
				if m, ok := a.(map[string]any); !ok || m["key"] != "apispan.redaction.count" {
					kept = append(kept, a)
				}
			}
			v["attributes"] = kept
		}
		for _, x := range v {
			dropCounts(x)
		}
	case []any:
		for _, x := range v {
			dropCounts(x)
		}
	}
}

func redactTracesJSON(t *testing.T, r *redactor, in []byte) (indented, all string) {
	t.Helper()
	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(in)
	if err != nil {
		t.Fatal(err)
	}
	td = r.mustTraces(t, td)
	out, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	if err != nil {
		t.Fatal(err)
	}
	return indent(t, out), tracesText(t, td)
}

func redactLogsJSON(t *testing.T, r *redactor, in []byte) (indented, all string) {
	t.Helper()
	ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(in)
	if err != nil {
		t.Fatal(err)
	}
	ld = r.mustLogs(t, ld)
	out, err := (&plog.JSONMarshaler{}).MarshalLogs(ld)
	if err != nil {
		t.Fatal(err)
	}
	return indent(t, out), logsText(t, ld)
}

func indent(t *testing.T, doc []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, doc, "", "  "); err != nil {
		t.Fatal(err)
	}
	b.WriteByte('\n')
	return b.String()
}
