// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sort"
	"strings"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // a leak, a missed expectation
	exitUsage  = 2 // wrong arguments, unusable policy or input
)

// errFailed is returned when everything ran but a check did not hold; the report
// has been written.
var errFailed = errors.New("checks failed")

// streams are the standard streams of one run.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

type command struct {
	usage, short string
	run          func(args []string, s streams) error
}

func commands() map[string]command {
	return map[string]command{
		"doctor":  {"doctor [-offline] CONFIG...", "examine a Collector configuration, the machine and the backends", runDoctor},
		"redact":  {"redact -policy FILE|preset:NAME [flags] [FIXTURE...]", "run fixtures or a corpus through a policy", runRedact},
		"policy":  {"policy list | print NAME | check FILE... | hash FILE | defaults | detectors | schema", "print, list and check policies", runPolicy},
		"token":   {"token -policy FILE [-kid ID] [-scope S] < values", "make the tokens of values, one a line", runToken},
		"decrypt": {"decrypt -policy FILE < texts", "recover encrypted values, one a line", runDecrypt},
		"version": {"version", "print the version", runVersion},
	}
}

func main() {
	os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

func run(args []string, s streams) int {
	if len(args) == 0 {
		usage(s.err)
		return exitUsage
	}
	name := args[0]
	if name == "help" || name == "-h" || name == "-help" || name == "--help" {
		usage(s.out)
		return exitOK
	}
	c, ok := commands()[name]
	if !ok {
		sayf(s.err, "apispan: unknown command %q; see apispan help\n", name)
		return exitUsage
	}
	switch err := c.run(args[1:], s); {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.Is(err, errFailed):
		return exitFailed
	case errors.Is(err, errParsed):
		return exitUsage
	default:
		for l := range strings.SplitSeq(err.Error(), "\n") {
			sayf(s.err, "apispan %s: %s\n", name, l)
		}
		return exitUsage
	}
}

func usage(w io.Writer) {
	cs := commands()
	names := make([]string, 0, len(cs))
	for n := range cs {
		names = append(names, n)
	}
	sort.Strings(names)
	sayf(w, "Usage: apispan COMMAND [flags]; apispan COMMAND -h lists its flags.\n\n")
	for _, n := range names {
		sayf(w, "  %-8s  %s\n            apispan %s\n", n, cs[n].short, cs[n].usage)
	}
	sayf(w, "\nExit codes: 0 fine, 1 a leak or a missed expectation, 2 wrong usage or an unusable policy.\n")
}

// sayf writes to a standard stream. A reader that went away is its own fault.
func sayf(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...)
}

// errParsed is a flag error that package flag has already written.
var errParsed = errors.New("wrong flags")

// parse parses flags and rejects arguments beyond most.
func parse(fs *flag.FlagSet, args []string, s streams, most int) error {
	rest, err := parseMixed(fs, args, s)
	if err == nil && len(rest) > most {
		err = fmt.Errorf("unexpected argument %q", rest[most])
	}
	return err
}

// parseMixed parses flags that may stand before, between and behind arguments, and
// returns the arguments.
func parseMixed(fs *flag.FlagSet, args []string, s streams) (rest []string, err error) {
	fs.SetOutput(s.err)
	fs.Usage = func() {
		sayf(s.err, "Usage: apispan %s\n\n", commands()[strings.Fields(fs.Name())[0]].usage)
		fs.PrintDefaults()
	}
	for {
		switch err := fs.Parse(args); {
		case errors.Is(err, flag.ErrHelp):
			return nil, err
		case err != nil:
			return nil, errParsed
		case fs.NArg() == 0:
			return rest, nil
		}
		rest, args = append(rest, fs.Arg(0)), fs.Args()[1:]
	}
}

func runVersion(args []string, s streams) error {
	if err := parse(flag.NewFlagSet("version", flag.ContinueOnError), args, s, 0); err != nil {
		return err
	}
	v, goVersion, revision := "(devel)", "", ""
	if b, ok := debug.ReadBuildInfo(); ok {
		goVersion = b.GoVersion
		if b.Main.Version != "" {
			v = b.Main.Version
		}
		for _, kv := range b.Settings {
			if kv.Key == "vcs.revision" {
				revision = " " + kv.Value
			}
		}
	}
	_, err := fmt.Fprintf(s.out, "apispan %s%s %s\n", v, revision, goVersion)
	return err
}
