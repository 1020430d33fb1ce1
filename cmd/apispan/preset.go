// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/apispan/apispan/internal/confpreset"
)

// newPreset prints the configurations that otelcol-apispan has built in.
func newPreset() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "preset",
		Short:   "Print and list the configurations that otelcol-apispan starts with by --config preset:NAME",
		GroupID: groupCollector,
		Args:    noCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return needsCommand(cmd) },
	}
	cmd.AddCommand(
		&cobra.Command{
			Use:               "print NAME",
			Short:             "Print one, to start from",
			Args:              needs("NAME", 1),
			ValidArgsFunction: cobra.FixedCompletions(confpreset.Names(), cobra.ShellCompDirectiveNoFileComp),
			RunE: func(cmd *cobra.Command, args []string) error {
				text, ok := confpreset.Text(strings.TrimPrefix(args[0], presetPrefix))
				if !ok {
					return fmt.Errorf("there is no preset %q: there are %s", args[0], strings.Join(confpreset.Names(), ", "))
				}
				_, err := cmd.OutOrStdout().Write(text)
				return err
			},
		},
		printer("list", "List them", func(w io.Writer) error {
			for _, name := range confpreset.Names() {
				text, _ := confpreset.Text(name)
				sayf(w, "%-14s %s\n", name, summary(text))
			}
			return nil
		}),
	)
	return cmd
}
