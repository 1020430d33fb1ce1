// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/apispan/apispan/cmd/apispan/internal/check"
)

// newCheck examines a Collector configuration, the machine and the backends.
func newCheck() *cobra.Command {
	var o check.Options
	cmd := &cobra.Command{
		Use:     "check CONFIG...",
		Aliases: []string{"doctor"},
		Short:   "Check a Collector configuration, the machine and the backends",
		Long: `Checks the files that a Collector is started with, and looks at the machine and the
backends: unknown keys and missing values, what is named and not defined, what loses
data, leaks data or surprises. If otelcol-apispan is on PATH, or --collector names a
binary, its own validation is asked, too. One GET request goes to each backend with its
credential and no event; --offline leaves that out.

Run it where the Collector runs, with the same environment. Exit code 1 if a check
fails; warnings are yours to judge.`,
		Example: `  apispan check /etc/otelcol-apispan/config.yaml
  apispan check --offline --collector ./otelcol-apispan base.yaml site.yaml`,
		GroupID: groupCollector,
		RunE: func(cmd *cobra.Command, files []string) error {
			if len(files) == 0 {
				return errors.New("no configuration: name the files of the Collector's --config flags, in their order")
			}
			o.Files = files
			r := check.Examine(cmd.Context(), o)
			if err := r.Write(cmd.OutOrStdout()); err != nil {
				return err
			}
			if r.Worst() == check.Fail {
				return errFailed
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&o.Offline, "offline", false, "do not connect to the backends")
	cmd.Flags().DurationVar(&o.Timeout, "timeout", 5*time.Second, "how long each backend may take")
	cmd.Flags().StringVar(&o.Collector, "collector", "", "`path` of the Collector's binary; default otelcol-apispan on PATH, none to ask none")
	return cmd
}
