// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/apispan/apispan/redact/redacttest"
)

// maxInput bounds what is read of one fixture.
const maxInput = 256 << 20

// read returns the cases of the files, or of standard input if there are none.
func (f *redactFlags) read(cmd *cobra.Command) ([]redacttest.Case, error) {
	if f.corpus != "" {
		return redacttest.Load(redacttest.Lenient, f.corpus)
	}
	// These describe a value, so that naming one says that the fixtures are values.
	for _, name := range []string{"where", "content-type", "output"} {
		if f.input == "" && cmd.Flags().Changed(name) {
			f.input = inputValue
		}
	}
	var out []redacttest.Case
	add := func(r io.Reader, name string) error {
		b, err := io.ReadAll(io.LimitReader(r, maxInput+1))
		if err != nil {
			return err
		}
		if len(b) > maxInput {
			return fmt.Errorf("%s: longer than %d bytes", name, maxInput)
		}
		cases, err := f.cases(b, name)
		out = append(out, cases...)
		return err
	}
	if len(f.files) == 0 {
		if err := add(cmd.InOrStdin(), "stdin"); err != nil {
			return nil, err
		}
	}
	for _, name := range f.files {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		err = add(file, name)
		_ = file.Close()
		if err != nil {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no cases in the input")
	}
	return out, nil
}

// cases reads one fixture file. Flags fill in what a case leaves open.
func (f *redactFlags) cases(b []byte, name string) ([]redacttest.Case, error) {
	if f.input == inputValue || f.input == "" && !looksLikeCase(b) {
		return []redacttest.Case{{
			ID: name, Where: f.where, ContentType: f.contentType, Truncated: f.truncated, Exchange: f.ex,
			Input: "b64:" + base64.StdEncoding.EncodeToString(f.value(b)), // any bytes survive
		}}, nil
	}
	cases, err := redacttest.Read(bytes.NewReader(b), name, redacttest.Strict)
	for i := range cases {
		c := &cases[i]
		c.Truncated = c.Truncated || f.truncated
		if c.Exchange.IsZero() {
			c.Exchange = f.ex
		}
	}
	return cases, err
}

// value takes the line end off a value that has none of its own: only bodies may
// end in one.
func (f *redactFlags) value(b []byte) []byte {
	if f.where == bodyRequest || f.where == "response_body" {
		return b
	}
	return bytes.TrimRight(b, "\r\n")
}

// looksLikeCase reports whether the first line is an object with where and input.
func looksLikeCase(b []byte) bool {
	for len(b) > 0 {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		line = bytes.TrimSpace(line)
		if b = rest; len(line) == 0 || bytes.HasPrefix(line, []byte("//")) {
			continue
		}
		var c map[string]json.RawMessage
		if json.Unmarshal(line, &c) != nil {
			return false
		}
		_, where := c["where"]
		_, input := c["input"]
		return where && input
	}
	return false
}
