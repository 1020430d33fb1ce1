// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/apispan/apispan/cmd/apispan/internal/inspector"
)

// whereFlags are the flags that say which inspector.
func whereFlags(flags *pflag.FlagSet, w *inspector.Where) {
	flags.StringVar(&w.Address, "address", "", "`URL` of the inspector, such as the link that the Collector prints; default "+inspector.AddressEnv+", else "+inspector.DefaultAddress)
	flags.StringVar(&w.Token, "token", "", "`token`, unless it is in the address; default "+inspector.TokenEnv)
	flags.StringVar(&w.TokenFile, "token-file", "", "`file` that holds the token")
}

// newTail prints the exchanges that an inspector sees.
func newTail() *cobra.Command {
	var (
		w    inspector.Where
		t    inspector.Tail
		fail bool
	)
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Print exchanges as they pass a Collector with the extension api_inspector",
		Long: `Prints a line for each exchange that the inspector of a Collector sees and the query
takes, as they pass. The query is that of the inspector's page: method:POST status:5xx
-route:/health req.$.user.email:* "free text". What was captured is printed without
anything that a terminal would act on. It reconnects by itself.

For CI: --expect none (or --fail-if-any) ends with exit code 1 if the query takes an
exchange: some that are kept already, which are all printed, or the first that comes in
the time of --for; --expect any ends with 0 then, and with 1 if none came. Exchanges of
which the inspector kept no details make "none" fail, too, since nobody has looked.`,
		Example: `  apispan tail -q 'status:5xx' --address 'http://127.0.0.1:8089/?t=…'
  apispan tail -q 'req.$.email:*' --fail-if-any --for 30s --wait 20s
  apispan tail --json | jq .route`,
		GroupID: groupCollector,
		Args:    arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			flags := cmd.Flags()
			switch {
			case fail && flags.Changed("expect") && t.Expect != inspector.ExpectNone:
				return fmt.Errorf("--fail-if-any and --expect %s contradict each other: keep one of them", t.Expect)
			case fail:
				t.Expect = inspector.ExpectNone
			}
			switch t.Expect {
			case "", inspector.ExpectNone, inspector.ExpectAny:
			default:
				return fmt.Errorf("--expect %q is unknown: write none or any", t.Expect)
			}
			if flags.Changed("for") && t.For < 0 || t.Wait < 0 {
				return fmt.Errorf("--for and --wait are durations such as 30s, and not negative")
			}
			if !flags.Changed("for") {
				t.For = -1
			}
			if t.Expect != "" && !flags.Changed("last") {
				t.Last = -1
			}
			c, err := inspector.New(w)
			if err != nil {
				return err
			}
			t.Client, t.Out, t.Err = c, cmd.OutOrStdout(), cmd.ErrOrStderr()
			ok, err := t.Run(cmd.Context())
			if err == nil && !ok {
				return errFailed
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&t.Query, "query", "q", "", "`query`; default all exchanges")
	flags.BoolVar(&t.JSON, "json", false, "a JSON object a line")
	flags.IntVarP(&t.Last, "last", "n", 10, "`number` of exchanges that have passed already to begin with, -1 for all that are kept; all with --expect")
	flags.DurationVar(&t.For, "for", 0, "end after this `time`; 0s ends after what is kept; default never")
	flags.DurationVar(&t.Wait, "wait", 0, "how long the inspector may take to appear")
	flags.StringVar(&t.Expect, "expect", "", "`none` or any: what to expect, see above")
	flags.BoolVar(&fail, "fail-if-any", false, "the same as --expect none")
	whereFlags(flags, &w)
	words(cmd, "expect", inspector.ExpectNone, inspector.ExpectAny)
	return cmd
}

// fieldsWindow is all that the inventory holds.
const fieldsWindow = 7 * 24 * time.Hour
