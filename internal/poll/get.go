// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Request is what Get asks.
type Request struct {
	URL    string
	Header http.Header
	// Timeout is how long the whole answer may take.
	Timeout time.Duration
	// Credential names what the header carries, for the error of a 401 or 403.
	Credential string
}

// NoRedirects returns a copy of a client that follows none, since they would carry the key
// elsewhere.
func NoRedirects(c *http.Client) *http.Client {
	out := *c
	out.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &out
}

// Downgrade closes the connection of an answer 101 to who has not asked for another
// protocol. It would be the answer's body, and neither a context nor a timeout ends its
// reading.
func Downgrade(r *http.Response) {
	if r.StatusCode == http.StatusSwitchingProtocols {
		_ = r.Body.Close()
		r.Body = http.NoBody
	}
}

// Get asks once and lets use read the answer, whose status is 200, or 304 if the request
// has a condition. wait is how long the service wants to be left alone. The errors end a
// sentence that begins with who was asked; those of use are passed on.
func Get(ctx context.Context, client *http.Client, q Request, use func(*http.Response) error) (wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, q.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, q.URL, http.NoBody)
	if err != nil {
		return 0, errors.New("cannot be asked: the request could not be built")
	}
	req.Header = q.Header.Clone()
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "apispan")
	}
	resp, err := client.Do(req)
	if err != nil { // what the library says quotes the URL
		if ctx.Err() != nil {
			return 0, errors.New("has not answered in time")
		}
		return 0, errors.New("cannot be reached")
	}
	Downgrade(resp)
	defer func() {
		_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
		_ = resp.Body.Close()
	}()
	hint := ""
	switch resp.StatusCode {
	case http.StatusOK:
		return 0, use(resp)
	case http.StatusNotModified:
		if q.Header["If-None-Match"] == nil {
			return 0, errors.New("answers 304 to a request without a condition")
		}
		return 0, use(resp)
	case http.StatusUnauthorized, http.StatusForbidden:
		hint = ": check the " + q.Credential
	case http.StatusNotFound:
		hint = ": check the address"
	}
	wait, _ = RetryAfter(resp.Header, time.Now())
	return wait, fmt.Errorf("answers %d%s", resp.StatusCode, hint)
}
