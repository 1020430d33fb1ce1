// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/apispan/apispan/redact"
	"github.com/apispan/apispan/redact/redacttest"
)

// maxInput bounds what is read from standard input.
const maxInput = 256 << 20

// list is a flag that may be repeated.
type list []string

func (l *list) String() string     { return strings.Join(*l, ", ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

type redactFlags struct {
	policy, preset, corpus, format, report string
	where, contentType                     string
	absent, present                        list
	showValues, output, quiet, defaults    bool
	truncated                              bool
	ex                                     redact.Exchange
	direction                              string
}

func (f *redactFlags) set(fs *flag.FlagSet) {
	fs.StringVar(&f.policy, "policy", "", "policy `file` in YAML")
	fs.StringVar(&f.preset, "preset", "", "use a shipped policy by `name` instead of a file; see apispan policy list")
	fs.StringVar(&f.corpus, "corpus", "", "run a `file` of cases, each under the policy it carries; needs no -policy")
	fs.StringVar(&f.format, "format", "", "input: ndjson (one case a line) or text (one value); default: ndjson if the first line is a case")
	fs.StringVar(&f.report, "report", "text", "report: text or json (one object a line)")
	fs.StringVar(&f.where, "where", "request_body", "where a text input stood: "+strings.Join(redacttest.Wheres(), ", "))
	fs.StringVar(&f.contentType, "content-type", "", "content type of a text input")
	fs.BoolVar(&f.truncated, "truncated", false, "the bodies were cut at their end")
	fs.Var(&f.absent, "expect-absent", "`string`, or detector:NAME, that must not be in any output; repeatable")
	fs.Var(&f.present, "expect-present", "`string` that must be in every output; repeatable")
	fs.BoolVar(&f.showValues, "show-values", false, "print values before and after: SECRETS of the fixtures appear in the report")
	fs.BoolVar(&f.output, "output", false, "print the redacted value of a text input and nothing else")
	fs.BoolVar(&f.quiet, "quiet", false, "report failures and the summary only")
	fs.BoolVar(&f.defaults, "print-defaults", false, "print the built-in key list and the default detectors, and stop")
	fs.StringVar(&f.ex.Host, "host", "", "host of the exchange, for scoped rules; a rule applies if what it asks for is not given")
	fs.StringVar(&f.ex.Route, "route", "", "route of the exchange, for scoped rules")
	fs.StringVar(&f.ex.Method, "method", "", "method of the exchange, for scoped rules")
	fs.StringVar(&f.direction, "direction", "", "incoming or outgoing, for scoped rules")
}

func runRedact(args []string, s streams) error {
	var f redactFlags
	fs := flag.NewFlagSet("redact", flag.ContinueOnError)
	f.set(fs)
	if err := parse(fs, args, s, 0); err != nil {
		return err
	}
	if f.defaults {
		return printDefaults(s.out)
	}
	checks, err := newChecks(f.absent, f.present)
	if err != nil {
		return err
	}
	switch f.direction {
	case "":
	case "incoming":
		f.ex.Direction = redact.Incoming
	case "outgoing":
		f.ex.Direction = redact.Outgoing
	default:
		return fmt.Errorf("-direction %q: write incoming or outgoing", f.direction)
	}
	f.ex.Method = strings.ToUpper(f.ex.Method)
	f.ex.RequestTruncated, f.ex.ResponseTruncated = f.truncated, f.truncated
	if f.report != "text" && f.report != "json" {
		return fmt.Errorf("-report %q: write text or json", f.report)
	}
	p, err := f.loadPolicy()
	if err != nil {
		return err
	}
	cases, err := f.read(s.in)
	if err != nil {
		return err
	}
	if f.output {
		if len(cases) != 1 {
			return fmt.Errorf("-output needs one text input, not %d cases", len(cases))
		}
		f.quiet = true
	}
	return f.runCases(cases, p, checks, s)
}

// loadPolicy returns nil if the cases bring their own.
func (f *redactFlags) loadPolicy() (*redact.Policy, error) {
	switch {
	case f.policy != "" && f.preset != "":
		return nil, errors.New("-policy and -preset exclude each other")
	case f.policy != "":
		return policyFile(f.policy)
	case f.preset != "":
		return redact.Compile([]byte("preset: " + f.preset))
	case f.corpus != "":
		return nil, nil
	}
	return nil, errors.New("no policy: give -policy FILE or -preset NAME")
}

func policyFile(name string) (*redact.Policy, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return redact.Compile(b)
}

func (f *redactFlags) read(in io.Reader) ([]redacttest.Case, error) {
	if f.corpus != "" {
		file, err := os.Open(f.corpus)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		return atLeastOne(redacttest.Read(file, f.corpus))
	}
	b, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxInput {
		return nil, fmt.Errorf("the input is longer than %d bytes", maxInput)
	}
	switch f.format {
	case "":
		if !looksLikeCase(b) {
			return f.text(b), nil
		}
	case "text":
		return f.text(b), nil
	case "ndjson":
	default:
		return nil, fmt.Errorf("-format %q: write ndjson or text", f.format)
	}
	return atLeastOne(redacttest.ReadStrict(bytes.NewReader(b), "stdin"))
}

func atLeastOne(cases []redacttest.Case, err error) ([]redacttest.Case, error) {
	if err == nil && len(cases) == 0 {
		err = errors.New("no cases in the input")
	}
	return cases, err
}

func (f *redactFlags) text(b []byte) []redacttest.Case {
	return []redacttest.Case{{
		ID: "input", Where: f.where, ContentType: f.contentType,
		Input: "b64:" + base64.StdEncoding.EncodeToString(b), // any bytes survive
	}}
}

// looksLikeCase reports whether the first line is an object with where and input.
func looksLikeCase(b []byte) bool {
	for len(b) > 0 {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		line = bytes.TrimSpace(line)
		if b = rest; len(line) == 0 || bytes.HasPrefix(line, []byte("//")) {
			continue
		}
		var c map[string]json.RawMessage
		if json.Unmarshal(line, &c) != nil {
			return false
		}
		_, where := c["where"]
		_, input := c["input"]
		return where && input
	}
	return false
}
