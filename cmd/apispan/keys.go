// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"strings"
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

// eachLine writes what f makes of each value. Errors name the line; the value
// stays out of them.
func eachLine(s streams, vs [][]byte, f func([]byte) ([]byte, error)) error {
	var errs []error
	for i, v := range vs {
		out, err := f(v)
		if err != nil {
			err = errors.New(strings.TrimPrefix(err.Error(), "token: "))
			if len(vs) > 1 {
				err = fmt.Errorf("line %d: %w", i+1, err)
			}
			errs = append(errs, err)
			continue
		}
		if _, err := s.out.Write(append(out, '\n')); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}

// runToken prints the tokens of values. They come from standard input only:
// arguments are seen by other users and kept in shell histories.
func runToken(args []string, s streams) error {
	fs := flag.NewFlagSet("token", flag.ContinueOnError)
	policy := fs.String("policy", "", "policy `file` that names the keys")
	kid := fs.String("kid", "", "key `id`, active or retired; default the active key")
	scope := fs.String("scope", "", "`scope` of the rule that makes the tokens")
	low := fs.Bool("lower", false, "lower the values first, as rules with lower: true do")
	raw := fs.Bool("raw", false, "all of the input, line ends too, is one value")
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
	vs, err := values(s.in, *raw)
	if err != nil {
		return err
	}
	return eachLine(s, vs, func(v []byte) ([]byte, error) {
		if *low {
			v = bytes.ToLower(v)
		}
		t, err := p.Token(*kid, *scope, canonical(v))
		return []byte(t), err
	})
}

// canonical brings an address into the text that its token is made of, as the
// hmac action does.
func canonical(v []byte) []byte {
	a, err := netip.ParseAddr(string(v))
	if err != nil || a.Zone() != "" {
		return v
	}
	return []byte(a.Unmap().String())
}

// runDecrypt prints the values behind ciphertexts.
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
	vs, err := values(s.in, false)
	if err != nil {
		return err
	}
	return eachLine(s, vs, func(v []byte) ([]byte, error) { return p.Decrypt(string(bytes.TrimSpace(v))) })
}
