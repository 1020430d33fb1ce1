// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redacttest

import (
	"fmt"
	"strings"

	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/redact"
)

// Places are the values of Case.Where.
//
//	request_body, response_body   content of Case.ContentType
//	query                         a query string without "?"
//	path                          a URL path; a URL if it has ':' or '?' or begins with "//"
//	url                           a URL
//	cookie                        a Cookie value, or "Set-Cookie: " and a Set-Cookie value
//	header, response_header       lines "Name: value"
//	client_ip                     an address, or header lines
//	attribute                     lines "key: value" of span, resource or log attributes
//	text                          a span name, status message or exception text
func Places() []string {
	return []string{
		"request_body", "response_body", "query", "path", "url", "cookie",
		"header", "response_header", "client_ip", "attribute", "text",
	}
}

// Result is what became of the value of a case.
type Result struct {
	Input, Output string
	// Removed: the whole value is to be deleted; Output is empty.
	Removed bool
	Stats   redact.Stats
	Counts  []redact.Count
	// Decisions are the counts by the place that the values stood in.
	Decisions []redact.Decision
}

// Redact returns what p makes of the value of the case.
func (c *Case) Redact(p *redact.Policy) (string, error) {
	s := p.NewScratch()
	defer s.Release()
	in, err := c.Raw()
	if err != nil {
		return "", err
	}
	out, _, err := c.redact(s, in)
	return out, err
}

// Run is Redact with statistics.
func (c *Case) Run(p *redact.Policy) (Result, error) {
	s := p.NewScratch()
	defer s.Release()
	in, err := c.Raw()
	if err != nil {
		return Result{}, err
	}
	s.Explain()
	out, ef, err := c.redact(s, in)
	if err != nil {
		return Result{}, err
	}
	r := Result{Input: in, Output: out, Removed: ef == redact.Removed, Stats: s.Stats()}
	r.Counts = append(r.Counts, s.Counts()...)
	r.Decisions = append(r.Decisions, s.Decisions()...)
	return r, nil
}

// RunWith runs the case with a Scratch of the caller, who wants what it counts.
func (c *Case) RunWith(s *redact.Scratch) error {
	in, err := c.Raw()
	if err == nil {
		_, _, err = c.redact(s, in)
	}
	return err
}

func (c *Case) exchange() (redact.Exchange, error) {
	ex := redact.Exchange{
		Method: strings.ToUpper(c.Exchange.Method), Host: c.Exchange.Host, Route: c.Exchange.Route,
		Path: c.Exchange.Path, Status: c.Exchange.Status, Tenant: c.Exchange.Tenant, Fields: &c.Exchange,
		RequestContentType: c.ContentType, ResponseContentType: c.ContentType,
		RequestTruncated: c.Truncated, ResponseTruncated: c.Truncated,
	}
	switch c.Exchange.Direction {
	case "":
	case "incoming":
		ex.Direction = redact.Incoming
	case "outgoing":
		ex.Direction = redact.Outgoing
	default:
		return ex, fmt.Errorf("%s: exchange.direction: %q is not known; write incoming or outgoing", c.Name(), c.Exchange.Direction)
	}
	return ex, nil
}

// redact runs a case through the exported methods, as a span processor would.
func (c *Case) redact(s *redact.Scratch, in string) (out string, ef redact.Effect, err error) {
	ex, err := c.exchange()
	if err != nil {
		return "", 0, err
	}
	s.Begin(ex)
	switch c.Where {
	case "request_body":
		out, ef = s.Attribute(httpattr.RequestBody, in)
	case "response_body":
		out, ef = s.Attribute(httpattr.ResponseBody, in)
	case "query":
		out, ef = s.Attribute(httpattr.URLQuery, in)
	case "path":
		if strings.Contains(in, ":") || strings.Contains(in, "?") || strings.HasPrefix(in, "//") {
			out, ef = s.Attribute(httpattr.URLFull, in)
		} else {
			out, ef = s.Attribute(httpattr.URLPath, in)
		}
	case "url":
		out, ef = s.Attribute(httpattr.URLFull, in)
	case "cookie":
		side, name, v := redact.Request, "cookie", in
		if rest, ok := strings.CutPrefix(in, "Set-Cookie:"); ok {
			side, name, v = redact.Response, "set-cookie", strings.TrimSpace(rest)
		}
		out, ef = s.Header(side, name, v)
	case "client_ip":
		if strings.Contains(in, ": ") {
			out = headerLines(s, httpattr.RequestHeaderPrefix, in)
		} else {
			out, ef = s.Attribute(httpattr.ClientAddress, in)
		}
	case "header":
		out = headerLines(s, httpattr.RequestHeaderPrefix, in)
	case "response_header":
		out = headerLines(s, httpattr.ResponseHeaderPrefix, in)
	case "attribute":
		out = headerLines(s, "", in)
	case "text":
		out, ef = s.Text(in)
	default:
		return "", 0, fmt.Errorf("%s: unknown where %q; known: %s", c.Name(), c.Where, strings.Join(Places(), ", "))
	}
	if ef == redact.Removed {
		out = ""
	}
	return out, ef, nil
}

// headerLines takes each line as one field; a removed field leaves no line.
func headerLines(s *redact.Scratch, prefix, in string) string {
	var out strings.Builder
	for line := range strings.SplitSeq(strings.ReplaceAll(in, "\r\n", "\n"), "\n") {
		name, v, ok := strings.Cut(line, ":")
		if !ok {
			if line != "" { // no field: nothing says what it is
				out.WriteString("[REDACTED:malformed]")
			}
			out.WriteString("\r\n")
			continue
		}
		key := prefix + strings.ToLower(strings.TrimSpace(name))
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
