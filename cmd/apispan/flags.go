// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/apispan/apispan/internal/confkeys"
)

// twoDashes rewrites -flag to --flag: package flag, which this command used before,
// took both, and so do scripts that were written then. What is the value of a flag,
// or stands behind "--", stays as it is.
func twoDashes(root *cobra.Command, args []string) []string {
	out := append([]string(nil), args...)
	last := len(out)
	start := 0
	if len(out) > 0 && strings.HasPrefix(out[0], cobra.ShellCompRequestCmd) {
		start, last = 1, len(out)-1 // the word that is being completed is left to the shell
	}
	cmd := root
	for i := start; i < last; i++ {
		a := out[i]
		switch {
		case a == "--":
			return out
		case len(a) < 2 || a[0] != '-':
			if sub := child(cmd, a); sub != nil {
				cmd = sub
			}
			continue
		case len(a) > 2 && a[1] != '-':
			out[i] = "-" + a
		}
		name, _, hasValue := strings.Cut(strings.TrimLeft(a, "-"), "=")
		if f := cmd.Flags().Lookup(name); f != nil && f.NoOptDefVal == "" && !hasValue {
			i++ // the value
		}
	}
	return out
}

func child(cmd *cobra.Command, name string) *cobra.Command {
	for _, c := range cmd.Commands() {
		if c.Name() == name || c.HasAlias(name) {
			return c
		}
	}
	return nil
}

// flagError names the flag that may have been meant.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	name := unknown.GetSpecifiedName()
	if near := confkeys.Nearest(name, known); near != "" {
		return fmt.Errorf("unknown flag --%s: did you mean --%s?", name, near)
	}
	return fmt.Errorf("unknown flag --%s; see %s --help", name, cmd.CommandPath())
}

// words completes a flag with one of a few values.
func words(cmd *cobra.Command, flag string, values ...string) {
	// It fails only for a flag that does not exist, which the tests would see.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// arguments refuses more than most arguments.
func arguments(most int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > most {
			return fmt.Errorf("unexpected argument %q", args[most])
		}
		return nil
	}
}

// needs asks for one to most arguments.
func needs(what string, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("%s needs an argument: %s %s", cmd.Name(), cmd.CommandPath(), what)
		}
		return arguments(most)(cmd, args)
	}
}
