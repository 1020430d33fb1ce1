// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package rulefetch asks vendors for blocking rules: for package guard in a service, and
// for the extension api_policy, which asks once for all services. What is asked stays as
// it was while there is no answer, or one that is none. No error holds a key, an address,
// or anything of an answer.
//
// The package imports the standard library, and of ours what does the same.
package rulefetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/apispan/apispan/internal/confkeys"
	"github.com/apispan/apispan/internal/poll"
)

// Times.
const (
	// DefaultInterval is how often a vendor is asked, a tenth more or less.
	DefaultInterval = time.Minute
	// Timeout is how long an answer may take.
	Timeout = 30 * time.Second
)

// Vendor is who keeps rules.
type Vendor struct {
	// Name is as in errors, Base its public address, Key the name of its credential.
	Name, Base, Key string

	field string // that carries the key
	paths []path
}

type path struct {
	path string
	tags []string // fields that name the version
}

// Moesif keeps rules and, apart from them, who stands in their cohorts.
//
// Source: https://www.moesif.com/docs/api#get-governance-rules
var Moesif = Vendor{
	Name: "Moesif", Base: "https://api.moesif.net", Key: "application id", field: "X-Moesif-Application-Id",
	paths: []path{
		{"/v1/rules", []string{"X-Moesif-Rules-Tag", "X-Moesif-Rules-Etag"}},
		{"/v1/config", []string{"X-Moesif-Config-Etag"}},
	},
}

// Metlo keeps rules in the configuration of its agents.
var Metlo = Vendor{
	Name: "Metlo", Base: "https://app.metlo.com", Key: "API key", field: "Authorization",
	paths: []path{{"/api/v1/agent-config", nil}},
}

// MoesifTags returns what the header of an answer of Moesif says about the versions of
// rules and configuration, in that order; empty if nothing.
func MoesifTags(h http.Header) (tags [2]string) {
	for i, p := range Moesif.paths {
		tags[i] = p.tag(h)
	}
	return tags
}

func (p *path) tag(h http.Header) string {
	for _, name := range p.tags {
		if t := h.Get(name); t != "" {
			return t
		}
	}
	return ""
}

// CheckURL says what is wrong with an address, and with sending a secret there, as the end
// of a sentence.
func CheckURL(url string, secret bool) error {
	if err := (confkeys.URL{Example: "https://rules.example.com", Whole: true}).Check(url); err != nil {
		return err
	}
	if secret && confkeys.ClearText(url) {
		return errors.New("begins with http://, so the key would be sent in clear: write https://")
	}
	return nil
}

// Asker asks one vendor. It is not for concurrent use.
type Asker struct {
	vendor Vendor
	base   string
	header http.Header
	client *http.Client
	tags   []string
}

// NewAsker returns an Asker for a vendor at base, "" for its public address. Redirects are
// not followed.
func NewAsker(v Vendor, base, key string, client *http.Client) (*Asker, error) {
	if base == "" {
		base = v.Base
	}
	if key == "" {
		return nil, errors.New("the " + v.Key + " is empty")
	}
	if err := CheckURL(base, true); err != nil {
		return nil, fmt.Errorf("the URL %w", err)
	}
	return &Asker{
		vendor: v, base: strings.TrimRight(base, "/"), client: poll.NoRedirects(client),
		header: http.Header{v.field: {key}, "Accept": {"application/json"}},
	}, nil
}

// Ask asks for all documents of the vendor and has each read, in order. Changed is false if
// the vendor says that all are as they were the last time; then the last is not read, and
// what was read of the others is to be thrown away. What read returns ends the sentence
// "the answer …". Done confirms that the answers are in use.
func (a *Asker) Ask(ctx context.Context, read func(path string, body io.Reader) error) (changed bool, done func(), wait time.Duration, err error) {
	tags := make([]string, len(a.vendor.paths))
	changed = true
	for i := range a.vendor.paths {
		p := &a.vendor.paths[i]
		q := poll.Request{URL: a.base + p.path, Header: a.header, Timeout: Timeout, Credential: "key"}
		wait, err := poll.Get(ctx, a.client, q, func(r *http.Response) error {
			tags[i] = p.tag(r.Header)
			if i == len(tags)-1 && a.same(tags) {
				changed = false
				return nil
			}
			if err := read(p.path, r.Body); err != nil {
				return fmt.Errorf("answers %s with what %w", p.path, err)
			}
			return nil
		})
		if err != nil {
			return false, nil, wait, err
		}
	}
	return changed, func() { a.tags = tags }, 0, nil
}

func (a *Asker) same(tags []string) bool {
	if len(a.tags) != len(tags) {
		return false
	}
	for i := range tags {
		if tags[i] == "" || tags[i] != a.tags[i] {
			return false
		}
	}
	return true
}
