// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"io"
	"net/http"
	"sync"
)

// moesifConfig is what a new application's GET /v1/config holds
// (https://www.moesif.com/docs/api#config, checked 2026-11-20).
const moesifConfig = `{"org_id":"org","app_id":"app","sample_rate":100,"block_bot_traffic":false,` +
	`"user_sample_rate":{},"company_sample_rate":{},"user_rules":{},"company_rules":{},` +
	`"ip_addresses_blocked_by_name":{},"regex_config":[],"billing_config_jsons":{}}`

// remoteConfig is the part of a fake that hands out configuration: its path, and
// the header in which every answer names the version.
type remoteConfig struct {
	path, tagHeader string

	mu       sync.Mutex
	body     string
	tag      string
	status   int
	requests int
	problems []string
}

// SetConfig replaces the configuration and its version; an empty tag is not sent.
// A status of 0 means 200. It panics for a backend without configuration.
func (f *Fake) SetConfig(body, tag string, status int) {
	c := f.vendor.config
	c.mu.Lock()
	defer c.mu.Unlock()
	c.body, c.tag, c.status = body, tag, status
}

// ConfigRequests returns how often the configuration was asked for, and what was
// wrong with the requests. They count in no Stats and meet no Fault.
func (f *Fake) ConfigRequests() (n int, problems []string) {
	c := f.vendor.config
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests, append([]string(nil), c.problems...)
}

// serveConfig names the configuration's version in the header of any answer, and
// answers the request if it is for the configuration.
func (f *Fake) serveConfig(w http.ResponseWriter, r *http.Request) bool {
	c := f.vendor.config
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tag != "" {
		w.Header().Set(c.tagHeader, c.tag)
	}
	if r.URL.Path != c.path {
		return false
	}
	c.requests++
	switch {
	case r.Method != http.MethodGet:
		c.problems = append(c.problems, "config: method is not GET")
		answer(w, http.StatusMethodNotAllowed, "")
	case !f.vendor.authorized(r.Header, f.settings.Credential):
		c.problems = append(c.problems, "config: credential missing or wrong")
		answer(w, http.StatusUnauthorized, "")
	default:
		if c.status != 0 {
			w.WriteHeader(c.status)
		}
		_, _ = io.WriteString(w, c.body)
	}
	return true
}
