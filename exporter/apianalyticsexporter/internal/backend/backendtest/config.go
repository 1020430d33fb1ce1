// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"io"
	"net/http"
	"sync"
)

// RemoteConfig is what a vendor hands out as configuration: its path, the header in
// which every answer names the version, and what there is at first.
type RemoteConfig struct {
	Path, TagHeader, Body string
}

// remoteConfig is the state of the configuration of one fake.
type remoteConfig struct {
	RemoteConfig

	mu       sync.Mutex
	tag      string
	status   int
	requests int
	problems []string
}

// SetConfig replaces the configuration and its version; an empty tag is not sent.
// A status of 0 means 200. It panics for a backend without configuration.
func (f *Fake) SetConfig(body, tag string, status int) {
	c := f.config
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Body, c.tag, c.status = body, tag, status
}

// ConfigRequests returns how often the configuration was asked for, and what was
// wrong with the requests. They count in no Stats and meet no Fault.
func (f *Fake) ConfigRequests() (n int, problems []string) {
	c := f.config
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests, append([]string(nil), c.problems...)
}

// serveConfig names the configuration's version in the header of any answer, and
// answers the request if it is for the configuration.
func (f *Fake) serveConfig(w http.ResponseWriter, r *http.Request) bool {
	c := f.config
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tag != "" {
		w.Header().Set(c.TagHeader, c.tag)
	}
	if r.URL.Path != c.Path {
		return false
	}
	c.requests++
	switch {
	case r.Method != http.MethodGet:
		c.problems = append(c.problems, "config: method is not GET")
		answer(w, http.StatusMethodNotAllowed, "")
	case !f.Vendor.Authorized(r.Header, f.Settings.Credential):
		c.problems = append(c.problems, "config: credential missing or wrong")
		answer(w, http.StatusUnauthorized, "")
	default:
		if c.status != 0 {
			w.WriteHeader(c.status)
		}
		_, _ = io.WriteString(w, c.Body)
	}
	return true
}
