// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/fields"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/keep"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/show"
	"github.com/apispan/apispan/internal/inspect"
)

func numbers(n *keep.Numbers, all int64) api.Numbers {
	out := api.Numbers{
		Calls: n.Calls, P50: show.Millis(n.P50), P95: show.Millis(n.P95), P99: show.Millis(n.P99), Max: show.Millis(n.Max),
		BytesIn: n.BytesIn, BytesOut: n.BytesOut, First: n.First.UTC(), Last: n.Last.UTC(),
	}
	if all > 0 {
		out.Share = float64(n.Calls) / float64(all)
	}
	if n.Calls == 0 {
		out.P50, out.P95, out.P99, out.Max = -1, -1, -1, -1
	}
	for _, st := range n.Statuses {
		class := st.Code / 100
		switch {
		case class < 2:
			class = 1
		case class > 5:
			class = 5
		}
		out.Status[class-1] += st.N
	}
	return out
}

func (s *Server) endpoints(w http.ResponseWriter, r *http.Request) {
	d, ok := window(w, r)
	if !ok {
		return
	}
	now := s.now()
	total, rows, other := s.Store.Counts.Endpoints(now, now.Add(-d))
	out := api.Endpoints{Window: float64(d.Milliseconds()), Total: numbers(&total, total.Calls), Rows: []api.EndpointRow{}, Other: other}
	news := s.newByEndpoint(now, d)
	for i := range rows {
		out.Rows = append(out.Rows, endpointRow(&rows[i], total.Calls, news))
	}
	reply(w, out)
}

// newByEndpoint counts the new fields of each endpoint.
func (s *Server) newByEndpoint(now time.Time, d time.Duration) map[[2]string]int {
	out := map[[2]string]int{}
	if s.Fields.NewFields() == 0 {
		return out
	}
	list := s.Fields.List(now, d)
	for i := range list.Rows {
		if f := &list.Rows[i]; f.New {
			out[[2]string{f.Service, f.Endpoint}]++
		}
	}
	return out
}

// exampleOf is an exchange of an endpoint, as far as that names it.
func exampleOf(e *inspect.Place) *inspect.Exchange {
	return &inspect.Exchange{Summary: inspect.Summary{
		Service: e.Service, Method: e.Method, Route: e.Route, Operation: e.Operation, Outgoing: e.Outgoing,
	}}
}

func endpointRow(e *keep.Endpoint, all int64, news map[[2]string]int) api.EndpointRow {
	x := exampleOf(&e.Place)
	return api.EndpointRow{
		ID: e.ID, Service: clean(e.Service), Direction: show.Direction(e.Outgoing), Method: clean(e.Method), Route: clean(e.Route),
		Operation: clean(e.Operation), Guessed: e.Guessed, Consumers: e.Consumers, BytesOutP95: e.BytesOutP95, Spark: e.Spark,
		NewFields: news[[2]string{x.Service, fields.Name(x)}], Numbers: numbers(&e.Numbers, all),
	}
}

func (s *Server) endpoint(w http.ResponseWriter, r *http.Request) {
	d, ok := window(w, r)
	if !ok {
		return
	}
	now := s.now()
	e, ok := s.Store.Counts.Endpoint(r.PathValue("id"), now, now.Add(-d))
	if !ok {
		fail(w, http.StatusNotFound, "There is no such endpoint, or it was not called for long.")
		return
	}
	total, _, _ := s.Store.Counts.Endpoints(now, now.Add(-d))
	out := api.Endpoint{
		EndpointRow: endpointRow(&e, total.Calls, s.newByEndpoint(now, d)), Statuses: []api.Count{}, Latency: []api.Bucket{}, Top: []api.ConsumerRow{},
		Exchanges: []api.Row{}, Fields: s.Fields.Endpoint(exampleOf(&e.Place), now.Add(-d)),
	}
	for _, st := range e.Statuses {
		name := "none"
		if st.Code > 0 {
			name = strconv.Itoa(st.Code)
		}
		out.Statuses = append(out.Statuses, api.Count{Name: name, N: st.N})
	}
	slices.SortFunc(out.Statuses, func(a, b api.Count) int { return cmp.Compare(b.N, a.N) })
	for _, b := range e.Latency {
		out.Latency = append(out.Latency, api.Bucket{Le: show.Millis(b.Le), N: b.N})
	}
	s.latest(&out, &e, now.Add(-d))
	reply(w, out)
}

// latest adds the newest exchanges of an endpoint, and who made the calls among those
// that are in memory.
func (s *Server) latest(out *api.Endpoint, e *keep.Endpoint, from time.Time) {
	top := map[string]*api.ConsumerRow{}
	for _, rec := range s.Store.Records() {
		x := show.Exchange(rec)
		route, guessed := inspect.Route(&x.Summary)
		key := inspect.Place{Service: x.Service, Method: x.Method, Route: route, Operation: x.Operation, Outgoing: x.Outgoing, Guessed: guessed}
		if key != e.Place || rec.Arrived.Before(from) {
			continue
		}
		if len(out.Exchanges) < 20 {
			out.Exchanges = append(out.Exchanges, show.Row(rec))
		}
		who, kind := inspect.WhoCalled(&x.Summary)
		row := top[who]
		if row == nil {
			row = &api.ConsumerRow{ID: clean(who), Label: clean(x.Label), Company: clean(x.CompanyID), Anonymous: kind == inspect.Anonymous, Pseudonym: inspect.IsToken(who), Query: query(kind, who)}
			row.First, row.Last = rec.Arrived.UTC(), rec.Arrived.UTC()
			top[who] = row
		}
		row.Endpoints = 1
		row.Calls += max(x.Weight, 1)
		row.Status[min(max(x.Status/100, 1), 5)-1] += max(x.Weight, 1)
		row.Max = max(row.Max, show.Millis(x.Duration))
		row.First = rec.Arrived.UTC() // records come newest first
	}
	for _, row := range top {
		out.Top = append(out.Top, *row)
	}
	slices.SortFunc(out.Top, func(a, b api.ConsumerRow) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.ID, b.ID))
	})
	out.Top = out.Top[:min(len(out.Top), 10)]
}

// query is the search that takes the exchanges of a caller.
func query(kind inspect.Who, id string) string {
	field := map[inspect.Who]string{inspect.ByConsumer: "consumer:", inspect.ByUser: "user:", inspect.ByCompany: "company:"}[kind]
	if field == "" {
		return "is:anonymous"
	}
	return field + `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(clean(id)) + `"`
}

func (s *Server) consumers(w http.ResponseWriter, r *http.Request) {
	d, ok := window(w, r)
	if !ok {
		return
	}
	total, rows, other := s.Store.Counts.Consumers(s.now(), s.now().Add(-d))
	out := api.Consumers{Window: float64(d.Milliseconds()), Total: numbers(&total, total.Calls), Rows: []api.ConsumerRow{}, Other: int(other)}
	for i := range rows {
		c := &rows[i]
		row := api.ConsumerRow{
			ID: clean(c.ID), Label: clean(c.Label), Company: clean(c.Company), Anonymous: c.Kind == inspect.Anonymous && c.ID != keep.Other, Pseudonym: inspect.IsToken(c.ID),
			Endpoints: c.Endpoints, Approx: c.Approx, Query: query(c.Kind, c.ID), Numbers: numbers(&c.Numbers, total.Calls),
		}
		if c.ID == keep.Other {
			row.Query = ""
		}
		out.Rows = append(out.Rows, row)
	}
	reply(w, out)
}

func (s *Server) rules(w http.ResponseWriter, r *http.Request) {
	d, ok := window(w, r)
	if !ok {
		return
	}
	out := api.Rules{Window: float64(d.Milliseconds()), Rows: s.ruleRows(s.now().Add(-d))}
	reply(w, out)
}

// ruleRows lists the rules that hit and those of the policies that did not.
func (s *Server) ruleRows(from time.Time) []api.Rule {
	out := []api.Rule{}
	policies := map[string]string{}
	sources := s.Store.Told().Sources
	for _, src := range sources {
		policies[src.Component] = src.Policy
	}
	hit := map[[2]string]bool{}
	for _, h := range s.Store.Rules.Since(from) {
		hit[[2]string{h.Component, h.Rule}] = true
		last := h.Last.UTC()
		row := api.Rule{
			Component: h.Component, Policy: policies[h.Component], Rule: clean(h.Rule), Hits: h.Hits, Places: counts(h.Places), Actions: counts(h.Actions),
			Last: &last, Example: keep.FormatID(h.Example),
		}
		out = append(out, row)
	}
	for _, src := range sources {
		for _, rule := range src.Rules {
			if !hit[[2]string{src.Component, rule}] {
				out = append(out, api.Rule{Component: src.Component, Policy: src.Policy, Rule: clean(rule), Places: []api.Count{}, Actions: []api.Count{}})
			}
		}
	}
	return out
}

func counts(m map[string]int64) []api.Count {
	out := []api.Count{}
	for k, n := range m {
		out = append(out, api.Count{Name: clean(k), N: n})
	}
	slices.SortFunc(out, func(a, b api.Count) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Name, b.Name)) })
	return out
}

// runbook names the heading in docs/operations.md for a state of an exporter.
func runbook(d *inspect.Delivery, state string) string {
	for _, reason := range []string{"unredacted"} {
		if d.Dropped[reason] > 0 {
			return "unredacted-data-arrives"
		}
	}
	switch {
	case state == "failing" && strings.Contains(d.LastProblem, "401"), state == "failing" && strings.Contains(d.LastProblem, "403"):
		return "the-backend-refuses-us"
	case state == "failing":
		return "the-backend-is-down"
	case sum(d.Dropped) > 0:
		return "events-are-dropped"
	case state == "waiting":
		return "the-queue-fills"
	}
	return ""
}

func sum(m map[string]int64) (n int64) {
	for _, v := range m {
		n += v
	}
	return n
}

// settled puts what exporters count as dropped where people look for it: what a dry run has
// shown counts as done, and what was left out on purpose is nothing that was lost.
func settled(d inspect.Delivery) inspect.Delivery {
	dropped, skipped := map[string]int64{}, maps.Clone(d.Skipped)
	for reason, n := range d.Dropped {
		switch {
		case reason == "dry_run":
			d.Sent += n
		case show.Gate(reason):
			if skipped == nil {
				skipped = map[string]int64{}
			}
			skipped[reason] += n
		default:
			dropped[reason] = n
		}
	}
	d.Dropped, d.Skipped = dropped, skipped
	return d
}

func (s *Server) delivery(w http.ResponseWriter, _ *http.Request) {
	told := s.Store.Told()
	out := api.Delivery{Rows: []api.DeliveryRow{}}
	for _, src := range told.Sources {
		if src.Backend == "" {
			continue
		}
		d := settled(told.Deliveries[src.Component])
		row := api.DeliveryRow{
			Backend: api.Backend{Component: src.Component, Backend: src.Backend, Target: src.Target, DryRun: src.DryRun, Warnings: notNil(src.Warnings)},
			State:   "ok", Sent: d.Sent, Retried: d.Retried, Waiting: d.Waiting, OldestWaiting: show.Millis(d.OldestWaiting), Dropped: counts(d.Dropped),
			Skipped: counts(d.Skipped), LastProblem: clean(d.LastProblem), QueueOnDisk: d.QueueOnDisk, QueueBytes: d.QueueBytes,
		}
		if !d.LastProblemAt.IsZero() {
			at := d.LastProblemAt.UTC()
			row.LastProblemAt = &at
		}
		switch {
		case src.DryRun:
			row.State = "dry_run"
		case d.Waiting > 0 && !d.LastProblemAt.IsZero() && s.now().Sub(d.LastProblemAt) < 2*time.Minute:
			row.State = "failing"
		case d.Waiting > 0 && d.OldestWaiting > 30*time.Second:
			row.State = "waiting"
		}
		row.Runbook = runbook(&d, row.State)
		out.Rows = append(out.Rows, row)
	}
	reply(w, out)
}

func (s *Server) fields(w http.ResponseWriter, r *http.Request) {
	d, ok := window(w, r)
	if !ok {
		return
	}
	list := s.Fields.List(s.now(), d)
	list.Seen = s.Store.Counts.Seen()
	for _, src := range s.Store.Told().Sources {
		if src.Policy != "" && !slices.Contains(list.Policies, src.Policy) {
			list.Policies = append(list.Policies, src.Policy)
		}
	}
	switch format := r.URL.Query().Get("format"); format {
	case "":
		reply(w, list)
	case "json":
		attach(w, "application/json", "fields.json")
		writeIndented(w, list)
	case "csv":
		attach(w, "text/csv; charset=utf-8", "fields.csv")
		fields.WriteCSV(w, &list)
	case "html":
		attach(w, "text/html; charset=utf-8", "fields.html")
		st := s.makeStatus()
		fields.WriteHTML(w, &list, &st, s.ruleRows(s.now().Add(-d)))
	default:
		fail(w, http.StatusBadRequest, fmt.Sprintf("The format %q is none of json, csv and html.", format))
	}
}
