// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"slices"
	"strings"
	"testing"
)

// TestArguments: a list of arguments is read as the command line that it is.
func TestArguments(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"curl -u ada:S3CR3T-hunter2 https://x.test":         "curl -u [REDACTED] https://x.test",
		"/usr/bin/curl --user=ada:S3CR3T-hunter2 x":         "/usr/bin/curl [REDACTED] x",
		"sudo docker login -u ada -p S3CR3T-hunter2 r.test": "sudo docker login -u ada -p [REDACTED] r.test",
		"mysql -uroot -pS3CR3T-hunter2 shop":                "mysql -uroot [REDACTED] shop",
		"app --token S3CR3T-hunter2 --port 80":              "app --token [REDACTED] --port 80",
		"docker run -u 1000:1000 -p 8080:80 nginx":          "docker run -u 1000:1000 -p 8080:80 nginx",
		"git push -u origin:main":                           "git push -u origin:main",
	} {
		td, span := newSpan()
		s := span.Attributes().PutEmptySlice("process.command_args")
		for a := range strings.FieldsSeq(line) {
			s.AppendEmpty().SetStr(a)
		}
		out := onlySpan(t, redactorFor(t, "preset: default", nil).mustTraces(t, td)).Attributes()
		v, _ := out.Get("process.command_args")
		var got []string
		for _, a := range v.Slice().All() {
			got = append(got, a.Str())
		}
		if w := strings.Fields(want); !slices.Equal(got, w) {
			t.Errorf("%s:\n got %q", line, got)
		}
	}
}
