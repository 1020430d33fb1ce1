// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// every visits the command and all below it, with its words.
func every(cmd *cobra.Command, path []string, visit func(*cobra.Command, []string)) {
	visit(cmd, path)
	for _, c := range cmd.Commands() {
		every(c, append(slices.Clone(path), c.Name()), visit)
	}
}

// TestBothSpellings: each flag of each command may be written with one dash, as
// package flag took it, and with two.
func TestBothSpellings(t *testing.T) {
	t.Parallel()
	flags := 0
	every(newRoot(), nil, func(cmd *cobra.Command, path []string) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			flags++
			for _, tail := range [][]string{{"-" + f.Name + "=x"}, {"-" + f.Name, "-x"}} {
				want := append(slices.Clone(path), "-"+tail[0])
				switch {
				case len(tail) == 1:
				case f.NoOptDefVal != "":
					tail[1] = "x" // an argument: the flag takes no value
					want = append(want, "x")
				default:
					want = append(want, "-x")
				}
				if diff := cmp.Diff(want, twoDashes(newRoot(), append(slices.Clone(path), tail...))); diff != "" {
					t.Errorf("%v:\n%s", path, diff)
				}
			}
		})
	})
	if flags < 25 {
		t.Fatalf("only %d flags", flags)
	}
	for _, tc := range [][2][]string{
		// Values stay what they are, also those that look like flags.
		{{"redact", "-expect-absent", "-host", "-quiet"}, {"redact", "--expect-absent", "-host", "--quiet"}},
		{{"redact", "--expect-absent", "-host"}, {"redact", "--expect-absent", "-host"}},
		{{"redact", "-expect-absent=-host"}, {"redact", "--expect-absent=-host"}},
		{{"redact", "-quiet", "-", "-h"}, {"redact", "--quiet", "-", "-h"}},
		{{"redact", "--", "-quiet"}, {"redact", "--", "-quiet"}},
		{{"policy", "check", "-help"}, {"policy", "check", "--help"}},
		{{"doctor", "-timeout", "-5s", "-offline"}, {"doctor", "--timeout", "-5s", "--offline"}},
		{{"__complete", "redact", "-where", "-q"}, {"__complete", "redact", "--where", "-q"}},
		{{}, nil},
	} {
		if diff := cmp.Diff(tc[1], twoDashes(newRoot(), tc[0])); diff != "" {
			t.Errorf("%q:\n%s", tc[0], diff)
		}
	}
}

// TestOneDash runs commands of the time before two dashes through the program.
func TestOneDash(t *testing.T) {
	t.Parallel()
	p := file(t, policy)
	for _, args := range [][]string{
		{"redact", "-policy", p, "-expect-absent", "S3CR3T", "-expect-absent", "detector:card", "-quiet"},
		{"redact", "--policy", p, "--expect-absent", "S3CR3T", "--expect-absent", "detector:card", "--quiet"},
		{"redact", "-policy=" + p, "-expect-absent=S3CR3T", "--expect-absent=detector:card", "-quiet=true"},
	} {
		r := apispan(t, body, args...)
		if r.code != 0 || strings.Count(r.out, "\n") != 1 || !strings.Contains(r.out, "1 cases, 1 changed") || r.err != "" {
			t.Errorf("%q: %+v", args, r)
		}
	}
	// A comma is part of the text, and so is a dash.
	r := apispan(t, `{"city":"a,b -host"}`, "redact", "-policy", p, "-host", "shop.test", "-expect-present", "a,b", "-expect-present", "-host")
	if r.code != 0 {
		t.Errorf("%+v", r)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	want := apispan(t, "", "version")
	if want.code != 0 || !strings.HasPrefix(want.out, "apispan ") || !strings.Contains(want.out, " go1.") {
		t.Errorf("%+v", want)
	}
	for _, flag := range []string{"--version", "-version", "-v"} {
		if r := apispan(t, "", flag); r != want {
			t.Errorf("%s: %+v, version: %+v", flag, r, want)
		}
	}
	released := filepath.Join(t.TempDir(), "apispan")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-X main.version=v9.8.7", "-o", released, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), released, "--version").Output()
	if err != nil || !strings.HasPrefix(string(out), "apispan v9.8.7 ") {
		t.Errorf("%s (%v)", out, err)
	}
}

// TestHelp: each command says what it does, and its flags what they take.
func TestHelp(t *testing.T) {
	t.Parallel()
	n := 0
	every(newRoot(), nil, func(cmd *cobra.Command, path []string) {
		n++
		for _, flag := range []string{"-h", "--help", "-help"} {
			r := apispan(t, "", append(slices.Clone(path), flag)...)
			if r.code != 0 || !strings.Contains(r.out, "Usage:\n  "+cmd.CommandPath()) || r.err != "" {
				t.Errorf("%v %s: %+v", path, flag, r)
			}
		}
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%v: short text %q", path, cmd.Short)
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%v --%s has no text", path, f.Name)
			}
		})
	})
	if n < 12 {
		t.Fatalf("only %d commands", n)
	}
	if r := apispan(t, "", "help"); r.code != 0 || !strings.Contains(r.out, "Exit codes") {
		t.Errorf("help: %+v", r)
	}
}

func TestSuggestions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ args, want string }{
		{"redcat", `apispan: unknown command "redcat": did you mean redact?`},
		{"zzzzzz", `apispan: unknown command "zzzzzz"; see apispan --help`},
		{"policy chek", `apispan policy: unknown command "chek": did you mean check?`},
		{"policy zzzz", `apispan policy: unknown command "zzzz"; see apispan policy --help`},
		{"redact -polcy x", "apispan redact: unknown flag --polcy: did you mean --policy?"},
		{"check --offlin", "apispan check: unknown flag --offlin: did you mean --offline?"},
		{"check --zzzzzz", "apispan check: unknown flag --zzzzzz; see apispan check --help"},
		{"check --timeout soon", "apispan check: invalid argument"},
		{"version x", `apispan version: unexpected argument "x"`},
	} {
		r := apispan(t, "", strings.Fields(tc.args)...)
		if r.code != 2 || !strings.HasPrefix(r.err, tc.want) || strings.Count(r.err, "\n") != 1 || r.out != "" {
			t.Errorf("%s: %+v, want 2 and %q", tc.args, r, tc.want)
		}
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if r := apispan(t, "", "completion", shell); r.code != 0 || !strings.Contains(r.out, "__complete") {
			t.Errorf("%s: %+v", shell, r)
		}
	}
	for _, tc := range []struct{ args, want string }{
		{"red", "redact"},
		{"policy print ", "default"},
		{"redact --where ", "request_body"},
		{"redact -where ", "client_ip"},
		{"redact --expect-", "--expect-absent"},
		{"redact --preset ", "pci"},
		{"redact --format ", "json"},
		{"check --off", "--offline"},
	} {
		r := apispan(t, "", append([]string{"__complete"}, strings.Split(tc.args, " ")...)...)
		if r.code != 0 || !slices.ContainsFunc(strings.Split(r.out, "\n"), func(l string) bool {
			word, _, _ := strings.Cut(l, "\t")
			return word == tc.want
		}) {
			t.Errorf("%q: %+v, want %s", tc.args, r, tc.want)
		}
	}
}
