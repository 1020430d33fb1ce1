// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact_test

import (
	"encoding/base64"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apispan/apispan/internal/httpattr"
)

// lateNames are the cases in which what makes a secret known stands behind it: a
// prefix that ends between the two cannot know. Forms, paths and URLs have no end
// of their own, so that only the producer's flag tells that one was cut.
var lateNames = map[string]bool{
	"xml-x-pair-rev":    true,
	"rd-pair-yaml-rev":  true,
	"url-x-userinfo-at": true, // an "@" in the password
	"form-x-card":       true,
	"url-x-email":       true,
	// Without its "@" user information is a host.
	"url-x-userinfo-detect":    true,
	"url-x-userinfo-only-user": true,
	"url-x-proxy-path":         true,
	"b-val-echo-before":        true,
	"nt-form-pair-rev":         true,
	"nt-forwarded-user":        true,
	"nt-k8s-secret":            true,
	"nt-plist-rev":             true,
	"v-apple-signin":           true,
	"v-gql-order":              true,
	"v-k8s-secret-json-rev":    true,
	"v2-k1":                    true,
	"v2-g1":                    true,
	"f-e2-firebase":            true,
	"f-e-otp2-yaml":            true,
	"f-e-sqlp-pg-rev":          true,
	"f-e-sqlp-qm-rev":          true,
	"f-e-sqlp-upd-rev":         true,
	"f-e-sqlp-updq-rev":        true,
	"f-e-sqlp-where-rev":       true,
	"api4-hs5":                 true,
	"services-yaml-22":         true,
}

// byVendor are files of cases whose secrets have their form or their end to be known
// by: it takes the producer's flag.
var byVendor = map[string]bool{"vendors.jsonl": true, "paths.jsonl": true, "formats.jsonl": true, "bodies.jsonl": true, "policies.jsonl": true, "sentences.jsonl": true, "interfaces.jsonl": true, "apis.jsonl": true, "services.jsonl": true}

// TestEveryPrefix cuts every case at every byte: the part of a secret that is left
// must be as unreadable as the whole.
func TestEveryPrefix(t *testing.T) {
	t.Parallel()
	const marker = "S3CR3T"
	for _, c := range loadCorpus(t) {
		if lateNames[c.ID] || c.Stretch() || strings.Contains(c.ID, "head-cut") || len(c.MustNotContain) == 0 {
			continue
		}
		// Only a document with an end of its own shows that a pattern was cut; for
		// the rest it takes the producer's flag.
		if len(c.Policy.Patterns) > 0 && !httpattr.IsJSON(c.ContentType) && !strings.Contains(c.ID, "-x-") {
			continue
		}
		marked := byVendor[filepath.Base(c.File)] && !httpattr.IsJSON(c.ContentType)
		if marked && !strings.HasSuffix(c.Where, "_body") {
			continue
		}
		in, err := c.Raw()
		if err != nil {
			t.Fatal(err)
		}
		p, err := c.Compile()
		if err != nil {
			t.Fatal(err)
		}
		bad := append([]string{}, c.MustNotContain...)
		for _, m := range c.MustNotContain {
			if strings.HasPrefix(m, marker) {
				bad = append(bad, marker[:4])
				break
			}
		}
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			step := 1 + len(in)/2000
			for n := len(in) - 1; n > 0; n -= step {
				cut := c
				cut.Truncated = cut.Truncated || marked
				cut.Input = "b64:" + base64.StdEncoding.EncodeToString([]byte(in[:n]))
				out, err := cut.Redact(p)
				if err != nil {
					t.Fatal(err)
				}
				if m := containsAny(out, bad); m != "" {
					t.Errorf("%s cut at %d keeps %q:\n in  %q\n out %q", c.ID, n, m, clip(in[:n]), clip(out))
					return
				}
			}
		})
	}
}

func containsAny(s string, list []string) string {
	for _, m := range list {
		if m != "" && strings.Contains(s, m) {
			return m
		}
	}
	return ""
}
