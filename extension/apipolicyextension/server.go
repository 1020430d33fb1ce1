// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apipolicyextension

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// maxWaiting bounds who waits for new rules at once; who comes later is answered at once
// and asks again.
const maxWaiting = 10_000

// handler serves GET /v1/policy: 200 with an ETag, 304 if it is that of If-None-Match, at
// once or, with Prefer: wait=SECONDS (RFC 7240), when there is something new; 503 while
// there are no rules yet.
func (p *policy) handler() http.Handler {
	var waiting atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/policy", func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "private, no-cache")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Vary", "Accept-Encoding")
		e, next := p.shelf.changes()
		have := r.Header.Get("If-None-Match")
		if wait := p.wait(r); wait > 0 && e != nil && matches(have, e.tag) {
			h.Set("Preference-Applied", "wait="+strconv.Itoa(int(wait/time.Second)))
			if waiting.Add(1) <= maxWaiting {
				timer := time.NewTimer(wait)
				select {
				case <-next:
				case <-timer.C:
				case <-r.Context().Done():
				}
				timer.Stop()
				e = p.shelf.edition()
			} else {
				h.Del("Preference-Applied")
			}
			waiting.Add(-1)
		}
		if e == nil {
			h.Set("Retry-After", "5")
			http.Error(w, "there are no rules yet: the vendor has not answered", http.StatusServiceUnavailable)
			return
		}
		body, tag := e.plain, e.tag
		if e.packed != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			body, tag = e.packed, packedTag(e.tag) // another representation, another tag
			h.Set("Content-Encoding", "gzip")
		}
		h["ETag"] = []string{tag} // as everybody writes it
		if matches(have, e.tag) {
			h.Del("Content-Encoding")
			w.WriteHeader(http.StatusNotModified)
			return
		}
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	})
	return mux
}

func packedTag(tag string) string { return strings.TrimSuffix(tag, `"`) + `-gzip"` }

// matches reports whether a field If-None-Match names an edition, in either coding.
func matches(field, tag string) bool {
	for f := range strings.SplitSeq(field, ",") {
		f = strings.TrimPrefix(strings.TrimSpace(f), "W/")
		if f == tag || f == packedTag(tag) || f == "*" {
			return true
		}
	}
	return false
}

// wait is how long a request may be held, which is less than the server's own limit.
func (p *policy) wait(r *http.Request) time.Duration {
	for _, field := range r.Header["Prefer"] {
		for pref := range strings.SplitSeq(field, ",") {
			value, ok := strings.CutPrefix(strings.TrimSpace(pref), "wait=")
			if !ok {
				continue
			}
			n, err := strconv.Atoi(value)
			if err != nil || n <= 0 {
				return 0
			}
			d := time.Minute
			if n < 60 {
				d = time.Duration(n) * time.Second
			}
			if limit := p.cfg.ServerConfig.WriteTimeout; limit > 0 {
				d = min(d, limit*9/10)
			}
			return d
		}
	}
	return 0
}
