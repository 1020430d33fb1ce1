// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // a leak, a missed expectation, a failed check
	exitUsage  = 2 // wrong arguments, unusable policy or input
)

// errFailed is returned when everything ran but a check did not hold; the report
// has been written.
var errFailed = errors.New("checks failed")

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(args []string, in io.Reader, out, errOut io.Writer) int {
	root := newRoot()
	root.SetArgs(twoDashes(root, args))
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	switch cmd, err := root.ExecuteC(); {
	case err == nil:
		return exitOK
	case errors.Is(err, errFailed):
		return exitFailed
	default:
		name := "apispan"
		if top := topOf(cmd); top != "" {
			name += " " + top
		}
		for l := range strings.SplitSeq(strings.TrimSpace(err.Error()), "\n") {
			sayf(errOut, "%s: %s\n", name, strings.TrimSpace(l))
		}
		return exitUsage
	}
}

// topOf is the name of the command below the root that cmd belongs to.
func topOf(cmd *cobra.Command) string {
	for cmd.HasParent() && cmd.Parent().HasParent() {
		cmd = cmd.Parent()
	}
	if !cmd.HasParent() {
		return ""
	}
	return cmd.Name()
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "apispan",
		Short: "Test redaction policies, check Collector configurations, make and read tokens",
		Long: `Tests redaction policies before they meet traffic, checks Collector configurations
before they are started, and handles what policies make: tokens and ciphertexts.

It prints captured values only if --show-values asks for it; tail prints what the
inspector shows. Only check opens network connections to others, the backends that a
configuration names; tail and fields ask the inspector of a Collector.

Exit codes: 0 fine, 1 a leak, a missed expectation or a failed check,
2 wrong usage, unusable policy or input.`,
		Example: `  apispan check /etc/otelcol-apispan/config.yaml
  apispan policy check policy.yaml
  apispan redact --policy policy.yaml --expect-absent hunter2 < body.json`,
		Args:          noCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return needsCommand(cmd) },
		Version:       versionText(),
		SilenceErrors: true, // run writes them
		SilenceUsage:  true, // a message that names the mistake says more than a page
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.PersistentFlags().SortFlags = false
	root.AddGroup(
		&cobra.Group{ID: groupPolicy, Title: "Policies:"},
		&cobra.Group{ID: groupCollector, Title: "The Collector:"},
		&cobra.Group{ID: groupOther, Title: "Other:"},
	)
	root.AddCommand(newRedact(), newPolicy(), newToken(), newDecrypt(), newCheck(), newTail(), newFields(), newPreset(), newVersion())
	root.SetHelpCommandGroupID(groupOther)
	root.SetCompletionCommandGroupID(groupOther)
	return root
}

const (
	groupPolicy    = "policy"
	groupCollector = "collector"
	groupOther     = "other"
)

// needsCommand is the answer to a command that only has commands below it.
func needsCommand(cmd *cobra.Command) error {
	sayf(cmd.ErrOrStderr(), "%s\n", cmd.UsageString())
	return errors.New("no command given; see " + cmd.CommandPath() + " --help")
}

// noCommand names the command that is unknown, and those that may have been meant.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q", args[0])
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return errors.New(text + ": did you mean " + strings.Join(near, " or ") + "?")
	}
	return errors.New(text + "; see " + cmd.CommandPath() + " --help")
}

// sayf writes to a standard stream. A reader that went away is its own fault.
func sayf(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...)
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		GroupID: groupOther,
		Args:    arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), versionText())
			return err
		},
	}
}
