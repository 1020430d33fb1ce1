// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/apispan/apispan/cmd/apispan/internal/doctor"
)

// newCheck examines a Collector configuration, the machine and the backends.
func newCheck() *cobra.Command {
	var o doctor.Options
	cmd := &cobra.Command{
		Use:     "check CONFIG...",
		Aliases: []string{"doctor"},
		Short:   "Check a Collector configuration, the machine and the backends",
		GroupID: groupCollector,
		RunE: func(cmd *cobra.Command, files []string) error {
			if len(files) == 0 {
				return errors.New("no configuration: name the files of the Collector's --config flags, in their order")
			}
			o.Files = files
			r := doctor.Examine(cmd.Context(), o)
			if err := r.Write(cmd.OutOrStdout()); err != nil {
				return err
			}
			if r.Worst() == doctor.Fail {
				return errFailed
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&o.Offline, "offline", false, "do not connect to the backends")
	cmd.Flags().DurationVar(&o.Timeout, "timeout", 5*time.Second, "how long each backend may take")
	return cmd
}
