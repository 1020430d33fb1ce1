// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// maxValue bounds the value that token and decrypt read.
const maxValue = 16 << 20

// value reads standard input without the line end that a shell adds.
func value(in io.Reader, raw bool) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(in, maxValue+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxValue {
		return nil, fmt.Errorf("the value is longer than %d bytes", maxValue)
	}
	if !raw {
		b = bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
	}
	return b, nil
}

// runToken prints the token of a value. The value comes from standard input only:
// arguments are seen by other users and kept in shell histories.
func runToken(args []string, s streams) error {
	fs := flag.NewFlagSet("token", flag.ContinueOnError)
	policy := fs.String("policy", "", "policy `file` that names the keys")
	kid := fs.String("kid", "", "key `id`, active or retired; default the active key")
	scope := fs.String("scope", "", "`scope` of the rule that makes the tokens")
	low := fs.Bool("lower", false, "lower the value first, as rules with lower: true do")
	raw := fs.Bool("raw", false, "keep the line end of the input as part of the value")
	if err := parse(fs, args, s, 0); err != nil {
		return err
	}
	if *policy == "" {
		return errors.New("no policy: give -policy FILE")
	}
	p, err := loadPolicy(*policy)
	if err != nil {
		return err
	}
	v, err := value(s.in, *raw)
	if err != nil {
		return err
	}
	if *low {
		v = []byte(strings.ToLower(string(v)))
	}
	t, err := p.Token(*kid, *scope, v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, t)
	return err
}

// runDecrypt prints the value behind a ciphertext.
func runDecrypt(args []string, s streams) error {
	fs := flag.NewFlagSet("decrypt", flag.ContinueOnError)
	policy := fs.String("policy", "", "policy `file` that names the keys")
	if err := parse(fs, args, s, 0); err != nil {
		return err
	}
	if *policy == "" {
		return errors.New("no policy: give -policy FILE")
	}
	p, err := loadPolicy(*policy)
	if err != nil {
		return err
	}
	text, err := value(s.in, false)
	if err != nil {
		return err
	}
	plain, err := p.Decrypt(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	_, err = s.out.Write(append(plain, '\n'))
	return err
}
