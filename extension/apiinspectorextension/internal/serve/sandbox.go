// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"time"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/keep"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/search"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/show"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/trial"
)

// trySandbox answers POST /api/sandbox. One policy is tried at a time: it may take a
// processor for two seconds.
func (s *Server) trySandbox(w http.ResponseWriter, r *http.Request) {
	body, ok := readAll(w, r)
	if !ok {
		return
	}
	var req api.SandboxRequest
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "" && kind != "application/json" {
		req.Policy, req.Query = string(body), r.URL.Query().Get("q") // the policy alone
	} else if err := json.Unmarshal(body, &req); err != nil {
		fail(w, http.StatusBadRequest, `The request is no JSON of the form {"policy": "version: 1 …", "query": ""}.`)
		return
	}
	q := search.Parse(req.Query)
	for i := range q.Terms {
		if p := q.Terms[i].Problem; p != "" {
			fail(w, http.StatusBadRequest, p)
			return
		}
	}
	select {
	case s.sandbox <- struct{}{}:
	default:
		w.Header().Set("Retry-After", "2")
		fail(w, http.StatusServiceUnavailable, "Another policy is being tried. Try again in two seconds.")
		return
	}
	deadline := time.Now().Add(trial.MaxTime)
	records, sources := s.Store.Records(), s.sources()
	chosen := records[:0]
	raw := false
	for _, rec := range records {
		if q.Empty() || q.Match(show.NewSubject(rec, sources)) {
			chosen = append(chosen, rec)
			raw = raw || s.Limits.ShowRaw && rec.Before != nil
		}
	}
	done := make(chan api.Sandbox, 1)
	s.Trials.Go(func() {
		defer func() { <-s.sandbox }()
		done <- run(req.Policy, chosen, raw, deadline)
	})
	late := time.NewTimer(time.Until(deadline) + 100*time.Millisecond)
	defer late.Stop()
	select {
	case out := <-done:
		if out.Raw {
			for i := range out.Rows {
				s.audit(r, "sandbox", out.Rows[i].ID)
			}
		}
		reply(w, out)
	case <-late.C:
		reply(w, api.Sandbox{
			Stopped: true, Raw: raw, Problems: []api.Problem{}, Rows: []api.Difference{}, Rules: []api.Rule{},
			Warnings: []api.Problem{{Text: fmt.Sprintf("It took longer than %s to compile the policy.", trial.MaxTime), Remedy: "make it smaller, or try it with apispan redact"}},
		})
	case <-r.Context().Done():
	}
}

// run is trial.Run, whatever happens in it.
func run(policy string, records []*keep.Record, raw bool, deadline time.Time) (out api.Sandbox) {
	defer func() {
		if recover() != nil {
			out = api.Sandbox{
				Problems: []api.Problem{{Text: "The policy could not be tried.", Remedy: "Try it with `apispan redact`, and report it."}},
				Warnings: []api.Problem{}, Rows: []api.Difference{}, Rules: []api.Rule{},
			}
		}
	}()
	return trial.Run([]byte(policy), records, raw, deadline)
}
