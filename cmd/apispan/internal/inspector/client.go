// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package inspector speaks to the HTTP interface of the extension api_inspector.
package inspector

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"
)

const (
	// DefaultAddress is where the extension listens by default.
	DefaultAddress = "http://127.0.0.1:8089"
	// AddressEnv and TokenEnv are read where no flag says otherwise. The address may be the
	// link that the Collector prints, with the token in it.
	AddressEnv = "APISPAN_INSPECTOR"
	TokenEnv   = "APISPAN_INSPECTOR_TOKEN"
)

// maxAnswer bounds what is read of an answer that is no stream.
const maxAnswer = 256 << 20

// Client asks one inspector.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// Where says which inspector, as flags do; empty fields are read from the environment.
type Where struct{ Address, Token, TokenFile string }

// New checks where, and opens no connection. No error holds the token.
func New(w Where) (*Client, error) {
	address := cmp.Or(w.Address, os.Getenv(AddressEnv), DefaultAddress)
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, errors.New("the address is no URL: write the link that the Collector prints at its start, or one such as " + DefaultAddress)
	}
	token := w.Token
	if w.TokenFile != "" {
		if token != "" {
			return nil, errors.New("--token and --token-file are given together: keep one of them")
		}
		b, err := os.ReadFile(w.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("--token-file: %w", err)
		}
		if token = strings.TrimSpace(string(b)); token == "" {
			return nil, errors.New("--token-file: the file is empty: write the token into it")
		}
	}
	token = cmp.Or(token, u.Query().Get("t"), strings.TrimSpace(os.Getenv(TokenEnv)))
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("the token holds a blank, a control character or one beyond ASCII: copy it again")
	}
	c := &Client{base: &url.URL{Scheme: u.Scheme, Host: u.Host}, token: token, http: &http.Client{
		// The token must not follow a redirect to somewhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	return c, nil
}

// UnreachableError is an error of a connection: it may come back.
type UnreachableError struct{ err error }

func (u *UnreachableError) Error() string { return u.err.Error() }
func (u *UnreachableError) Unwrap() error { return u.err }

func (c *Client) do(ctx context.Context, path string, query url.Values, header http.Header) (*http.Response, error) {
	u := *c.base
	u.Path, u.RawQuery = path, query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, header)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
	var said struct{ Error string }
	_ = json.Unmarshal(b, &said)
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, errors.New("the inspector refuses the token, which is another after each start: give the link that the Collector has printed as --address, or the token by --token, --token-file or " + TokenEnv)
	case http.StatusMisdirectedRequest:
		return nil, errors.New("the inspector does not know itself by this name: use 127.0.0.1 in the address, or add the name to its allowed_hosts")
	case http.StatusServiceUnavailable:
		return nil, &UnreachableError{errors.New(cmp.Or(Harmless(said.Error), "the inspector is busy"))}
	}
	return nil, fmt.Errorf("the inspector answers %d: %s", resp.StatusCode, cmp.Or(Harmless(said.Error), "is this an inspector?"))
}

func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	why := "the connection failed"
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		why = "nothing listens there"
	case errors.As(err, &dns):
		why = "the name could not be resolved"
	}
	return &UnreachableError{fmt.Errorf("no inspector at %s: %s; start a Collector with the extension api_inspector (otelcol-apispan --config preset:inspect), or give its --address", Harmless(c.base.String()), why)}
}

// Get reads one answer into v.
func (c *Client) Get(ctx context.Context, path string, query url.Values, v any) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	resp, err := c.do(ctx, path, query, nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return c.unreachable(ctx, err)
	case len(b) > maxAnswer:
		return fmt.Errorf("the answer to %s is longer than %d bytes", path, maxAnswer)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("the answer to %s is not what an inspector of this version sends: is it one, and of the same version?", path)
	}
	return nil
}

// Event is one event of the stream.
type Event struct {
	ID, Name string
	Data     []byte
}

// Stream calls each for every event until the connection ends, ctx does, or each returns an
// error. last is the id of the last event that was seen.
func (c *Client) Stream(ctx context.Context, query url.Values, last string, each func(Event) error) error {
	h := http.Header{"Accept": {"text/event-stream"}}
	if last != "" {
		h["Last-Event-Id"] = []string{last}
	}
	resp, err := c.do(ctx, "/api/stream", query, h)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if err := readEvents(resp.Body, each); err != nil {
		return err
	}
	return c.unreachable(ctx, io.ErrUnexpectedEOF)
}

// maxEvent bounds one line of the stream.
const maxEvent = 16 << 20

// readEvents reads server-sent events (HTML standard, 9.2) until the end.
func readEvents(r io.Reader, each func(Event) error) error {
	var e Event
	lines := newLines(r)
	for lines.next() {
		line := lines.text
		if len(line) == 0 {
			if e.Data != nil {
				if err := each(e); err != nil {
					return err
				}
			}
			e = Event{ID: e.ID}
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "id":
			e.ID = string(value)
		case "event":
			e.Name = string(value)
		case "data":
			if e.Data != nil {
				e.Data = append(e.Data, '\n')
			}
			e.Data = append(e.Data, value...)
			if e.Data == nil {
				e.Data = []byte{}
			}
		}
	}
	return lines.err
}
