// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"github.com/apispan/apispan/redact"
)

// maxValues bounds what token and decrypt read.
const maxValues = 64 << 20

// values reads standard input: one value a line, or all of it as one.
func values(in io.Reader, raw bool) ([][]byte, error) {
	b, err := io.ReadAll(io.LimitReader(in, maxValues+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxValues {
		return nil, fmt.Errorf("the input is longer than %d bytes", maxValues)
	}
	if raw {
		return [][]byte{b}, nil
	}
	lines := bytes.Split(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))
	for i, l := range lines {
		lines[i] = bytes.TrimSuffix(l, []byte("\r"))
	}
	return lines, nil
}

// eachLine writes what f makes of each value of standard input. Errors name the
// line; the value stays out of them.
func eachLine(cmd *cobra.Command, policy string, raw bool, f func(*redact.Policy, []byte) ([]byte, error)) error {
	if policy == "" {
		return errors.New("no policy: give --policy FILE")
	}
	p, err := loadPolicy(policy)
	if err != nil {
		return err
	}
	vs, err := values(cmd.InOrStdin(), raw)
	if err != nil {
		return err
	}
	var errs []error
	for i, v := range vs {
		out, err := f(p, v)
		if err != nil {
			err = errors.New(strings.TrimPrefix(err.Error(), "token: "))
			if len(vs) > 1 {
				err = fmt.Errorf("line %d: %w", i+1, err)
			}
			errs = append(errs, err)
			continue
		}
		if _, err := cmd.OutOrStdout().Write(append(out, '\n')); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}

// newToken prints the tokens of values. They come from standard input only:
// arguments are seen by other users and kept in shell histories.
func newToken() *cobra.Command {
	var policy, kid, scope string
	var low, raw bool
	cmd := &cobra.Command{
		Use:   "token --policy FILE < values",
		Short: "Make the tokens of values, to search for them",
		Long: `Reads values from standard input, one a line, and prints the token that the hmac
action makes of each. Arguments would be seen by other users.`,
		Example: "  echo u-17 | apispan token --policy policy.yaml",
		GroupID: groupPolicy,
		Args:    arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return eachLine(cmd, policy, raw, func(p *redact.Policy, v []byte) ([]byte, error) {
				if low {
					v = bytes.ToLower(v)
				}
				t, err := p.Token(kid, scope, canonical(v))
				return []byte(t), err
			})
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&policy, "policy", "", policyUsage)
	fs.StringVar(&kid, "kid", "", "key `id`, active or retired, or a rotation period; default the active key")
	fs.StringVar(&scope, "scope", "", "`scope` of the rule that makes the tokens")
	fs.BoolVar(&low, "lower", false, "lower the values first, as rules with lower: true do")
	fs.BoolVar(&raw, "raw", false, "all of the input, line ends too, is one value")
	return cmd
}

const policyUsage = "policy `file` in YAML that names the keys"

// canonical brings an address into the text that its token is made of, as the
// hmac action does.
func canonical(v []byte) []byte {
	a, err := netip.ParseAddr(string(v))
	if err != nil || a.Zone() != "" {
		return v
	}
	return []byte(a.Unmap().String())
}

// newDecrypt prints the values behind ciphertexts.
func newDecrypt() *cobra.Command {
	var policy string
	cmd := &cobra.Command{
		Use:     "decrypt --policy FILE < texts",
		Short:   "Recover values that the encrypt action replaced",
		Long:    "Reads texts enc:v1:… from standard input, one a line, and prints the values: give it\nonly to those who may see them, together with the key.",
		GroupID: groupPolicy,
		Args:    arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return eachLine(cmd, policy, false, func(p *redact.Policy, v []byte) ([]byte, error) {
				return p.Decrypt(string(bytes.TrimSpace(v)))
			})
		},
	}
	cmd.Flags().StringVar(&policy, "policy", "", policyUsage)
	return cmd
}
