// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/apispan/apispan/redact"
	"github.com/apispan/apispan/redact/redacttest"
)

// Values of --format and --input, the status of a case without a failure, the
// default of --where.
const (
	formatText  = "text"
	formatJSON  = "json"
	inputCases  = "cases"
	inputValue  = "value"
	statusOK    = "ok"
	bodyRequest = "request_body"
)

type redactFlags struct {
	policy, preset, corpus, format          string
	input, where, contentType               string
	absent, present                         []string
	showValues, output, quiet, defaultsOnly bool
	truncated                               bool
	ex                                      redacttest.Exchange
	files                                   []string
}

func (f *redactFlags) set(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.SortFlags = false // in the order in which they are needed
	fs.StringVar(&f.policy, "policy", "", "policy `file` in YAML, or preset:NAME")
	fs.StringVar(&f.preset, "preset", "", "`name` of a shipped policy; see apispan policy list")
	fs.StringArrayVar(&f.absent, "expect-absent", nil, "`text`, or detector:NAME, or @FILE with one of them a line, that must be in no output; repeatable")
	fs.StringArrayVar(&f.present, "expect-present", nil, "`text` that must be in every output; repeatable")
	fs.StringVar(&f.input, "input", "", "what the fixtures are: cases (one a line) or value (a file is one value); default: cases if the first line is one")
	fs.StringVar(&f.where, "where", bodyRequest, "where a value stood: "+strings.Join(redacttest.Places(), ", "))
	fs.StringVar(&f.contentType, "content-type", "", "content `type` of a value")
	fs.BoolVar(&f.truncated, "truncated", false, "the bodies were cut at their end")
	fs.StringVar(&f.ex.Host, "host", "", "`host` of the exchange, for scoped rules; a rule applies if what it asks for is not given")
	fs.StringVar(&f.ex.Route, "route", "", "`route` of the exchange, for scoped rules")
	fs.StringVar(&f.ex.Method, "method", "", "`method` of the exchange, for scoped rules")
	fs.StringVar(&f.ex.Direction, "direction", "", "`direction` of the exchange, for scoped rules: incoming or outgoing")
	fs.BoolVar(&f.output, "output", false, "print the redacted value of one fixture and nothing else")
	fs.StringVar(&f.format, "format", formatText, "report: text or json (one object a line)")
	fs.BoolVar(&f.quiet, "quiet", false, "report failures and the summary only")
	fs.BoolVar(&f.showValues, "show-values", false, "print values before and after: SECRETS of the fixtures appear in the report")
	fs.StringVar(&f.corpus, "corpus", "", "run a `file` of cases, each under the rules that it carries, and judge it as go test ./redact -run Corpus does")
	fs.BoolVar(&f.defaultsOnly, "print-defaults", false, "print the built-in key list and the default detectors, and stop")
	words(cmd, "preset", redact.PresetNames()...)
	words(cmd, "where", redacttest.Places()...)
	words(cmd, "format", formatText, formatJSON)
	words(cmd, "input", inputCases, inputValue)
	words(cmd, "direction", "incoming", "outgoing")
}

func (f *redactFlags) validate() error {
	switch f.ex.Direction {
	case "", "incoming", "outgoing":
	default:
		return fmt.Errorf("--direction %q: write incoming or outgoing", f.ex.Direction)
	}
	if !slices.Contains(redacttest.Places(), f.where) {
		return fmt.Errorf("--where %q: write one of %s", f.where, strings.Join(redacttest.Places(), ", "))
	}
	switch f.format {
	case formatText, formatJSON:
	default:
		return fmt.Errorf("--format %q: write text or json", f.format)
	}
	switch f.input {
	case "", inputCases, inputValue:
	default:
		return fmt.Errorf("--input %q: write cases or value", f.input)
	}
	if f.corpus != "" && len(f.files) > 0 {
		return fmt.Errorf("unexpected argument %q: --corpus names the only file", f.files[0])
	}
	return nil
}

func newRedact() *cobra.Command {
	var f redactFlags
	cmd := &cobra.Command{
		Use:   "redact --policy FILE [FIXTURE...]",
		Short: "Run fixtures or a corpus through a policy; for CI",
		Long: `Runs fixtures (files, or standard input) through the engine of the httpcapture wrapper
and the http_redaction processor, and reports per fixture what was done where by which
rule. Values stay out of the report. Exit code 1 if an expectation does not hold.`,
		Example: `  apispan redact --policy policy.yaml --output < body.json
  apispan redact --policy preset:default --where header --show-values < headers.txt
  apispan redact --policy policy.yaml --expect-absent @secrets.txt --expect-absent detector:card fixtures.jsonl`,
		GroupID: groupPolicy,
		RunE: func(cmd *cobra.Command, files []string) error {
			f.files = files
			return f.run(cmd)
		},
	}
	f.set(cmd)
	return cmd
}

func (f *redactFlags) run(cmd *cobra.Command) error {
	if f.defaultsOnly {
		return printDefaults(cmd.OutOrStdout())
	}
	if err := f.validate(); err != nil {
		return err
	}
	checks, err := newChecks(f.absent, f.present)
	if err != nil {
		return err
	}
	p, err := f.loadPolicy()
	if err != nil {
		return err
	}
	cases, err := f.read(cmd)
	if err != nil {
		return err
	}
	if f.output && len(cases) != 1 {
		return fmt.Errorf("--output needs one value, not %d cases", len(cases))
	}
	return f.runCases(cases, p, checks, cmd.OutOrStdout(), cmd.ErrOrStderr())
}

// loadPolicy returns nil if the cases bring their own.
func (f *redactFlags) loadPolicy() (*redact.Policy, error) {
	switch {
	case f.policy != "" && f.preset != "":
		return nil, errors.New("--policy and -preset exclude each other")
	case f.policy != "":
		return loadPolicy(f.policy)
	case f.preset != "":
		return loadPolicy(presetPrefix + f.preset)
	case f.corpus != "":
		return nil, nil
	}
	return nil, errors.New("no policy: give --policy FILE, --policy preset:NAME or --corpus FILE")
}

const presetPrefix = "preset:"

// loadPolicy compiles a file, or a preset by name. Errors name the file.
func loadPolicy(name string) (*redact.Policy, error) {
	b, err := policySource(name)
	if err != nil {
		return nil, err
	}
	p, err := redact.Compile(b)
	if err != nil {
		return nil, located(name, err)
	}
	return p, nil
}

func policySource(name string) ([]byte, error) {
	preset, ok := strings.CutPrefix(name, presetPrefix)
	if !ok {
		return os.ReadFile(name)
	}
	b, ok := redact.Preset(preset)
	if !ok {
		return nil, fmt.Errorf("no shipped policy is called %q: use one of %s", preset, strings.Join(redact.PresetNames(), ", "))
	}
	return b, nil
}

// located rewrites "redact: line 3: keys.dney: …" to "FILE:3: keys.dney: …", one
// problem a line, as editors and CI systems read it.
func located(file string, err error) error {
	lines := strings.Split(err.Error(), "\n")
	for i, l := range lines {
		l = strings.TrimPrefix(l, "redact: ")
		if rest, ok := strings.CutPrefix(l, "line "); ok {
			lines[i] = file + ":" + rest
		} else {
			lines[i] = file + ": " + l
		}
	}
	return errors.New(strings.Join(lines, "\n"))
}
