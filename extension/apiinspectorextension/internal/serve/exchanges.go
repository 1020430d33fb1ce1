// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/keep"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/search"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/show"
)

// list answers GET /api/exchanges.
func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	limit, before := 200, int64(1<<62)
	if t := v.Get("limit"); t != "" {
		n, err := strconv.Atoi(t)
		if err != nil || n < 1 || n > 1000 {
			fail(w, http.StatusBadRequest, fmt.Sprintf("The limit %q is no number from 1 to 1000.", t))
			return
		}
		limit = n
	}
	if t := v.Get("before"); t != "" {
		n, err := strconv.ParseInt(t, 10, 64)
		if err != nil {
			fail(w, http.StatusBadRequest, fmt.Sprintf("%q is not what an answer had as next.", t))
			return
		}
		before = n
	}
	reply(w, s.search(v.Get("q"), before, limit))
}

// search looks for exchanges. Each term is asked alone, too: the one that takes none says
// why a list is empty.
func (s *Server) search(text string, before int64, limit int) api.List {
	q := search.Parse(text)
	out := api.List{Rows: []api.Row{}, Query: understood(&q), Event: s.eventID(s.Store.Usage().Rev)} // before the records: none is missed
	records := s.Store.Records()
	out.Total = len(records)
	sources := s.sources()
	for _, rec := range records {
		takes := true
		if len(q.Terms) > 0 {
			sub := show.NewSubject(rec, sources)
			for i := range q.Terms {
				if q.Terms[i].Match(sub) {
					out.Query.Terms[i].Match++
				} else {
					takes = false
				}
			}
		}
		if !takes {
			continue
		}
		out.Match++
		switch {
		case rec.Seq >= before:
		case len(out.Rows) < limit:
			out.Rows = append(out.Rows, show.Row(rec))
		case out.Next == "":
			out.Next = strconv.FormatInt(out.Rows[len(out.Rows)-1].Seq, 10)
		}
	}
	return out
}

// understood is a query as the page has it, with places as browsers count.
func understood(q *search.Query) api.Query {
	out := api.Query{Text: q.Text, Terms: make([]api.Term, len(q.Terms))}
	for i := range q.Terms {
		t := &q.Terms[i]
		out.Terms[i] = api.Term{From: search.UTF16(q.Text, t.From), To: search.UTF16(q.Text, t.To), Problem: t.Problem}
	}
	return out
}

// downloads are the files that one exchange can be had as.
var downloads = []struct {
	suffix, kind string
	make         func(*keep.Record, *show.Env) []byte
}{
	{".har", "application/json", show.HAR},
	{".curl", "text/plain; charset=utf-8", show.Curl},
	{".http", "text/plain; charset=utf-8", show.HTTP},
	{".fixture.json", "application/json", show.Fixture},
}

// exchange answers GET /api/exchanges/{id}, with or without a suffix.
func (s *Server) exchange(w http.ResponseWriter, r *http.Request) {
	id, suffix := r.PathValue("id"), ""
	if i := strings.IndexByte(id, '.'); i >= 0 {
		id, suffix = id[:i], id[i:]
	}
	k, ok := keep.ParseID(id)
	if !ok {
		fail(w, http.StatusBadRequest, badID)
		return
	}
	rec := s.Store.Get(k)
	if rec == nil {
		fail(w, http.StatusNotFound, gone)
		return
	}
	env := s.env()
	if suffix == "" {
		d := show.Detail(rec, env)
		for i := range d.Vendors {
			if why := leftBy[d.Vendors[i].Reason]; why != "" {
				d.Vendors[i].Reason += " (" + why + ")"
			}
		}
		if d.Raw {
			s.audit(r, "detail", d.ID)
		}
		reply(w, d)
		return
	}
	for _, d := range downloads {
		if d.suffix != suffix {
			continue
		}
		if suffix == ".fixture.json" && env.Raw && rec.Before != nil {
			s.audit(r, "fixture", rec.ID())
		}
		b := d.make(rec, env)
		attach(w, d.kind, "exchange-"+id[:8]+suffix)
		_, _ = w.Write(b)
		return
	}
	fail(w, http.StatusNotFound, "There is no such file: ask for .har, .curl, .http or .fixture.json.")
}

// export answers GET /api/export.
func (s *Server) export(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	q := search.Parse(v.Get("q"))
	format := v.Get("format")
	if format != "har" && format != "ndjson" {
		fail(w, http.StatusBadRequest, fmt.Sprintf("The format %q is neither har nor ndjson.", format))
		return
	}
	for i := range q.Terms {
		if p := q.Terms[i].Problem; p != "" { // a file must not hold more than was asked for
			fail(w, http.StatusBadRequest, p)
			return
		}
	}
	sources := s.sources()
	records := s.Store.Records()
	chosen := records[:0]
	for _, rec := range records {
		if q.Match(show.NewSubject(rec, sources)) {
			chosen = append(chosen, rec)
		}
	}
	ctl := http.NewResponseController(w)
	write := func(b []byte) bool {
		s.extend(ctl)
		_, err := w.Write(b)
		return err == nil
	}
	if format == "ndjson" {
		attach(w, "application/x-ndjson", "exchanges.ndjson")
		for i := len(chosen) - 1; i >= 0; i-- {
			if !write(append(show.Event(chosen[i]), '\n')) {
				return
			}
		}
		return
	}
	attach(w, "application/json", "exchanges.har")
	if !write([]byte(`{"log":{` + show.HARHead(s.Version) + `,"entries":[`)) {
		return
	}
	for i := len(chosen) - 1; i >= 0; i-- {
		entry := show.HAREntry(chosen[i])
		if i < len(chosen)-1 {
			entry = append([]byte{','}, entry...)
		}
		if !write(entry) {
			return
		}
	}
	write([]byte("]}}\n"))
}
