// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the output in README.md")

// policyHash changes with every new field of the language; the README shows one.
var policyHash = regexp.MustCompile(`policy [0-9a-f]{16}`)

// machine is what differs between machines.
var machine = regexp.MustCompile(`\d+ MiB free`)

var consoleBlock = regexp.MustCompile("(?s)```console\n\\$ ([^\n]*)\n(.*?)```")

func normal(out string) string {
	out = policyHash.ReplaceAllString(strings.ReplaceAll(out, "\r\n", "\n"), "policy 8028e011290091e3")
	return machine.ReplaceAllString(out, "60000 MiB free")
}

// TestReadme runs every console block of README.md beside testdata/readme.
func TestReadme(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no shell: ", err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/readme")); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	got := consoleBlock.ReplaceAllStringFunc(string(b), func(block string) string {
		n++
		line := consoleBlock.FindStringSubmatch(block)[1]
		cmd := exec.CommandContext(t.Context(), "sh", "-c", line+" 2>&1")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "REDACT_K1="+key1, "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"))
		out, _ := cmd.CombinedOutput() // a command may be shown failing
		return "```console\n$ " + line + "\n" + normal(string(out)) + "```"
	})
	if n < 6 {
		t.Fatalf("%d console blocks: the README is not read right", n)
	}
	if *update {
		if err := os.WriteFile("README.md", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(b), got); diff != "" {
		t.Errorf("README.md is out of date; run go test ./cmd/apispan -run Readme -update (-file +run):\n%s", diff)
	}
}
