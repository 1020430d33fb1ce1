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
	"strings"

	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/redact"
)

// Case is one input and what must become of it.
type Case struct {
	ID string `json:"id"`
	// ContentType of a body; a hint, as in traffic.
	ContentType string `json:"content_type"`
	// Where the input stood: request_body, response_body, header, cookie, query,
	// path, client_ip or text. header and client_ip take "Name: value" lines, cookie
	// a Cookie value or one that begins with "Set-Cookie:".
	Where string `json:"where"`
	// Truncated says that the producer marked the body as cut.
	Truncated bool `json:"truncated"`
	// Input is text, or after "b64:" base64 of any bytes.
	Input string `json:"input"`
	// Policy holds rules for this case alone. See Case.Compile.
	Policy CasePolicy `json:"policy"`
	// MustNotContain are strings that must be neither in the output nor in its
	// base64.
	MustNotContain []string `json:"must_not_contain"`
	// MustContain are strings that must survive.
	MustContain []string `json:"must_contain"`
	// Note says what the case is about. "stretch:" in front marks one that may fail.
	Note string `json:"note"`

	// File and Line are where the case was read.
	File string `json:"-"`
	Line int    `json:"-"`
}

// CasePolicy is a policy without defaults: key names, globs and paths by action,
// and detectors (a name, or "re:" and a regular expression) that mask.
type CasePolicy struct {
	Deny     []string `json:"deny"`
	Allow    []string `json:"allow"`
	HMAC     []string `json:"hmac"`
	Patterns []string `json:"patterns"`
}

// maxLine bounds one case.
const maxLine = 64 << 20

// Read reads cases and ignores fields that Case does not have. Errors name the
// file and the line and quote no value.
func Read(r io.Reader, file string) ([]Case, error) { return read(r, file, false) }

// ReadStrict is Read, but a field that Case does not have is an error: a misspelt
// must_not_contain checks nothing.
func ReadStrict(r io.Reader, file string) ([]Case, error) { return read(r, file, true) }

func read(r io.Reader, file string, strict bool) ([]Case, error) {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, maxLine)
	var out []Case
	ids := map[string]bool{}
	for line := 1; sc.Scan(); line++ {
		text := strings.TrimSpace(sc.Text())
		if text == "" || strings.HasPrefix(text, "//") {
			continue
		}
		c := Case{File: file, Line: line}
		if err := decode(text, &c, strict); err != nil {
			return nil, fmt.Errorf("redacttest: %s:%d: not a case: %w", file, line, hideValue(err))
		}
		if c.ID == "" {
			c.ID = fmt.Sprintf("line %d", line)
		}
		if ids[c.ID] {
			return nil, fmt.Errorf("redacttest: %s:%d: id %q is taken", file, line, c.ID)
		}
		ids[c.ID] = true
		out = append(out, c)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("redacttest: %s: %w", file, err)
	}
	return out, nil
}

func decode(text string, c *Case, strict bool) error {
	if !strict {
		return json.Unmarshal([]byte(text), c)
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(c); err != nil {
		return err
	}
	if d.More() {
		return errors.New("more than one value on a line")
	}
	return nil
}

// hideValue keeps what encoding/json says about the place and drops what it quotes.
func hideValue(err error) error {
	switch e := err.(type) {
	case *json.SyntaxError:
		return fmt.Errorf("invalid JSON at byte %d", e.Offset)
	case *json.UnmarshalTypeError:
		return fmt.Errorf("field %q must be %s", e.Field, e.Type)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("unknown field %s; known: id, where, content_type, truncated, input, policy, must_not_contain, must_contain, note", name)
	}
	return errors.New("invalid JSON")
}

// Stretch reports whether the case may fail.
func (c *Case) Stretch() bool { return strings.HasPrefix(c.Note, "stretch") }

// Raw returns the input as it stood on the wire.
func (c *Case) Raw() (string, error) {
	enc, ok := strings.CutPrefix(c.Input, "b64:")
	if !ok {
		return c.Input, nil
	}
	b, err := base64.StdEncoding.DecodeString(enc)
	if err != nil {
		return "", fmt.Errorf("redacttest: %s: input is not base64 after b64:", c.ID)
	}
	return string(b), nil
}

// Compile compiles the policy of the case, with a fixed key for tokens.
func (c *Case) Compile() (*redact.Policy, error) {
	cfg := redact.Config{
		HMAC:     redact.HMAC{Keys: []redact.HMACKey{{ID: "k1", Value: "0123456789abcdef0123456789abcdef"}}},
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

// Redact runs the case through s in the way of a span processor, and returns what
// would leave. ex gives what scoped rules ask for; its content types are set from
// the case. Counts of s are about this case afterwards.
func (c *Case) Redact(s *redact.Scratch, ex redact.Exchange) (string, error) {
	in, err := c.Raw()
	if err != nil {
		return "", err
	}
	ex.RequestContentType, ex.ResponseContentType = c.ContentType, c.ContentType
	ex.RequestTruncated = ex.RequestTruncated || c.Truncated
	ex.ResponseTruncated = ex.ResponseTruncated || c.Truncated
	s.Begin(ex)
	get := func(v string, ef redact.Effect) string {
		if ef == redact.Removed {
			return ""
		}
		return v
	}
	switch c.Where {
	case "request_body":
		return get(s.Attribute(httpattr.RequestBody, in)), nil
	case "response_body":
		return get(s.Attribute(httpattr.ResponseBody, in)), nil
	case "query":
		return get(s.Attribute(httpattr.URLQuery, in)), nil
	case "path":
		if strings.Contains(in, ":") || strings.Contains(in, "?") || strings.HasPrefix(in, "//") {
			return get(s.Attribute(httpattr.URLFull, in)), nil
		}
		return get(s.Attribute(httpattr.URLPath, in)), nil
	case "cookie":
		if rest, ok := strings.CutPrefix(in, "Set-Cookie:"); ok {
			return get(s.Header(redact.Response, "set-cookie", strings.TrimSpace(rest))), nil
		}
		return get(s.Header(redact.Request, "cookie", in)), nil
	case "client_ip":
		if !strings.Contains(in, ": ") {
			return get(s.Attribute(httpattr.ClientAddress, in)), nil
		}
		return redactLines(s, in), nil
	case "header":
		return redactLines(s, in), nil
	case "text":
		return get(s.Text(in)), nil
	}
	return "", fmt.Errorf("redacttest: %s: where %q is not known; write one of %s", c.ID, c.Where, strings.Join(Wheres(), ", "))
}

// Wheres lists the values of Case.Where.
func Wheres() []string {
	return []string{"request_body", "response_body", "header", "cookie", "query", "path", "client_ip", "text"}
}

// redactLines redacts header lines; a header that is removed leaves none.
func redactLines(s *redact.Scratch, in string) string {
	var out strings.Builder
	for _, line := range strings.Split(strings.ReplaceAll(in, "\r\n", "\n"), "\n") {
		name, v, ok := strings.Cut(line, ":")
		if !ok {
			if line != "" { // no field: nothing says what it is
				out.WriteString("[REDACTED:malformed]")
			}
			out.WriteString("\r\n")
			continue
		}
		key := httpattr.RequestHeaderPrefix + strings.ToLower(strings.TrimSpace(name))
		if s.AttributeKey(key) == redact.Removed {
			continue
		}
		got, ef := s.Attribute(key, strings.TrimSpace(v))
		if ef == redact.Removed {
			continue
		}
		fmt.Fprintf(&out, "%s: %s\r\n", name, got)
	}
	return out.String()
}

// Check compares an output with what the case demands: leaked are the indices of
// MustNotContain that are there, lost those of MustContain that are not.
func (c *Case) Check(out string) (leaked, lost []int) {
	enc := base64.StdEncoding.EncodeToString([]byte(out))
	for i, m := range c.MustNotContain {
		if m != "" && (strings.Contains(out, m) || strings.Contains(enc, m)) {
			leaked = append(leaked, i)
		}
	}
	for i, m := range c.MustContain {
		if !strings.Contains(out, m) {
			lost = append(lost, i)
		}
	}
	return leaked, lost
}
