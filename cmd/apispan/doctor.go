// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"time"

	"github.com/apispan/apispan/cmd/apispan/internal/doctor"
)

// runDoctor examines a Collector configuration, the machine and the backends.
func runDoctor(args []string, s streams) error {
	fs := flag.NewFlagSet("doctor", flag.ContinueOnError)
	offline := fs.Bool("offline", false, "do not connect to the backends")
	timeout := fs.Duration("timeout", 5*time.Second, "how long each backend may take")
	files, err := parseMixed(fs, args, s)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return errors.New("no configuration: name the files of the Collector's --config flags, in their order")
	}
	r := doctor.Examine(context.Background(), doctor.Options{Files: files, Offline: *offline, Timeout: *timeout})
	if err := r.Write(s.out); err != nil {
		return err
	}
	if r.Worst() == doctor.Fail {
		return errFailed
	}
	return nil
}
