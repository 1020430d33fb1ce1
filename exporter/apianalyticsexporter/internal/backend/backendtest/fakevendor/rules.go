// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/http"
	"os"
)

// blockingRules are what Moesif says about blocking: its rules, and who stands in their
// cohorts. The file is read for each request, so that a test can change it.
type blockingRules struct {
	file string
	next http.Handler
}

// ServeHTTP hands out GET /v1/rules and /v1/config, and puts their tags on every answer, as
// the vendor does (https://www.moesif.com/docs/api#get-governance-rules).
func (b *blockingRules) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var doc struct {
		Rules     json.RawMessage `json:"rules"`
		Users     json.RawMessage `json:"user_rules"`
		Companies json.RawMessage `json:"company_rules"`
	}
	raw, err := os.ReadFile(b.file)
	if err == nil {
		err = json.Unmarshal(raw, &doc)
	}
	if err != nil {
		if r.Method == http.MethodGet {
			http.Error(w, "the rules cannot be read", http.StatusInternalServerError)
			return
		}
		b.next.ServeHTTP(w, r)
		return
	}
	config := map[string]any{"org_id": "org", "app_id": "app", "sample_rate": 100}
	if doc.Users != nil {
		config["user_rules"] = doc.Users
	}
	if doc.Companies != nil {
		config["company_rules"] = doc.Companies
	}
	h := w.Header()
	h.Set("X-Moesif-Rules-Tag", tag(doc.Rules))
	h.Set("X-Moesif-Config-Etag", tag(raw))
	switch {
	case r.Method != http.MethodGet || r.URL.Path != "/v1/rules" && r.URL.Path != "/v1/config":
		b.next.ServeHTTP(w, r)
	case r.Header.Get("X-Moesif-Application-Id") == "":
		http.Error(w, "no application id", http.StatusUnauthorized)
	case r.URL.Path == "/v1/rules":
		h.Set("Content-Type", "application/json; charset=utf-8")
		if doc.Rules == nil {
			doc.Rules = json.RawMessage("[]")
		}
		_, _ = w.Write(doc.Rules)
	default:
		h.Set("Content-Type", "application/json; charset=utf-8")
		_ = json.NewEncoder(w).Encode(config)
	}
}

func tag(b []byte) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE(b)) }
