// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redacttest

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/apispan/apispan/redact"
)

// Case is one captured value and what has to become of it.
type Case struct {
	// ID names the case in reports. Default: file and line.
	ID string `json:"id"`
	// Where is the part of the exchange that the value stands in; Places lists the
	// names.
	Where string `json:"where"`
	// ContentType is the Content-Type of a body, as received.
	ContentType string `json:"content_type"`
	// Input is the value. "b64:" stands before base64 (RFC 4648) of raw bytes.
	Input string `json:"input"`
	// Truncated says that the producer marked the body as cut off.
	Truncated bool `json:"truncated"`
	// Exchange is for scoped rules. Absent fields are unknown.
	Exchange Exchange `json:"exchange"`
	// Policy holds the rules of a case that brings its own; see Case.Compile.
	Policy Rules `json:"policy"`
	// MustNotContain are the secrets: none of them may be in the output.
	MustNotContain []string `json:"must_not_contain"`
	// MustContain are texts that have to survive.
	MustContain []string `json:"must_contain"`
	// Note is free text. A case whose note begins with "stretch" is scored apart.
	Note string `json:"note"`

	// File and Line say where the case was read from.
	File string `json:"-"`
	Line int    `json:"-"`
}

// Exchange is what scoped rules select by.
type Exchange struct {
	Method string `json:"method"`
	Host   string `json:"host"`
	Route  string `json:"route"`
	// Path is the path where Route is a template.
	Path string `json:"path"`
	// Direction is incoming, outgoing or empty.
	Direction string `json:"direction"`
	Status    int    `json:"status"`
	Tenant    string `json:"tenant"`
	// Header and ResponseHeader are values of header fields by lower-case name.
	Header         map[string]string `json:"header"`
	ResponseHeader map[string]string `json:"response_header"`
}

// IsZero reports whether nothing is known.
func (e *Exchange) IsZero() bool {
	return e.Method+e.Host+e.Route+e.Path+e.Direction+e.Tenant == "" && e.Status == 0 && len(e.Header)+len(e.ResponseHeader) == 0
}

// Field implements redact.Fields.
func (e *Exchange) Field(side redact.Side, name string) ([]string, bool) {
	m := e.Header
	if side == redact.Response {
		m = e.ResponseHeader
	}
	v, ok := m[name]
	return []string{v}, ok
}

// Rules is the small policy that a case of a corpus carries. Names are those of
// keys.deny, keys.allow and keys.hmac; a pattern is the name of a detector or
// "re:" and a regular expression.
type Rules struct {
	Deny     []string `json:"deny"`
	Allow    []string `json:"allow"`
	HMAC     []string `json:"hmac"`
	Patterns []string `json:"patterns"`
}

// Stretch reports whether the case is one that is scored apart.
func (c *Case) Stretch() bool { return strings.HasPrefix(c.Note, "stretch") }

// Raw returns the value that Input stands for.
func (c *Case) Raw() (string, error) {
	enc, ok := strings.CutPrefix(c.Input, "b64:")
	if !ok {
		return c.Input, nil
	}
	b, err := base64.StdEncoding.DecodeString(enc)
	if err != nil {
		return "", fmt.Errorf("%s: input: what follows b64: is not base64", c.Name())
	}
	return string(b), nil
}

// Name is the id, or file and line for want of one.
func (c *Case) Name() string {
	if c.ID != "" {
		return c.ID
	}
	return fmt.Sprintf("%s:%d", c.File, c.Line)
}

// corpusKey is the HMAC key of Compile. It is public and protects nothing.
const corpusKey = "0123456789abcdef0123456789abcdef"

// Compile makes a policy of the rules of the case and nothing else: no built-in
// list, no default detectors. Its HMAC key "k1" is fixed and public. A case without
// "policy" runs under the preset "default".
func (c *Case) Compile() (*redact.Policy, error) {
	if !c.Policy.given() {
		return defaultPolicy()
	}
	cfg := redact.Config{
		HMAC:     redact.HMAC{Keys: []redact.HMACKey{{ID: "k1", Value: corpusKey}}},
		Patterns: map[string]string{},
	}
	rules := func(names []string) (out []redact.KeyRule) {
		for _, n := range names {
			out = append(out, redact.KeyRule{Name: n})
		}
		return out
	}
	cfg.Keys = redact.Keys{Deny: rules(c.Policy.Deny), Allow: rules(c.Policy.Allow), HMAC: rules(c.Policy.HMAC)}
	for i, p := range c.Policy.Patterns {
		if re, ok := strings.CutPrefix(p, "re:"); ok {
			cfg.Regex = append(cfg.Regex, redact.Regex{ID: fmt.Sprintf("re%d", i), Regex: re, Action: "mask"})
			continue
		}
		cfg.Patterns[p] = "mask"
	}
	return redact.CompileConfig(cfg)
}

// given reports whether the case has a policy, which may be an empty one.
func (r *Rules) given() bool {
	return r.Deny != nil || r.Allow != nil || r.HMAC != nil || r.Patterns != nil
}

// defaultPolicy is compiled once: it is immutable and safe for concurrent use.
var defaultPolicy = sync.OnceValues(func() (*redact.Policy, error) {
	y, _ := redact.Preset("default")
	return redact.Compile(y)
})

// maxLine bounds one case.
const maxLine = 64 << 20

// Reading says how strict Read is.
type Reading uint8

const (
	// Lenient ignores fields that Case does not have, as other people's corpora may.
	Lenient Reading = iota
	// Strict makes them an error: a misspelt must_not_contain checks nothing.
	Strict
)

// Read reads cases, one JSON object per line. Empty lines and lines that begin
// with // are passed over. Errors name the file and line and quote nothing.
func Read(r io.Reader, name string, how Reading) ([]Case, error) {
	var out []Case
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, maxLine)
	for line := 1; sc.Scan(); line++ {
		text := strings.TrimSpace(sc.Text())
		if text == "" || strings.HasPrefix(text, "//") {
			continue
		}
		c := Case{File: name, Line: line}
		if err := decode(text, &c, how); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, line, err)
		}
		out = append(out, c)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out, nil
}

func decode(text string, c *Case, how Reading) error {
	dec := json.NewDecoder(strings.NewReader(text))
	if how == Strict {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(c); err != nil {
		return decodeError(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value on the line; write one case per line")
	}
	return nil
}

// decodeError says what is wrong without quoting the line.
func decodeError(err error) error {
	var typ *json.UnmarshalTypeError
	var syn *json.SyntaxError
	switch {
	case errors.As(err, &typ):
		return fmt.Errorf("%s: must be a %s", orCase(typ.Field), typ.Type.Kind())
	case errors.As(err, &syn), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("not a JSON object; write one case per line, or give -where for a plain value")
	}
	if f, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("unknown field %s; known: id, where, content_type, input, truncated, exchange, policy, "+
			"must_not_contain, must_contain, note", f)
	}
	return errors.New("not a case")
}

func orCase(field string) string {
	if field == "" {
		return "the line"
	}
	return field
}

// Load reads files and reports ids that are used twice.
func Load(how Reading, files ...string) ([]Case, error) {
	var out []Case
	seen := map[string]string{}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		cases, err := Read(f, name, how)
		_ = f.Close()
		if err != nil {
			return nil, err
		}
		for _, c := range cases {
			at := fmt.Sprintf("%s:%d", c.File, c.Line)
			if first, ok := seen[c.ID]; ok && c.ID != "" {
				return nil, fmt.Errorf("%s: id %q is taken by %s", at, c.ID, first)
			}
			seen[c.ID] = at
		}
		out = append(out, cases...)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no cases in %s", strings.Join(files, ", "))
	}
	return out, nil
}
