// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/apispan/apispan/redact"
)

func runPolicy(args []string, s streams) error {
	fs := flag.NewFlagSet("policy", flag.ContinueOnError)
	rest, err := parseMixed(fs, args, s)
	if err != nil {
		return err
	}
	verb := ""
	if len(rest) > 0 {
		verb, rest = rest[0], rest[1:]
	}
	most := map[string]int{"print": 1, "check": 1 << 20, "hash": 1, "list": 0, "defaults": 0, "detectors": 0, "schema": 0}
	n, ok := most[verb]
	switch {
	case !ok:
		return fmt.Errorf("usage: apispan %s", commands()["policy"].usage)
	case n > 0 && len(rest) == 0:
		return fmt.Errorf("policy %s needs an argument: apispan %s", verb, commands()["policy"].usage)
	case len(rest) > n:
		return fmt.Errorf("unexpected argument %q", rest[n])
	}
	switch verb {
	case "print":
		b, err := policySource(presetPrefix + strings.TrimPrefix(rest[0], presetPrefix))
		if err == nil {
			_, err = s.out.Write(b)
		}
		return err
	case "list":
		for _, n := range redact.PresetNames() {
			b, _ := redact.Preset(n)
			sayf(s.out, "%-14s %s\n", n, summary(b))
		}
		return nil
	case "defaults":
		return printDefaults(s.out)
	case "detectors":
		return printDetectors(s.out, func(redact.Detector) bool { return true })
	case "schema":
		_, err := s.out.Write(redact.Schema())
		return err
	case "hash":
		p, err := loadPolicy(rest[0])
		if err == nil {
			_, err = fmt.Fprintln(s.out, p.Hash())
		}
		return err
	default:
		var errs []error
		for _, name := range rest {
			errs = append(errs, checkPolicy(name, s))
		}
		return errors.Join(errs...)
	}
}

// summary is the first sentence of the comment at the top of a policy file,
// without its name.
func summary(b []byte) string {
	var words []string
	for l := range strings.SplitSeq(string(b), "\n") {
		if !strings.HasPrefix(l, "#") {
			break
		}
		words = append(words, strings.Fields(l[1:])...)
	}
	text := strings.Join(words, " ")
	if _, rest, ok := strings.Cut(text, ": "); ok {
		text = rest
	}
	first, _, _ := strings.Cut(text, ". ")
	return strings.TrimSuffix(first, ".")
}

// checkPolicy compiles a file and tells what it needs. A key that is not there is
// not an error of the policy: where it runs, it may be.
func checkPolicy(name string, s streams) error {
	p, err := loadPolicy(name)
	if err != nil {
		return err
	}
	sayf(s.out, "%s: ok, policy %s\n", name, p.Hash())
	for _, k := range p.Keys() {
		state, id := "loaded", k.ID
		if !k.Loaded {
			state = "NOT LOADED here: values that need it would be masked"
		}
		if k.Active {
			state += ", active"
		}
		if id == "" {
			id = "(derived)"
		}
		if k.Source == "value" {
			state += "; it stands in the policy itself: use file or env outside of tests"
		}
		sayf(s.out, "key %s from %s: %s\n", id, k.Source, state)
	}
	if p.Config().DryRun {
		sayf(s.out, "dry_run is on: nothing is changed\n")
	}
	return nil
}

func printDefaults(w io.Writer) error {
	all, query := redact.DefaultKeys()
	_, err := fmt.Fprintf(w, "Keys that are denied everywhere:\n  %s\n\nKeys that are denied in query strings too:\n  %s\n\nDetectors that mask:\n",
		strings.Join(all, "\n  "), strings.Join(query, "\n  "))
	return errors.Join(err, printDetectors(w, func(d redact.Detector) bool { return d.Default }))
}

func printDetectors(w io.Writer, want func(redact.Detector) bool) error {
	for _, d := range redact.Detectors() {
		if !want(d) {
			continue
		}
		state := "off"
		if d.Default {
			state = "on"
		}
		if _, err := fmt.Fprintf(w, "  %-16s %-3s  %s\n", d.Name, state, d.Doc); err != nil {
			return err
		}
	}
	return nil
}
