// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"

	"github.com/apispan/apispan/test/harness"
)

var link = regexp.MustCompile(`http://127\.0\.0\.1:[0-9]+/\?t=[0-9a-f]+`)

// openPage listens to the inspector as a page that is open does, and reads all that comes.
func openPage(ctx context.Context, c *harness.Process) (closed func(), err error) {
	found := ""
	err = c.Wait(ctx, "inspector", func() error {
		if found = link.FindString(c.Log()); found == "" {
			return errors.New("no address in the log")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(found)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.Scheme+"://"+u.Host+"/api/stream", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+u.Query().Get("t"))
	res, err := http.DefaultClient.Do(req) //nolint:bodyclose // closed by who is given the function
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		_ = res.Body.Close()
		return nil, fmt.Errorf("the inspector's stream: %s", res.Status)
	}
	go func() { _, _ = io.Copy(io.Discard, res.Body) }()
	return func() { _ = res.Body.Close() }, nil
}
