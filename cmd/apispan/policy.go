// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/apispan/apispan/redact"
)

func newPolicy() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "policy",
		Short:   "Print, list and check policies",
		GroupID: groupPolicy,
		Args:    noCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return needsCommand(cmd) },
	}
	cmd.AddCommand(
		newPolicyCheck(),
		&cobra.Command{
			Use:   "hash FILE",
			Short: "Print the hash that spans are stamped with (apispan.redaction.policy)",
			Args:  needs("FILE", 1),
			RunE: func(cmd *cobra.Command, args []string) error {
				p, err := loadPolicy(args[0])
				if err == nil {
					_, err = fmt.Fprintln(cmd.OutOrStdout(), p.Hash())
				}
				return err
			},
		},
		&cobra.Command{
			Use:               "print NAME",
			Short:             "Print a shipped policy, to start from",
			Args:              needs("NAME", 1),
			ValidArgsFunction: cobra.FixedCompletions(redact.PresetNames(), cobra.ShellCompDirectiveNoFileComp),
			RunE: func(cmd *cobra.Command, args []string) error {
				b, err := policySource(presetPrefix + strings.TrimPrefix(args[0], presetPrefix))
				if err == nil {
					_, err = cmd.OutOrStdout().Write(b)
				}
				return err
			},
		},
		printer("list", "List the shipped policies", func(w io.Writer) error {
			for _, n := range redact.PresetNames() {
				b, _ := redact.Preset(n)
				sayf(w, "%-14s %s\n", n, summary(b))
			}
			return nil
		}),
		printer("defaults", "Print the built-in key list and the detectors that mask", printDefaults),
		printer("detectors", "List all detectors", func(w io.Writer) error {
			return printDetectors(w, func(redact.Detector) bool { return true })
		}),
		printer("schema", "Print the JSON schema of the policy language, for editors", func(w io.Writer) error {
			_, err := w.Write(redact.Schema())
			return err
		}),
	)
	return cmd
}

// printer is a command without arguments that prints something.
func printer(name, short string, write func(io.Writer) error) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return write(cmd.OutOrStdout()) },
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

func newPolicyCheck() *cobra.Command {
	var files []string
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Compile policies; say what is wrong as file:line: field: problem, and which keys they need",
		Args:  needs("FILE", 1<<20),
		RunE: func(cmd *cobra.Command, names []string) error {
			t, err := readTraffic(files)
			if err != nil {
				return err
			}
			var errs []error
			for _, name := range names {
				errs = append(errs, checkPolicy(name, t, cmd.OutOrStdout()))
			}
			return errors.Join(errs...)
		},
	}
	cmd.Flags().StringArrayVar(&files, "traffic", nil,
		"`file` of fixtures, of events of the webhook backend or its dry run, or a HAR log: rules that hit nothing in it are listed; repeatable")
	return cmd
}

// checkPolicy compiles a file and tells what it needs. A key that is not there is
// not an error of the policy: where it runs, it may be.
func checkPolicy(name string, t traffic, w io.Writer) error {
	p, err := loadPolicy(name)
	if err != nil {
		return err
	}
	sayf(w, "%s: ok, policy %s\n", name, p.Hash())
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
		sayf(w, "key %s from %s: %s\n", id, k.Source, state)
	}
	for _, warning := range p.Warnings() {
		sayf(w, "warning: %v\n", located(name, errors.New(warning)))
	}
	if p.Config().DryRun {
		sayf(w, "dry_run is on: nothing is changed\n")
	}
	if len(t.cases)+len(t.events) > 0 {
		return checkTraffic(p, t, w)
	}
	return nil
}

func printDefaults(w io.Writer) error {
	all, query := redact.DefaultKeys()
	_, err := fmt.Fprintf(w, "Keys that are denied everywhere:\n  %s\n\nKeys that are denied in query strings too:\n  %s\n\n"+
		"Keys that are denied in header fields too:\n  %s\n\nKeys that are denied in content too:\n  %s\n\nDetectors that mask:\n",
		strings.Join(all, "\n  "), strings.Join(query, "\n  "),
		strings.Join(redact.DefaultHeaderKeys(), "\n  "), strings.Join(redact.DefaultBodyKeys(), "\n  "))
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
